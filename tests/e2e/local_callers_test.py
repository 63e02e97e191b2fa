"""Callers of this machine over the unix socket, without a key: who they are, what they may do, and that nobody else gets in so."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import unittest

import evergrant_process as eg


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.socket_path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.socket_path)


class LocalCallers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.own = os.getuid()
        cls.known = cls.serve(f'name = "app"\nuid = {cls.own}\nverbs = ["token:read", "connection:read"]\nregistrations = ["sandbox"]\n'
                              'tenants = ["acme"]\n')
        cls.strange = cls.serve(f'name = "other"\nuid = {cls.own + 1}\nverbs = ["admin"]\nregistrations = ["*"]\ntenants = ["*"]\n'
                                'requests_per_minute = 5\n', mode="0666")
        cls.acme = cls.import_one("acme", "1")
        cls.globex = cls.import_one("globex", "2")

    @classmethod
    def serve(cls, caller, mode="0600"):
        """The socket stands beside TCP, in the server's own folder."""
        class Server(eg.ConfiguredServer):
            def start(self):
                self.path = self.folder / "evergrant.sock"
                text = self.config.read_text()
                if "unix_socket" not in text:
                    self.config.write_text(text.replace("[server]\n", f'[server]\nunix_socket = "{self.path}"\nunix_socket_beside_tcp = true\n'
                                                        f'unix_socket_mode = "{mode}"\n') + "\n[[local_caller]]\n" + caller)
                super().start()
        server = Server(cls.sandbox)
        cls.addClassCleanup(server.close)
        return server

    @classmethod
    def import_one(cls, tenant, realm):
        return cls.known.expect(201, "POST", "/v1/connections", {"registration": "sandbox", "tenant": tenant, "realm": realm,
                                                                 "access_token": f"at-{realm}", "access_expires_at": 4000000000})["id"]

    def call(self, server, method, path, body=None, key=None):
        connection = UnixConnection(server.path)
        with contextlib.closing(connection):
            headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return eg.Answer(answer.status, answer.headers, answer.read())

    def test_the_kernels_word_is_the_credential_and_the_configuration_the_policy(self):
        answer = self.call(self.known, "GET", f"/v1/connections/{self.acme}/token")
        self.assertEqual((200, "at-1"), (answer.status, answer.json()["access_token"]))
        self.assertEqual(404, self.call(self.known, "GET", f"/v1/connections/{self.globex}/token").status)
        self.assertEqual([self.acme], [one["id"] for one in self.call(self.known, "GET", "/v1/connections").json()["items"]])
        for path in ("/v1/callers", "/v1/audit", "/v1/keys"):
            self.assertEqual(403, self.call(self.known, "GET", path).status)
        entry = self.known.expect(200, "GET", f"/v1/audit?caller=local:app&connection={self.acme}")["items"][0]
        self.assertEqual(("local:app", f"unix uid {self.own} pid {os.getpid()}"), (entry["caller"], entry["remote"]))

    def test_over_tcp_nothing_is_changed(self):
        self.assertEqual(401, self.known.get("/v1/connections", key="").status)
        self.assertEqual(200, self.known.get("/v1/connections").status)

    def test_a_request_with_a_key_is_the_keys_or_nobodys(self):
        self.assertEqual(200, self.call(self.known, "GET", f"/v1/connections/{self.globex}/token", key=self.known.key).status)
        for key in ("", "egk_" + "A" * 43, self.strange.key):
            self.assertEqual(401, self.call(self.known, "GET", f"/v1/connections/{self.acme}/token", key=key).status, key)

    def test_a_user_that_is_not_listed_is_told_what_to_do(self):
        answer = self.call(self.strange, "GET", "/v1/connections")
        self.assertEqual((401, "unauthenticated"), (answer.status, answer.json()["code"]))
        self.assertIn(f"uid = {self.own}", answer.json()["hint"])
        self.assertEqual(200, self.call(self.strange, "GET", "/v1/connections", key=self.strange.key).status)
        self.assertEqual(200, self.call(self.strange, "GET", "/healthz").status)

    @unittest.skipUnless(os.getuid() == 0, "becoming another user needs root")
    def test_another_user_is_that_user(self):
        self.strange.folder.chmod(0o711)
        script = (f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(self.strange.path)!r}); "
                  r"s.sendall(b'GET /v1/callers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'); print(s.recv(12).decode())")
        def ask(uid):
            return subprocess.run(["/usr/bin/python3", "-c", script], user=uid, capture_output=True, text=True, timeout=60).stdout.strip()
        self.assertEqual("HTTP/1.1 401", ask(self.own + 2))
        self.assertEqual("HTTP/1.1 401", ask(self.own))
        self.assertEqual(["HTTP/1.1 200"] * 5 + ["HTTP/1.1 429"], [ask(self.own + 1) for _ in range(6)])
        self.known.folder.chmod(0o711)
        script = script.replace(str(self.strange.path), str(self.known.path))
        self.assertEqual("", ask(self.own + 1), "mode 0600 keeps others from connecting at all")

    def test_a_local_caller_has_no_key_to_derive_from(self):
        self.assertEqual(403, self.call(self.known, "POST", "/v1/callers/derive", {}).status)

    def test_the_mode_is_as_configured_and_a_dead_servers_socket_is_replaced(self):
        self.assertEqual((0o600, 0o666), tuple(server.path.stat().st_mode & 0o777 for server in (self.known, self.strange)))
        self.known.program.kill()
        self.assertTrue(self.known.path.exists())
        self.known.start()
        self.assertEqual(200, self.call(self.known, "GET", "/v1/connections").status)

    def test_the_command_line_comes_over_the_socket_without_a_key(self):
        def cli(*arguments, **environment):
            clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERGRANT_")}
            return subprocess.run([eg.PROGRAM, "--data-dir", "/nonexistent", *arguments], env={**clean, **environment}, capture_output=True,
                                  text=True, timeout=60)
        for done in (cli("--url", f"unix:{self.known.path}", "--json", "connections", "list"),
                     cli("--json", "connections", "list", EVERGRANT_URL=f"unix:{self.known.path}"),
                     cli("--unix-socket", str(self.known.path), "--json", "connections", "list")):
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual([self.acme], [one["id"] for one in json.loads(done.stdout)])
        done = cli("--url", f"unix:{self.strange.path}", "connections", "list")
        self.assertEqual(6, done.returncode)
        self.assertIn("[[local_caller]]", done.stderr)
        self.assertEqual(3, cli("--url", "unix:/nonexistent/socket", "connections", "list").returncode)

    def test_explain_knows_local_callers(self):
        done = self.known.cli("--json", "callers", "explain", "--caller", "local:app", "--verb", "token:read", "--connection", self.globex)
        self.assertEqual(6, done[0])
        self.assertEqual("tenant", json.loads(done[1])["refused_by"])
        self.assertEqual(0, self.known.cli("callers", "explain", "--caller", "local:app", "--verb", "token:read", "--connection", self.acme)[0])
        self.assertEqual(4, self.known.cli("callers", "explain", "--caller", "local:nobody", "--verb", "proxy")[0])


if __name__ == "__main__":
    unittest.main()
