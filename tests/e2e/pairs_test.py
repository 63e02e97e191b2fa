#!/usr/bin/python3
"""Several token pairs in one connection (REF-23) over HTTP and on the command line: chosen by ?pair=, told as part of the
connection, ended with it."""

import time
import unittest

import evergrant_process as eg


class Pairs(unittest.TestCase):
    def setUp(self):
        self.sandbox = eg.Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.server = eg.ConfiguredServer(self.sandbox, profile=['token.pair = [{ name = "user", path = "authed_user" }]'])
        self.addCleanup(self.server.close)
        bot, user = self.sandbox.grant("1001"), self.sandbox.grant("2002")
        self.tokens = {"bot": bot["access_token"], "user": user["access_token"]}
        self.connection = self.server.import_grant(bot, pairs=[{
            "pair": "user", "access_token": user["access_token"], "refresh_token": user["refresh_token"],
            "access_expires_at": user["access_expires_at"], "scope": ["users:read"]}])

    def token(self, query="", key=None):
        return self.server.get(f"/v1/connections/{self.connection}/token{query}", key=key)

    def show(self):
        return self.server.expect(200, "GET", f"/v1/connections/{self.connection}")

    def test_each_is_read_by_its_name_and_both_are_one_connection(self):
        main, user = self.token().json(), self.token("?pair=user").json()
        self.assertEqual((main["access_token"], user["access_token"]), (self.tokens["bot"], self.tokens["user"]))
        self.assertEqual((main["connection"], user["connection"]), (self.connection, self.connection))
        self.assertEqual((main.get("pair"), user["pair"]), (None, "user"))
        by_realm = self.server.expect(200, "GET", "/v1/registrations/sandbox/realms/1001/token?pair=user")
        self.assertEqual(by_realm["access_token"], self.tokens["user"])
        again = self.token("?pair=user").json()
        self.assertEqual(again["access_token"], self.tokens["user"], "from memory too")

    def test_a_pair_that_is_not_there_is_named(self):
        for path in (f"/v1/connections/{self.connection}/token?pair=admin", "/v1/registrations/sandbox/realms/1001/token?pair=admin"):
            answer = self.server.get(path)
            self.assertEqual((answer.status, answer.json()["code"]), (404, "not_found"), answer)
            self.assertIn("user", answer.json()["hint"])

    def test_one_is_refreshed_and_the_other_is_not(self):
        fresh = self.server.expect(200, "POST", f"/v1/connections/{self.connection}/refresh?pair=user", {"generation": 1})
        self.assertEqual((fresh["generation"], fresh["pair"]), (2, "user"))
        self.assertNotEqual(fresh["access_token"], self.tokens["user"])
        self.assertEqual(self.token().json()["generation"], 1)
        shown = self.show()
        self.assertEqual((shown["generation"], [p["generation"] for p in shown["pairs"]]), (1, [2]))
        told = self.server.expect(200, "GET", f"/v1/events?connection={self.connection}")["items"]
        self.assertEqual([(e["type"], e["pair"]) for e in told], [("imported", ""), ("refreshed", "user")])
        self.assertEqual({e["connection"] for e in told}, {self.connection})

    def test_lists_have_connections_unless_pairs_are_asked_for(self):
        listed = self.server.expect(200, "GET", "/v1/connections")["items"]
        self.assertEqual([c["id"] for c in listed], [self.connection])
        rows = self.server.expect(200, "GET", "/v1/connections?pairs=true")["items"]
        self.assertEqual({(c["pair"], c["main"]) for c in rows}, {("", None), ("user", self.connection)})
        self.assertEqual(self.server.get("/v1/connections?pairs=maybe").status, 400)

    def test_policy_and_audit_take_a_pair_as_its_connection(self):
        other = self.server.expect(201, "POST", "/v1/callers", {"name": "other", "verbs": ["token:read"], "registrations": ["*"],
                                                                "tenants": ["globex"]})
        self.token("?pair=user")  # in memory: the policy is asked there as well
        for _ in range(2):
            self.assertEqual(self.token("?pair=user", key=other["key"]).status, 404)
        trail = self.server.expect(200, "GET", f"/v1/audit?connection={self.connection}&limit=200")["items"]
        reads = [e for e in trail if e["action"] == "token.read"]
        self.assertIn(("ok", "generation 1, pair user"), [(e["result"], e["detail"]) for e in reads])
        self.assertEqual({e["tenant"] for e in reads}, {"acme"})
        self.assertEqual({bool(e["fingerprint"]) for e in reads if e["result"] == "ok"}, {True}, "from the store and from memory")

    def test_deleting_ends_both(self):
        self.server.expect(202, "DELETE", f"/v1/connections/{self.connection}")
        for query in ("", "?pair=user"):
            self.assertIn(self.token(query).status, (404, 410), query)
        deadline = time.monotonic() + 60
        while any(grant["alive"] for grant in self.sandbox.grants()) and time.monotonic() < deadline:
            self.show()
        self.assertEqual({g["realm"]: g["alive"] for g in self.sandbox.grants()}, {"1001": False, "2002": False})

    def test_the_command_line(self):
        _, out, _ = self.server.cli("token", self.connection, "--pair", "user", check=0)
        self.assertEqual(out.strip(), self.tokens["user"])
        _, out, _ = self.server.cli("connections", "show", self.connection, check=0)
        self.assertIn("TOKEN PAIR", out)
        self.assertIn("users:read", out)
        _, out, _ = self.server.cli("refresh", self.connection, "--pair", "user", check=0)
        self.assertIn("Generation 2", out)
        _, out, _ = self.server.cli("connections", "list", check=0)
        self.assertEqual(out.count("con_"), 1)

    def test_an_import_says_what_is_wrong_with_a_pair(self):
        base = {"registration": "sandbox", "tenant": "acme", "realm": "3003", "access_token": "at"}
        for pairs, words in (([{"pair": "admin", "access_token": "x"}], "no token pair"), ([{"pair": "user"}], "for the pair"),
                             ([{"access_token": "x"}], "'pairs.0.pair'"), ([{"pair": "user", "acess_token": "x"}], "'pairs.0.acess_token'"),
                             ({"pair": "user"}, "'pairs': expected a list"), ([1], "'pairs': expected a list")):
            answer = self.server.call("POST", "/v1/connections", {**base, "pairs": pairs})
            self.assertEqual(answer.status, 400, pairs)
            self.assertIn(words, answer.json()["detail"])


if __name__ == "__main__":
    unittest.main()
