#!/usr/bin/python3
"""The store refuses a rotated token, and the process dies: the escrow has it, and the next start brings it back."""

import json
import sqlite3
import threading
import time
import unittest

from evergrant_process import ConfiguredServer, Sandbox

REALM = "4620816365000000001"


class EscrowTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox("--rotation", "always_strict")
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox, profile=['refresh.rotation = "always_strict"'])
        self.addCleanup(self.server.close)

    def locked_store(self):
        """Another process in the middle of a write: the store refuses everything, after the five seconds that it waits."""
        database = sqlite3.connect(self.server.folder / "data" / "evergrant.db", isolation_level=None, timeout=30, check_same_thread=False)
        self.addCleanup(database.close)
        database.execute("BEGIN IMMEDIATE")
        return database

    def refresh_behind(self, connection):
        def read():
            try:
                self.server.get(f"/v1/connections/{connection}/token?wait=60", timeout=90)
            except Exception:  # the server dies under it
                pass
        reader = threading.Thread(target=read)
        reader.start()
        self.addCleanup(reader.join)

    def doctor(self):
        found = json.loads(self.server.cli("--json", "doctor", "--config", str(self.server.config))[1])
        return [item for item in found if item["subject"].startswith("escrow")]

    def test_an_answer_survives_a_store_that_refuses_it_and_a_kill(self):
        connection = self.server.import_grant(self.sandbox.grant(REALM), expired=True)
        self.assertEqual(["good"], [item["health"] for item in self.doctor()])
        self.sandbox.fault(endpoint="token", grant_type="refresh_token", latency_after_ms=3000)
        self.refresh_behind(connection)
        self.wait_until(lambda: self.sandbox.grants()[0]["refreshes"] == 1)
        database = self.locked_store()
        self.server.program.wait_for_line("answer_escrowed")
        waiting, = self.doctor()
        self.assertEqual("warning", waiting["health"])
        self.assertIn("1 answers wait", waiting["finding"])
        self.server.program.kill()
        self.assertNotIn(b"RT1-", (self.server.folder / "data" / "evergrant.db-escrow").read_bytes())
        database.execute("ROLLBACK")
        self.server.start()
        begun = time.monotonic()
        token = self.server.expect(200, "GET", f"/v1/connections/{connection}/token?wait=60")
        self.assertLess(time.monotonic() - begun, 30, "nobody waits for the lease of a process that is dead")
        self.assertEqual(2, token["generation"])
        grant, = self.sandbox.grants()
        self.assertTrue(grant["alive"])
        self.assertEqual([1, 0], [grant["refreshes"], grant["superseded_presented"]])
        self.assertEqual(["good"], [item["health"] for item in self.doctor()])

    def wait_until(self, holds, seconds=30):
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end)

    def test_the_lease_of_a_killed_process_stays_while_its_request_may_be_on_its_way(self):
        connection = self.server.import_grant(self.sandbox.grant(REALM), expired=True)
        self.sandbox.fault(endpoint="token", grant_type="refresh_token", latency_ms=20_000)
        self.refresh_behind(connection)
        self.wait_until(lambda: self.lease_owner() != "")
        dead = self.lease_owner()
        self.server.program.kill()
        self.sandbox.control("DELETE", "/faults")
        self.server.start()
        self.server.program.wait_for_line("leases_of_the_dead_freed")
        self.assertEqual(dead, self.lease_owner())

    def lease_owner(self):
        database = sqlite3.connect(self.server.folder / "data" / "evergrant.db", timeout=30)
        try:
            return database.execute("SELECT lease_owner FROM connections").fetchone()[0]
        finally:
            database.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
