"""/openapi.json against the server that serves it: its form, its paths, and every answer of a connection's whole life."""

import re
import sqlite3
import subprocess
import unittest
import urllib.parse

import evergrant_process as eg
import json_schema

REALM = "4620816365000000001"
METHODS = {"get", "post", "put", "patch", "delete"}
PROXY = "/v1/connections/{id}/proxy/{path}"  # any method; walked in proxy_test.py
VERBS = {"token:read", "connection:read", "connection:write", "connect", "revoke", "proxy", "admin"}


class KeyedDevServer(eg.DevServer):
    """With a registration that proves itself by a key, beside the sandbox's."""

    def start(self):
        key = self.folder / "client.pem"
        if not key.exists():  # the first start
            subprocess.run([eg.PROGRAM, "keys", "client", str(key)], check=True, capture_output=True)
        (self.folder / "evergrant.toml").write_text(f"""
[[registration]]
id = "keyed"
provider = "oidc"
issuer = "https://id.example"
client_id = "evergrant"
client_auth = "private_key_jwt"
client_key = {{ pem = {{ file = "{key}" }} }}
""")
        super().start()


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = eg.DevServer()
        cls.addClassCleanup(cls.server.close)
        cls.document = cls.server.expect(200, "GET", "/openapi.json", key="")

    def operations(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield path, method, operation

    def verb_of(self, operation):
        """None: any key will do, and the description says so."""
        found = re.search(r"`([\w:]+)`", operation["description"])
        self.assertTrue(found or operation["description"] == "Needs a key, and no verb.", operation)
        return found and found.group(1)

    def test_it_has_the_form_of_openapi_3_1(self):
        self.assertRegex(self.document["openapi"], r"^3\.1\.\d+$")
        self.assertTrue(self.document["info"]["title"] and self.document["info"]["version"])
        self.assertEqual(self.server.base, self.document["servers"][0]["url"])
        self.assertEqual({"type": "http", "scheme": "bearer"},
                         {k: v for k, v in self.document["components"]["securitySchemes"]["apiKey"].items() if k != "description"})
        names = []
        for path, method, operation in self.operations():
            with self.subTest(path=path, method=method):
                self.assertTrue(path.startswith("/"))
                self.assertIn(method, METHODS)
                names.append(operation["operationId"])
                self.assertTrue(operation["summary"])
                in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
                self.assertEqual(re.findall(r"\{(\w+)\}", path), in_path)
                pairs = [(p["in"], p["name"]) for p in operation["parameters"]]
                self.assertEqual(len(pairs), len(set(pairs)))
                for parameter in operation["parameters"]:
                    self.assertIn(parameter["in"], ("path", "query", "header"))
                    self.assertIn(parameter["schema"]["type"], ("string", "integer"))
                    self.assertTrue(parameter["in"] != "path" or parameter["required"])
                    self.assertTrue(parameter["in"] == "path" or parameter["description"])
                self.assertIn("default", operation["responses"])
                for status, response in operation["responses"].items():
                    self.assertRegex(status, r"^(default|[1-5]\d\d)$")
                    self.assertTrue(response["description"])
                if "requestBody" in operation:
                    self.assertIn(method, ("post", "put", "patch"))
                    self.assertEqual(["*/*" if path == PROXY else "application/json"], list(operation["requestBody"]["content"]))
                if operation["security"]:
                    self.assertEqual([{"apiKey": []}], operation["security"])
                    verb = self.verb_of(operation)
                    self.assertTrue(verb is None or verb in VERBS, verb)
        self.assertEqual(len(names), len(set(names)), "operationIds are unique")

    def test_every_reference_leads_somewhere_and_every_schema_is_used(self):
        used, schemas = set(), self.document["components"]["schemas"]

        def follow(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    json_schema.resolve(node["$ref"], self.document)
                    used.add(node["$ref"].rsplit("/", 1)[1])
                for value in node.values():
                    follow(value)
            elif isinstance(node, list):
                for value in node:
                    follow(value)
        follow(self.document)
        self.assertEqual(set(schemas), used)

        def check(schema, where):
            self.assertEqual(set(), set(schema) - json_schema.KNOWN, where)
            self.assertEqual(set(), set(schema.get("required", [])) - set(schema.get("properties", {})), where)
            for name, member in schema.get("properties", {}).items():
                check(member, f"{where}.{name}")
            if "items" in schema:
                check(schema["items"], f"{where}[]")
        for name, schema in schemas.items():
            if name != "OpenApi":
                check(schema, name)

    def probe(self, method, path, key=None):
        filled = re.sub(r"\{\w+\}", "nobody", path)
        return eg.request(self.server.base, method.upper(), filled, headers={"Authorization": f"Bearer {key or self.server.key}"})

    def test_what_it_says_exists_exists_and_nothing_else_does(self):
        for path, item in self.document["paths"].items():
            for method in METHODS if path == PROXY else METHODS | {"options"}:
                with self.subTest(path=path, method=method):
                    answer = self.probe(method, path)
                    if method not in item:
                        self.assertEqual(405, answer.status)
                        self.assertEqual({m.upper() for m in item}, set(answer.headers["Allow"].split(", ")))
                    else:
                        self.assertNotIn(b"there is nothing at", answer.body)
                        self.assertNotEqual(405, answer.status)

    def test_it_names_all_paths_that_the_server_knows(self):
        """The table in the server's source, and what its log of a whole suite would show: none is missing."""
        source = (eg.ROOT / "src/api/routes.cpp").read_text()
        table = {(method.lower(), path) for method, path in re.findall(r'Route\{"(\w+)", "([^"]+)"', source)}
        self.assertGreater(len(table), 25)
        table |= {(method, PROXY) for method in METHODS}
        self.assertEqual(table, {(method, path) for path, method, _ in self.operations()})

    def test_what_needs_no_key_by_the_document_needs_none(self):
        for path, method, operation in self.operations():
            with self.subTest(path=path, method=method):
                filled = re.sub(r"\{\w+\}", "nobody", path)
                status = eg.request(self.server.base, method.upper(), filled).status
                if path == "/metrics":
                    self.assertEqual(200, status)  # on loopback nobody is asked for a key; elsewhere it is needed
                elif operation["security"]:
                    self.assertEqual(401, status)
                else:
                    self.assertNotIn(status, (401, 403))

    def test_each_operation_needs_the_verb_that_it_names(self):
        for path, method, operation in self.operations():
            verb = self.verb_of(operation) if operation["security"] else None
            if verb is None or path == "/metrics":
                continue
            others = sorted(VERBS - {verb, "admin"})
            caller = self.server.expect(201, "POST", "/v1/callers",
                                        {"name": "others", "verbs": others, "registrations": ["*"], "tenants": ["*"]})
            with self.subTest(path=path, method=method, verb=verb):
                self.assertEqual(403, self.probe(method, path, caller["key"]).status)


class WholeLife(unittest.TestCase):
    """Walks through a connection's life and holds each answer, good or bad, against what the document says of it."""

    def setUp(self):
        self.server = KeyedDevServer()
        self.addCleanup(self.server.close)
        self.document = self.server.expect(200, "GET", "/openapi.json")
        self.seen = set()

    def operation_of(self, method, path):
        pieces = urllib.parse.urlsplit(path).path.split("/")
        for pattern, item in self.document["paths"].items():
            wanted = pattern.split("/")
            if len(wanted) == len(pieces) and method.lower() in item and all(
                    w == p or (w.startswith("{") and p) for w, p in zip(wanted, pieces)):
                return item[method.lower()]
        self.fail(f"{method} {path} is not documented")

    def call(self, status, method, path, body=None, **more):
        operation = self.operation_of(method, path)
        answer = self.server.call(method, path, body, **more)
        what = f"{method} {path}: {answer}"
        self.assertEqual(status, answer.status, what)
        documented = operation["responses"].get(str(status), operation["responses"]["default"])
        self.seen.add((operation["operationId"], status if status < 300 else "problem"))
        if body is not None and status < 300 and not isinstance(body, bytes):
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self.assertEqual([], json_schema.problems(body, schema, self.document), what)
        for name in dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query)):
            if status < 300:
                self.assertIn(name, [p["name"] for p in operation["parameters"] if p["in"] == "query"], what)
        if "content" not in documented:
            self.assertEqual(b"", answer.body, what)
            return None
        self.assertIn(answer.headers["Content-Type"], documented["content"], what)
        schema = documented["content"][answer.headers["Content-Type"]]["schema"]
        if not answer.headers["Content-Type"].endswith("json"):
            return answer.body.decode()
        self.assertEqual([], json_schema.problems(answer.json(), schema, self.document), what)
        return answer.json()

    def test_every_answer_is_as_documented(self):
        self.call(200, "GET", "/")
        for path in ("/healthz", "/readyz", "/openapi.json", "/metrics", "/v1/registrations", "/v1/providers", "/jwks/keyed"):
            self.call(200, "GET", path)
        connection = self.connect()
        self.read_and_refresh(connection)
        self.operate()
        self.fail_in_every_way(connection)
        self.end(connection)
        successes = {name for name, outcome in self.seen if outcome != "problem"}
        everything = {operation["operationId"] for item in self.document["paths"].values() for operation in item.values()}
        proxied = {f"proxy.{method}" for method in METHODS}
        self.assertEqual({"connect.open", "connect.callback"} | proxied, everything - successes,
                         "only redirects and what is the provider's are not walked here")

    def sandboxes_registration(self):
        return next(each for each in self.call(200, "GET", "/v1/registrations")["items"] if each["id"] == "sandbox")

    def connect(self):
        session = self.call(201, "POST", "/v1/connect-sessions", {
            "registration": "sandbox", "tenant": "acme", "login_hint": f"realm:{REALM}",
            "scopes": ["com.intuit.quickbooks.accounting"]})
        self.assertEqual("pending", self.call(200, "GET", f"/v1/connect-sessions/{session['id']}")["status"])
        url, _ = eg.walk(session["url"], self.server.base)
        self.call(200, "GET", urllib.parse.urlsplit(url).path)
        self.call(410, "GET", urllib.parse.urlsplit(session["url"]).path)
        self.call(410, "GET", "/callback/sandbox?state=x&code=y")
        state = self.call(200, "GET", f"/v1/connect-sessions/{session['id']}")
        self.assertEqual("connected", state["status"])
        verdict = self.call(200, "POST", "/v1/id-tokens/verify", {"registration": "sandbox", "id_token": "a.b.c"})
        self.assertEqual((False, "format"), (verdict["valid"], verdict["check"]))
        return state["connection"]

    def read_and_refresh(self, connection):
        self.call(200, "GET", f"/v1/connections/{connection}/token?min_ttl=60&wait=5")
        self.call(200, "GET", f"/v1/registrations/sandbox/realms/{REALM}/token")
        self.call(200, "GET", "/v1/auth-request", headers={"X-Evergrant-Connection": connection})
        self.call(200, "POST", f"/v1/connections/{connection}/refresh?wait=5", {"generation": 1})
        self.call(200, "POST", "/v1/tokens:batch", {"connections": [connection, "con_nobody"], "wait": 5})
        self.call(200, "GET", f"/v1/connections/{connection}")
        granted = self.server.control("POST", "/grants", {"client_id": "sandbox-client", "realm": "78",
                                                          "scope": "openid com.intuit.quickbooks.accounting"})
        known = self.call(201, "POST", "/v1/connections", {
            "registration": "sandbox", "tenant": "acme", "realm": "78", "access_token": granted["access_token"],
            "refresh_token": granted["refresh_token"], "access_expires_at": granted["access_expires_at"]})
        self.call(200, "GET", f"/v1/connections/{known['id']}/userinfo?wait=5")
        self.call(200, "GET", f"/v1/connections?tenant=acme&registration=sandbox&realm={REALM}&status=active&limit=10")
        self.call(200, "GET", f"/v1/events?connection={connection}&limit=5")
        self.call(200, "GET", f"/v1/connections/{connection}/events?limit=1")
        grant = self.server.control("POST", "/grants", {"client_id": "sandbox-client", "realm": "77",
                                                        "scope": "com.intuit.quickbooks.accounting"})
        self.call(201, "POST", "/v1/connections", {
            "registration": "sandbox", "tenant": "acme", "realm": "77", "access_token": grant["access_token"],
            "refresh_token": grant["refresh_token"], "access_expires_at": grant["access_expires_at"],
            "scope": ["com.intuit.quickbooks.accounting"], "verify": True})

    def operate(self):
        caller = self.call(201, "POST", "/v1/callers", {"name": "reader", "verbs": ["token:read"], "registrations": ["sandbox"],
                                                        "tenants": ["acme"], "expires_in": 3600})
        self.call(201, "POST", "/v1/callers", {"name": "invoices", "verbs": ["proxy"], "registrations": ["sandbox"], "tenants": ["*"],
                                               "connections": ["con_x"], "methods": ["GET"], "paths": ["/v3/company/*/invoice"],
                                               "requests_per_minute": 60})
        self.call(201, "POST", "/v1/callers/derive", {"name": "job", "lifetime": 60, "tenants": ["acme"]}, key=caller["key"])
        self.call(200, "POST", "/v1/callers/explain", {"caller": caller["id"], "verb": "proxy", "registration": "sandbox",
                                                       "tenant": "acme", "method": "GET", "path": "/v3/query"})
        self.call(200, "GET", "/v1/callers?limit=200")
        self.call(204, "DELETE", f"/v1/callers/{caller['id']}")
        self.call(200, "GET", "/v1/keys")
        old = self.call(200, "GET", "/v1/keys?tenant=acme")["items"]
        self.assertTrue(old)
        for what in ({"what": "kek"}, {"what": "root"}, {"what": "tenant", "tenant": "acme"}):
            self.call(200, "POST", "/v1/keys/rotate", what)
        self.call(204, "POST", "/v1/registrations/sandbox/resume")
        self.call(200, "GET", "/v1/audit?limit=200")
        # Rotation retires what nothing uses; what is retired already may be retired again.
        self.call(204, "POST", f"/v1/keys/{old[0]['id']}/retire")

    def fail_in_every_way(self, connection):
        self.call(400, "GET", f"/v1/connections/{connection}/token?min_ttl=x")
        self.call(404, "GET", "/v1/connections/con_nobody/token")
        self.call(401, "GET", "/v1/connections", key="")
        self.call(409, "POST", f"/v1/connections/{connection}/release")
        self.call(400, "POST", "/v1/callers", b"{")
        self.call(413, "POST", "/v1/callers", b"x" * (1024 * 1024 + 1))
        self.call(409, "POST", "/v1/connections", {"registration": "sandbox", "tenant": "thief", "realm": REALM, "access_token": "x"})
        self.call(409, "POST", "/v1/connections", {"registration": "sandbox", "tenant": "acme", "realm": "78",
                                                   "refresh_token": "unknown", "verify": True})
        self.server.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "another"})
        self.call(503, "POST", "/v1/connections", {"registration": "sandbox", "tenant": "acme", "realm": "79",
                                                   "refresh_token": "unknown", "verify": True})
        self.assertIsNotNone(self.sandboxes_registration()["paused"])
        self.server.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "sandbox-secret"})
        self.call(204, "POST", "/v1/registrations/sandbox/resume")
        # What the HTTP server itself refuses, before any operation is known.
        for method, path, headers in (("PATCH", "/v1/keys", {}), ("GET", "/nothing", {}), ("GET", "/", {"X": "x" * 20_000}),
                                      ("TRACE", "/", {}), ("POST", "/v1/callers", {"Expect": "much"})):
            answer = self.server.call(method, path, headers=headers)
            self.assertEqual("application/problem+json", answer.headers["Content-Type"])
            schema = self.document["components"]["schemas"]["Problem"]
            self.assertEqual([], json_schema.problems(answer.json(), schema, self.document), answer)

    def quarantine(self, connection):
        """Held by an operator's hand: the store is changed while nobody serves from it."""
        self.assertEqual(0, self.server.program.stop())
        database = sqlite3.connect(self.server.data / "evergrant.db")
        database.execute("UPDATE connections SET status = 'quarantined' WHERE id = ?", (connection,))
        database.execute("INSERT INTO holds (registration, since, failed, refreshed) VALUES ('sandbox', 0, 12, 3)")
        database.commit()
        database.close()
        self.server.start()

    def end(self, connection):
        self.quarantine(connection)
        self.assertEqual(12, self.sandboxes_registration()["held"]["failed"])
        self.call(204, "POST", "/v1/registrations/sandbox/release-hold")
        self.call(404, "POST", "/v1/registrations/sandbox/release-hold")
        self.assertIsNone(self.sandboxes_registration()["held"])
        self.call(409, "GET", f"/v1/connections/{connection}/token")
        self.call(200, "POST", f"/v1/connections/{connection}/release")
        self.server.control("POST", "/faults", {"endpoint": "revoke", "count": "always", "status": 503})
        self.call(202, "DELETE", f"/v1/connections/{connection}?force=false")
        waiting = self.call(200, "GET", f"/v1/connections/{connection}")
        self.assertEqual("revoking", waiting["status"])
        self.assertIn("revocation", waiting)
        self.call(410, "GET", f"/v1/connections/{connection}/token")
        self.server.control("DELETE", "/faults")
        self.call(202, "DELETE", "/v1/tenants/acme")
        self.call(200, "GET", "/v1/connections?limit=200")
        self.call(200, "GET", "/v1/events?limit=200")
        self.call(200, "GET", "/v1/audit?limit=200")


