#!/usr/bin/python3
"""`evergrant exec`: a command with a token in its environment or in a descriptor, and nothing of evergrant's own."""

import json
import os
import signal
import subprocess
import unittest

from evergrant_process import PROGRAM, DevServer

REALM = "4620816365000000001"


class Exec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = DevServer()
        cls.addClassCleanup(cls.server.close)
        cls.connection = cls.server.connect("sandbox", "acme", REALM)

    def token(self):
        return self.server.get(f"/v1/connections/{self.connection}/token").json()["access_token"]

    def run_exec(self, *arguments, environment=None, **more):
        return subprocess.run([PROGRAM, "--data-dir", str(self.server.data), "exec", *arguments], capture_output=True, text=True,
                              timeout=60, env={**os.environ, **(environment or {})}, **more)

    def with_token(self, *arguments, **more):
        return self.run_exec("--connection", self.connection, *arguments, **more)

    def test_the_command_finds_the_token_in_its_environment(self):
        done = self.with_token("--", "sh", "-c", "printf %s \"$EVERGRANT_TOKEN $EVERGRANT_TOKEN_EXPIRES_AT\"")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf"^{self.token()} 20\d\d-")
        named = self.with_token("--env", "BOOKS_TOKEN", "--", "sh", "-c", "printf %s \"$BOOKS_TOKEN$EVERGRANT_TOKEN\"")
        self.assertEqual(named.stdout, self.token())

    def test_by_realm_it_is_the_same(self):
        done = self.run_exec("--registration", "sandbox", "--realm", REALM, "--", "printenv", "EVERGRANT_TOKEN")
        self.assertEqual(done.stdout.strip(), self.token(), done.stderr)

    def test_in_a_descriptor_it_is_in_no_environment_and_cannot_be_changed(self):
        script = ("import json, os; fd = int(os.environ['EVERGRANT_TOKEN_FD']); print(fd, os.read(fd, 10000).decode());"
                  "print(json.dumps(sorted(n for n in os.environ if 'TOKEN' in n)));"
                  "import errno\ntry: os.pwrite(fd, b'x', 0)\nexcept OSError as e: print(errno.errorcode[e.errno])")
        done = self.with_token("--fd", "7", "--", "/usr/bin/python3", "-c", script)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], f"7 {self.token()}", done.stderr)
        self.assertEqual(json.loads(lines[1]), ["EVERGRANT_TOKEN_EXPIRES_AT", "EVERGRANT_TOKEN_FD"])
        self.assertEqual(lines[2], "EPERM")

    def test_the_token_is_on_no_command_line_and_the_api_key_is_not_passed_on(self):
        key = (self.server.data / "admin.key").read_text(encoding="utf-8").strip()
        done = self.with_token("--", "sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline; env",
                               environment={"EVERGRANT_API_KEY": key, "EVERGRANT_URL": self.server.base, "EVERGRANT_TOKEN": "old"})
        self.assertNotIn(key, done.stdout)
        self.assertNotIn("EVERGRANT_API_KEY", done.stdout)
        self.assertEqual(done.stdout.count("EVERGRANT_TOKEN="), 1, "an older token is not left beside it")
        self.assertNotIn(self.token(), done.stdout.splitlines()[0])

    def test_exit_status_signals_and_arguments_are_the_commands(self):
        self.assertEqual(self.with_token("--", "sh", "-c", "exit 42").returncode, 42)
        self.assertEqual(self.with_token("--", "sh", "-c", "kill -TERM $$").returncode, -signal.SIGTERM)
        self.assertEqual(self.with_token("--", "printf", "%s|", "--json", "-x", "a b").stdout, "--json|-x|a b|")

    def test_the_process_is_given_back_as_it_was(self):
        script = "umask; ulimit -n; ulimit -c; ulimit -H -c; grep SigIgn /proc/self/status"
        plain = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout
        self.assertEqual(self.with_token("--", "sh", "-c", script).stdout, plain)

    def test_what_goes_wrong_is_said(self):
        unknown = self.run_exec("--connection", "con_" + "a" * 26, "--", "true")
        self.assertEqual(unknown.returncode, 4)
        self.assertIn("there is no connection", unknown.stderr)
        missing = self.with_token("--", "no-such-command-here")
        self.assertEqual(missing.returncode, 127)
        self.assertIn("no-such-command-here cannot be run", missing.stderr)
        self.assertEqual(self.with_token("--", str(self.server.data / "address")).returncode, 126)
        for wrong in (["--", "true"], ["--connection", "con_1"], ["--connection", "c", "--env", "A=B", "--", "true"],
                      ["--connection", "c", "--fd", "1", "--", "true"], ["--realm", "r", "--", "true"]):
            self.assertEqual(self.run_exec(*wrong).returncode, 2, wrong)


if __name__ == "__main__":
    unittest.main()
