"""What the benchmarks of refreshing, start and memory share: stores of many connections, and the programs on their cores."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build/release/benchmarks"
SERVER_CORE, PROVIDER_CORE = "0", "1"
CLIENT = ("sandbox-client", "sandbox-secret")
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def progress(text):
    if sys.stderr.isatty():
        print(f"\r  {text:<76}", end="", file=sys.stderr, flush=True)


def done_with_progress():
    if sys.stderr.isatty():
        print("\r" + " " * 80 + "\r", end="", file=sys.stderr, flush=True)


def check_machine():
    if len(os.sched_getaffinity(0) & {0, 1}) < 2:
        sys.exit("This benchmark needs cores 0 and 1: one for evergrant, one for the provider.")


class Stores:
    """Stores of so many connections, made once and kept under build/. Each has a key-encryption key beside it."""

    def __init__(self, program):
        self.program, self.folder = program, ROOT / "build/bench-stores"

    def of(self, connections):
        """The store's file and the key's. A million take two minutes or so, the first time."""
        schema = len(re.findall(r"constexpr const char\*", (ROOT / "src/store/migrations.cpp").read_text()))
        place = self.folder / f"schema-{schema}" / str(connections)
        store, kek = place / "evergrant.db", place / "kek"
        if (place / "complete").exists():
            return store, kek
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        subprocess.run([self.program, "keys", "generate", str(kek)], check=True, capture_output=True)
        if connections > 0:
            progress(f"making a store of {connections:,} connections")
            self.tool("create", store, kek, connections)
            done_with_progress()
        (place / "complete").touch()
        return store, kek

    @staticmethod
    def tool(verb, store, kek, connections, hot=None, tokens=None):
        more = [] if hot is None else ["--hot", str(hot)]
        subprocess.run([TOOLS / "store_tool", verb, "--store", store, "--kek", kek, "--connections", str(connections), *more],
                       check=True, text=True, input=None if tokens is None else "\n".join(tokens))


class Child:
    """A process on one core."""

    def __init__(self, core, command, log, **more):
        self.log = pathlib.Path(log)
        with self.log.open("w") as sink:
            self.process = subprocess.Popen(["taskset", "-c", core, *map(str, command)], stderr=sink,
                                            **{"stdout": sink, **more})

    def status(self, name):
        return int(re.search(rf"^{name}:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.M)[1])

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def tail(self):
        return self.log.read_text()[-3000:]

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds=60):
        if self.process.poll() is not None:
            return
        self.go_on()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Web:
    """Requests over one connection that stays open."""

    def __init__(self, base, headers=None):
        self.address = urllib.parse.urlsplit(base)
        self.headers = dict(headers or {})
        self.line = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)

    def ask(self, method, path, body=None):
        text = None if body is None else json.dumps(body)
        self.line.request(method, path, text, {**self.headers, **({"Content-Type": "application/json"} if text else {})})
        answer = self.line.getresponse()
        content = answer.read().decode()
        if answer.status >= 300:
            sys.exit(f"{method} {path} was answered {answer.status}: {content[:500]}")
        return content


class Provider(Child):
    """`evergrant sandbox` on the other core, as it comes, but for how its refresh tokens rotate."""

    def __init__(self, program, folder, **settings):
        self.port = free_port()
        super().__init__(PROVIDER_CORE, [program, "sandbox", "--port", self.port], folder / "sandbox.log")
        self.base = f"http://127.0.0.1:{self.port}"
        wait_until(lambda: listens(self.port), self)
        self.web = Web(self.base)
        if settings:
            self.web.ask("POST", "/control/settings", settings)

    def refresh_tokens(self, count, first_realm):
        """Of so many new grants."""
        tokens = []
        for number in range(count):
            if number % 500 == 0:
                progress(f"{number:,} of {count:,} grants at the provider")
            grant = self.web.ask("POST", "/control/grants", {"client_id": CLIENT[0], "realm": str(first_realm + number)})
            tokens.append(json.loads(grant)["refresh_token"])
        self.web.line.close()  # the provider would, before the next size is measured
        done_with_progress()
        return tokens


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return True
    except OSError:
        return False


def wait_until(met, child, seconds=60):
    deadline = time.monotonic() + seconds
    while not met():
        if child.process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{child.process.args[3:]} did not start:\n{child.tail()}")
        time.sleep(0.002)


class Server(Child):
    """`evergrant serve` on its core, on a store that is there; ready when this returns. `seconds_to_ready` counts from exec."""

    def __init__(self, program, folder, store, kek, provider_base, refresh="", more="", listener=""):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        config = write_configuration(folder, store, kek, provider_base, self.port, refresh, more, listener)
        begun = time.monotonic()
        super().__init__(SERVER_CORE, [program, "serve", "--config", config], folder / "evergrant.log")
        wait_until(self.is_ready, self)
        self.seconds_to_ready = time.monotonic() - begun

    def is_ready(self):
        try:
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            line.request("GET", "/readyz")
            status = line.getresponse().status
            line.close()
            return status == 200
        except OSError:
            return False

    def refreshed(self):
        """Refreshes that were stored since the start."""
        text = Web(self.base).ask("GET", "/metrics")
        found = re.findall(r'^evergrant_refresh_total\{[^}]*outcome="refreshed"[^}]*\} ([\d.e+]+)', text, re.M)
        return sum(int(float(number)) for number in found)


def write_configuration(folder, store, kek, provider_base, port=9400, refresh="", more="", listener=""):
    """`refresh`, `listener`: lines of the tables [refresh] and [server]. `more`: further registrations."""
    config = folder / "evergrant.toml"
    config.write_text(CONFIGURATION.format(port=port, store=store, kek=kek, refresh=refresh, listener=listener)
                      + registration("sandbox", provider_base) + more)
    os.environ["SANDBOX_SECRET"] = CLIENT[1]
    return config


def new_store(program, folder):
    """An empty one, of this run."""
    kek = folder / "kek"
    subprocess.run([program, "keys", "generate", str(kek)], check=True, capture_output=True)
    return folder / "evergrant.db", kek


def admin_key(program, folder, store, kek, provider_base):
    config = write_configuration(folder, store, kek, provider_base)
    return subprocess.run([program, "callers", "bootstrap", "bench", "--config", str(config)], check=True, capture_output=True,
                          text=True).stdout.strip()


def registration(name, base, rotation="always_strict"):
    return REGISTRATION.format(name=name, base=base, host=urllib.parse.urlsplit(base).netloc, rotation=rotation)


CONFIGURATION = """
[server]
port = {port}
{listener}
[log]
format = "json"
[store]
path = "{store}"
[keys]
kek = {{ file = "{kek}" }}
[refresh]
{refresh}
"""

REGISTRATION = """
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
profile.inject.allowed_hosts = ["{host}"]
profile.refresh.rotation = "{rotation}"
"""


class Folder:
    """A folder of one run, gone afterwards."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-bench-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