class Validator(unittest.TestCase):
    """The yardstick itself: it must find what it is there to find."""

    def test_it_finds_what_is_wrong(self):
        document = {"components": {"schemas": {"Name": {"type": "string", "maxLength": 3}}}}
        schema = {"type": "object", "required": ["a"], "additionalProperties": False, "properties": {
            "a": {"type": ["integer", "null"], "minimum": 1}, "b": {"type": "array", "items": {"$ref": "#/components/schemas/Name"}},
            "c": {"enum": ["x"]}, "d": {"type": "object", "additionalProperties": {"type": "boolean"}}, "e": {"type": "string", "format": "date-time"}}}
        for good in ({"a": 1}, {"a": None, "b": ["abc"], "c": "x", "d": {"y": True}, "e": "2026-01-01T00:00:00.000Z"}):
            self.assertEqual([], json_schema.problems(good, schema, document))
        for bad in ([], {}, {"a": 0}, {"a": True}, {"a": "1"}, {"a": 1, "b": ["abcd"]}, {"a": 1, "b": [1]}, {"a": 1, "c": "y"},
                    {"a": 1, "d": {"y": 1}}, {"a": 1, "e": "yesterday"}, {"a": 1, "z": 1}):
            self.assertEqual(1, len(json_schema.problems(bad, schema, document)), bad)
        with self.assertRaises(ValueError):
            json_schema.problems(1, {"oneOf": []}, document)


if __name__ == "__main__":
    unittest.main()
