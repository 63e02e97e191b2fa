#!/usr/bin/python3
"""Forced refreshes by generation, and what the provider's refusals do: to a grant, to a registration."""

import time
import unittest
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from evergrant_process import ConfiguredServer, Sandbox, request, walk


class RefreshTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox)
        self.addCleanup(self.server.close)

    def connection(self, realm="1001", **how):
        return self.server.import_grant(self.sandbox.grant(realm), **how)

    def refresh(self, connection, generation=None):
        body = {} if generation is None else {"generation": generation}
        return self.server.call("POST", f"/v1/connections/{connection}/refresh", body)

    def token(self, connection):
        return self.server.get(f"/v1/connections/{connection}/token")

    def show(self, connection):
        return self.server.expect(200, "GET", f"/v1/connections/{connection}")

    def requests_of(self, realm):
        return next(g["token_requests"] for g in self.sandbox.grants() if g["realm"] == realm)

    def test_a_report_of_an_older_generation_is_answered_without_a_request(self):
        connection = self.connection()
        first = self.refresh(connection, 1).json()
        self.assertEqual((first["generation"], self.requests_of("1001")), (2, 1))
        again = self.refresh(connection, 1)
        self.assertEqual(again.status, 200)
        self.assertEqual(again.json()["access_token"], first["access_token"])
        self.assertEqual(self.requests_of("1001"), 1)

    def test_twenty_reports_of_one_generation_cause_one_request(self):
        connection = self.connection()
        self.sandbox.fault(endpoint="token", latency_ms=200)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: self.refresh(connection, 1), range(20)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({answer.json()["generation"] for answer in answers}, {2})
        self.assertEqual(self.requests_of("1001"), 1)

    def test_a_generation_that_is_yet_to_come_is_no_reason_to_fail(self):
        connection = self.connection()
        answer = self.refresh(connection, 99)
        self.assertEqual(answer.status, 200, answer)

    def test_a_grant_that_the_provider_ended_needs_the_customer_and_comes_back_under_the_same_id(self):
        self.sandbox.control("POST", "/settings", {"access_lifetime": 12})  # the confirmations fit into it
        connection = self.server.connect("sandbox", "acme", "1002")
        grant = self.sandbox.grants()[0]["id"]
        self.sandbox.control("POST", f"/grants/{grant}/revoke")
        answer = self.confirmed(connection)
        problem = answer.json()
        self.assertEqual((answer.status, problem["code"]), (409, "reauth_required"), answer)
        self.assertEqual(problem["connection"], connection)
        self.assertIn("connect", problem["hint"])
        self.assertEqual(self.show(connection)["status"], "reauth_required")
        self.assertEqual(self.server.connect("sandbox", "acme", "1002", connection=connection), connection)
        self.assertEqual(self.token(connection).status, 200)
        self.assertEqual(self.show(connection)["status"], "active")

    def confirmed(self, connection):
        """The first answer that is not a wait: the engine asks again before it believes that a grant is dead."""
        deadline = time.monotonic() + 60
        answer = self.refresh(connection)
        while time.monotonic() < deadline:
            if answer.status != 200 and answer.json()["code"] == "reauth_required":
                return answer
            answer = self.server.call("POST", f"/v1/connections/{connection}/refresh?wait=60", {}, timeout=90)
        return answer

    def test_an_expired_grant_that_the_provider_ended_needs_no_second_question(self):
        connection = self.connection("1003", expired=True)
        self.sandbox.control("POST", f"/grants/{self.sandbox.grants()[0]['id']}/revoke")
        answer = self.token(connection)
        self.assertEqual((answer.status, answer.json()["code"]), (409, "reauth_required"), answer)
        self.assertEqual(self.requests_of("1003"), 1)

    def test_a_wrong_client_secret_pauses_the_registration_and_ends_no_connection(self):
        self.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "another"})
        several = [self.connection(f"20{i}", expired=i < 3) for i in range(6)]
        refused = [self.token(connection) for connection in several[:3]]
        self.assertEqual({answer.status for answer in refused}, {503})
        self.assertEqual({answer.json()["code"] for answer in refused}, {"registration_paused"})
        self.assertEqual({self.token(connection).status for connection in several[3:]}, {200})
        self.assertEqual({self.show(connection)["status"] for connection in several}, {"active"})
        paused, = self.server.expect(200, "GET", "/v1/registrations")["items"]
        self.assertEqual(paused["paused"]["code"], "invalid_client")
        self.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "sandbox-secret"})
        self.server.cli("registrations", "resume", "sandbox", check=0)
        self.assertEqual({self.token(connection).status for connection in several}, {200})
        resumed, = self.server.expect(200, "GET", "/v1/registrations")["items"]
        self.assertIsNone(resumed["paused"])

    def begin(self, tenant, realm):
        created = self.server.expect(201, "POST", "/v1/connect-sessions",
                                     {"registration": "sandbox", "tenant": tenant, "login_hint": f"realm:{realm}"})
        return created

    def test_a_realm_of_another_tenant_is_a_conflict_and_stays_with_its_owner(self):
        owned = self.server.connect("sandbox", "acme", "3001")
        session = self.begin("intruder", "3001")
        walk(session["url"], self.server.base)
        state = self.server.expect(200, "GET", f"/v1/connect-sessions/{session['id']}")
        self.assertNotEqual(state["status"], "connected", state)
        items = self.server.expect(200, "GET", "/v1/connections")["items"]
        self.assertEqual([(item["id"], item["tenant"]) for item in items], [(owned, "acme")])
        self.assertEqual(self.token(owned).status, 200)

    def test_a_callback_that_names_another_company_stores_nothing(self):
        self.sandbox.grant("4002")  # the company exists
        session = self.begin("acme", "4001")
        first = request(self.server.base, "GET", urllib.parse.urlsplit(session["url"]).path)
        cookie = first.headers["Set-Cookie"].split(";")[0]
        consent = urllib.parse.urlsplit(first.headers["Location"])
        granted = request(self.sandbox.base, "GET", f"{consent.path}?{consent.query}")
        callback = urllib.parse.urlsplit(granted.headers["Location"].replace("realmId=4001", "realmId=4002"))
        self.assertIn("realmId=4002", callback.query)
        request(self.server.base, "GET", f"{callback.path}?{callback.query}", headers={"Cookie": cookie})
        state = self.server.expect(200, "GET", f"/v1/connect-sessions/{session['id']}")
        self.assertNotEqual(state["status"], "connected", state)
        self.assertEqual(self.server.expect(200, "GET", "/v1/connections")["items"], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
