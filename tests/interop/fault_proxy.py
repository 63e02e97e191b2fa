"""A reverse proxy on loopback that stands between evergrant and a real provider. It reads each request and each answer whole,
keeps an account of them, and does on command to the next request of a path what networks and tired gateways do."""

import dataclasses
import http.client
import http.server
import socket
import struct
import threading
import urllib.parse

DEADLINE_SECONDS = 30
NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a RST


@dataclasses.dataclass
class Seen:
    """A request as it came. `status` is the provider's; 0: the provider never saw the request."""
    path: str
    form: dict
    reused: bool  # not the first on its TCP connection
    fault: str = ""
    status: int = 0


class Fault:
    """What is to happen to one request. `met` is set when it has happened; `release` lets what is held go on."""

    def __init__(self, name, fault):
        self.name = name
        self.reaches_provider, self.deliver = fault
        self.met, self.released = threading.Event(), threading.Event()

    def release(self):
        self.released.set()

    def wait(self):
        if not self.met.wait(DEADLINE_SECONDS):
            raise TimeoutError(f"{self.name}: no request came")


def message(status, headers, body, length=None):
    head = f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}\r\n"
    fields = [*headers, ("Content-Length", len(body) if length is None else length)]
    return (head + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n").encode("latin-1") + body


def close(exchange, *_):
    exchange.close_connection = True


def reset(exchange, *_):
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    exchange.close_connection = True


def whole(exchange, _, answer):
    exchange.connection.sendall(message(*answer))


def delay(exchange, fault, answer):
    fault.met.set()
    fault.released.wait(DEADLINE_SECONDS)
    whole(exchange, fault, answer)


def answer_late(exchange, fault, answer):
    """As soon as nobody listens any more."""
    exchange.connection.settimeout(DEADLINE_SECONDS)
    try:
        if exchange.connection.recv(1):
            raise AssertionError("a second request came before the first was answered")
        whole(exchange, fault, answer)
    except ConnectionError:
        pass
    exchange.close_connection = True


def truncate(exchange, _, answer):
    """The length is announced, and half of it comes."""
    status, headers, body = answer
    exchange.connection.sendall(message(status, headers, body[:len(body) // 2], len(body)))
    exchange.close_connection = True


def shorten(exchange, _, answer):
    """Half of the body as if it were all of it: only who reads it can tell."""
    status, headers, body = answer
    exchange.connection.sendall(message(status, headers, body[:len(body) // 2]))


def duplicate(exchange, _, answer):
    exchange.connection.sendall(message(*answer) * 2)


def duplicate_later(exchange, fault, answer):
    """The second copy comes when it is released, into a connection that is idle by then, or closed."""
    whole(exchange, fault, answer)
    fault.released.wait(DEADLINE_SECONDS)
    try:
        whole(exchange, fault, answer)
    except ConnectionError:
        exchange.close_connection = True


# name → (whether the provider sees the request, what becomes of the answer)
FAULTS = {
    "drop_request": (False, close),
    "reset_request": (False, reset),
    "drop_answer": (True, close),
    "reset_answer": (True, reset),
    "truncate": (True, truncate),
    "shorten": (True, shorten),
    "answer_late": (True, answer_late),
    "delay": (True, delay),
    "duplicate": (True, duplicate),
    "duplicate_later": (True, duplicate_later),
}


class Exchange(http.server.BaseHTTPRequestHandler):
    """One TCP connection; do_* is one request on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    requests = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy = self.server.proxy
        seen, fault = proxy.admit(self.path, body, self.requests > 0)
        self.requests += 1
        answer = None
        if fault is None or fault.reaches_provider:
            answer = proxy.forward(self.command, self.path, body, self.headers)
            seen.status = answer[0]
        (fault.deliver if fault else whole)(self, fault, answer)
        if fault:
            fault.met.set()

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, proxy, port):
        self.proxy, self.open, self.lock = proxy, set(), threading.Lock()
        super().__init__(("127.0.0.1", port), Exchange)

    def process_request(self, request, address):
        with self.lock:
            self.open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        with self.lock:
            self.open.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET)) == RESET:
            self.close_request(request)  # a FIN before it would be an orderly end
        else:
            super().shutdown_request(request)

    def handle_error(self, request, address):
        """The other end is gone: the tests' business, not an error of the proxy's."""

    def stop(self):
        self.shutdown()
        self.server_close()
        with self.lock:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # ended by itself


class FaultProxy:
    listener_class = Listener

    def __init__(self, test, target):
        self.target = urllib.parse.urlsplit(target).netloc
        self.lock, self.seen, self.armed = threading.Lock(), [], []
        self.port, self.listener, self.thread = 0, None, None
        self.listen()
        self.base = f"http://127.0.0.1:{self.port}"
        test.addCleanup(self.stop_listening)

    def listen(self):
        self.listener = self.listener_class(self, self.port)
        self.port = self.listener.server_port
        self.thread = threading.Thread(target=self.listener.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop_listening(self):
        """From now on connections are refused, and those that stand end."""
        if not self.listener:
            return
        self.listener.stop()
        self.thread.join(DEADLINE_SECONDS)
        self.listener = None

    def arm(self, path, name):
        """The next request of this path that no earlier fault is waiting for meets this one."""
        fault = Fault(name, FAULTS[name])
        with self.lock:
            self.armed.append((path, fault))
        return fault

    def admit(self, path, body, reused):
        seen = Seen(path, dict(urllib.parse.parse_qsl(body.decode("latin-1"))), reused)
        with self.lock:
            self.seen.append(seen)
            waiting = next((entry for entry in self.armed if entry[0] == path), None)
            if waiting:
                self.armed.remove(waiting)
                seen.fault = waiting[1].name
        return seen, waiting[1] if waiting else None

    def forward(self, method, path, body, headers):
        """On a connection of its own, so that nothing but the faults decides what becomes of evergrant's."""
        provider = http.client.HTTPConnection(self.target, timeout=DEADLINE_SECONDS)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}
            provider.request(method, path, body=body or None, headers=kept)
            answer = provider.getresponse()
            fields = [(name, value) for name, value in answer.getheaders() if name.lower() not in NOT_PASSED_ON]
            return answer.status, fields, answer.read()
        finally:
            provider.close()

    def presented(self, refresh_token):
        """The requests that carried it, in order."""
        with self.lock:
            return [seen for seen in self.seen if seen.form.get("refresh_token") == refresh_token]
