"""Bad input of every kind to every endpoint: a clear 4xx problem, never a 500, a crash or a half-made record."""

import contextlib
import http.client
import json
import re
import socket
import sqlite3
import unittest
import urllib.parse

import evergrant_process as eg

REALM = "4620816365000000001"
CODES = {"invalid_argument", "unauthenticated", "forbidden", "not_found", "conflict", "gone", "too_large", "rate_limited",
         "method_not_allowed", "bad_request", "request_timeout", "header_too_large", "expectation_failed"}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]

# method, path, a good body (None: takes none), query parameters; as src/api/routes.cpp has them. {con}, {cal}, {ses}, {key}
# stand for things that exist.
ROUTES = [
    ("GET", "/v1/connections/{con}/token", None, "min_ttl wait"),
    ("GET", "/v1/registrations/sandbox/realms/{realm}/token", None, "min_ttl wait"),
    ("POST", "/v1/connections/{con}/refresh", {"generation": 1}, "wait"),
    ("POST", "/v1/tokens:batch", {"connections": ["{con}"], "min_ttl": 0, "wait": 1}, ""),
    ("GET", "/v1/auth-request", None, ""),
    ("GET", "/v1/connections", None, "tenant registration realm status limit cursor"),
    ("POST", "/v1/connections", {"registration": "sandbox", "tenant": "acme", "realm": "1", "access_token": "at",
                                 "refresh_token": "rt", "access_expires_at": 2000000000, "scope": ["a"], "verify": False,
                                 "refresh_idle_expires_at": "2040-01-01T00:00:00Z",
                                 "refresh_absolute_expires_at": "2040-01-01T00:00:00Z"}, ""),
    ("GET", "/v1/connections/{con}", None, ""),
    ("GET", "/v1/connections/{con}/events", None, "limit cursor"),
    ("DELETE", "/v1/connections/{con}", None, "force"),
    ("POST", "/v1/connections/{con}/release", None, ""),
    ("DELETE", "/v1/tenants/acme", None, ""),
    ("POST", "/v1/connect-sessions", {"registration": "sandbox", "tenant": "acme", "return_to": "http://127.0.0.1:3000/",
                                      "scopes": ["com.intuit.quickbooks.accounting"], "login_hint": "x",
                                      "connection": "{con}"}, ""),
    ("GET", "/v1/connect-sessions/{ses}", None, ""),
    ("POST", "/v1/id-tokens/verify", {"registration": "sandbox", "id_token": "a.b.c", "nonce": "n", "access_token": "at", "max_age": 60,
                                      "acr_values": ["x"], "realm": "1", "connection": "{con}"}, ""),
    ("GET", "/v1/events", None, "connection tenant registration realm limit cursor"),
    ("GET", "/v1/registrations", None, ""),
    ("POST", "/v1/registrations/sandbox/resume", None, ""),
    ("POST", "/v1/registrations/sandbox/release-hold", None, ""),
    ("GET", "/v1/providers", None, ""),
    ("GET", "/v1/callers", None, "limit cursor"),
    ("POST", "/v1/callers", {"name": "n", "verbs": ["connect"], "registrations": ["*"], "tenants": ["*"], "expires_in": 60,
                             "connections": ["con_x"], "methods": ["GET"], "paths": ["/a/*"], "requests_per_minute": 5}, ""),
    ("POST", "/v1/callers/derive", {"name": "n", "verbs": ["connect"], "registrations": ["sandbox"], "tenants": ["acme"],
                                    "connections": ["con_x"], "methods": ["GET"], "paths": ["/a/*"], "requests_per_minute": 5,
                                    "lifetime": 60}, ""),
    ("POST", "/v1/callers/explain", {"caller": "{cal}", "verb": "proxy", "connection": "{con}", "method": "GET", "path": "/a"}, ""),
    ("DELETE", "/v1/callers/{cal}", None, ""),
    ("GET", "/v1/audit", None, "connection caller limit cursor"),
    ("GET", "/v1/keys", None, "tenant"),
    ("POST", "/v1/keys/rotate", {"what": "tenant", "tenant": "acme"}, ""),
    ("POST", "/v1/keys/{key}/retire", None, ""),
    ("GET", "/jwks/sandbox", None, ""),
    ("GET", "/healthz", None, ""),
    ("GET", "/readyz", None, ""),
    ("GET", "/metrics", None, ""),
    ("GET", "/openapi.json", None, ""),
]
PUBLIC = {"/jwks/sandbox", "/healthz", "/readyz", "/openapi.json", "/metrics"}  # /metrics: on loopback
IDEMPOTENT = {"/v1/connections", "/v1/connect-sessions", "/v1/callers", "/v1/callers/derive"}
WRONG_KINDS = [0, -1, 1.5, 1e300, 2**63, True, "", "\x00", "a\nb", "x" * 100_000, [], [1], [[]], [""], ["\x07"], {}, {"a": 1}]
NOT_JSON = [b"", b"{", b"{}}", b"nul", b"'a'", b'{"a":1,}', b'{"a":NaN}', b"\xff\xfe{}", b'{"tenant":"\xc3\x28"}', b"\x00", b"[]", b'"x"',
            b"1", b"null", b"true", b'{"tenant":"\\ud800"}', b"[" * 5000, b'{"a":' * 5000, b"{" + b'"tenant":"a",' * 2 + b'"x":1}']


