#!/usr/bin/python3
"""The security of the auth-injecting proxy, as one table: what a caller, a provider or a resolver may try so that a token goes
where it does not belong, or one request is taken for two. Each row is refused, and nothing of it reaches the provider's API.
Names that change their address between check and connection, and addresses that no name may lead to, are rows of
tests/unit/net/upstream_test.cpp, where the resolver is a test's own; every encoding of paths and hosts is there again, at the
level of the decision, in tests/unit/proxy/target_test.cpp."""

import socket
import threading
import unittest

from proxied_server import REALM, ProxiedServer, Wire, problem_of

OTHER = "4620816"  # a realm of somebody else

# (what, path behind /proxy, statuses that refuse it)
PATHS = (
    # USE-02, META-09: other hosts
    ("an absolute URL", "/http://evil.example/", (400,)),
    ("an absolute URL, encoded", "/http%3A%2F%2Fevil.example%2F", (400,)),
    ("an absolute URL, encoded twice", "/https%253A%252F%252Fevil.example", (400,)),
    ("an authority", "//evil.example/x", (400,)),
    ("an authority, encoded", "/%2Fevil.example/x", (400,)),
    ("user information", "/@evil.example/", (400,)),
    ("user information, encoded", "/%40evil.example/", (400,)),
    ("a backslash", "/\\evil.example/", (400,)),
    ("a backslash, encoded", "/%5Cevil.example/", (400,)),
    ("a backslash, encoded twice", "/%255Cevil.example/", (400,)),
    ("the metadata address", "/http://169.254.169.254/latest/meta-data/", (400,)),
    # dot segments
    ("dot segments", "/../../admin", (400,)),
    ("dot segments, encoded", "/%2e%2e/%2E%2E/admin", (400,)),
    ("dot segments, half encoded", "/.%2e/x", (400,)),
    ("dot segments, encoded twice", "/%252e%252e/x", (400,)),
    ("dot segments, encoded three times", "/%25252e%25252e/x", (400,)),
    ("dot segments, encoded too often", "/%2525252e%2525252e/x", (400,)),
    ("dot segments behind an encoded slash", "/x%2f..%2f..%2fadmin", (400,)),
    ("dot segments with parameters", "/x/..;/admin", (400,)),
    ("dot segments, overlong", "/x/%c0%ae%c0%ae/admin", (400,)),
    ("dot segments, fullwidth", "/x/%ef%bc%8e%ef%bc%8e/admin", (400,)),
    ("a slash, overlong", "/x%c0%afadmin", (400,)),
    ("a slash, fullwidth", "/x%ef%bc%8fadmin", (400,)),
    ("Microsoft's escapes", "/x/%u002e%u002e/admin", (400,)),
    ("empty segments", "/x//y", (400,)),
    # control characters
    ("a NUL", "/x%00.json", (400,)),
    ("a line break", "/x%0d%0aHost:%20evil.example", (400,)),
    ("a line break, encoded twice", "/x%250d%250aHost:%20evil.example", (400,)),
    ("a broken escape", "/x%", (400,)),
    ("a broken escape, hexadecimal to some", "/x%zz", (400,)),
    ("invalid UTF-8", "/x%ff", (400,)),
    # the realm rule
    ("another realm", f"/v3/company/{OTHER}/query", (403,)),
    ("another realm, in capitals", f"/V3/COMPANY/{OTHER}/query", (403,)),
    ("another realm, its word encoded", f"/v3/%63ompany/{OTHER}/query", (403,)),
    ("another realm, its word encoded twice", f"/v3/%2563ompany/{OTHER}/query", (403,)),
    ("another realm, digits encoded", "/v3/company/%34620816/query", (403,)),
    ("another realm, digits encoded twice", "/v3/company/%2534620816/query", (403,)),
    ("another realm, slashes encoded", f"/v3%2Fcompany%2F{OTHER}%2Fquery", (403,)),
    ("another realm, slashes encoded in small letters", f"/v3%2fcompany%2f{OTHER}/query", (403,)),
    ("another realm, slashes encoded twice", f"/v3%252Fcompany%252F{OTHER}/query", (403,)),
    ("another realm behind ours", f"/v3/company/{REALM}/../{OTHER}/query", (400,)),
    ("another realm behind ours, encoded", f"/v3/company/{REALM}/%2e%2e/{OTHER}/query", (400,)),
    ("another realm as a parameter's neighbour", f"/v3/company;realm={REALM}/{OTHER}/query", (403,)),
    ("ours as another realm's parameter", f"/v3/company/{OTHER};{REALM}/query", (403,)),
    ("ours with a tail", f"/v3/company/{REALM}%20/query", (403,)),
    ("ours with a NUL", f"/v3/company/{REALM}%00/query", (400,)),
    ("ours, cut", f"/v3/company/{REALM[:-1]}/query", (403,)),
    ("ours, hidden", f"/v3/company/%39{REALM[1:]}/query", (403,)),
    ("no realm where one belongs", "/v3/company", (403,)),
    ("another realm, overlong letters", f"/v3/%c1%a3ompany/{OTHER}/query", (400,)),
    ("another realm, fullwidth letters", f"/v3/%ef%bd%83ompany/{OTHER}/query", (400,)),
    ("another realm, fullwidth digits", "/v3/company/%ef%bc%94620816/query", (403,)),
    ("another realm below a prefix", f"/x/company/{OTHER}/query", (403,)),
    ("two realms", f"/v3/company/{REALM}/v3/company/{OTHER}/query", (403,)),
)

