"""A provider that this project did not write, as a process of its own, and evergrant configured for it."""

import json
import os
import pathlib
import platform
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from canary import search  # noqa: E402
from evergrant_process import ConfiguredServer, Program, free_port, request, walk  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
DEBIANS_PYTHON = "/usr/bin/python3"


def node():
    """The node program that package.json brings: Debian 12's own is too old for oidc-provider."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    program = HERE / f"node_modules/node-linux-{machine}/bin/node"
    if not program.exists():
        raise FileNotFoundError(f"{program} is missing: ./test interop installs it, as does npm ci in {HERE}")
    return str(program)


class RealProvider:
    """What every provider's adapter shares: a process and a folder that end with the test."""

    def __init__(self, test):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-interop-"))
        self.program = None
        test.addCleanup(self.close)

    def start(self, *command, ready="listening"):
        """The line by which the command says, on standard error, that it is ready. It dies with the test, however that ends."""
        self.program = Program(command, command=("setpriv", "--pdeathsig", "KILL"), cwd=self.folder)
        return self.program.wait_for_line(ready)

    def pause(self):
        self.program.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.program.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.program:
            self.program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class EvergrantAt(ConfiguredServer):
    """evergrant with these registrations: id → the lines of its table. Their secret is {{ env = "CLIENT_SECRET" }}, unless
    `secrets` holds more. `refresh`: lines of the table of that name; `tables`: further ones."""

    def __init__(self, registrations, port, secrets, refresh="", tables=""):
        self.tables, self.secrets = registrations, secrets
        for secret in secrets.values():
            search.know("a client secret", secret)
        # Refreshes are forced one after the other here, which the default interval would not have.
        super().__init__(None, list(registrations), extra=f'[refresh]\nforced_interval = "0s"\n{refresh}\n{tables}\n', port=port)

    def registration_block(self, name):
        return f'\n[[registration]]\nid = "{name}"\n{self.tables[name]}\n'

    def environment(self):
        return {**os.environ, **self.secrets}

    def go_through(self, registration, tenant="acme", login_hint="", cookie_of=None, cookie=""):
        """Walks the connect flow as a browser that holds `cookie` of `cookie_of` would; what has become of the session."""
        wish = {"registration": registration, "tenant": tenant, **({"login_hint": login_hint} if login_hint else {})}
        created = self.expect(201, "POST", "/v1/connect-sessions", wish)
        url, page = walk(created["url"], cookie_of or self.base, cookie)
        state = self.expect(200, "GET", f"/v1/connect-sessions/{created['id']}")
        if state["status"] == "opened":
            raise AssertionError(f"the flow ended at {url}: {page}\n{self.program.log()}")
        return state

    def why_not_connected(self, registration, **person):
        """The outcome and the reason of a flow that connects nobody, be it before the provider was asked or after."""
        state = self.go_through(registration, **person)
        if state["connection"]:
            raise AssertionError(f"connected: {state}")
        line = f'connect_failed.*"{state["id"]}"|connect_not_begun.*"{registration}"'
        return state["status"], json.loads(self.program.wait_for_line(line))["reason"]

    def connect_as(self, registration, **person):
        state = self.go_through(registration, **person)
        if state["status"] != "connected":
            raise AssertionError(f"not connected: {state}\n{self.program.log()}")
        return state["connection"]

    def connection(self, connection):
        return self.expect(200, "GET", f"/v1/connections/{connection}")

    def force(self, connection, generation=None, status=200):
        body = {} if generation is None else {"generation": generation}
        return self.expect(status, "POST", f"/v1/connections/{connection}/refresh", body)

    def read(self, connection, status=200, wait=10):
        return self.expect(status, "GET", f"/v1/connections/{connection}/token?wait={wait}")
