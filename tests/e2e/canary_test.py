#!/usr/bin/python3
"""No token, code, client secret, API key or KEK is found where it does not belong: not in the log, the data folder, the
metrics, the events, the audit trail, an error's body, nor a core image of the idle server."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from client_keys_test import REALM, KeyedServer
from evergrant_process import ConfiguredServer, Sandbox, request

MARKER = "canary-marker-7d1e55-"
SECRET = "canary-client-secret-90ab12"
FAULTS = (
    {"status": 500, "body": MARKER + "in-a-bad-body"},
    {"mangle": "malformed_json", "process": True},
    {"mangle": "truncated_json", "process": True},
    {"mangle": "numbers_as_strings"},
    {"status": 400, "body": {"error": "invalid_request", "error_description": "bad " + MARKER + "refresh-token"}},
    {"remove_members": ["expires_in"]},
)


def gcore(pid, folder):
    """A core image as root may take one of a process that is not dumpable; nothing where even that is refused."""
    done = subprocess.run(["gcore", "-o", str(folder / "core"), str(pid)], capture_output=True, text=True)
    image = folder / f"core.{pid}"
    return (image, "") if image.exists() else (None, done.stderr[-300:])


def around(data, needle, most=5):
    """Where a needle was found, with its surroundings made printable."""
    found = []
    for match in re.finditer(re.escape(needle), data):
        piece = data[max(0, match.start() - 160):match.end() + 60]
        found.append(re.sub(rb"[^\x20-\x7e]+", b" ", piece).decode())
        if len(found) == most:
            break
    return found


class CanaryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox("--marker", MARKER)
        cls.addClassCleanup(cls.sandbox.stop)
        cls.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": SECRET})
        cls.server = ConfiguredServer(cls.sandbox, secret=SECRET, extra='[log]\nlevel = "debug"\nformat = "json"\n')
        cls.addClassCleanup(cls.server.close)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-canary-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.bodies = []
        cls.live_a_whole_life()
        kek = (cls.server.folder / "kek").read_text().strip()
        cls.needles = {
            "a token": MARKER.encode(),
            "a token, base64": base64.b64encode(MARKER.encode())[:24],
            "the client secret": SECRET.encode(),
            "the client secret, in Basic credentials": base64.b64encode(f"sandbox-client:{SECRET}".encode())[:-4],
            "the API key": cls.server.key.encode(),
            "the KEK": kek.encode(),
        }
        raw = bytes.fromhex(kek) if re.fullmatch("[0-9a-fA-F]{64}", kek) else base64.urlsafe_b64decode(kek + "=" * (-len(kek) % 4))
        cls.needles["the KEK's bytes"] = raw

    @classmethod
    def call(cls, *arguments, **more):
        answer = cls.server.call(*arguments, **more)
        if answer.status >= 400:
            cls.bodies.append(answer.body)
        return answer

    @classmethod
    def live_a_whole_life(cls):
        connected = cls.server.connect("sandbox", "acme", "1001")
        imported = cls.server.import_grant(cls.sandbox.grant("1002"), expired=True)
        failing = cls.server.import_grant(cls.sandbox.grant("1003"))
        for path in (connected, imported):
            cls.server.expect(200, "GET", f"/v1/connections/{path}/token")
        cls.server.expect(200, "POST", f"/v1/connections/{connected}/refresh")
        for number, fault in enumerate(FAULTS):
            cls.sandbox.fault(endpoint="token", count=1, **fault)
            one = cls.server.import_grant(cls.sandbox.grant(f"20{number}"), expired=True)
            cls.call("GET", f"/v1/connections/{one}/token?wait=0")
            cls.call("POST", f"/v1/connections/{one}/refresh?wait=3")
        cls.sandbox.control("DELETE", "/faults")
        cls.call("POST", "/v1/connections", {"registration": "sandbox", "tenant": "acme", "realm": "x y",
                                             "access_token": MARKER + "x", "refresh_token": MARKER + "y", "verify": True})
        cls.call("POST", "/v1/connections", b'{"access_token": "' + MARKER.encode() + b'z", "registration": 7')
        cls.call("GET", f"/v1/connections/{MARKER}/token")
        cls.call("GET", "/v1/connections", key=MARKER + "key")
        cls.bodies.append(request(cls.server.base, "GET", f"/callback/sandbox?code={MARKER}code&state={MARKER}state").body)
        cls.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "another"})
        cls.call("POST", f"/v1/connections/{failing}/refresh")
        cls.server.expect(202, "DELETE", f"/v1/connections/{failing}")
        cls.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": SECRET})
        cls.server.expect(202, "DELETE", f"/v1/connections/{imported}")

    def search(self, where, data, needles=None):
        for name, needle in (needles or self.needles).items():
            with self.subTest(where=where, what=name):
                self.assertEqual(around(data, needle), [])

    def test_the_log_holds_no_secret(self):
        self.assertIn("refreshed", self.server.program.log())
        self.search("the log", self.server.program.log().encode())

    def test_the_data_folder_holds_no_secret(self):
        files = [file for file in (self.server.folder / "data").rglob("*") if file.is_file()]
        self.assertTrue(any(file.name == "evergrant.db" for file in files))
        for file in files:
            self.search(file.name, file.read_bytes())

    def test_what_operators_read_holds_no_secret(self):
        for path in ("/metrics", "/v1/events?limit=200", "/v1/audit?limit=200", "/v1/connections", "/v1/registrations",
                     "/v1/keys", "/v1/callers"):
            answer = self.server.get(path)
            self.assertEqual(answer.status, 200, path)
            self.search(path, answer.body)

    def test_no_error_repeats_a_secret(self):
        self.assertGreater(len(self.bodies), 5)
        secrets = {name: needle for name, needle in self.needles.items() if name != "a token"}
        for body in self.bodies:
            self.search("an error", body, secrets)
            for issued in (b"RT1-", b"eyJlbmMi"):
                self.assertNotIn(MARKER.encode() + issued, body)

    def test_the_process_leaves_no_core_dump(self):
        limits = pathlib.Path(f"/proc/{self.server.program.process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s+0\s")
        # A process that is not dumpable belongs to root in /proc, whoever runs it, and its memory is read by root alone.
        if os.geteuid() != 0:
            self.assertEqual(os.stat(f"/proc/{self.server.program.process.pid}/mem").st_uid, 0)

    @unittest.skipIf(os.environ.get("EVERGRANT_SANITIZED") == "1", "a sanitizer keeps terabytes of shadow memory")
    def test_a_core_image_of_the_idle_server_holds_no_secret(self):
        for _ in range(3):  # the buffers of the last requests are used again
            self.server.expect(200, "GET", "/healthz")
        image, refused = gcore(self.server.program.process.pid, self.folder)
        if image is None:
            self.skipTest("no core image can be taken here: " + refused)
        data = image.read_bytes()
        self.assertIn(b"sandbox-client", data)  # what is not secret is found: the search works
        self.search("the core image", data)


def private_numbers(pem):
    """What makes the key of a PKCS#8 PEM, as its DER has it: the scalar of EC, the seed of Ed25519, the primes of RSA."""
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    at = der.rfind(b"\x04\x20", 0, 60)
    if len(der) < 300:
        return {"the private number": der[at + 2:at + 34]}
    primes = [m.end() for m in re.finditer(rb"\x02\x81\xc1\x00", der)][:2]  # of 3072 bits
    return {f"prime {number}": der[start:start + 192] for number, start in enumerate(primes, 1)}


