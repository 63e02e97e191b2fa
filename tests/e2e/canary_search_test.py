#!/usr/bin/python3
"""The canary search finds what it is for, wherever a test's server may leave it, and fails the test that it belongs to."""

import base64
import contextlib
import io
import json
import pathlib
import tempfile
import unittest
import urllib.parse
from unittest import mock

import canary
import evergrant_process as eg

SECRET = 'a secret/with+odd="signs" of 7d1e55'
SOME = b"what stands around it, "


class Forms(unittest.TestCase):
    def setUp(self):
        self.search = canary.Search()

    def check(self, *written):
        for data in written:
            for before in range(3):  # base64 groups begin anywhere
                with self.subTest(data), self.assertRaises(canary.Leak):
                    self.search.search("here", SOME + b"x" * before + data + SOME)

    def test_a_secret_is_found_in_each_form(self):
        self.search.know("a secret", SECRET)
        encoded = SECRET.encode()
        self.check(encoded, encoded.hex().encode(), urllib.parse.quote(SECRET, safe="").encode(), json.dumps(SECRET).encode(),
                   *(base64.b64encode(b"client:"[before:] + encoded + b"more") for before in range(3)),
                   *(base64.urlsafe_b64encode(b"client:"[before:] + encoded) for before in range(3)))

    def test_a_key_encryption_key_is_found_as_text_and_as_bytes(self):
        raw = bytes(range(200, 232))
        for text in (raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")):
            self.search = canary.Search()
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "kek"
                path.write_text(text + "\n")
                self.search.know_key_file(path)
            self.check(raw, text.encode())

    def test_what_has_a_form_of_its_own_is_found_without_being_known(self):
        header = base64.urlsafe_b64encode(b'{"enc":"A128CBC-HS256","alg":"dir"}').rstrip(b"=")
        self.check(b"egk_" + b"a" * 43, header + b"..abc.def.ghi", b"RT1-17-H0-1790000000abc", b"XAB" + b"a2" * 26,
                   b"Authorization: Basic " + base64.b64encode(b"client:what nobody told"))

    def test_what_is_no_secret_is_not_found(self):
        self.search.know("a secret", SECRET)
        self.search.know("too short", "sandbox")
        self.search.search("here", b'egk_abcd "Bearer realm=" Basic auth sandbox, ' + SECRET[:-1].encode())
        self.assertEqual((self.search.hits, self.search.counts["outputs"]), ([], 1))

    def test_the_secrets_of_requests_answers_and_flows_are_learned(self):
        self.search.learn(json.dumps({"access_token": "invented-by-a-test", "scope": "not-a-secret-at-all"}).encode())
        self.search.learn_from_url("http://127.0.0.1/callback?code=a-code-of-somebody&iss=not-a-secret-either")
        self.check(b"invented-by-a-test", b"a-code-of-somebody")
        self.search.search("here", b"not-a-secret-at-all, not-a-secret-either")

    def test_what_is_not_searched_of_a_large_file_is_counted(self):
        self.search.know("a secret", SECRET)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(canary, "LARGEST_FILE", 100):
            path = pathlib.Path(folder) / "large"
            path.write_bytes(b"x" * 100 + SECRET.encode())
            self.search.search_folder(folder)
            self.assertEqual((self.search.counts["bytes"], self.search.counts["bytes_not_searched"]), (100, len(SECRET)))
            path.write_bytes(b"x" * 60 + SECRET.encode())
            with self.assertRaises(canary.Leak):
                self.search.search_folder(folder)


class Places(unittest.TestCase):
    """One server each, which leaks in one place: who closes it is told."""

    def setUp(self):
        self.hits = list(canary.search.hits)
        self.addCleanup(self.forget)
        self.sandbox = eg.Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.server = eg.ConfiguredServer(self.sandbox)
        self.token = self.sandbox.grant("1")["access_token"]

    def forget(self):
        canary.search.hits[:] = self.hits  # they were meant

    def check_close(self, where):
        with self.assertRaisesRegex(canary.Leak, where):
            self.server.close()
        self.assertFalse(self.server.folder.exists())
        self.assertIsNotNone(self.server.program.process.poll())

    def test_a_file_of_the_data_folder(self):
        (self.server.folder / "data/backup.db").write_text(f"…{self.token}…")
        self.check_close("backup.db")

    def test_a_file_that_holds_the_key_encryption_key(self):
        (self.server.folder / "data/copy").write_bytes(canary.raw_key((self.server.folder / "kek").read_text().strip()))
        self.check_close("a KEK's bytes in .*copy")

    def test_the_log(self):
        self.server.program.lines.append(f'{{"event": "refreshed", "token": "{self.token}"}}')
        self.check_close("the log")

    def test_the_output_of_a_command_that_gives_no_secret(self):
        with self.assertRaisesRegex(canary.Leak, "the output of evergrant connections list"):
            canary.search.search_command(["connections", "list"], self.token, "")
        with self.assertRaisesRegex(canary.Leak, "the errors of evergrant token con_1"):
            canary.search.search_command(["token", "con_1"], self.token, f"unknown {self.token}")
        self.check_close("the output of evergrant connections list")  # also where somebody swallowed it

    def test_the_body_of_an_error(self):
        with self.assertRaisesRegex(canary.Leak, "the 404 of GET /here"):
            canary.search.search_error(self.server.base, "GET", "/here", eg.Answer(404, {}, self.token.encode()))
        canary.search.search_error(self.sandbox.base, "GET", "/here", eg.Answer(404, {}, self.token.encode()))  # its own
        self.check_close("the 404 of GET /here")

    def test_what_operators_read(self):
        self.server.read_as_operator = lambda path: self.token.encode() if path == "/metrics" else b""
        self.check_close("/metrics")


class Total(unittest.TestCase):
    def add_up(self, *lines):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            path = pathlib.Path(folder) / "lines"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            return canary.add_up(path), said.getvalue()

    def test_the_newest_line_of_each_test_counts(self):
        good, said = self.add_up({"test": "a", "servers": 9, "hits": 1}, {"test": "b", "servers": 1, "hits": 0}, {"test": "a", "servers": 2, "hits": 0})
        self.assertTrue(good)
        self.assertIn("over 2 tests: servers 3, hits 0", said)

    def test_a_hit_fails_and_so_does_a_run_that_searched_nothing(self):
        good, said = self.add_up({"test": "a", "servers": 9, "hits": 1})
        self.assertFalse(good)
        self.assertIn("1 hits in a", said)
        self.assertFalse(self.add_up()[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
