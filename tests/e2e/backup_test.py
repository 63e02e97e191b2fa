#!/usr/bin/python3
"""A backup of a running server, and what a restored one does: nothing, until each connection was released and tried once."""

import json
import shutil
import unittest

from evergrant_process import ConfiguredServer, Sandbox


class BackupTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox("--rotation", "always_strict")
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox, profile=['refresh.rotation = "always_strict"'])
        self.addCleanup(self.server.close)
        self.file = str(self.server.folder / "backup.db")
        self.connections = [self.server.import_grant(self.sandbox.grant(f"700{n}")) for n in range(3)]

    def cli(self, *arguments, code=0):
        return self.server.cli(*arguments, check=code)[1]

    def back_up(self):
        report = json.loads(self.cli("--json", "backup", self.file, "--config", str(self.server.config)))
        self.assertEqual(report["connections"], 3)

    def restore(self):
        return self.cli("restore", self.file, "--replace", "--config", str(self.server.config))

    def statuses(self):
        return {c["id"]: c["status"] for c in self.server.expect(200, "GET", "/v1/connections")["items"]}

    def refreshed(self, connection):
        self.server.expect(200, "POST", f"/v1/connections/{connection}/refresh", {"generation": 1})

    def requests(self):
        return sum(grant["refreshes"] for grant in self.sandbox.grants())

    def test_a_restored_server_waits_for_its_operator_and_tries_each_connection_once(self):
        self.back_up()
        self.refreshed(self.connections[0])  # the backup holds a refresh token that is used up
        self.server.program.stop()
        said = self.restore()
        self.assertIn("on hold", said)
        self.assertIn("before-restore", said)
        before = self.requests()
        self.server.start()
        self.assertEqual(set(self.statuses().values()), {"quarantined"})
        refused = self.server.get(f"/v1/connections/{self.connections[1]}/token")
        self.assertEqual((refused.status, refused.json()["code"]), (409, "quarantined"))
        self.assertIn("restored at", refused.json()["detail"])
        self.assertEqual(self.requests(), before)
        self.cli("connections", "release", self.connections[1])
        self.assertEqual(self.statuses(), {self.connections[0]: "quarantined", self.connections[1]: "active",
                                           self.connections[2]: "quarantined"})
        shown = self.cli("connections", "release", "--registration", "sandbox")
        self.assertIn("reauth_required", shown)
        self.assertEqual(self.statuses(), {self.connections[0]: "reauth_required", self.connections[1]: "active",
                                           self.connections[2]: "active"})
        self.assertEqual(self.requests(), before + 2)
        for connection in self.connections[1:]:
            self.server.expect(200, "GET", f"/v1/connections/{connection}/token")
        self.assertIn("No connection was released", self.cli("connections", "release", "--all"))

    def test_a_file_that_was_copied_back_by_hand_is_noticed(self):
        self.back_up()
        self.refreshed(self.connections[0])
        self.server.program.stop()
        store = self.server.folder / "data/evergrant.db"
        shutil.copy(self.file, store)
        self.server.start()
        self.assertEqual(set(self.statuses().values()), {"quarantined"})
        self.assertIn("store_restored", self.server.program.log())
        self.server.program.stop()
        self.server.start()  # once is enough: the hold is not put on again
        self.cli("connections", "release", "--all")
        self.server.program.stop()
        self.server.start()
        self.assertEqual(self.statuses()[self.connections[1]], "active")

    def test_a_running_server_is_not_restored_under(self):
        self.back_up()
        self.assertIn("A server runs", self.server.cli("restore", self.file, "--replace", "--config", str(self.server.config))[2])
        self.assertIn("--replace", self.server.cli("restore", self.file, "--config", str(self.server.config))[2])
        self.assertEqual(set(self.statuses().values()), {"active"})

    def test_a_kill_leaves_no_hold(self):
        self.refreshed(self.connections[0])
        self.server.program.kill()
        self.server.start()
        self.assertEqual(set(self.statuses().values()), {"active"})

    def test_one_or_several_are_named_and_not_both(self):
        for arguments in ([], [self.connections[0], "--all"]):
            self.cli("connections", "release", *arguments, code=2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
