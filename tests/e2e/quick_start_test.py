"""The README's quick start as written, and what a development server leaves behind from start to start."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest

import evergrant_process as eg

REALM = "4620816365000000001"


def quick_start_commands():
    """The shell block under the README's heading 'Quick start', line by line."""
    text = (eg.ROOT / "README.md").read_text()
    block = re.search(r"## Quick start.*?```sh\n(.*?)```", text, re.S).group(1)
    return block.replace("\\\n", " ").strip().splitlines()


def mode(path):
    return path.stat().st_mode & 0o777


def run_to_its_end(*arguments, **more):
    return subprocess.run([eg.PROGRAM, *arguments], capture_output=True, text=True, timeout=60, **more)


class QuickStart(unittest.TestCase):
    def setUp(self):
        self.server = eg.DevServer()
        self.addCleanup(self.server.close)

    def test_the_readme_works_as_written(self):
        """Every line of the quick start but those that need a browser, with this server's port and data folder."""
        ran = []
        shell = ["set -eu", "shopt -s expand_aliases"]
        for line in quick_start_commands():
            line = re.sub(r"\s+#.*", "", line)
            if not line or line == "evergrant connect sandbox":
                continue  # the latter opens a browser
            line = line.replace("$PWD/build/release/evergrant", eg.PROGRAM)
            line = line.replace(".run/data", str(self.server.data)).replace(":9400", f":{self.server.port}")
            shell.append(line)
            ran.append(line)
        self.assertEqual(5, len(ran), ran)
        environment = {**os.environ, "EVERGRANT_DATA_DIR": str(self.server.data)}
        done = subprocess.run(["bash", "-c", "\n".join(shell).replace("curl ", "curl -sS ")], capture_output=True, text=True,
                              env=environment, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)
        token = json.loads(done.stdout[done.stdout.index("{"):])
        self.assertEqual(REALM, token["realm"])
        self.assertEqual(1, token["generation"])
        self.assertEqual("Bearer", token["token_type"])
        self.assertGreater(token["expires_in"], 3500)
        # … and the token works at the provider.
        company = eg.request(f"http://127.0.0.1:{self.server.sandbox_port}", "GET", f"/v3/company/{REALM}/companyinfo/{REALM}",
                             headers={"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"})
        self.assertEqual(200, company.status, company)

    def test_the_answer_in_the_readme_names_the_members_of_a_real_one(self):
        text = (eg.ROOT / "README.md").read_text()
        shown = re.search(r"```json\n(\{\"access_token\".*?)```", text, re.S).group(1)
        self.server.connect("sandbox", "acme", REALM)
        token = self.server.expect(200, "GET", f"/v1/registrations/sandbox/realms/{REALM}/token")
        self.assertEqual(re.findall(r'"(\w+)":', shown), list(token))

    def test_a_second_start_keeps_key_and_connection(self):
        connection = self.server.connect("sandbox", "acme", REALM)
        key = self.server.key
        before = self.server.expect(200, "GET", f"/v1/connections/{connection}/token")
        self.assertEqual(0, self.server.program.stop())
        self.server.start()
        self.assertEqual(key, self.server.key)
        after = self.server.expect(200, "GET", f"/v1/connections/{connection}/token")
        self.assertEqual(before["access_token"], after["access_token"])
        refreshed = self.server.expect(200, "POST", f"/v1/connections/{connection}/refresh", {"generation": 1})
        self.assertEqual(2, refreshed["generation"])

    def test_an_interrupt_ends_it_promptly_and_well(self):
        self.server.connect("sandbox", "acme", REALM)
        begun = time.monotonic()
        self.assertEqual(0, self.server.program.stop())
        self.assertLess(time.monotonic() - begun, 10)
        with self.assertRaises(OSError):
            eg.request(self.server.base, "GET", "/healthz", timeout=5)

    def test_secrets_lie_in_private_files_and_the_key_outside_the_data_folder(self):
        self.assertEqual(0o600, mode(self.server.data / "admin.key"))
        self.assertEqual(0o700, mode(self.server.data))
        kek = self.server.folder / "data.kek"
        self.assertEqual(0o600, mode(kek))
        self.assertIn(str(kek), self.server.program.wait_for_line("Encryption key"))
        secret = kek.read_text().strip()
        self.assertGreaterEqual(len(secret), 43)
        for path in self.server.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(secret.encode(), path.read_bytes(), path)
        self.assertNotIn(self.server.key, self.server.program.log())

    def test_a_start_without_the_key_that_sealed_the_store_is_refused(self):
        self.assertEqual(0, self.server.program.stop())
        kek = self.server.folder / "data.kek"
        kek.rename(kek.with_suffix(".away"))
        refused = run_to_its_end("serve", "--dev", "--data-dir", str(self.server.data), "--port", str(self.server.port),
                                 "--sandbox-port", str(self.server.sandbox_port))
        self.assertEqual(1, refused.returncode)
        self.assertIn(f"{kek} is gone", refused.stderr)
        self.assertIn("put the key back", refused.stderr)
        self.assertFalse(kek.exists(), "a new key would hide that the old one is missing")
        kek.with_suffix(".away").rename(kek)
        self.server.start()
        self.server.expect(200, "GET", "/v1/connections")

    def test_another_key_than_the_one_that_sealed_the_store_is_refused(self):
        self.assertEqual(0, self.server.program.stop())
        kek = self.server.folder / "data.kek"
        kek.unlink()
        self.assertEqual(0, run_to_its_end("keys", "generate", str(kek)).returncode)
        refused = run_to_its_end("serve", "--dev", "--data-dir", str(self.server.data), "--port", str(self.server.port),
                                 "--sandbox-port", str(self.server.sandbox_port))
        self.assertEqual(1, refused.returncode, refused.stderr)
        self.assertRegex(refused.stderr, "(?i)kek|key")
        self.assertNotIn("evergrant is ready", refused.stderr)

    def test_a_port_in_use_is_named(self):
        for option, port in (("--port", self.server.port), ("--sandbox-port", self.server.sandbox_port)):
            with self.subTest(option), tempfile.TemporaryDirectory() as folder:
                ports = {"--port": eg.free_port(), "--sandbox-port": eg.free_port(), option: port}
                arguments = [str(piece) for pair in ports.items() for piece in pair]
                refused = run_to_its_end("serve", "--dev", "--data-dir", str(pathlib.Path(folder) / "data"), *arguments)
                self.assertEqual(2, refused.returncode)
                self.assertIn(str(port), refused.stderr)
                self.assertRegex(refused.stderr, "(?i)in use")
                self.assertNotIn("evergrant is ready", refused.stderr)

    def test_a_port_that_something_else_holds_is_named_as_well(self):
        with socket.socket() as holder, tempfile.TemporaryDirectory() as folder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            refused = run_to_its_end("serve", "--dev", "--data-dir", f"{folder}/data", "--port", str(port), "--sandbox-port", "0")
            self.assertEqual(2, refused.returncode)
            self.assertIn(str(port), refused.stderr)


if __name__ == "__main__":
    unittest.main()
