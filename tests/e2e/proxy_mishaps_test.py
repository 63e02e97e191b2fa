#!/usr/bin/python3
"""What goes wrong on the way through the auth-injecting proxy, and what callers, the trail and the provider see of it."""

import json
import unittest

from proxied_server import ProxiedServer, problem_of


class MishapTest(unittest.TestCase):
    def setUp(self):
        self.server = ProxiedServer()
        self.addCleanup(self.server.close)
        self.upstream = self.server.upstream

    def test_a_call_that_was_lost_is_not_said_to_be_unsent_when_the_provider_cannot_be_reached_again(self):
        upstream = self.upstream

        def vanish(asked, connection, stream):
            upstream.close()
            return False
        upstream.do_vanish = vanish
        self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        answer = self.server.api("GET", "/x/vanish")
        self.assertEqual((answer.status, problem_of(answer.body)), (503, "ambiguous"))
        self.assertIn("may have acted", answer.json()["detail"] + answer.json().get("hint", ""))
        self.assertEqual(len(upstream.requests), 2)
        answer = self.server.api("GET", "/x/echo")  # of this one nothing was sent
        self.assertEqual((answer.status, problem_of(answer.body)), (503, "provider_unavailable"))

    def test_the_trail_names_the_token_that_the_answer_was_got_with(self):
        self.upstream.refused_tokens.add(self.server.token()["access_token"])
        self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        self.assertEqual(self.server.token()["generation"], 2)
        items = self.server.get("/v1/audit?limit=20").json()["items"]
        read = [item["fingerprint"] for item in items if item["action"] == "token.read"]
        self.assertEqual(len(set(read)), 2, items)
        self.assertEqual(self.server.last_audit()["fingerprint"], read[0])
        self.assertIn("generation 2, sent again", self.server.last_audit()["detail"])

    def test_a_provider_that_repeats_the_token_where_its_words_are_shown_repeats_it_to_nobody(self):
        token = self.server.token()["access_token"]
        quoted = "\\".join(token)  # RFC 9110 5.6.4: quoted, each character is itself
        for shown, named in ((token, token), (token[:40], token[:40]), (quoted, token)):
            self.upstream.raw["narrow"] = (
                f'HTTP/1.1 403 Forbidden\r\nWWW-Authenticate: Bearer error="insufficient_scope", scope="{shown}", '
                f'error_description="{shown}"\r\nintuit_tid: {named}\r\nContent-Length: 0\r\n\r\n').encode()
            answer = self.server.api("GET", "/x/narrow")
            self.assertEqual((answer.status, problem_of(answer.body)), (403, "insufficient_scope"))
            seen = answer.body.decode() + str(answer.headers) + json.dumps(self.server.last_audit())
            self.assertNotIn(token[:24], seen.replace("\\", ""), shown)
            self.assertNotIn("scope", answer.json())

    def test_what_evergrant_says_itself_is_marked_though_the_request_was_none(self):
        for body in ("x\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"):
            with self.server.wire(f"POST {self.server.proxy('/x/sink')} HTTP/1.1\nTransfer-Encoding: chunked", body.encode()) as wire:
                status, fields, _, _ = wire.answer()
            self.assertEqual(status, 400)
            self.assertIn("evergrant-error", fields)
        with self.server.wire(f"GET {self.server.proxy('/x/ x')} HTTP/1.1") as wire:
            self.assertIn("evergrant-error", wire.head()[1])


class MethodListTest(unittest.TestCase):
    def setUp(self):
        self.server = ProxiedServer()
        self.addCleanup(self.server.close)

    def test_a_method_that_is_not_allowed_costs_neither_a_refresh_nor_the_body(self):
        key = self.server.expect(201, "POST", "/v1/callers", {
            "name": "reader", "verbs": ["proxy"], "registrations": ["*"], "tenants": ["*"], "methods": ["GET"]})["key"]
        connection = self.server.import_grant(self.server.sandbox.grant("77"), expired=True)
        where = self.server.proxy("/x/echo", connection)
        for method in ("POST", "DELETE"):
            with self.server.wire(f"{method} {where} HTTP/1.1\nContent-Length: 5\nExpect: 100-continue", key=key) as wire:
                status, fields = wire.head()  # and no 100 Continue before it
            self.assertEqual((status, fields["evergrant-error"]), (403, "forbidden"))
            entry = self.server.last_audit()
            self.assertEqual((entry["connection"], entry["result"], entry["detail"], entry["fingerprint"]),
                             (connection, "forbidden", f"refused method {method}", ""))
        for query in ("_HttpMethod=PATCH", "a=b&%5fmethod=DELETE", "$httpMethod=DELETE"):
            answer = self.server.call("GET", f"{where}?{query}", key=key)
            self.assertEqual((answer.status, problem_of(answer.body)), (403, "forbidden"), query)
        self.assertEqual(self.server.get(f"/v1/connections/{connection}").json()["generation"], 1)
        self.assertEqual(self.server.upstream.requests, [])
        self.assertEqual(self.server.call("GET", where, key=key).status, 200)
        self.assertEqual(self.server.call("POST", f"{where}?_HttpMethod=PATCH", b"x").status, 200)  # who is not limited


class SlowCallerTest(unittest.TestCase):
    def setUp(self):
        self.server = ProxiedServer(("max_concurrency = 1",))
        self.addCleanup(self.server.close)

    def test_a_caller_that_sends_its_body_slowly_takes_no_place_from_others(self):
        head = f"POST {self.server.proxy('/x/echo')} HTTP/1.1\nContent-Length: 5\nExpect: 100-continue"
        with self.server.wire(head) as slow:
            self.assertEqual(slow.head()[0], 100)  # its body is waited for
            self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
            slow.send(b"later")
            self.assertEqual(json.loads(slow.answer()[2])["body"], "later")
        self.assertEqual(len(self.server.upstream.requests), 2)


if __name__ == "__main__":
    unittest.main()