class KeyCanaryTest(unittest.TestCase):
    """The private key of a client that signs, in the order of the file and in that of a processor's words."""

    def needles_of(self, server):
        pem = server.key_file("a").read_text()
        numbers = private_numbers(pem)
        self.assertTrue(all(len(number) >= 32 for number in numbers.values()) and numbers, pem)
        needles = {"a line of the file": pem.splitlines()[1].encode()}
        for name, number in numbers.items():
            needles[name], needles[name + ", reversed"] = number[4:28], number[::-1][4:28]
        return needles

    def live(self, algorithm):
        sandbox = Sandbox()
        self.addCleanup(sandbox.stop)
        server = KeyedServer(sandbox, algorithm, current="a", next="b")
        self.addCleanup(server.close)
        connection = server.connect("sandbox", "acme", REALM)
        for _ in range(3):
            server.force(connection)
        server.expect(200, "GET", "/jwks/sandbox")
        server.expect(202, "DELETE", f"/v1/connections/{connection}")
        server.program.wait_for_line(f"revoked.*{connection}", seconds=20)
        return server

    def search(self, where, data, needles):
        for name, needle in needles.items():
            with self.subTest(where=where, what=name):
                self.assertEqual(around(data, needle), [])

    @unittest.skipIf(os.environ.get("EVERGRANT_SANITIZED") == "1", "a sanitizer keeps terabytes of shadow memory")
    def test_no_private_key_of_a_client_is_where_it_does_not_belong(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-canary-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for algorithm in ("ES256", "EdDSA", "PS256"):
            server = self.live(algorithm)
            needles = self.needles_of(server)
            self.search(f"{algorithm}: the log", server.program.log().encode(), needles)
            for file in (server.folder / "data").rglob("*"):
                if file.is_file():
                    self.search(f"{algorithm}: {file.name}", file.read_bytes(), needles)
            for _ in range(3):
                server.expect(200, "GET", "/healthz")
            image, refused = gcore(server.program.process.pid, folder)
            if image is None:
                self.skipTest("no core image can be taken here: " + refused)
            data = image.read_bytes()
            self.assertIn(server.kids["a"].encode(), data)
            self.search(f"{algorithm}: the core image", data, needles)
            image.unlink()


if __name__ == "__main__":
    unittest.main(verbosity=2)
