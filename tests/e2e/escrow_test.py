#!/usr/bin/python3
"""The store refuses a rotated token, and the process dies: the escrow has it, and the next start brings it back."""

import json
import pathlib
import sqlite3
import subprocess
import threading
import time
import unittest

from evergrant_process import PROGRAM, ConfiguredServer, Program, Sandbox

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
        self.sandbox.fault(endpoint="token", grant_type="refresh_token", latency_after_ms=3000)
        self.assertEqual(["good"], [item["health"] for item in self.doctor()])
        connection = self.server.import_grant(self.sandbox.grant(REALM), expired=True)
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

    def test_an_escrow_that_somebody_removes_is_there_again_before_the_answer_counts_as_kept(self):
        connection = self.server.import_grant(self.sandbox.grant(REALM), expired=True)
        self.sandbox.fault(endpoint="token", grant_type="refresh_token", latency_after_ms=3000)
        self.refresh_behind(connection)
        self.wait_until(lambda: self.sandbox.grants()[0]["refreshes"] == 1)
        database = self.locked_store()
        (self.server.folder / "data" / "evergrant.db-escrow").unlink()
        self.server.program.wait_for_line("answer_escrowed")
        self.server.program.wait_for_line("escrow_file_gone")
        self.server.program.kill()
        database.execute("ROLLBACK")
        self.server.start()
        token = self.server.expect(200, "GET", f"/v1/connections/{connection}/token?wait=60")
        self.assertEqual(2, token["generation"])
        grant, = self.sandbox.grants()
        self.assertEqual([1, 0], [grant["refreshes"], grant["superseded_presented"]])

    def test_another_store_does_not_start_with_this_ones_escrow(self):
        other = ConfiguredServer(self.sandbox)
        self.addCleanup(other.close)
        other.program.stop()
        theirs = self.server.folder / "data" / "evergrant.db-escrow"
        before = theirs.read_bytes()
        other.config.write_text(other.config.read_text().replace("[keys]", f'escrow = "{theirs}"\n[keys]', 1))
        code, _, said = other.cli("serve", "--config", str(other.config))
        self.assertNotEqual(0, code)
        self.assertIn(str(theirs), said)
        self.assertIn("of another store", said)
        self.assertIn("[store] escrow", said)
        self.assertEqual(before, theirs.read_bytes())
        found = json.loads(other.cli("--json", "doctor", "--config", str(other.config))[1])
        self.assertTrue([one for one in found if one["health"] == "bad" and "of another store" in one["finding"]], found)

    def lease_owner(self):
        database = sqlite3.connect(self.server.folder / "data" / "evergrant.db", timeout=30)
        try:
            return database.execute("SELECT lease_owner FROM connections").fetchone()[0]
        finally:
            database.close()


SMALL_DISK = """
mount -t tmpfs -o size=1280k,mode=0700 none "$1" && head -c $((1260 * 1024)) /dev/zero > "$1/filler" && shift && exec "$@"
"""
MAY_MOUNT = subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode == 0


@unittest.skipUnless(MAY_MOUNT, "this machine lets nobody mount a small disk in a namespace of their own")
class FullDiskTest(unittest.TestCase):
    def test_nothing_is_sent_that_could_not_be_kept_until_the_disk_has_room(self):
        sandbox = Sandbox("--rotation", "always_strict")
        self.addCleanup(sandbox.stop)
        server = ConfiguredServer(sandbox, profile=['refresh.rotation = "always_strict"'])
        self.addCleanup(server.close)
        server.program.stop()
        disk = server.folder / "small"
        disk.mkdir()
        server.config.write_text(server.config.read_text().replace(
            "[keys]", f'escrow = "{disk}/escrow"\nescrow_bytes = 1048576\n[keys]', 1))
        server.program = Program(["serve", "--config", str(server.config)], environment=server.environment(), cwd=server.folder,
                                 command=("unshare", "-Urm", "sh", "-c", SMALL_DISK, "sh", str(disk), PROGRAM))
        server.program.wait_for_line('"serving"')
        server.program.wait_for_line("escrow_without_room")
        ended = server.import_grant(sandbox.grant(REALM), expired=True)
        valid = server.import_grant(sandbox.grant(REALM + "1"))
        refused = server.get(f"/v1/connections/{ended}/token?wait=10")
        self.assertEqual((503, "store_unavailable"), (refused.status, refused.json()["code"]), refused)
        self.assertIn("no room", json.dumps(refused.json()))
        self.assertEqual(200, server.get(f"/v1/connections/{valid}/token").status)
        self.assertEqual([0, 0], [grant["token_requests"] for grant in sandbox.grants()])
        pathlib.Path(f"/proc/{server.program.process.pid}/root{disk}/filler").unlink()
        server.get(f"/v1/connections/{ended}/token?wait=10")  # refused perhaps once more, while it asks the disk
        server.program.wait_for_line("escrow_has_room")
        self.assertEqual(200, server.get(f"/v1/connections/{ended}/token?wait=10").status)


if __name__ == "__main__":
    unittest.main(verbosity=2)
