#!/usr/bin/python3
"""`evergrant credential` with the real git: a repository behind HTTP that takes the provider's tokens for passwords and nothing
else. The server is git's own http-backend behind a door that asks the provider about each token."""

import base64
import http.server
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.parse

from evergrant_process import PROGRAM, ConfiguredServer, Sandbox, request

REALM = "4620816365000000001"
BACKEND = pathlib.Path("/usr/lib/git-core/git-http-backend")


class Door(http.server.BaseHTTPRequestHandler):
    """Lets in whoever brings a token that the provider takes."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        credentials = self.headers.get("Authorization", "")
        password = ""
        if credentials.startswith("Basic "):
            password = base64.b64decode(credentials[6:]).decode().partition(":")[2]
        self.server.seen.append(password)
        if not password or not self.server.is_good(password):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="books"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        address = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        done = subprocess.run([str(BACKEND)], input=body, capture_output=True, check=True, timeout=60, env={
            "GIT_PROJECT_ROOT": str(self.server.repositories), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": address.path,
            "QUERY_STRING": address.query, "REQUEST_METHOD": self.command, "REMOTE_USER": "customer",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "PATH": os.environ["PATH"],
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "")})
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        self.send_response(int(dict(fields).get("Status", "200").split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer


class Server(ConfiguredServer):
    """Whose provider has a host for git too."""

    def __init__(self, sandbox, git_host):
        self.git_host = git_host
        super().__init__(sandbox)

    def registration_block(self, name):
        return super().registration_block(name).replace("allowed_hosts = [", f'allowed_hosts = ["{self.git_host}", ')


class GitCredential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-git-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.door = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
        cls.door.repositories, cls.door.seen = cls.folder / "server", []
        cls.door.is_good = cls.takes
        threading.Thread(target=cls.door.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.door.shutdown)
        cls.host = f"127.0.0.1:{cls.door.server_port}"
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = Server(cls.sandbox, cls.host)
        cls.addClassCleanup(cls.server.close)
        cls.grant = cls.sandbox.grant(REALM)
        cls.connection = cls.server.import_grant(cls.grant)
        cls.git("init", "--quiet", "--bare", str(cls.door.repositories / "books.git"), check=True)
        cls.git("-C", str(cls.door.repositories / "books.git"), "config", "http.receivepack", "true", check=True)

    @classmethod
    def takes(cls, token):
        answer = request(cls.sandbox.base, "GET", f"/v3/company/{REALM}/companyinfo/{REALM}", headers={"Authorization": f"Bearer {token}"})
        return answer.status == 200

    @classmethod
    def helper_environment(cls):
        return {"PATH": os.environ["PATH"], "HOME": str(cls.folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                "EVERGRANT_URL": cls.server.base, "EVERGRANT_API_KEY": cls.server.key}

    @classmethod
    def git(cls, *arguments, helper=None, check=False):
        settings = ["-c", "credential.helper=", "-c", f"credential.helper={helper}"] if helper else []
        done = subprocess.run(["git", *settings, "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments], cwd=cls.folder,
                              capture_output=True, text=True, timeout=60, env=cls.helper_environment() if helper else
                              {"PATH": os.environ["PATH"], "HOME": str(cls.folder)})
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stderr}")
        return done

    def helper(self, *more):
        return f"!{PROGRAM} credential " + (" ".join(more) or f"--connection {self.connection}")

    def ask(self, action, question, *arguments):
        return subprocess.run([PROGRAM, "credential", *(arguments or ("--connection", self.connection)), action],
                              input=question, capture_output=True, text=True, timeout=60, env=self.helper_environment())

    def current(self):
        return self.server.get(f"/v1/connections/{self.connection}/token").json()

    def url(self):
        return f"http://{self.host}/books.git"

    def test_git_clones_and_pushes_with_the_token(self):
        self.assertNotEqual(self.git("ls-remote", self.url(), helper="!true").returncode, 0, "without a token nobody is let in")
        clone = str(self.folder / "clone")
        self.git("clone", "--quiet", self.url(), clone, helper=self.helper(), check=True)
        (self.folder / "clone/books.txt").write_text("1\n", encoding="utf-8")
        self.git("-C", clone, "add", "books.txt", check=True)
        self.git("-C", clone, "commit", "--quiet", "-m", "one", check=True)
        self.git("-C", clone, "push", "--quiet", "origin", "HEAD:refs/heads/main", helper=self.helper(), check=True)
        self.assertIn("refs/heads/main", self.git("ls-remote", self.url(), helper=self.helper(), check=True).stdout)
        by_host = self.helper("--host", f"{self.host}={self.connection}")
        self.assertIn("refs/heads/main", self.git("ls-remote", self.url(), helper=by_host, check=True).stdout)

    def test_a_token_that_the_host_refused_is_replaced_once(self):
        before = self.current()
        self.sandbox.control("POST", f"/grants/{self.grant['id']}/expire", {"what": "access"})
        self.assertNotEqual(self.git("ls-remote", self.url(), helper=self.helper()).returncode, 0)  # git says erase
        after = self.current()
        self.assertEqual(after["generation"], before["generation"] + 1)
        self.git("ls-remote", self.url(), helper=self.helper(), check=True)
        erased = f"protocol=http\nhost={self.host}\nusername=oauth2\npassword={before['access_token']}\n"
        self.assertEqual(self.ask("erase", erased).returncode, 0)
        self.assertEqual(self.current()["generation"], after["generation"], "an old one that is refused again changes nothing")

    def test_get_speaks_gits_protocol(self):
        token = self.current()
        done = self.ask("get", f"protocol=http\nhost={self.host}\npath=books.git\nwwwauth[]=Basic\n\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = dict(line.split("=", 1) for line in done.stdout.splitlines())
        self.assertEqual({name: lines[name] for name in ("protocol", "host", "username", "password")},
                         {"protocol": "http", "host": self.host, "username": "oauth2", "password": token["access_token"]})
        self.assertTrue(lines["password_expiry_utc"].isdigit())
        named = self.ask("get", f"protocol=http\nhost={self.host}\nusername=me\n\n")
        self.assertIn("username=me\n", named.stdout)

    def test_a_token_goes_to_no_other_host_and_not_in_the_clear(self):
        for question in ("protocol=https\nhost=git.example.com\n\n", f"protocol=https\nhost={self.host}.example.com\n\n",
                         "protocol=http\nhost=git.example.com\n\n", f"protocol=ftp\nhost={self.host}\n\n"):
            done = self.ask("get", question)
            self.assertEqual(done.stdout, "quit=1\n", question)
            self.assertEqual(done.returncode, 6, done.stderr)
            self.assertNotIn(self.current()["access_token"], done.stdout + done.stderr)
        listed = self.ask("get", "protocol=https\nhost=git.example.com\n\n", "--host", f"git.example.com={self.connection}")
        self.assertIn("is not a host of this connection's provider", listed.stderr)

    def test_what_is_not_ours_is_left_to_others(self):
        other = self.ask("get", "protocol=https\nhost=git.example.com\n\n", "--host", f"{self.host}={self.connection}")
        self.assertEqual((other.returncode, other.stdout), (0, ""))
        stored = self.ask("store", f"protocol=http\nhost={self.host}\npassword=x\n\n")
        self.assertEqual((stored.returncode, stored.stdout), (0, ""))
        self.assertEqual(self.ask("approve", f"protocol=http\nhost={self.host}\n\n").returncode, 0, "later versions may say more")

    def test_bad_input_is_said(self):
        self.assertEqual(self.ask("get", "nonsense\n\n").returncode, 2)
        self.assertEqual(self.ask("get", "protocol=https\n\n").returncode, 2)
        wrong = self.ask("get", "protocol=https\nhost=a\n\n", "--host", "https://gitlab.com=con_1")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("HOST=CONNECTION", wrong.stderr)
        unknown = self.ask("get", f"protocol=http\nhost={self.host}\n\n", "--connection", "con_" + "a" * 26)
        self.assertEqual((unknown.returncode, unknown.stdout), (4, "quit=1\n"))


if __name__ == "__main__":
    unittest.main()
