#!/usr/bin/python3
"""Keys rotate while tokens are read; a new KEK takes over across restarts; a key in use cannot be retired."""

import subprocess
import threading
import unittest

from evergrant_process import PROGRAM, ConfiguredServer, Sandbox


class KeysTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox)
        self.addCleanup(self.server.close)
        self.ids = [self.server.import_grant(self.sandbox.grant(f"10{i}"), tenant=f"tenant-{i % 3}") for i in range(9)]

    def tokens(self):
        return [self.server.expect(200, "GET", f"/v1/connections/{i}/token")["access_token"] for i in self.ids]

    def rotate(self, what, **tenant):
        return self.server.expect(200, "POST", "/v1/keys/rotate", {"what": what, **tenant})

    def keys(self, query=""):
        return self.server.expect(200, "GET", "/v1/keys" + query)["items"]

    def generate(self, name):
        subprocess.run([PROGRAM, "keys", "generate", str(self.server.folder / name)], check=True, capture_output=True)

    def test_tokens_are_read_while_root_and_tenant_keys_rotate_and_after_a_restart(self):
        before = self.tokens()
        over = threading.Event()
        failures = []

        def read_on():
            while not over.is_set():
                try:
                    if self.tokens() != before:
                        failures.append("another token")
                except AssertionError as error:
                    failures.append(str(error))
        reader = threading.Thread(target=read_on)
        reader.start()
        try:
            self.assertGreaterEqual(self.rotate("root")["rewrapped_tenant_keys"], 3)
            for tenant in range(3):
                report = self.rotate("tenant", tenant=f"tenant-{tenant}")
                self.assertGreaterEqual(report["resealed_records"], 3)
                self.assertEqual(report["unreadable_records"], 0)
        finally:
            over.set()
            reader.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.server.program.stop(), 0)
        self.server.start()
        self.assertEqual(self.tokens(), before)

    def test_a_new_kek_takes_over_and_the_old_one_is_then_not_needed(self):
        before = self.tokens()
        self.server.program.stop()
        self.generate("kek2")
        old = f'kek = {{ file = "{self.server.folder}/kek" }}'
        new = f'kek = {{ file = "{self.server.folder}/kek2" }}'
        plain = self.server.config.read_text()
        self.server.config.write_text(plain.replace(old, new + f'\nprevious = [{{ file = "{self.server.folder}/kek" }}]'))
        self.server.start()
        self.assertEqual(self.tokens(), before)
        self.assertGreaterEqual(self.rotate("kek")["rewrapped_root_keys"], 1)
        self.server.program.stop()
        self.server.config.write_text(plain.replace(old, new))
        self.server.start()
        self.assertEqual(self.tokens(), before)

    def test_a_kek_that_does_not_fit_stops_the_start_and_changes_nothing(self):
        before = self.tokens()
        self.server.program.stop()
        self.generate("kek-other")
        plain = self.server.config.read_text()
        self.server.config.write_text(plain.replace("/kek\"", "/kek-other\""))
        refused = subprocess.run([PROGRAM, "serve", "--config", str(self.server.config)], env=self.server.environment(),
                                 capture_output=True, text=True, timeout=60)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("KEK", refused.stderr)
        self.server.config.write_text(plain)
        self.server.start()
        self.assertEqual(self.tokens(), before)

    def test_a_key_in_use_cannot_be_retired(self):
        for key in [*self.keys(), *self.keys("?tenant=tenant-0")]:
            if key["state"] == "active":
                answer = self.server.call("POST", f"/v1/keys/{key['id']}/retire")
                self.assertEqual((answer.status, answer.json()["code"]), (409, "conflict"), answer)
        self.assertEqual(len(self.tokens()), 9)
        self.assertEqual(self.server.call("POST", "/v1/keys/rk_none/retire").status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
