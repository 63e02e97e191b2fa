#!/usr/bin/python3
"""Revocation: local use stops at once, the provider is told until it is proven; off-boarding a tenant shreds its keys."""

import time
import unittest

from evergrant_process import ConfiguredServer, Sandbox


class RevokeTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox)
        self.addCleanup(self.server.close)

    def connection(self, realm, tenant="acme"):
        return self.server.import_grant(self.sandbox.grant(realm), tenant=tenant)

    def token(self, connection):
        return self.server.get(f"/v1/connections/{connection}/token")

    def show(self, connection):
        return self.server.expect(200, "GET", f"/v1/connections/{connection}")

    def truth(self, realm):
        return next(grant for grant in self.sandbox.grants() if grant["realm"] == realm)

    def until(self, question, wanted, seconds=90):
        """Asks the API, each time a whole request, until it says what is wanted; bounded."""
        deadline = time.monotonic() + seconds
        answer = question()
        while answer != wanted and time.monotonic() < deadline:
            answer = question()
        self.assertEqual(answer, wanted)

    def test_a_revoked_connection_gives_no_token_and_is_dead_at_the_provider(self):
        connection = self.connection("1001")
        self.assertEqual(self.token(connection).status, 200)
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
        refused = self.token(connection)
        self.assertEqual((refused.status, refused.json()["code"]), (410, "revoked"))
        self.until(lambda: self.show(connection)["status"], "revoked")
        self.assertEqual(self.truth("1001")["ended_by"], "revoked")
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")  # again: nothing more happens

    def test_a_revocation_waits_for_a_provider_that_is_down_and_is_done_when_it_is_up(self):
        connection = self.connection("1002")
        self.sandbox.fault(endpoint="revoke", status=503)
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
        self.assertEqual(self.token(connection).status, 410)
        self.until(lambda: self.show(connection).get("revocation", {}).get("waiting", [{}])[0].get("tries", 0) > 0, True)
        waiting, = self.show(connection)["revocation"]["waiting"]
        self.assertTrue(waiting["last_error"])
        self.assertTrue(self.truth("1002")["alive"])
        self.server.program.kill()  # the outbox is durable
        self.server.start()
        self.assertEqual(self.token(connection).status, 410)
        self.sandbox.control("DELETE", "/faults")
        self.until(lambda: self.show(connection)["status"], "revoked")
        self.assertEqual(self.truth("1002")["ended_by"], "revoked")

    def test_a_grant_that_is_dead_already_is_revoked_all_the_same(self):
        connection = self.connection("1003")
        self.sandbox.control("POST", f"/grants/{self.truth('1003')['id']}/revoke")
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
        self.until(lambda: self.show(connection)["status"], "revoked")

    def test_offboarding_ends_all_of_a_tenant_and_nothing_of_another(self):
        leaving = [self.connection(f"20{i}", tenant="leaving") for i in range(5)]
        staying = self.connection("300", tenant="staying")
        report = self.server.expect(202, "DELETE", "/v1/tenants/leaving")
        self.assertEqual(report["connections"], 5)
        for connection in leaving:
            self.until(lambda one=connection: self.show(one)["status"], "revoked")
        self.until(lambda: {key["state"] for key in self.keys("leaving")} <= {"shredded"}, True)
        self.assertEqual([self.truth(f"20{i}")["alive"] for i in range(5)], [False] * 5)
        self.assertEqual(self.token(staying).status, 200)
        self.assertTrue(self.truth("300")["alive"])

    def keys(self, tenant):
        return self.server.expect(200, "GET", f"/v1/keys?tenant={tenant}")["items"]


if __name__ == "__main__":
    unittest.main(verbosity=2)
