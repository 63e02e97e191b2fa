"""Starts the real program for a test: a development server, a configured server, a sandbox provider. Nothing here sleeps:
it waits for lines that the programs print, and for answers with deadlines.

Every server that it starts is searched for secrets (canary.py): errors and outputs as they come, the log when the program ends, the
data folder and what operators read when the server is closed."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse

from canary import Leak, new_marker, search

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("EVERGRANT_PROGRAM", str(ROOT / "build/release/evergrant"))
START_SECONDS = 60
STOP_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


def request(base, method, path, body=None, headers=None, timeout=60):
    """One HTTP request; redirects are not followed. `body`: bytes, or anything else as JSON."""
    address = urllib.parse.urlsplit(base)
    search.learn(body)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=body, headers=headers)
        got = connection.getresponse()
        answer = Answer(got.status, got.headers, got.read())
    finally:
        connection.close()
    search.learn(answer.body)
    search.search_error(base, method, path, answer)
    return answer


class Program:
    """A child process whose standard error is collected, and can be waited on line by line."""

    def __init__(self, arguments, environment=None, cwd=None, command=(PROGRAM,)):
        self.lines = []
        self.searched = command == (PROGRAM,) and arguments[0] != "sandbox"
        self._seen = threading.Condition()
        self.process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                        cwd=cwd, env={**os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self._seen:
                self.lines.append(line.rstrip("\n"))
                self._seen.notify_all()
        with self._seen:
            self.lines.append(None)  # the end
            self._seen.notify_all()

    def wait_for_line(self, pattern, seconds=START_SECONDS):
        def found():
            return any(line is None or re.search(pattern, line) for line in self.lines)
        with self._seen:
            if not self._seen.wait_for(found, timeout=seconds):
                raise TimeoutError(f"no line like {pattern!r} within {seconds} s:\n{self.log()}")
            for line in self.lines:
                if line is not None and re.search(pattern, line):
                    return line
        raise RuntimeError(f"the program ended before a line like {pattern!r}:\n{self.log()}")

    def log(self):
        return "\n".join(line for line in self.lines if line is not None)

    def stop(self, number=signal.SIGINT):
        """The exit code after an orderly end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self._ended()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._ended()

    def _ended(self):
        self._reader.join(STOP_SECONDS)
        self.process.stderr.close()
        if self.searched:
            search.search("the log", self.log(), "logs")


class Sandbox(Program):
    """`evergrant sandbox`, the provider alone. Its tokens and codes begin with a marker, by which they are searched for."""

    def __init__(self, *arguments, port=0):
        if "--marker" not in arguments:
            arguments = (*arguments, "--marker", new_marker())
        search.know("a token or code", arguments[arguments.index("--marker") + 1])
        super().__init__(["sandbox", "--port", str(port), *arguments])
        self.base = re.search(r"http://\S+?:\d+", self.wait_for_line("Sandbox provider at")).group()

    def control(self, method, path, body=None):
        answer = request(self.base, method, "/control" + path, body)
        if answer.status >= 300:
            raise AssertionError(f"{method} /control{path}: {answer}")
        return answer.json() if answer.body else None

    def grant(self, realm, scope="com.intuit.quickbooks.accounting"):
        """A grant without a browser; its tokens are in the answer."""
        return self.control("POST", "/grants", {"client_id": "sandbox-client", "realm": realm, "scope": scope})

    def grants(self):
        return self.control("GET", "/grants")["grants"]

    def fault(self, **rule):
        return self.control("POST", "/faults", rule)