class Input(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = eg.DevServer()
        cls.addClassCleanup(cls.server.close)
        cls.con = cls.server.connect("sandbox", "acme", REALM)
        cls.server.expect(200, "GET", f"/v1/connections/{cls.con}/token")
        cls.cal = cls.server.expect(201, "POST", "/v1/callers", {"name": "bystander", "verbs": ["connect"]})["id"]
        cls.ses = cls.server.expect(201, "POST", "/v1/connect-sessions", {"registration": "sandbox", "tenant": "acme"})["id"]
        cls.key = cls.server.expect(200, "GET", "/v1/keys?tenant=acme")["items"][0]["id"]

    def setUp(self):
        self.before = self.records()

    def tearDown(self):
        """Whatever came in: nothing was made, changed or lost, and the server is as well as before."""
        self.server.expect(200, "GET", "/readyz")
        self.assertIsNone(self.server.program.process.poll())
        self.assertNotRegex(self.server.program.log(), "handler_failed|unsendable_response")
        after = self.records()
        for table in self.before:
            self.assertEqual(self.before[table], after[table], f"table {table} changed")

    def records(self):
        """Every row of every table but the audit trail, whose entries are wanted, and the time of a connection's last use."""
        database = sqlite3.connect(f"file:{self.server.data}/evergrant.db?mode=ro", uri=True)
        with contextlib.closing(database):
            database.row_factory, database.text_factory = sqlite3.Row, bytes
            tables = [row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            return {table: [{k: row[k] for k in row.keys() if k != "last_used_at"} for row in database.execute(f"SELECT * FROM {table}")
                            if table != "meta" or row["name"] != b"probe"]  # /readyz writes that one
                    for table in tables if table not in ("audit", "sqlite_sequence")}

    def fill(self, text):
        for name, value in (("con", self.con), ("cal", self.cal), ("ses", self.ses), ("key", self.key), ("realm", REALM)):
            text = text.replace("{" + name + "}", value)
        return text

    def routes(self):
        for method, path, body, query in ROUTES:
            body = None if body is None else json.loads(self.fill(json.dumps(body)))
            yield method, self.fill(path), body, query.split()

    def send(self, method, path, body=b"", headers=(), key=None):
        """`headers` may repeat a name, which http.client's short form cannot."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_accept_encoding=True)
            if key != "":
                connection.putheader("Authorization", f"Bearer {key or self.server.key}")
            for name, value in headers:
                connection.putheader(name, value)
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a refusal may come before all is sent
                connection.send(body)
            answer = connection.getresponse()
            return eg.Answer(answer.status, answer.headers, answer.read())

    def send_json(self, method, path, body, **more):
        return self.send(method, path, body if isinstance(body, bytes) else json.dumps(body).encode(),
                         [("Content-Type", "application/json")], **more)

    def assert_problem(self, answer, *statuses, what=""):
        said = f"{what}: {answer}"
        if statuses:
            self.assertIn(answer.status, statuses, said)
        self.assertTrue(400 <= answer.status < 500, said)
        self.assertEqual("application/problem+json", answer.headers["Content-Type"], said)
        self.assertEqual("no-store", answer.headers["Cache-Control"], said)
        problem = answer.json()
        self.assertEqual(answer.status, problem["status"], said)
        self.assertIn(problem["code"], CODES, said)
        self.assertTrue(problem["title"] and problem["detail"], said)
        self.assertNotIn(self.server.key, answer.body.decode(), said)
        if answer.status == 405:
            self.assertEqual("method_not_allowed", problem["code"], said)
            self.assertTrue(answer.headers["Allow"], said)
        if answer.status == 401:
            self.assertIn("Bearer", answer.headers["WWW-Authenticate"], said)
        return problem

    # --- methods and paths ---

    def test_a_method_that_a_path_does_not_take(self):
        taken = {}
        for method, path, _, _ in self.routes():
            taken.setdefault(path, set()).add(method)
        for path, methods in taken.items():
            for method in METHODS + (["HEAD"] if "GET" not in methods else []):
                if method in methods:
                    continue
                with self.subTest(method=method, path=path):
                    answer = self.send(method, path)
                    if method == "HEAD":
                        self.assertEqual(405, answer.status)
                        continue
                    self.assert_problem(answer, 405)
                    self.assertEqual(methods, set(answer.headers["Allow"].split(", ")))

    def test_trace_and_connect_are_refused_by_the_server_itself(self):
        self.assert_problem(self.send("TRACE", "/v1/connections"), 405)

    def test_paths_where_there_is_nothing(self):
        for path in ["/v1", "/v1/", "/v2/connections", "/v1/connections/", "/v1/connections//token", "/v1//connections", "//",
                     f"/v1/connections/{self.con}/", f"/v1/connections/{self.con}/token/", f"/V1/connections/{self.con}",
                     f"/v1/connections/{self.con}/proxies/x", "/.git/config", "/v1/../v1/connections", "/v1/connections;a=b",
                     "/v1/connections/%", "/v1/connections/%z1", "/v1/connections/%ff", "/v1/connections/%ed%a0%80"]:
            with self.subTest(path):
                self.assert_problem(self.send("GET", path), 404)

    def test_ids_that_nothing_has(self):
        encoded = ["con_nobody", "%00", "a%00b", "%2F", "..%2F..%2Fetc%2Fpasswd", "%27%20OR%201=1--", "%0d%0aX:%20y", "*", "@x", "-1",
                   "x" * 10_000, "%F0%9F%98%80", "con_" + "a" * 26]
        for method, path, body, _ in self.routes():
            for name in (self.con, self.cal, self.ses, self.key, "sandbox", REALM):
                if name not in path.split("/"):
                    continue
                for value in encoded:
                    with self.subTest(method=method, path=path, value=value[:40]):
                        answer = self.send_json(method, path.replace(name, value, 1), body) if body else \
                            self.send(method, path.replace(name, value, 1))
                        self.assert_problem(answer, 400, 404)

    def test_tenants_that_cannot_be(self):
        for tenant in ["@evergrant", "%00", "a%0ab", "x" * 201]:
            with self.subTest(tenant):
                self.assert_problem(self.send("DELETE", f"/v1/tenants/{tenant}"), 400)

    # --- queries ---

    def test_query_parameters_that_are_unknown_twice_or_malformed(self):
        for method, path, body, query in self.routes():
            bad = ["x=1", "Limit=1", "access_token=abc", "%zz", "a=%", "%ff=1", "=", "=1"]
            for name in query:
                bad += [f"{name}=1&{name}=1", f"{name}=%zz", f"{name}=%", f"{name}=%ff", f"{name}=%ed%a0%80", f"{name.upper()}=1"]
            for text in bad:
                with self.subTest(method=method, path=path, query=text):
                    answer = self.send_json(method, f"{path}?{text}", body) if body else self.send(method, f"{path}?{text}")
                    self.assert_problem(answer, 400)

    def test_query_parameters_with_wrong_values(self):
        wrong_numbers = ["", "-1", "+1", "1.5", "1e3", "0x10", " 1", "1 ".replace(" ", "%20"), "a", "%00", "9" * 30, "-" + "9" * 30, "١"]
        values = {"limit": [*wrong_numbers, "0", "201"], "min_ttl": [*wrong_numbers, str(366 * 86400 + 1)], "wait": [*wrong_numbers, "121"],
                  "status": ["x", "ACTIVE", "%00", "active,revoked"], "force": ["1", "yes", "TRUE", "%00"],
                  "cursor": ["x", "-", "%00", "czE=", "cw", "YQ", "YTEyMw", "c2E", "czk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "x" * 8000]}
        for method, path, body, query in self.routes():
            for name in query:
                for value in values.get(name, []):
                    quoted = value if "%" in value else urllib.parse.quote(value)
                    with self.subTest(path=path, query=f"{name}={quoted[:60]}"):
                        target = f"{path}?{name}={quoted}"
                        self.assert_problem(self.send_json(method, target, body) if body else self.send(method, target), 400)

    def test_a_cursor_of_another_listing_is_refused(self):
        cursor = self.server.expect(200, "GET", "/v1/events?limit=1")["next"]
        for path in ("/v1/connections", "/v1/callers"):
            self.assert_problem(self.send("GET", f"{path}?cursor={cursor}"), 400, what=path)

    # --- bodies ---

    def test_a_body_where_none_is_taken(self):
        for method, path, body, _ in self.routes():
            if body is None:
                with self.subTest(method=method, path=path):
                    self.assert_problem(self.send_json(method, path, {"a": 1}), 400)

    def test_bodies_that_are_not_the_json_object_that_is_wanted(self):
        for method, path, body, _ in self.routes():
            if body is None:
                continue
            for text in NOT_JSON:
                if text == b"" and path.endswith("/refresh"):
                    continue  # may be left out there
                with self.subTest(path=path, body=text[:40]):
                    self.assert_problem(self.send_json(method, path, text), 400, 413)

    def test_a_body_of_another_content_type(self):
        for method, path, body, _ in self.routes():
            if body is None:
                continue
            text = json.dumps(body).encode()
            for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data; boundary=x", "", "json"]:
                with self.subTest(path=path, kind=kind):
                    self.assert_problem(self.send(method, path, text, [("Content-Type", kind)]), 400)
            self.assert_problem(self.send(method, path, text), 400, what=path + " without Content-Type")

    def test_fields_that_are_unknown_twice_or_missing(self):
        for method, path, body, _ in self.routes():
            if body is None:
                continue
            text = json.dumps(body)
            first = next(iter(body))
            cases = {"unknown": {**body, "admin": True}, "other case": {**body, first.upper(): body[first]},
                     "twice": f'{{"{first}": {json.dumps(body[first])}, {text[1:]}'.encode(),
                     "twice, escaped": f'{{"\\u{ord(first[0]):04x}{first[1:]}": {json.dumps(body[first])}, {text[1:]}'.encode(),
                     "NUL in a name": {**body, first + "\x00": 1}, "__proto__": {**body, "__proto__": {}}}
            required = {"/v1/connections": ["registration", "tenant", "realm"], "/v1/connect-sessions": ["registration", "tenant"],
                        "/v1/callers": ["name", "verbs"], "/v1/keys/rotate": ["what", "tenant"],
                        "/v1/id-tokens/verify": ["registration", "id_token"],
                        "/v1/tokens:batch": ["connections"],
                        "/v1/callers/explain": ["caller", "verb", "method", "path"]}.get(path, [])
            for name in required:
                cases[f"without {name}"] = {k: v for k, v in body.items() if k != name}
                cases[f"null for {name}"] = {**body, name: None}
            for case, content in cases.items():
                with self.subTest(path=path, case=case):
                    self.assert_problem(self.send_json(method, path, content), 400)

    def test_fields_of_the_wrong_kind(self):
        fits = {("verify", True), ("access_expires_at", 0), ("scope", "[]"), ("scopes", "[]"), ("registrations", "[]"), ("tenants", "[]"),
                ("connections", "[]"), ("methods", "[]"), ("paths", "[]"),
                ("return_to", ""), ("login_hint", ""), ("connection", ""), ("nonce", ""), ("realm", ""), ("max_age", "0"), ("min_ttl", "0"), ("wait", "0"), ("acr_values", "[]"),
                ("id_token", "\x00"), ("id_token", "a\nb"), ("id_token", "x" * 100_000)}
        for method, path, body, _ in self.routes():
            for name in body or {}:
                for value in WRONG_KINDS:
                    if (name, value if isinstance(value, (bool, str)) else json.dumps(value)) in fits:
                        continue  # that is the right kind
                    if (path, name, value) == ("/v1/callers/derive", "name", ""):
                        continue  # the name may be left out
                    if path.endswith("/explain") and (name, value) in (("connection", ""), ("method", "a\nb")):
                        continue
                    with self.subTest(path=path, field=name, value=repr(value)[:40]):
                        self.assert_problem(self.send_json(method, path, {**body, name: value}), 400, 404, 413)

    def test_values_that_are_refused_for_what_they_say(self):
        new = {"registration": "sandbox", "tenant": "t", "realm": "r"}
        session = {"registration": "sandbox", "tenant": "t"}
        caller = {"name": "n", "verbs": ["connect"]}
        cases = [
            ("/v1/connections", {**new}), ("/v1/connections", {**new, "refresh_token": ""}),
            ("/v1/connections", {**new, "access_token": "a\nb"}), ("/v1/connections", {**new, "access_token": "é"}),
            ("/v1/connections", {**new, "access_token": "a" * 65537}),
            ("/v1/connections", {**new, "access_token": "a", "verify": True}),
            ("/v1/connections", {**new, "access_token": "a", "registration": "nobody"}),
            ("/v1/connections", {**new, "access_token": "a", "tenant": "@evergrant"}),
            ("/v1/connections", {**new, "access_token": "a", "tenant": "t" * 201}),
            ("/v1/connections", {**new, "access_token": "a", "realm": "r" * 501}),
            ("/v1/connections", {**new, "access_token": "a", "scope": ["x"] * 201}),
            ("/v1/connections", {**new, "access_token": "a", "scope": ["a\u0000b"]}),
            *(("/v1/connections", {**new, "access_token": "a", "access_expires_at": when})
              for when in ["tomorrow", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01", -5, 253402300800, 1e20, "2026-01-01T25:00:00Z"]),
            ("/v1/connect-sessions", {**session, "registration": "nobody"}), ("/v1/connect-sessions", {**session, "tenant": "@x"}),
            ("/v1/connect-sessions", {**session, "scopes": ["openid", "everything"]}),
            ("/v1/connect-sessions", {**session, "connection": "con_nobody"}),
            ("/v1/connect-sessions", {**session, "connection": self.con}),  # of another tenant
            *(("/v1/connect-sessions", {**session, "return_to": url})
              for url in ["//evil.example", "https://evil.example/", "http://127.0.0.1:3000@evil.example/", "http://127.0.0.1:30000/",
                          "\\\\evil.example", "https:evil.example", "javascript:alert(1)", "data:text/html,x", "/relative", "http://127.0.0.1:3000/../x",
                          "http://127.0.0.1:3000/%2e%2e/x", "http://127.0.0.1:3000/a b", "http://127.0.0.1:3000\\@evil.example/",
                          "HTTP://127.0.0.1:3000.evil.example/", "http://127.0.0.1:3000/\u2025/", "http://127.0.0.1:3000/#x\r\nA: b"]),
            ("/v1/callers", {**caller, "verbs": []}), ("/v1/callers", {**caller, "verbs": ["token:write"]}),
            ("/v1/callers", {**caller, "registrations": ["nobody"]}), ("/v1/callers", {**caller, "expires_in": 59}),
            ("/v1/callers", {**caller, "name": "x" * 101}), ("/v1/callers", {**caller, "tenants": [""]}),
            ("/v1/callers", {**caller, "connections": ["*"]}), ("/v1/callers", {**caller, "methods": ["get"]}),
            *(("/v1/callers", {**caller, "paths": [path]}) for path in ["x", "/a*", "/../a", "/a%2fb", "/a?b", "/a//b"]),
            ("/v1/callers", {**caller, "requests_per_minute": 1_000_001}),
            *(("/v1/callers/derive", {name: []}) for name in ["verbs", "connections", "methods", "paths"]),
            ("/v1/callers/derive", {"verbs": ["token:write"]}), ("/v1/callers/derive", {"lifetime": 86401}),
            ("/v1/callers/derive", {"paths": ["x"]}), ("/v1/callers/derive", {"methods": ["get"]}),
            *(("/v1/callers/explain", {"caller": self.cal, "verb": "proxy", **more}) for more in (
                {"verb": "x"}, {"registration": "sandbox"}, {"tenant": "acme"}, {"method": "GET"}, {"path": "/a"},
                {"connection": self.con, "tenant": "acme", "registration": "sandbox"}, {"caller": "cal_nobody"},
                {"connection": "con_nobody"})),
            ("/v1/keys/rotate", {"what": "everything"}), ("/v1/keys/rotate", {"what": "root", "tenant": "acme"}),
            ("/v1/keys/rotate", {"what": "tenant"}), ("/v1/keys/rotate", {"what": "tenant", "tenant": "nobody"}),
            (f"/v1/connections/{self.con}/refresh", {"generation": 0}), (f"/v1/connections/{self.con}/refresh", {"generation": "1"}),
        ]
        for path, body in cases:
            with self.subTest(path=path, body=str(body)[:120]):
                self.assert_problem(self.send_json("POST", path, body), 400, 404, 413)

    def test_a_body_over_the_limit(self):
        for method, path, body, _ in self.routes():
            with self.subTest(method=method, path=path):
                answer = self.send(method, path, b" " * (1024 * 1024 + 1), [("Content-Type", "application/json")])
                self.assertEqual("too_large", self.assert_problem(answer, 413)["code"])

    def test_json_deeper_than_the_limit(self):
        deep = '{"a":' * 40 + "1" + "}" * 40
        for method, path, body, _ in self.routes():
            if body is not None:
                with self.subTest(path):
                    self.assert_problem(self.send_json(method, path, f'{{"tenant": {deep}}}'.encode()), 400, 413)

    # --- headers ---

    def test_credentials_that_are_missing_wrong_or_twice(self):
        key = self.server.key
        other = self.server.expect(201, "POST", "/v1/callers", {"name": "second", "verbs": ["admin"]})
        self.server.expect(204, "DELETE", f"/v1/callers/{other['id']}")
        self.before = self.records()
        lists = [[], [("Authorization", "")], [("Authorization", "Bearer")], [("Authorization", "Bearer ")],
                 [("Authorization", key)], [("Authorization", f"Basic {key}")], [("Authorization", f"Bearer {key}x")],
                 [("Authorization", f"Bearer {key[:-1]}")], [("Authorization", f"Bearer {key.swapcase()}")],
                 [("Authorization", "Bearer egk_" + "A" * 43)], [("Authorization", "Bearer " + "x" * 8000)],
                 [("Authorization", f"Bearer {key}, Bearer {key}")], [("Authorization", f"Bearer {key}")] * 2,
                 [("Authorization", f"Bearer {key}"), ("authorization", "Bearer egk_x")], [("Authorization", "Bearer \xe9\xff")],
                 [("Authorization", f"Bearer {other['key']}")], [("X-Api-Key", key)], [("Proxy-Authorization", f"Bearer {key}")]]
        for method, path, body, _ in self.routes():
            if path in PUBLIC:
                continue
            for headers in lists:
                with self.subTest(method=method, path=path, headers=str(headers)[:80]):
                    text = b"" if body is None else json.dumps(body).encode()
                    answer = self.send(method, path, text, [("Content-Type", "application/json"), *headers], key="")
                    self.assertEqual("unauthenticated", self.assert_problem(answer, 401)["code"])

    def test_a_key_in_the_query_is_no_credential(self):
        for name in ("access_token", "key", "api_key"):
            self.assert_problem(self.send("GET", f"/v1/connections?{name}={self.server.key}", key=""), 401)

    def test_idempotency_keys_that_cannot_be(self):
        for method, path, body, _ in self.routes():
            if method != "POST" or path not in IDEMPOTENT:
                continue
            for headers in [[("Idempotency-Key", "")], [("Idempotency-Key", "a b")], [("Idempotency-Key", "x" * 201)],
                            [("Idempotency-Key", "\xe9")], [("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
                            [("Idempotency-Key", "a"), ("idempotency-key", "a")]]:
                with self.subTest(path=path, headers=str(headers)[:60]):
                    answer = self.send(method, path, json.dumps(body).encode(), [("Content-Type", "application/json"), *headers])
                    self.assert_problem(answer, 400)

    def test_headers_over_the_limit(self):
        self.assert_problem(self.send("GET", "/v1/connections", headers=[("X-Long", "x" * 20_000)]), 431)
        self.assert_problem(self.send("GET", "/v1/connections", headers=[(f"X-{i}", "x" * 100) for i in range(90)] * 2), 431)
        self.assert_problem(self.send("GET", "/v1/connections?cursor=" + "x" * 20_000), 431)

    def test_an_expectation_that_is_not_met(self):
        answer = self.send("POST", "/v1/callers", b"{}", [("Expect", "200-maybe"), ("Content-Type", "application/json")])
        self.assertEqual("expectation_failed", self.assert_problem(answer, 417)["code"])

    # --- the socket ---

    def exchange(self, data, close=True):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
                if close:
                    connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    received += piece
            return received

    def assert_refused(self, received, may_be_silent=False):
        if may_be_silent and not received:
            return
        self.assertRegex(received, rb"^HTTP/1\.1 4\d\d ")
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Type: application/problem+json", head)
        problem, _ = json.JSONDecoder().raw_decode(body.decode())
        self.assertIn(problem["code"], CODES)
        self.assertEqual(int(received[9:12]), problem["status"])
        self.assertEqual(1, len(re.findall(rb"HTTP/1\.1 \d", received)), "one request, however one reads it, gets one answer")

    def test_requests_that_are_not_http(self):
        auth = f"Authorization: Bearer {self.server.key}\r\n".encode()
        post = b"POST /v1/callers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + auth
        get = b"GET /v1/connections HTTP/1.1\r\nHost: a\r\n" + auth
        chunk = b'2\r\n{}\r\n0\r\n\r\n'
        smuggled = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        for data in [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n", b"\x00" * 100, b"\xff" * 5000 + b"\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n",
                b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"GET http://a/v1/connections HTTP/1.1\r\nHost: a\r\n\r\n", b"GET v1 HTTP/1.1\r\nHost: a\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET /v1/connections HTTP/1.1\r\n" + auth + b"\r\n", get + b"Host: b\r\n\r\n", get + b" folded: x\r\n\r\n", get + b"Bad Name: x\r\n\r\n",
                get + b"X: a\x00b\r\n\r\n", get + b"X: a\rb\r\n\r\n", get + b": x\r\n\r\n", get.replace(b"\r\n", b"\n") + b"\n",
                b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + smuggled,
                post + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunk + smuggled,
                post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x" + smuggled, post + b"Content-Length: 2, 2\r\n\r\n{}" + smuggled,
                post + b"Content-Length: -1\r\n\r\n{}", post + b"Content-Length: +2\r\n\r\n{}", post + b"Content-Length: 0x2\r\n\r\n{}",
                post + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}", post + b"Content-Length:\r\n\r\n{}",
                post + b"Transfer-Encoding: gzip\r\n\r\n{}", post + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + chunk,
                post + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, post + b"Transfer-Encoding: xchunked\r\n\r\n" + chunk,
                post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", post + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
                post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n"]:
            with self.subTest(data[:120]):
                self.assert_refused(self.exchange(data))

    def test_requests_that_break_off(self):
        post = f"POST /v1/callers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.server.key}\r\nContent-Type: application/json\r\n".encode()
        whole = post + b'Content-Length: 38\r\n\r\n{"name":"broken","verbs":["connect"]}  '
        for length in range(0, len(whole) - 2, 7):
            with self.subTest(length):
                self.assert_refused(self.exchange(whole[:length]), may_be_silent=True)

    def test_problems_of_a_request_end_with_it(self):
        """On one connection, a good request after a refused one is answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        with contextlib.closing(connection):
            for path, status in [("/v1/connections?x=1", 401), ("/nothing", 404), ("/healthz", 200)]:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(status, answer.status)


if __name__ == "__main__":
    unittest.main()
