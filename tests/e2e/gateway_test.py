"""GET /v1/auth-request as gateways ask it: what they get, what is refused and how, and that nobody gets another's token."""

import unittest

import evergrant_process as eg

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = eg.ConfiguredServer(cls.sandbox, registrations=["books", "sheets"], profile=[
            'inject.extra_headers = { xero-tenant-id = "{realm}" }'])
        cls.addClassCleanup(cls.server.close)
        cls.acme, cls.globex = (cls.import_one("books", tenant, realm) for tenant, realm in (("acme", "17"), ("globex", "18")))
        cls.sheet = cls.import_one("sheets", "acme", "17")

    @classmethod
    def import_one(cls, registration, tenant, realm):
        return cls.server.expect(201, "POST", "/v1/connections", {
            "registration": registration, "tenant": tenant, "realm": realm, "access_token": f"at-{registration}-{realm}",
            "access_expires_at": 4000000000})["id"]

    def caller(self, **policy):
        return self.server.expect(201, "POST", "/v1/callers", {"name": "gateway", "verbs": ["token:read"], "registrations": ["*"],
                                                               "tenants": ["*"], **policy})["key"]

    def ask(self, headers, key=None, method="GET", path="/v1/auth-request"):
        return self.server.call(method, path, key=key, headers=headers)

    def by_realm(self, realm="17", **more):
        return {"X-Evergrant-Registration": "books", "X-Evergrant-Realm": realm, **more}

    def test_the_answer_is_headers_to_set_and_no_body(self):
        for headers, token, realm in (({"X-Evergrant-Connection": self.acme}, "at-books-17", "17"), (self.by_realm("18"), "at-books-18", "18"),
                                      ({"X-Evergrant-Registration": "sheets", "X-Evergrant-Realm": "17"}, "at-sheets-17", "17")):
            for _ in range(2):  # from the store, then from memory
                answer = self.ask(headers)
                self.assertEqual((200, b""), (answer.status, answer.body))
                self.assertEqual(f"Bearer {token}", answer.headers["Authorization"])
                self.assertEqual(realm, answer.headers["xero-tenant-id"])
                self.assertEqual("no-store", answer.headers["Cache-Control"])

    def test_the_trail_knows_the_token_as_it_does_where_it_is_read(self):
        self.ask(self.by_realm())
        self.server.expect(200, "GET", f"/v1/connections/{self.acme}/token")
        trail = self.server.expect(200, "GET", f"/v1/audit?connection={self.acme}&limit=200")["items"]
        known_by = {entry["action"]: entry["fingerprint"] for entry in trail if entry["result"] == "ok"}
        self.assertRegex(known_by["auth_request"], "^[0-9a-f]{12}$")
        self.assertEqual(known_by["token.read"], known_by["auth_request"])

    def test_refusals_have_statuses_that_gateways_know_and_a_code(self):
        limited = self.caller(tenants=["acme"], registrations=["books"])
        calls = self.caller(methods=["GET"], paths=["/v3/company/*/invoice"])
        told = {"X-Original-Method": "GET", "X-Original-URI": "/v3/company/17/invoice/1"}
        rows = [
            ({}, None, 400, "invalid_argument"), ({"X-Evergrant-Registration": "books"}, None, 400, "invalid_argument"),
            ({**self.by_realm(), "X-Evergrant-Connection": self.acme}, None, 400, "invalid_argument"),
            (self.by_realm("19"), None, 403, "not_found"), ({"X-Evergrant-Connection": "con_" + "a" * 26}, None, 403, "not_found"),
            ({"X-Evergrant-Connection": "at-books-17"}, None, 403, "not_found"), (self.by_realm("18"), limited, 403, "not_found"),
            ({"X-Evergrant-Connection": self.sheet}, limited, 403, "not_found"),
            ({**self.by_realm(), "X-Evergrant-Pair": "user"}, None, 403, "not_found"),
            (self.by_realm(), "egk_" + "A" * 43, 401, "unauthenticated"),
            (self.by_realm(), self.server.expect(201, "POST", "/v1/callers", {"name": "x", "verbs": ["connect"]})["key"], 403, "forbidden"),
            (self.by_realm(), calls, 403, "forbidden"),
            (self.by_realm(**{**told, "X-Original-Method": "POST"}), calls, 403, "forbidden"),
            (self.by_realm(**{**told, "X-Original-URI": "/v3/company/17/payment"}), calls, 403, "forbidden"),
            (self.by_realm(**{**told, "X-Original-URI": "/v3/company/17/invoice/1?a=b&_HttpMethod=PATCH"}), calls, 403, "forbidden"),
            (self.by_realm(**{"X-Original-Method": "GET"}), calls, 403, "forbidden"),
            (self.by_realm(**{"X-Original-URI": "/v3/company/17/invoice"}), calls, 403, "forbidden"),
            (self.by_realm(**{"X-Forwarded-Uri": "/v3/company/18/invoice"}), None, 403, "forbidden"),
            (self.by_realm(**{"X-Forwarded-Uri": "/v3/company/%31%38/invoice"}), None, 403, "forbidden"),
            (self.by_realm(**{"X-Forwarded-Uri": "/v3/company/17/../18/invoice"}), None, 403, "forbidden"),
            (self.by_realm(**{**told, "X-Forwarded-Uri": "/v3/company/17/payment"}), None, 400, "invalid_argument")]
        for headers, key, status, code in rows:
            with self.subTest(headers=headers, key=key):
                answer = self.ask(headers, key)
                self.assertEqual((status, code, status), (answer.status, answer.headers["X-Evergrant-Code"], answer.json()["status"]))
                self.assertNotIn("Authorization", answer.headers)
                self.assertNotIn(b"at-", answer.body)
        self.assertEqual(200, self.ask(self.by_realm(**told), calls).status)
        self.assertEqual(200, self.ask(self.by_realm(), limited).status)

    def test_envoy_asks_with_its_clients_method_and_path(self):
        for method in METHODS:
            answer = self.ask(self.by_realm(), method=method, path="/v1/auth-request/v3/company/17/query?a=b&a=b")
            self.assertEqual((200, "Bearer at-books-17"), (answer.status, answer.headers["Authorization"]), method)
            answer = self.ask(self.by_realm(), method=method, path="/v1/auth-request/v3/company/18/query")
            self.assertEqual((403, None), (answer.status, answer.headers["Authorization"]), method)
        key = self.caller(methods=["GET"], paths=["/v3/query"])
        self.assertEqual(200, self.ask(self.by_realm(), key, path="/v1/auth-request/v3/query").status)
        self.assertEqual(403, self.ask(self.by_realm(), key, "POST", "/v1/auth-request/v3/query").status)
        self.assertEqual(403, self.ask(self.by_realm(), key, path="/v1/auth-request/v3/other").status)
        self.assertEqual(400, self.ask(self.by_realm(**{"X-Original-URI": "/v3/query"}), key, path="/v1/auth-request/v3/other").status)
        self.assertEqual(405, self.ask(self.by_realm(), key, "POST").status)

    def test_what_cannot_be_had_now_is_503_and_what_ended_is_403(self):
        grant = self.sandbox.grant("4711")
        con = self.server.import_grant(grant, registration="books", tenant="hooli", expired=True)
        self.sandbox.fault(endpoint="token", count="always", status=503)
        try:
            answer = self.ask({"X-Evergrant-Connection": con})
            self.assertEqual((503, "5"), (answer.status, answer.headers["Retry-After"]))
        finally:
            self.sandbox.control("DELETE", "/faults")
        self.server.expect(202, "DELETE", f"/v1/connections/{con}")
        answer = self.ask({"X-Evergrant-Connection": con})
        self.assertEqual((403, "revoked"), (answer.status, answer.headers["X-Evergrant-Code"]))


if __name__ == "__main__":
    unittest.main()
