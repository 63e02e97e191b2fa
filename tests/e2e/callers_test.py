"""Callers in the real program: policies with connections and calls, derived keys, limits of requests, and why something is refused."""

import json
import unittest

import evergrant_process as eg


class Callers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = eg.ConfiguredServer(cls.sandbox, registrations=["one", "two"])
        cls.addClassCleanup(cls.server.close)
        cls.acme, cls.acme2, cls.globex = (cls.import_one(tenant, realm) for tenant, realm in
                                           (("acme", "1"), ("acme", "2"), ("globex", "3")))

    @classmethod
    def import_one(cls, tenant, realm):
        return cls.server.expect(201, "POST", "/v1/connections", {
            "registration": "one", "tenant": tenant, "realm": realm, "access_token": "token-of-realm-" + realm,
            "access_expires_at": 4000000000})["id"]

    def caller(self, *verbs, **policy):
        return self.server.expect(201, "POST", "/v1/callers", {"name": self.id()[-60:], "verbs": list(verbs), "registrations": ["*"],
                                                               "tenants": ["*"], **policy})

    def derive(self, key, status=201, **wanted):
        return self.server.expect(status, "POST", "/v1/callers/derive", wanted, key=key)

    def status(self, path, key, method="GET", body=None):
        return self.server.call(method, path, body, key=key).status

    def token(self, connection):
        return f"/v1/connections/{connection}/token"

    # --- policies ---

    def test_a_policy_with_connections_reaches_these_and_no_others(self):
        key = self.caller("token:read", "connection:read", "connection:write", "connect", "revoke", connections=[self.acme])["key"]
        self.assertEqual(200, self.status(self.token(self.acme), key))
        self.assertEqual(200, self.status("/v1/registrations/one/realms/1/token", key))
        for path in (self.token(self.acme2), "/v1/registrations/one/realms/2/token", f"/v1/connections/{self.acme2}",
                     f"/v1/connections/{self.acme2}/events"):
            self.assertEqual(404, self.status(path, key), path)
        self.assertEqual(404, self.status(f"/v1/connections/{self.acme2}", key, "DELETE"))
        for path in ("/v1/connections?limit=200", "/v1/events?limit=200"):
            items = self.server.expect(200, "GET", path, key=key)["items"]
            self.assertEqual({self.acme}, {item.get("connection", item["id"] if "realm" in item and "status" in item else None) for item in items})
        self.assertEqual(403, self.status("/v1/connections", key, "POST", {"registration": "one", "tenant": "acme", "realm": "9", "access_token": "x"}))
        self.assertEqual(403, self.status("/v1/connect-sessions", key, "POST", {"registration": "one", "tenant": "acme"}))
        self.assertEqual(403, self.status("/v1/tenants/acme", key, "DELETE"))
        again = self.server.expect(201, "POST", "/v1/connect-sessions", {"registration": "one", "tenant": "acme", "connection": self.acme}, key=key)
        self.assertEqual(200, self.status(f"/v1/connect-sessions/{again['id']}", key))

    def test_who_may_make_some_calls_only_does_not_get_the_token(self):
        for limits in ({"methods": ["GET"]}, {"paths": ["/v3/company/*"]}):
            caller = self.caller("token:read", **limits)
            for method, path in (("GET", self.token(self.acme)), ("GET", "/v1/registrations/one/realms/1/token"),
                                 ("POST", f"/v1/connections/{self.acme}/refresh")):
                self.assertEqual(404, self.status(path, caller["key"], method), path)

    def test_the_proxy_makes_the_calls_that_a_policy_allows_and_no_others(self):
        grant = self.sandbox.grant("4620816365000000007")
        con = self.server.import_grant(grant, registration="one", tenant="acme")
        base, info = f"/v1/connections/{con}/proxy", "/v3/company/4620816365000000007/companyinfo/4620816365000000007"
        key = self.caller("proxy", methods=["GET"], paths=["/v3/company/*/companyinfo"])["key"]
        self.assertEqual(200, self.status(base + info, key))
        for method, path in (("POST", info), ("DELETE", info), ("GET", "/v3/company/4620816365000000007/query"), ("GET", "/"),
                             ("GET", "/v3/company/4620816365000000007/companyinfox"),
                             ("GET", "/v3/company/4620816365000000007/companyinfo%2f..%2fquery")):
            self.assertIn(self.status(base + path, key, method), (400, 403), (method, path))
        self.assertEqual(403, self.status(base + "/v3/company/4620816365000000007/query", key))
        child = self.derive(key, connections=[self.acme])["key"]
        self.assertEqual(404, self.status(base + info, child), "another connection")
        self.assertEqual(404, self.status(self.token(con), self.caller("token:read", paths=["/v3"])["key"]))

    # --- derived keys ---

    def test_a_derived_key_does_less_and_ends_with_its_parent(self):
        parent = self.caller("token:read", "connection:read", tenants=["acme"])
        child = self.derive(parent["key"], verbs=["token:read"], connections=[self.acme], lifetime=120)
        self.assertEqual(parent["id"], child["parent"])
        self.assertRegex(child["key"], "^egk_[A-Za-z0-9_-]{43}$")
        self.assertEqual(200, self.status(self.token(self.acme), child["key"]))
        self.assertEqual(404, self.status(self.token(self.acme2), child["key"]))
        self.assertEqual(404, self.status(self.token(self.globex), child["key"]))
        self.assertEqual(403, self.status("/v1/connections", child["key"]))
        grandchild = self.derive(child["key"])
        self.assertEqual(child["id"], grandchild["parent"])
        self.assertLessEqual(grandchild["expires_at"], child["expires_at"])
        self.assertEqual(200, self.status(self.token(self.acme), grandchild["key"]))
        trail = self.server.expect(200, "GET", f"/v1/audit?caller={child['id']}&limit=200")["items"]
        self.assertTrue(all(f"derived from {parent['id']}" in entry["detail"] for entry in trail), trail)
        made = [entry for entry in self.server.expect(200, "GET", f"/v1/audit?caller={parent['id']}")["items"]
                if entry["action"] == "caller.derive"]
        self.assertIn(child["id"], made[0]["detail"])
        self.server.expect(204, "DELETE", f"/v1/callers/{parent['id']}")
        for caller in (parent, child, grandchild):
            self.assertEqual(401, self.status(self.token(self.acme), caller["key"]))

    def test_a_derived_key_is_never_wider(self):
        parent = self.caller("token:read", "proxy", tenants=["acme"], registrations=["one"], connections=[self.acme],
                             paths=["/v3/company/*"], methods=["GET"], requests_per_minute=1000)["key"]
        for wanted in ({"verbs": ["admin"]}, {"verbs": ["token:read", "connect"]}, {"tenants": ["globex"]}, {"tenants": ["*"]},
                       {"registrations": ["two"]}, {"registrations": ["*"]}, {"connections": [self.acme2]}, {"methods": ["POST"]},
                       {"paths": ["/"]}, {"paths": ["/v3/company/*/../x"]}, {"requests_per_minute": 1001}):
            problem = self.derive(parent, 403, **wanted)
            self.assertIn(f"'{next(iter(wanted))}'", problem["detail"])
        for wanted in ({"connections": []}, {"methods": []}, {"paths": []}, {"verbs": []}, {"lifetime": 86401}, {"lifetime": 0}):
            self.derive(parent, 400, **wanted)

    def test_a_derived_admin_makes_no_callers_that_outlive_it(self):
        child = self.derive(self.server.key, lifetime=60)["key"]
        self.assertEqual(200, self.status(self.token(self.globex), child))
        for method, path, body in (("POST", "/v1/callers", {"name": "x", "verbs": ["admin"]}), ("GET", "/v1/callers", None),
                                   ("GET", "/v1/audit", None), ("GET", "/v1/keys", None), ("DELETE", "/v1/callers/cal_x", None)):
            self.assertEqual(403, self.status(path, child, method, body), path)

    def test_a_repeated_derivation_gives_the_same_key(self):
        parent = self.caller("token:read")
        answers = [self.server.call("POST", "/v1/callers/derive", {"name": "job"}, key=parent["key"], headers={"Idempotency-Key": "a"})
                   for _ in range(2)]
        self.assertEqual([201, 201], [a.status for a in answers])
        self.assertEqual(answers[0].json()["key"], answers[1].json()["key"])
        self.assertEqual("no-store", answers[0].headers["Cache-Control"])

    # --- limits ---

    def test_requests_beyond_the_limit_are_told_when_to_come_again(self):
        caller = self.caller("token:read", requests_per_minute=5)
        child = self.derive(caller["key"], name="job")  # the first of five
        for _ in range(4):
            self.assertEqual(200, self.status(self.token(self.acme), child["key"]))
        refused = self.server.get(self.token(self.acme), key=child["key"])
        self.assertEqual((429, "rate_limited"), (refused.status, refused.json()["code"]))
        self.assertTrue(1 <= int(refused.headers["Retry-After"]) <= 12, refused.headers["Retry-After"])
        self.assertEqual(429, self.status(self.token(self.acme), caller["key"]), "they draw on one limit")
        self.assertEqual(200, self.status(self.token(self.acme), self.server.key))
        self.assertIn("evergrant_rate_limited_total 2", self.server.get("/metrics").body.decode())

    def test_a_flood_of_invalid_keys_is_held_off_and_good_keys_go_on(self):
        server = eg.ConfiguredServer(self.sandbox)
        self.addCleanup(server.close)
        server.program.stop()
        server.config.write_text(server.config.read_text().replace("[server]\n", '[server]\ntrusted_proxies = ["127.0.0.1"]\n'))
        server.start()
        def ask(key, client):
            return server.call("GET", "/v1/connections", key=key, headers={"X-Forwarded-For": client})
        self.assertEqual(200, ask(server.key, "192.0.2.1").status)  # known from now on
        statuses = [ask("egk_" + "A" * 43, "192.0.2.1").status for _ in range(130)]
        self.assertEqual({401, 429}, set(statuses))
        self.assertEqual([401] * 100, statuses[:100])
        refused = ask("egk_" + "B" * 43, "192.0.2.1")
        self.assertIn(refused.status, (401, 429))  # one of them is let through every 600 ms
        self.assertEqual(200, ask(server.key, "192.0.2.1").status)
        self.assertEqual(401, ask("egk_" + "A" * 43, "192.0.2.2").status)
        self.assertTrue(all(ask("egk_" + "A" * 43, "127.0.0.1").status == 401 for _ in range(130)), "this machine is not limited")

    # --- explain, by the command line ---

    def test_explain_says_what_the_answer_says(self):
        parent = self.caller("token:read", "proxy", tenants=["acme"])
        child = self.derive(parent["key"], connections=[self.acme], methods=["GET"], paths=["/v3/company/*/invoice"], verbs=["proxy"])
        rows = [(["--verb", "proxy", "--connection", self.acme, "--method", "GET", "--path", "/v3/company/1/invoice/2"], None),
                (["--verb", "proxy", "--connection", self.acme2, "--method", "GET", "--path", "/v3/company/1/invoice"], "connection"),
                (["--verb", "proxy", "--connection", self.globex, "--method", "GET", "--path", "/"], "tenant"),
                (["--verb", "proxy", "--connection", self.acme, "--method", "POST", "--path", "/v3/company/1/invoice"], "method"),
                (["--verb", "proxy", "--connection", self.acme, "--method", "GET", "--path", "/v3/company/1%2Finvoice"], "path"),
                (["--verb", "token:read", "--connection", self.acme], "verb"),
                (["--verb", "connection:read"], "verb"),
                (["--verb", "proxy", "--registration", "one", "--tenant", "acme"], "connection"),
                (["--verb", "admin", "--registration", "*", "--tenant", "*"], "verb")]
        for arguments, rule in rows:
            code, out, err = self.server.cli("--json", "callers", "explain", "--caller", child["id"], *arguments)
            self.assertEqual((6 if rule else 0), code, out + err)
            answer = json.loads(out)
            self.assertEqual((rule is None, rule), (answer["allowed"], answer["refused_by"]), arguments)
            self.assertEqual([child["id"], parent["id"]], [caller["id"] for caller in answer["callers"]])
        code, out, _ = self.server.cli("callers", "explain", "--caller", child["id"], *rows[3][0])
        self.assertEqual(6, code)
        self.assertIn("Refused (method)", out)
        self.assertRegex(out, r"method +NO +GET +POST")
        self.server.expect(204, "DELETE", f"/v1/callers/{parent['id']}")
        answer = json.loads(self.server.cli("--json", "callers", "explain", "--caller", child["id"], *rows[0][0])[1])
        self.assertEqual((False, "state"), (answer["allowed"], answer["refused_by"]))
        self.assertEqual(4, self.server.cli("callers", "explain", "--caller", "cal_nobody", "--verb", "proxy")[0])

    def test_the_command_line_makes_derived_keys(self):
        parent = self.caller("token:read", tenants=["acme"])
        self.server.key, admin = parent["key"], self.server.key
        try:
            key = self.server.cli("callers", "derive", "--connection", self.acme, "--minutes", "5", check=0)[1].strip()
            self.assertEqual(6, self.server.cli("callers", "derive", "--verb", "admin")[0])
        finally:
            self.server.key = admin
        self.assertEqual(200, self.status(self.token(self.acme), key))
        self.assertEqual(404, self.status(self.token(self.acme2), key))
        made = self.server.cli("callers", "create", "agent", "--verb", "proxy", "--method", "GET", "--path", "/v3/company/*",
                               "--connection", self.acme, "--requests-per-minute", "30", "--json", check=0)[1]
        made = json.loads(made)
        self.assertEqual((["GET"], ["/v3/company/*"], [self.acme], 30), (made["methods"], made["paths"], made["connections"], made["requests_per_minute"]))


if __name__ == "__main__":
    unittest.main()
