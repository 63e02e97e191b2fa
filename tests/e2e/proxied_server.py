"""A configured server whose registration's API is a test's upstream, with a connection to call it for, and raw calls to it."""

import json
import socket
import urllib.parse

from evergrant_process import ConfiguredServer, Sandbox
from api_upstream import Upstream

REALM = "9130347"


class ProxiedServer(ConfiguredServer):
    def __init__(self, profile=(), extra=""):
        self.upstream = Upstream()
        self.inject = {"api_base": f'"http://{self.upstream.netloc}"', "allowed_hosts": f'["{self.upstream.netloc}"]'}
        self.inject.update(line.split(" = ", 1) for line in profile)
        sandbox = Sandbox()
        try:
            super().__init__(sandbox, extra=extra)
        except BaseException:
            sandbox.stop()
            raise
        self.connection = self.import_grant(self.sandbox.grant(REALM))

    def registration_block(self, name):
        kept = [line for line in super().registration_block(name).splitlines() if not line.startswith("profile.inject.")]
        kept += [f"profile.{'' if '.' in field else 'inject.'}{field} = {value}" for field, value in self.inject.items()]
        return "\n".join(kept) + "\n"

    def proxy(self, path="", connection=None):
        return f"/v1/connections/{connection or self.connection}/proxy{path}"

    def api(self, method, path, body=None, **more):
        return self.call(method, self.proxy(path), body, **more)

    def token(self):
        return self.get(f"/v1/connections/{self.connection}/token").json()

    def memory(self, what="VmRSS"):
        with open(f"/proc/{self.program.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(what))  # KiB

    def wire(self, head, body=b"", key=None):
        """A raw connection on which a request was sent; `head` without its credentials and its end."""
        return Wire(self.port, head.replace("\n", "\r\n") + f"\r\nHost: x\r\nAuthorization: Bearer {key or self.key}\r\n\r\n", body)

    def last_audit(self):
        items = self.get("/v1/audit?limit=20").json()["items"]
        return next(item for item in items if item["action"] == "proxy")

    def close(self):
        self.upstream.close()
        try:
            return super().close()
        finally:
            self.sandbox.stop()


class Wire:
    def __init__(self, port, head, body=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(head.encode("latin-1") + body)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self):
        """Status and header fields of the next answer."""
        status = int(self.stream.readline().split()[1])
        fields = {}
        while line := self.stream.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return status, fields

    def chunk(self):
        size = int(self.stream.readline(), 16)
        data = self.stream.read(size)
        if size:
            self.stream.readline()
        return data

    def answer(self):
        """(status, fields, body, trailers) of the next answer, its body as its framing says."""
        status, fields = self.head()
        trailers = {}
        if "transfer-encoding" in fields:
            body = b""
            while piece := self.chunk():
                body += piece
            while line := self.stream.readline().decode("latin-1").rstrip("\r\n"):
                name, _, value = line.partition(":")
                trailers[name.lower()] = value.strip()
        elif "content-length" in fields:
            body = self.stream.read(int(fields["content-length"]))
        else:
            body = b"" if status in (204, 304) else self.stream.read()
        return status, fields, body, trailers

    def rest(self):
        """What comes until the end, and whether the end was a reset."""
        data = b""
        try:
            while piece := self.stream.read1(1 << 16):
                data += piece
        except ConnectionResetError:
            return data, True
        return data, False


def problem_of(body):
    return json.loads(body)["code"]


def quoted(text):
    return urllib.parse.quote(text, safe="")
