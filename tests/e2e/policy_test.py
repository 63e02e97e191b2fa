"""Who may do what: verbs, registrations and tenants against every route; what is not allowed is denied, what may not be seen is
not there, and all of it is in the audit trail."""

import contextlib
import sqlite3
import unittest

import evergrant_process as eg

VERBS = ["token:read", "connection:read", "connection:write", "connect", "revoke", "proxy", "admin"]
TOKEN_CANARY = "canary-token-"


class Policy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = eg.ConfiguredServer(cls.sandbox, registrations=["one", "two"])
        cls.addClassCleanup(cls.server.close)
        # Each tenant has a connection at each registration.
        cls.connections = {(registration, tenant): cls.import_one(registration, tenant)
                           for registration in ("one", "two") for tenant in ("acme", "globex")}

    @classmethod
    def import_one(cls, registration, tenant, realm=None):
        realm = realm or f"{registration}-{tenant}"
        return cls.server.expect(201, "POST", "/v1/connections", {
            "registration": registration, "tenant": tenant, "realm": realm, "access_token": TOKEN_CANARY + realm,
            "access_expires_at": 4000000000, "scope": ["com.intuit.quickbooks.accounting"]})["id"]

    def caller(self, *verbs, registrations=("*",), tenants=("*",)):
        return self.server.expect(201, "POST", "/v1/callers", {"name": self.id()[-60:], "verbs": list(verbs),
                                                               "registrations": list(registrations), "tenants": list(tenants)})

    def audit(self, caller):
        return self.server.expect(200, "GET", f"/v1/audit?caller={caller['id']}&limit=200")["items"]

    def routes(self):
        """method, path, body, verb. The ids are of globex at two; whatever is destructive names what does not exist."""
        con = self.connections["two", "globex"]
        session = self.server.expect(201, "POST", "/v1/connect-sessions", {"registration": "two", "tenant": "globex"})["id"]
        return [
            ("GET", f"/v1/connections/{con}/token", None, "token:read"),
            ("GET", "/v1/registrations/two/realms/two-globex/token", None, "token:read"),
            ("POST", f"/v1/connections/{con}/refresh", {"generation": 7}, "token:read"),
            ("GET", "/v1/auth-request", None, "token:read"),
            ("POST", "/v1/tokens:batch", {"connections": [con]}, "token:read"),
            ("POST", "/v1/id-tokens/verify", {"registration": "two", "id_token": "a.b.c"}, "token:read"),
            ("GET", "/v1/connections", None, "connection:read"), ("GET", f"/v1/connections/{con}", None, "connection:read"),
            ("GET", f"/v1/connections/{con}/events", None, "connection:read"),
            ("GET", "/v1/events", None, "connection:read"), ("GET", "/v1/registrations", None, "connection:read"),
            ("GET", "/v1/providers", None, "connection:read"),
            ("POST", "/v1/connections", {"registration": "two", "tenant": "globex"}, "connection:write"),
            ("POST", "/v1/connect-sessions", {"registration": "two", "tenant": "globex", "scopes": ["not-allowed"]}, "connect"),
            ("GET", f"/v1/connect-sessions/{session}", None, "connect"),
            ("GET", f"/v1/connections/{con}/proxy/.well-known/openid_configuration", None, "proxy"),
            ("DELETE", "/v1/connections/con_nobody", None, "revoke"), ("DELETE", "/v1/tenants/nobody", None, "revoke"),
            ("POST", f"/v1/connections/{con}/release", None, "admin"), ("POST", "/v1/registrations/two/resume", None, "admin"),
            ("POST", "/v1/registrations/two/release-hold", None, "admin"),
            ("POST", "/v1/callers/explain", {"caller": "cal_nobody", "verb": "proxy"}, "admin"),
            ("GET", "/v1/callers", None, "admin"), ("POST", "/v1/callers", {"name": "x", "verbs": ["no-such"]}, "admin"),
            ("DELETE", "/v1/callers/cal_nobody", None, "admin"), ("GET", "/v1/audit", None, "admin"), ("GET", "/v1/keys", None, "admin"),
            ("POST", "/v1/keys/rotate", {"what": "nothing"}, "admin"), ("POST", "/v1/keys/tk_nobody/retire", None, "admin"),
        ]

    def test_each_verb_opens_its_routes_and_no_others(self):
        routes = self.routes()
        callers = {verb: self.caller(verb) for verb in VERBS}
        for verb, caller in callers.items():
            for method, path, body, needed in routes:
                with self.subTest(verb=verb, method=method, path=path):
                    answer = self.server.call(method, path, body, key=caller["key"])
                    if verb in (needed, "admin"):
                        self.assertNotIn(answer.status, (401, 403), answer)
                        self.assertLess(answer.status, 500, answer)
                    else:
                        self.assertEqual(403, answer.status, answer)
                        self.assertEqual("forbidden", answer.json()["code"])
                        self.assertNotIn(TOKEN_CANARY, answer.body.decode())

    def test_a_caller_without_registrations_or_tenants_reaches_nothing(self):
        everything = [verb for verb in VERBS if verb != "admin"]
        for limits in ({"registrations": ()}, {"tenants": ()}, {"registrations": (), "tenants": ()},
                       {"registrations": ("one",), "tenants": ("nobody",)}):
            caller = self.caller(*everything, **limits)
            for (registration, tenant), con in self.connections.items():
                with self.subTest(limits=limits, registration=registration, tenant=tenant):
                    self.check_out_of_reach(caller["key"], registration, tenant, con)
            self.assertEqual([], self.server.expect(200, "GET", "/v1/connections", key=caller["key"])["items"])
            self.assertEqual([], self.server.expect(200, "GET", "/v1/events", key=caller["key"])["items"])

    def check_out_of_reach(self, key, registration, tenant, con):
        """Not there: the same answer as for what does not exist. Where a request names the tenant itself: not allowed."""
        def expect(status, method, path, body=None):
            answer = self.server.call(method, path, body, key=key)
            self.assertEqual(status, answer.status, f"{method} {path}: {answer}")
            return answer
        unknown = expect(404, "GET", "/v1/connections/con_nobody/token").json()
        for method, path in (("GET", f"/v1/connections/{con}/token"), ("GET", f"/v1/connections/{con}"), ("DELETE", f"/v1/connections/{con}"), ("GET", f"/v1/connections/{con}/events"),
                             ("DELETE", f"/v1/connections/{con}?force=true"), ("POST", f"/v1/connections/{con}/refresh")):
            problem = expect(404, method, path).json()
            self.assertEqual({**unknown, "detail": unknown["detail"].replace("con_nobody", con)}, problem, "nobody learns that it exists")
        realm = f"/v1/registrations/{registration}/realms/{registration}-{tenant}/token"
        self.assertEqual(expect(404, "GET", realm).json(), expect(404, "GET", realm.replace("-" + tenant, "-nobody")).json())
        expect(403, "POST", "/v1/connections", {"registration": registration, "tenant": tenant, "realm": "new", "access_token": "x"})
        expect(403, "POST", "/v1/connect-sessions", {"registration": registration, "tenant": tenant})
        expect(403, "DELETE", f"/v1/tenants/{tenant}")

    def test_limits_hold_on_every_route(self):
        caller = self.caller(*[verb for verb in VERBS if verb != "admin"], registrations=["one"], tenants=["acme"])
        key, own = caller["key"], self.connections["one", "acme"]
        token = self.server.expect(200, "GET", f"/v1/connections/{own}/token", key=key)
        self.assertEqual(TOKEN_CANARY + "one-acme", token["access_token"])
        self.server.expect(200, "GET", "/v1/registrations/one/realms/one-acme/token", key=key)
        for (registration, tenant), con in self.connections.items():
            if con != own:
                with self.subTest(registration=registration, tenant=tenant):
                    self.check_out_of_reach(key, registration, tenant, con)
        session = self.server.expect(201, "POST", "/v1/connect-sessions", {"registration": "one", "tenant": "globex"})["id"]
        self.server.expect(404, "GET", f"/v1/connect-sessions/{session}", key=key)
        self.server.expect(404, "POST", "/v1/connect-sessions",
                           {"registration": "one", "tenant": "acme", "connection": self.connections["one", "globex"]}, key=key)
        for con in self.connections.values():
            self.assertEqual("active", self.server.expect(200, "GET", f"/v1/connections/{con}")["status"])

    def test_lists_hold_only_what_may_be_seen(self):
        for limits, seen in ((dict(registrations=["one"], tenants=["acme"]), {("one", "acme")}),
                             (dict(registrations=["one"]), {("one", "acme"), ("one", "globex")}),
                             (dict(tenants=["globex"]), {("one", "globex"), ("two", "globex")}),
                             (dict(registrations=["one", "two"], tenants=["acme", "globex"]), set(self.connections)), ({}, set(self.connections))):
            key = self.caller("connection:read", **limits)["key"]
            with self.subTest(limits):
                for path in ("/v1/connections", "/v1/events"):
                    items = self.server.expect(200, "GET", f"{path}?limit=200", key=key)["items"]
                    self.assertEqual(seen, {(item["registration"], item["tenant"]) for item in items if item["connection" if "events" in path else "id"] in
                                            self.connections.values()})
                    for tenant in ("acme", "globex"):  # a filter narrows, it never widens
                        items = self.server.expect(200, "GET", f"{path}?tenant={tenant}&limit=200", key=key)["items"]
                        self.assertLessEqual({(item["registration"], item["tenant"]) for item in items}, {pair for pair in seen if pair[1] == tenant})
                registrations = {item["id"] for item in self.server.expect(200, "GET", "/v1/registrations", key=key)["items"]}
                self.assertEqual(set(limits.get("registrations", ["one", "two"])), registrations)
                hidden = set(self.connections) - seen
                for pair in hidden:
                    events = self.server.expect(200, "GET", f"/v1/events?connection={self.connections[pair]}", key=key)
                    self.assertEqual([], events["items"])

    def test_a_limited_admin_stays_limited(self):
        """Else it would make itself a caller without limits, or read what others do in the trail."""
        for limits in (dict(tenants=["acme"]), dict(registrations=["one"]), dict(registrations=["one"], tenants=["acme"])):
            key = self.caller("admin", **limits)["key"]
            for method, path, body in (("POST", "/v1/callers", {"name": "x", "verbs": ["admin"], "registrations": ["*"], "tenants": ["*"]}),
                                       ("GET", "/v1/callers", None), ("POST", "/v1/callers/explain", {"caller": "cal_x", "verb": "admin"}), ("DELETE", "/v1/callers/cal_x", None), ("GET", "/v1/audit", None),
                                       ("GET", "/v1/keys", None), ("POST", "/v1/keys/rotate", {"what": "root"}), ("POST", "/v1/keys/x/retire", None),
                                       ("DELETE", "/v1/tenants/globex", None)):
                with self.subTest(limits=limits, method=method, path=path):
                    self.assertEqual(403, self.server.call(method, path, body, key=key).status)
            self.server.expect(404, "POST", f"/v1/connections/{self.connections['two', 'globex']}/release", key=key)
            self.server.expect(200, "GET", f"/v1/connections/{self.connections['one', 'acme']}/token", key=key)
        key = self.caller("admin", registrations=["one"])["key"]
        self.server.expect(404, "POST", "/v1/registrations/two/resume", key=key)
        self.server.expect(204, "POST", "/v1/registrations/one/resume", key=key)

    def test_offboarding_needs_all_registrations(self):
        limited = self.caller("revoke", registrations=["one"], tenants=["initech"])["key"]
        self.server.expect(403, "DELETE", "/v1/tenants/initech", key=limited)
        whole = self.caller("revoke", tenants=["initech"])["key"]
        self.server.expect(202, "DELETE", "/v1/tenants/initech", key=whole)
        self.server.expect(403, "DELETE", "/v1/tenants/acme", key=whole)

    # --- keys ---

    def test_a_revoked_key_is_refused_at_once(self):
        caller = self.caller("connection:read")
        self.server.expect(200, "GET", "/v1/connections", key=caller["key"])
        self.server.expect(204, "DELETE", f"/v1/callers/{caller['id']}")
        self.assertEqual(401, self.server.get("/v1/connections", key=caller["key"]).status)
        listed = [c for c in self.server.expect(200, "GET", "/v1/callers?limit=200")["items"] if c["id"] == caller["id"]]
        self.assertIsNotNone(listed[0]["revoked_at"])

    def test_an_expired_key_is_refused(self):
        body = {"name": "short", "verbs": ["connection:read"], "registrations": ["*"], "tenants": ["*"], "expires_in": 3600}
        expired, living = (self.server.expect(201, "POST", "/v1/callers", body) for _ in range(2))
        with contextlib.closing(sqlite3.connect(self.server.folder / "data/evergrant.db")) as database:
            changed = database.execute("UPDATE callers SET expires_at = ? WHERE id = ?", (1_600_000_000_000, expired["id"]))
            self.assertEqual(1, changed.rowcount)
            database.commit()
        self.assertEqual(401, self.server.get("/v1/connections", key=expired["key"]).status)
        self.assertEqual(200, self.server.get("/v1/connections", key=living["key"]).status)

    def test_keys_are_shown_once_and_stored_as_a_hash(self):
        caller = self.caller("connect")
        self.assertRegex(caller["key"], r"^egk_[A-Za-z0-9_-]{43}$")
        self.assertTrue(caller["key"].startswith(caller["key_prefix"]))
        self.assertLessEqual(len(caller["key_prefix"]), 12)
        for path in ("/v1/callers?limit=200", "/v1/audit?limit=200"):
            text = self.server.get(path).body.decode()
            self.assertIn(caller["id"], text)
            self.assertNotIn(caller["key"], text)
        for file in (self.server.folder / "data").iterdir():
            self.assertNotIn(caller["key"].encode(), file.read_bytes(), file)
        self.assertNotIn(caller["key"], self.server.program.log())

    # --- what answers carry, and what the trail says ---

    def test_answers_with_a_token_are_not_stored_and_hold_nothing_else_that_is_secret(self):
        grant = self.sandbox.control("POST", "/grants", {"client_id": "sandbox-client", "realm": "4620816365000000009",
                                                         "scope": "com.intuit.quickbooks.accounting"})
        con = self.server.expect(201, "POST", "/v1/connections", {
            "registration": "one", "tenant": "hooli", "realm": grant["realm"], "access_token": grant["access_token"],
            "refresh_token": grant["refresh_token"], "access_expires_at": "2020-01-01T00:00:00Z"})["id"]
        answers = [self.server.get(f"/v1/connections/{con}/token"), self.server.get(f"/v1/registrations/one/realms/{grant['realm']}/token"),
                   self.server.call("POST", f"/v1/connections/{con}/refresh", {"generation": 1})]
        for answer in answers:
            self.assertEqual(200, answer.status, answer)
            self.assertEqual("no-store", answer.headers["Cache-Control"])
            self.assertEqual("application/json", answer.headers["Content-Type"])
            self.assertEqual("nosniff", answer.headers["X-Content-Type-Options"])
            self.assertEqual({"access_token", "token_type", "expires_at", "expires_in", "generation", "scope", "realm", "connection"}, set(answer.json()))
        token = answers[0].json()["access_token"]
        shown = self.server.get(f"/v1/connections/{con}").body.decode()
        truth = self.sandbox.control("GET", f"/grants?realm={grant['realm']}&tokens=1")["grants"][0]
        everything = "".join(self.server.get(path).body.decode() for path in (
            f"/v1/connections/{con}", "/v1/connections?limit=200", "/v1/events?limit=200", "/v1/audit?limit=200", "/v1/registrations",
            "/v1/keys?tenant=hooli", "/v1/callers?limit=200", "/metrics"))
        secrets = [grant["access_token"], grant["refresh_token"], token, "sandbox-secret",
                   *(one["value"] for one in truth["refresh_tokens"])]
        for secret in secrets:
            self.assertGreater(len(secret), 10)
            for text in (everything, shown, self.server.program.log(), *(a.body.decode() for a in answers if secret != token)):
                self.assertNotIn(secret, text)

    def test_every_use_and_every_denial_is_in_the_trail(self):
        reader = self.caller("token:read", registrations=["one"], tenants=["acme"])
        own, foreign = self.connections["one", "acme"], self.connections["two", "globex"]
        calls = [("GET", f"/v1/connections/{own}/token", 200, "token.read", "ok", own), ("GET", f"/v1/connections/{foreign}/token", 404, "token.read", "not_found", foreign),
                 ("GET", "/v1/registrations/one/realms/one-acme/token", 200, "token.read_by_realm", "ok", own),
                 ("GET", "/v1/registrations/two/realms/two-globex/token", 404, "token.read_by_realm", "not_found", foreign),
                 ("GET", "/v1/connections", 403, "connection.list", "forbidden", ""), ("DELETE", f"/v1/connections/{own}", 403, "connection.revoke", "forbidden", ""),
                 ("GET", f"/v1/connections/{own}/token?min_ttl=x", 400, "token.read", "invalid_argument", ""),
                 ("POST", "/v1/callers", 403, "caller.create", "forbidden", ""), ("GET", "/v1/audit", 403, "audit.list", "forbidden", "")]
        for method, path, status, *_ in calls:
            self.assertEqual(status, self.server.call(method, path, key=reader["key"]).status, path)
        trail = list(reversed(self.audit(reader)))
        self.assertEqual([(action, result, connection) for _, _, _, action, result, connection in calls],
                         [(entry["action"], entry["result"], entry["connection"]) for entry in trail])
        for entry in trail:
            self.assertEqual(reader["id"], entry["caller"])
            self.assertEqual("127.0.0.1", entry["remote"].split(":")[0])
            self.assertEqual(entry["action"].startswith("token") and entry["result"] == "ok", bool(entry["fingerprint"]), entry)
        self.assertEqual(trail[0]["fingerprint"], trail[2]["fingerprint"], "the same token, recognised")
        self.assertRegex(trail[0]["fingerprint"], "^[0-9a-f]{12}$")
        self.assertEqual({"denied by policy"}, {entry["detail"] for entry in trail if entry["connection"] == foreign})
        self.assertEqual([own], list({e["connection"] for e in self.server.expect(200, "GET", f"/v1/audit?connection={own}&limit=200")["items"]}))

    def test_the_trail_outlives_a_kill_soon_after(self):
        """Entries are written in batches; whoever waited for an answer to a list of the trail has made them durable."""
        caller = self.caller("connection:read")
        self.server.expect(200, "GET", "/v1/providers", key=caller["key"])
        self.assertEqual(["provider.list"], [entry["action"] for entry in self.audit(caller)])
        self.server.program.kill()
        self.server.start()
        self.assertEqual(["provider.list"], [entry["action"] for entry in self.audit(caller)])


if __name__ == "__main__":
    unittest.main()
