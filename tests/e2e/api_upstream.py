"""A provider's API for the tests of the proxy: a real HTTP/1.1 server whose answers a test chooses by the path, down to the
byte, and which keeps what it was asked. Nothing here sleeps."""

import hashlib
import json
import socket
import threading

KEPT_BODY = 1 << 20


class Asked:
    """One request as it arrived."""

    def __init__(self, method, target, fields, connection):
        self.method, self.target, self.fields, self.connection = method, target, fields, connection
        self.body, self.length, self.digest, self.trailers, self.whole = b"", 0, hashlib.sha256(), [], False

    def values(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def value(self, name):
        found = self.values(name)
        return found[0] if found else None

    @property
    def token(self):
        return (self.value("Authorization") or "").removeprefix("Bearer ")

    def take(self, piece):
        self.length += len(piece)
        self.digest.update(piece)
        if self.length <= KEPT_BODY:
            self.body += piece


class Upstream:
    def __init__(self, tls=None):
        self.tls = tls
        self.requests, self.connections = [], 0
        self.refused_tokens, self.challenge = set(), 'Bearer error="invalid_token"'
        self.raw = {}          # last segment of the path: the bytes of the whole answer, then the end of the connection
        self.go_on = threading.Event()
        self.arrived = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.netloc = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.go_on.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        except OSError:
            pass  # closed before
        self.listener.close()

    def wait_for(self, count, seconds=30):
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.requests) >= count, seconds):
                raise TimeoutError(f"{len(self.requests)} requests arrived, not {count}")

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection, number):
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as stream:
                while self._serve_one(connection, stream, number):
                    pass
        except (OSError, ValueError):
            pass  # the other end went away within a request

    def _serve_one(self, connection, stream, number):
        line = stream.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        fields = read_fields(stream)
        asked = Asked(method, target, fields, number)
        with self.arrived:
            self.requests.append(asked)
            self.arrived.notify_all()
        name = target.split("?")[0].rsplit("/", 1)[-1]
        if asked.token in self.refused_tokens:
            if asked.value("Expect") is None:
                read_body(asked, stream)
            answer(connection, 401, [("WWW-Authenticate", self.challenge)] if self.challenge else [], b"refused")
            return asked.value("Expect") is None
        act = getattr(self, "do_" + name.replace("-", "_"), None)
        if name in self.raw:
            read_body(asked, stream)
            connection.sendall(self.raw[name])
            return False
        return (act or self.do_echo)(asked, connection, stream) is not False

    # What the last segment of a path asks for.

    def do_echo(self, asked, connection, stream):
        read_body(asked, stream)
        said = {"method": asked.method, "target": asked.target, "fields": asked.fields, "trailers": asked.trailers,
                "body": asked.body.decode("latin-1")}
        answer(connection, 200, [("Content-Type", "application/json")], json.dumps(said).encode(), asked.method == "HEAD")

    def do_sink(self, asked, connection, stream):
        if asked.value("Expect"):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        read_body(asked, stream)
        said = {"length": asked.length, "sha256": asked.digest.hexdigest(), "trailers": asked.trailers}
        answer(connection, 200, [("Content-Type", "application/json")], json.dumps(said).encode())

    def do_flood(self, asked, connection, stream):
        """As many bytes as the query says, in a counted or a chunked body."""
        read_body(asked, stream)
        size, form = asked.target.split("?")[1].split("-")
        left, block = int(size), bytes(range(256)) * 256
        head = f"Content-Length: {left}" if form == "counted" else "Transfer-Encoding: chunked"
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        while left > 0:
            piece = block[:min(left, len(block))]
            left -= len(piece)
            connection.sendall(piece if form == "counted" else b"%x\r\n%s\r\n" % (len(piece), piece))
        if form != "counted":
            connection.sendall(b"0\r\nX-Sum: done\r\nSet-Cookie: a=b\r\n\r\n")

    def do_events(self, asked, connection, stream):
        read_body(asked, stream)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
        self.go_on.wait(30)
        connection.sendall(b"data: two\n\n")
        return False

    def do_waits(self, asked, connection, stream):
        read_body(asked, stream)
        self.go_on.wait(30)
        answer(connection, 200, [], b"went on")

    def do_early(self, asked, connection, stream):
        answer(connection, 413, [("Connection", "close")], b"too much")
        return False

    def do_closes(self, asked, connection, stream):
        """Takes the request and goes away without a word."""
        read_body(asked, stream)
        return False


def read_fields(stream):
    fields = []
    while True:
        line = stream.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return fields
        name, _, value = line.partition(":")
        fields.append((name, value.strip()))


def read_body(asked, stream):
    if asked.value("Transfer-Encoding"):
        while size := int(stream.readline().split(b";")[0], 16):
            asked.take(stream.read(size))
            stream.readline()
        asked.trailers = read_fields(stream)
    else:
        left = int(asked.value("Content-Length") or 0)
        while left > 0:
            piece = stream.read1(min(left, 1 << 16))
            if not piece:
                raise OSError("the body broke off")
            asked.take(piece)
            left -= len(piece)
    asked.whole = True


def answer(connection, status, fields, body, head=False):
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in fields)]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if head else body))