HOSTS = ("evil.example", "127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0x7f000001", "2130706433", "017700000001",
         "127.1", "[::ffff:127.0.0.1]", "evil.example@{netloc}", "{netloc}@evil.example", "{netloc}.evil.example",
         "{netloc}/", "{netloc}#", "{netloc}?", "{netloc}\\evil.example", "{netloc},evil.example", "{netloc} evil.example",
         "xn--evil", "ｅvil.example", "*")

# USE-04: (what, request behind the request line). Every one ends with a request that would be the smuggled one.
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLING = (
    ("two lengths", "Content-Length: 4\r\nContent-Length: 60\r\n\r\nbody" + SMUGGLED),
    ("two lengths in one", "Content-Length: 4, 60\r\n\r\nbody" + SMUGGLED),
    ("two equal lengths", "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody"),
    ("a length with a sign", "Content-Length: +4\r\n\r\nbody" + SMUGGLED),
    ("a length in hexadecimal", "Content-Length: 0x4\r\n\r\nbody" + SMUGGLED),
    ("length and chunks", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a coding in a list", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a coding that is none", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a coding behind a tab", "Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a space before the colon", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a folded coding", "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a bare line feed", "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a bare carriage return", "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED),
    ("a NUL in a value", "X: y\x00\r\n\r\n" + SMUGGLED),
    ("a second host", "Host: evil.example\r\n\r\n" + SMUGGLED),
    ("a header without a name", ": y\r\n\r\n" + SMUGGLED),
)
CHUNKS = (
    ("a size that is no number", "x\r\nabc\r\n0\r\n\r\n"),
    ("a negative size", "-3\r\nabc\r\n0\r\n\r\n"),
    ("a size longer than 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    ("a chunk longer than its size", "3\r\nabcdef\r\n0\r\n\r\n"),
    ("a length among the trailers", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
    ("a coding among the trailers", "3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
)


class SecurityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ProxiedServer(('realm_path = "/v3/company/{realm}/"',))
        cls.upstream = cls.server.upstream

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.asked = len(self.upstream.requests)

    def assert_nothing_was_sent(self, what):
        self.assertEqual(len(self.upstream.requests), self.asked, what)

    def status_of(self, request):
        """Of a raw request; the connection is closed by this end behind it."""
        with Wire(self.server.port, request) as wire:
            wire.socket.shutdown(socket.SHUT_WR)
            line = wire.stream.readline()
            return int(line.split()[1]) if line else None

    def request(self, target, more=""):
        return f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\n{more}\r\n"

    def test_paths(self):
        for what, path, statuses in PATHS:
            with self.subTest(what):
                self.assertIn(self.status_of(self.request(self.server.proxy(path))), statuses)
                self.assert_nothing_was_sent(what)

    def test_our_own_realm_passes(self):
        self.assertEqual(self.server.api("GET", f"/v3/company/{REALM}/query").status, 200)
        self.assertEqual(len(self.upstream.requests), self.asked + 1)

    def test_targets_that_are_no_paths(self):
        for target in ("http://evil.example/", f"http://{self.upstream.netloc}/x", "evil.example:443", "*", "x",
                       self.server.proxy("/x y"), self.server.proxy("/x#y"), self.server.proxy("/caf\xe9"),
                       self.server.proxy("/x?a\tb")):
            with self.subTest(target):
                self.assertEqual(self.status_of(self.request(target)), 400)
                self.assert_nothing_was_sent(target)

    def test_hosts_that_the_caller_names(self):
        for host in HOSTS:
            host = host.replace("{netloc}", self.upstream.netloc)
            with self.subTest(host):
                raw = self.request(self.server.proxy("/x"), f"Evergrant-Host: {host}\r\n").encode("utf-8").decode("latin-1")
                self.assertIn(self.status_of(raw), (400, 403))
                self.assert_nothing_was_sent(host)
        twice = f"Evergrant-Host: {self.upstream.netloc}\r\nEvergrant-Host: {self.upstream.netloc}\r\n"
        self.assertEqual(self.status_of(self.request(self.server.proxy("/x"), twice)), 400)
        self.assert_nothing_was_sent("two hosts")

    def test_requests_that_two_parsers_divide_differently(self):
        for what, rest in SMUGGLING:
            with self.subTest(what):
                head = f"POST {self.server.proxy('/x/echo')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\n"
                self.assertEqual(self.status_of(head + rest), 400)
                self.assert_nothing_was_sent(what)

    def test_what_follows_a_request_is_a_request_of_its_own(self):
        """Never the provider's next one: it needs a key like any other."""
        head = f"POST {self.server.proxy('/x/echo')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\n"
        for rest in ("Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"):
            smuggled = SMUGGLED.replace("/smuggled", self.server.proxy("/x/smuggled")).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
            with Wire(self.server.port, head + rest + smuggled) as wire:
                self.assertEqual([wire.answer()[0], wire.answer()[0]], [200, 401])
        self.assertEqual([asked.body for asked in self.upstream.requests[self.asked:]], [b"body", b"body"])

    def test_chunks_that_are_none_never_become_a_whole_request(self):
        for what, body in CHUNKS:
            with self.subTest(what):
                head = f"POST {self.server.proxy('/x/sink')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                status = self.status_of(head + f"Authorization: Bearer {self.server.key}\r\n\r\n" + body)
                self.assertEqual(status, 400)
        self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        self.assertFalse(any(asked.whole for asked in self.upstream.requests[self.asked:-1]))

    def test_upgrades(self):
        for upgrade in ("websocket", "h2c, websocket", "TLS/1.0", "HTTP/2.0"):
            answer = self.server.api("GET", "/x/echo", headers={"Connection": "Upgrade", "Upgrade": upgrade})
            self.assertEqual((answer.status, problem_of(answer.body)), (501, "unsupported"))
        self.assertIn(self.status_of(f"CONNECT {self.upstream.netloc} HTTP/1.1\r\nHost: x\r\n\r\n"), (405,))
        self.assertIn(self.status_of(f"TRACE {self.server.proxy('/x')} HTTP/1.1\r\nHost: x\r\n\r\n"), (405,))
        self.assert_nothing_was_sent("upgrades")
        answer = self.server.api("GET", "/x/echo", headers={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"})
        self.assertEqual(answer.status, 200)  # what libraries offer and expect to be ignored
        self.assertFalse({"upgrade", "http2-settings"} & {name.lower() for name, _ in self.upstream.requests[-1].fields})

    def test_methods_that_another_program_may_read_as_another(self):
        for method in ("get", "Post", "G$T", "X" * 21):
            answer = self.server.api(method, "/x/echo")
            self.assertEqual((answer.status, problem_of(answer.body)), (400, "invalid_argument"))
        self.assert_nothing_was_sent("methods")
        for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-Rewrite-URL"):
            self.server.api("GET", "/x/echo", headers={name: "DELETE"})
            self.assertIsNone(self.upstream.requests[-1].value(name))

    def test_redirects_are_not_followed_and_lead_no_caller_astray(self):
        evil = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(evil.close)
        visits = []
        threading.Thread(target=lambda: visits.append(evil.accept()), daemon=True).start()
        elsewhere = "http://127.0.0.1:%d/" % evil.getsockname()[1]
        rows = ((elsewhere, None, elsewhere),
                ("//evil.example/x", None, "http://evil.example/x"),
                (f"http://{self.upstream.netloc}@evil.example/", None, f"http://{self.upstream.netloc}@evil.example/"),
                ("/x/there?a=b", self.server.proxy("/x/there?a=b"), None),
                (f"http://{self.upstream.netloc}/x/there", self.server.proxy("/x/there"), None),
                ("there", self.server.proxy("/x/there"), None),
                (f"{elsewhere}?access_token={self.server.token()['access_token']}", None, None))
        for status in (301, 302, 303, 307, 308, 201):
            for location, followed, told in rows:
                self.upstream.raw["moved"] = (f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Location: /y\r\n"
                                              "Refresh: 0; url=http://evil.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").encode()
                answer = self.server.api("GET", "/x/moved")
                self.assertEqual((answer.status, answer.headers.get("Location"), answer.headers.get("Evergrant-Location")),
                                 (status, followed, told), location)
                self.assertFalse({"Refresh", "Content-Location"} & set(answer.headers))
        self.assertEqual(visits, [])
        self.assertEqual(len(self.upstream.requests), self.asked + 6 * len(rows))

    def test_an_answer_cannot_be_split(self):
        for name, field in (("split", "X-A: b\rSet-Cookie: c=d"), ("bare", "X-A: b\nSet-Cookie: c=d"), ("nul", "X-A: b\x00c")):
            self.upstream.raw[name] = f"HTTP/1.1 200 OK\r\n{field}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi".encode()
            answer = self.server.api("GET", f"/x/{name}")
            self.assertIn(answer.status, (200, 502))
            self.assertNotIn("Set-Cookie", answer.headers)
            self.assertNotIn("X-A", answer.headers)

    def test_a_second_answer_is_not_the_answer_to_the_next_call(self):
        other = self.server.import_grant(self.server.sandbox.grant("555"), tenant="other")
        self.upstream.raw["doubled"] = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
                                        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        for _ in range(5):
            self.assertEqual(self.server.api("GET", "/x/doubled").body, b"hi")
            self.assertEqual(self.server.call("GET", self.server.proxy("/x/echo", other)).json()["target"], "/x/echo")

    def test_each_realms_token_goes_with_its_own_calls_only(self):
        grants = {f"60{number}": self.server.sandbox.grant(f"60{number}") for number in range(8)}
        connections = {realm: self.server.import_grant(grant) for realm, grant in grants.items()}
        def call(realm):
            for _ in range(10):
                self.server.call("GET", self.server.proxy(f"/v3/company/{realm}/echo", connections[realm]))
        threads = [threading.Thread(target=call, args=(realm,)) for realm in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent = self.upstream.requests[self.asked:]
        self.assertEqual(len(sent), 80)
        for asked in sent:
            realm = asked.target.split("/")[3]
            self.assertEqual(asked.token, grants[realm]["access_token"])

    def test_no_token_is_in_what_the_server_says(self):
        token = self.server.token()["access_token"]
        self.assertNotIn(token, self.server.program.log())
        self.assertNotIn(token, self.server.get("/metrics").body.decode())
        self.assertNotIn(token, self.server.get("/v1/audit?limit=200").body.decode())


class ProfileTest(unittest.TestCase):
    def test_a_profile_that_leads_elsewhere_sends_nothing(self):
        for profile in (('allowed_hosts = ["api.example.com"]',),
                        ('api_base = "https://169.254.169.254"', 'allowed_hosts = ["169.254.169.254"]'),
                        ('api_base = "https://10.0.0.1"', 'allowed_hosts = ["10.0.0.1"]'),
                        ('api_base = "https://[fd00::1]:8443/v1"', 'allowed_hosts = ["[fd00::1]:8443"]')):
            server = ProxiedServer(profile)
            try:
                answer = server.api("GET", "/x/echo")
                self.assertEqual((answer.status, problem_of(answer.body)), (403, "forbidden"), profile)
                self.assertEqual(server.upstream.requests, [])
            finally:
                server.close()


if __name__ == "__main__":
    unittest.main()