class Server:
    """What every kind of server offers to tests: API calls with a key."""

    base = ""
    key = ""
    folder = None  # of its own: searched while it lives, and after

    def call(self, method, path, body=None, key=None, headers=None, timeout=60):
        credentials = {} if key == "" else {"Authorization": f"Bearer {key or self.key}"}
        return request(self.base, method, path, body, {**credentials, **(headers or {})}, timeout)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def expect(self, status, method, path, body=None, **more):
        answer = self.call(method, path, body, **more)
        if answer.status != status:
            raise AssertionError(f"{method} {path}: expected {status}, got {answer}")
        return answer.json() if answer.body else None

    def read_as_operator(self, path):
        """Nothing where that is refused, or nobody answers: a test may have left the server any way."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self.call("GET", path, timeout=10)
            return answer.body if answer.status == 200 else None

    def search_alive(self):
        search.know("an API key", self.key)
        search.search_operators_views(self.read_as_operator)
        self.search_dead()  # the journal too, which ends with the server

    def search_dead(self):
        search.search_folder(self.folder)

    def end(self):
        """Stops what runs, and searches what it left. The program's exit code, nothing where it had ended before."""
        search.counts["servers"] += 1
        code = None
        try:
            if self.program.process.poll() is None:
                with contextlib.suppress(Leak):  # until all is searched
                    self.search_alive()
                with contextlib.suppress(Leak):
                    self.program.stop()
                code = self.program.process.returncode
            with contextlib.suppress(Leak):
                self.search_dead()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        search.raise_what_was_swallowed()
        return code

    def connect(self, registration, tenant, realm, **session):
        """The connect flow as a browser would walk it, at a provider that consents by itself for this realm."""
        created = self.expect(201, "POST", "/v1/connect-sessions",
                              {"registration": registration, "tenant": tenant, "login_hint": f"realm:{realm}", **session})
        final, _ = walk(created["url"], self.base)
        state = self.expect(200, "GET", f"/v1/connect-sessions/{created['id']}")
        if state["status"] != "connected":
            raise AssertionError(f"not connected: {state}, ended at {final}")
        return state["connection"]


def walk(url, own_base, cookie=None, most=12):
    """Follows redirects like a browser, cookies of every host kept, until a page comes. Returns (url, answer)."""
    jar = {}
    if cookie:
        jar[urllib.parse.urlsplit(own_base).netloc] = cookie
    for _ in range(most):
        parts = urllib.parse.urlsplit(url)
        headers = {"Cookie": jar[parts.netloc]} if parts.netloc in jar else {}
        path = parts.path or "/"
        answer = request(f"{parts.scheme}://{parts.netloc}", "GET", path + (f"?{parts.query}" if parts.query else ""), headers=headers)
        for value in answer.headers.get_all("Set-Cookie") or []:
            pairs = dict(item.split("=", 1) for item in jar.get(parts.netloc, "").split("; ") if item)
            name, content = value.split(";")[0].split("=", 1)
            pairs[name] = content
            jar[parts.netloc] = "; ".join(f"{n}={c}" for n, c in pairs.items())
        location = answer.headers.get("Location")
        search.learn_from_url(location or "")
        if answer.status not in (302, 303) or not location:
            return url, answer
        url = urllib.parse.urljoin(url, location)
    raise AssertionError(f"more than {most} redirects, last to {url}")


