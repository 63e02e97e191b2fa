#!/usr/bin/python3
"""No token, code, client secret, API key or KEK is found where it does not belong: not in the log, the data folder, the
metrics, the events, the audit trail, an error's body, nor a core image of the idle server."""

import base64
import contextlib
import mmap
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from canary import READ_BY_OPERATORS, around, search
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
        cls.errors = 0
        search.said_by_callers.add(MARKER)  # in odd places, which the errors may name
        cls.live_a_whole_life()
        search.know("an API key", cls.server.key)
        search.know_key_file(cls.server.folder / "kek")

    @classmethod
    def call(cls, *arguments, **more):
        """Errors are searched on their way (`Search.search_error`)."""
        answer = cls.server.call(*arguments, **more)
        cls.errors += answer.status >= 400
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
        cls.errors += request(cls.server.base, "GET", f"/callback/sandbox?code={MARKER}code&state={MARKER}state").status >= 400
        cls.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "another"})
        cls.call("POST", f"/v1/connections/{failing}/refresh")
        cls.server.expect(202, "DELETE", f"/v1/connections/{failing}")
        cls.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": SECRET})
        cls.server.expect(202, "DELETE", f"/v1/connections/{imported}")

    def body(self, path):
        answer = self.server.get(path)
        self.assertEqual(answer.status, 200, path)
        return answer.body

    def test_the_log_holds_no_secret(self):
        self.assertIn("refreshed", self.server.program.log())
        search.search("the log", self.server.program.log(), "logs")

    def test_the_data_folder_holds_no_secret(self):
        self.assertTrue((self.server.folder / "data/evergrant.db").is_file())
        search.search_folder(self.server.folder)

    def test_what_operators_read_holds_no_secret(self):
        for path in READ_BY_OPERATORS:
            search.search(path, self.body(path), "operators_views")

    def test_no_error_repeats_a_secret(self):
        self.assertGreater(self.errors, 5)
        self.assertGreaterEqual(search.counts["error_bodies"], self.errors)
        self.assertEqual(search.hits, [])

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
        with image.open("rb") as file, contextlib.closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
            self.assertGreaterEqual(data.find(b"sandbox-client"), 0)  # what is not secret is found: the search works
            search.search("the core image", data, "core_images")


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
                at = data.find(needle)
                self.assertEqual(at, -1, around(data, at, at + len(needle)))

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