class DevServer(Server):
    """`evergrant serve --dev` in a data folder of its own, which outlives restarts of the program."""

    def __init__(self, arguments=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-"))
        self.data = self.folder / "data"
        self.port, self.sandbox_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        search.servers.add(self.base)
        search.know("a client secret", "sandbox-secret")
        self.arguments = list(arguments)
        self.start()

    def start(self):
        self.program = Program(["serve", "--dev", "--data-dir", str(self.data), "--port", str(self.port),
                                "--sandbox-port", str(self.sandbox_port), *self.arguments], cwd=self.folder)
        self.program.wait_for_line("evergrant is ready")
        self.key = (self.data / "admin.key").read_text().strip()

    def control(self, method, path, body=None):
        answer = request(f"http://127.0.0.1:{self.sandbox_port}", method, "/control" + path, body)
        if answer.status >= 300:
            raise AssertionError(f"{method} /control{path}: {answer}")
        return answer.json() if answer.body else None

    def cli(self, *arguments, stdin=None, check=None):
        """Runs the command line against this server. Returns (exit code, standard output, standard error)."""
        done = subprocess.run([PROGRAM, "--data-dir", str(self.data), *arguments], input=stdin, capture_output=True, text=True,
                              cwd=self.folder, timeout=120)
        search.search_command(arguments, done.stdout, done.stderr)
        if check is not None and done.returncode != check:
            raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.returncode, done.stdout, done.stderr

    def close(self):
        return self.end()


class ConfiguredServer(Server):
    """`evergrant serve --config`, with a sandbox provider in a process of its own, so that one can be killed without the other."""

    def __init__(self, sandbox, registrations=None, extra="", profile=(), secret="sandbox-secret", port=None):
        """`extra`: more tables of the configuration. `profile`: lines such as 'refresh.rotation = "never"'."""
        self.secret, self.profile = secret, list(profile)
        search.know("a client secret", secret)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-"))
        self.sandbox = sandbox
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        search.servers.add(self.base)
        subprocess.run([PROGRAM, "keys", "generate", str(self.folder / "kek")], check=True, capture_output=True)
        blocks = [self.registration_block(name) for name in registrations or ["sandbox"]]
        self.config = self.folder / "evergrant.toml"
        self.config.write_text(f"""
[server]
port = {self.port}
[store]
path = "{self.folder}/data/evergrant.db"
[keys]
kek = {{ file = "{self.folder}/kek" }}
{extra}
""" + "\n".join(blocks))
        (self.folder / "data").mkdir(mode=0o700)
        done = subprocess.run([PROGRAM, "callers", "bootstrap", "tests", "--config", str(self.config)], check=True,
                              capture_output=True, text=True, env=self.environment())
        self.key = done.stdout.strip()
        self.start()

    def environment(self):
        return {**os.environ, "SANDBOX_SECRET": self.secret}

    def registration_block(self, name):
        base = self.sandbox.base
        return f"""
[[registration]]
id = "{name}"
provider = "sandbox"
client_id = "sandbox-client"
client_secret = {{ env = "SANDBOX_SECRET" }}
return_urls = ["http://127.0.0.1:3000/done"]
issuer = "{base}"
metadata_url = "{base}/.well-known/openid_configuration"
endpoints = {{ authorize = "{base}/authorize", token = "{base}/token", revoke = "{base}/revoke", userinfo = "{base}/userinfo", jwks = "{base}/jwks" }}
profile.realm.verify_url = "{base}/v3/company/{{realm}}/companyinfo/{{realm}}"
profile.inject.api_base = "{base}"
profile.inject.allowed_hosts = ["{urllib.parse.urlsplit(base).netloc}"]
""" + "".join(f"profile.{line}\n" for line in self.profile)

    def start(self):
        self.program = Program(["serve", "--config", str(self.config)], environment=self.environment(), cwd=self.folder)
        self.program.wait_for_line("serving")

    def cli(self, *arguments, stdin=None, check=None):
        """Runs the command line against this server. Returns (exit code, standard output, standard error)."""
        done = subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, text=True, cwd=self.folder, timeout=120,
                              env={**self.environment(), "EVERGRANT_URL": self.base, "EVERGRANT_API_KEY": self.key})
        search.search_command(arguments, done.stdout, done.stderr)
        if check is not None and done.returncode != check:
            raise AssertionError(f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.returncode, done.stdout, done.stderr

    def import_grant(self, grant, registration="sandbox", tenant="acme", expired=False, **more):
        """The connection of a grant that the sandbox has made (`POST /control/grants`)."""
        expires = "2020-01-01T00:00:00Z" if expired else grant["access_expires_at"]
        return self.expect(201, "POST", "/v1/connections", {
            "registration": registration, "tenant": tenant, "realm": grant["realm"], "access_token": grant["access_token"],
            "refresh_token": grant["refresh_token"], "access_expires_at": expires, **more})["id"]

    def close(self):
        return self.end()
