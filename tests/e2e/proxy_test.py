#!/usr/bin/python3
"""Calls through the auth-injecting proxy: what arrives at the provider's API, what comes back, and what is made of a token that
the provider refuses. The API is a real server (api_upstream.py), the tokens come from the sandbox provider."""

import hashlib
import json
import os
import socket
import threading
import unittest

from proxied_server import REALM, ProxiedServer, Wire, problem_of

MEBIBYTE = 1 << 20
LONG = 64 * MEBIBYTE
MEMORY_KIB = 12 * 1024  # what a server may grow by while it streams
if os.environ.get("EVERGRANT_SANITIZED") == "1":
    MEMORY_KIB *= 4  # what was freed is kept aside for a while


class ProxyTest(unittest.TestCase):
    profile = ()
    extra = ""

    def setUp(self):
        self.server = ProxiedServer(self.profile, self.extra)
        self.addCleanup(self.server.close)
        self.upstream = self.server.upstream


class CallsTest(ProxyTest):
    def test_a_call_arrives_with_the_connections_token_and_without_what_is_the_callers_own(self):
        answer = self.server.api("GET", f"/v3/company/{REALM}/echo?minorversion=75&q=a%20b", headers={
            "Accept": "application/json", "Cookie": "session=1", "X-Forwarded-For": "10.0.0.1", "X-Private": "hop",
            "Connection": "X-Private", "X-Request-Id": "r-1", "Via": "1.1 x"})
        self.assertEqual(answer.status, 200, answer)
        asked = self.upstream.requests[0]
        self.assertEqual((asked.method, asked.target), ("GET", f"/v3/company/{REALM}/echo?minorversion=75&q=a%20b"))
        self.assertEqual(asked.values("Authorization"), ["Bearer " + self.server.token()["access_token"]])
        self.assertEqual(asked.value("Host"), self.upstream.netloc)
        self.assertEqual(asked.value("X-Request-Id"), "r-1")
        self.assertEqual(asked.value("Accept"), "application/json")
        names = {name.lower() for name, _ in asked.fields}
        self.assertFalse(names & {"cookie", "x-forwarded-for", "x-private", "connection", "via", "content-length",
                                  "transfer-encoding", "forwarded"}, names)
        self.assertNotIn(self.server.key, str(asked.fields))

    def test_every_method_and_body_arrives(self):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"):
            answer = self.server.api(method, "/x/echo", b"a body", headers={"Content-Type": "text/plain"})
            said = answer.json()
            self.assertEqual((said["method"], said["body"]), (method, "a body"))
            self.assertIn(["Content-Length", "6"], said["fields"])
        self.assertIn(["Content-Length", "0"], self.server.api("POST", "/x/echo").json()["fields"])

    def test_head_and_bodiless_answers(self):
        with self.server.wire(f"HEAD {self.server.proxy('/x/echo')} HTTP/1.1") as wire:
            status, fields = wire.head()
            self.assertEqual(status, 200)
            self.assertGreater(int(fields["content-length"]), 0)
        for status in (204, 304):
            self.upstream.raw["bare"] = f"HTTP/1.1 {status} X\r\nETag: \"1\"\r\n\r\n".encode()
            with self.server.wire(f"GET {self.server.proxy('/x/bare')} HTTP/1.1\nConnection: close") as wire:
                got, fields, body, _ = wire.answer()
                self.assertEqual((got, body, fields["etag"]), (status, b"", '"1"'))
                self.assertEqual(wire.rest(), (b"", False))

    def test_trailers_and_chunks_pass_both_ways(self):
        head = f"POST {self.server.proxy('/x/echo')} HTTP/1.1\nTransfer-Encoding: chunked\nTrailer: X-Sum\nTE: trailers"
        body = b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Sum: 5\r\nAuthorization: Bearer evil\r\nRange: x\r\n\r\n"
        with self.server.wire(head, body) as wire:
            said = json.loads(wire.answer()[2])
        self.assertEqual(said["body"], "abcde")
        self.assertEqual(said["trailers"], [["X-Sum", "5"]])
        self.assertIn(["TE", "trailers"], said["fields"])
        with self.server.wire(f"GET {self.server.proxy('/x/flood?5-chunked')} HTTP/1.1") as wire:
            status, fields, body, trailers = wire.answer()
        self.assertEqual((status, len(body), trailers), (200, 5, {"x-sum": "done"}))

    def test_interim_answers_are_not_the_answer(self):
        self.upstream.raw["hints"] = (b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
                                      b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(self.server.api("GET", "/x/hints").body, b"hi")

    def test_a_client_of_http_1_0_gets_its_answer_until_the_end(self):
        with self.server.wire(f"GET {self.server.proxy('/x/flood?5-chunked')} HTTP/1.0") as wire:
            status, fields, body, _ = wire.answer()
        self.assertEqual((status, len(body), fields.get("connection")), (200, 5, "close"))
        self.assertNotIn("transfer-encoding", fields)

    def test_what_concerns_the_providers_own_site_stays_there(self):
        token = self.server.token()["access_token"]
        fields = {"Set-Cookie": "a=b", "Alt-Svc": 'h3=":443"', "Strict-Transport-Security": "max-age=1", "ETag": '"1"',
                  "Access-Control-Allow-Origin": "*", "Connection": "X-Hop", "X-Hop": "1", "intuit_tid": "tid-1",
                  "X-Echo": f"Bearer {token}", "Evergrant-Error": "forged", "Proxy-Authenticate": "Basic"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.upstream.raw["site"] = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nhi".encode()
        answer = self.server.api("GET", "/x/site")
        kept = {name.lower() for name in answer.headers.keys()}
        self.assertEqual(kept - {"date"}, {"etag", "intuit_tid", "content-length", "x-content-type-options"})

    def test_connections_to_the_api_are_used_again(self):
        for _ in range(20):
            self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        self.assertEqual(self.upstream.connections, 1)

    def test_the_callers_connection_serves_on(self):
        request = f"GET {self.server.proxy('/x/echo')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.server.key}\r\n\r\n"
        with Wire(self.server.port, request * 3 + request.replace("/proxy/x/echo", "")) as wire:
            self.assertEqual([wire.answer()[0] for _ in range(4)], [200] * 4)

    def test_the_audit_tells_where_a_token_was_used_and_nothing_of_what_was_said(self):
        self.upstream.raw["tid"] = b"HTTP/1.1 404 Not Found\r\nintuit_tid: tid-77\r\nContent-Length: 2\r\n\r\nno"
        self.server.api("POST", f"/v3/company/{REALM}/invoice/4711/tid?secret=canary", b"body canary")
        entry = self.server.last_audit()
        self.assertEqual(entry["detail"], f"POST {self.upstream.netloc}/v3/company/{{realm}}/invoice/*/tid: 404, tid-77, "
                                          "11 bytes up, 2 down, generation 1")
        self.assertEqual((entry["result"], entry["connection"], len(entry["fingerprint"])), ("ok", self.server.connection, 12))
        self.assertNotIn("canary", json.dumps(entry) + self.server.program.log())
        metrics = self.server.get("/metrics").body.decode()
        self.assertIn('evergrant_proxy_requests_total{class="4xx",registration="sandbox"} 1', metrics)
        self.assertIn('evergrant_proxy_upstream_seconds_count{registration="sandbox"} 1', metrics)

    def test_who_may_not_use_a_connection_does_not_learn_that_it_is_there(self):
        def caller(**policy):
            return self.server.expect(201, "POST", "/v1/callers", {"name": "app", "registrations": ["*"], "tenants": ["*"],
                                                                   **policy})["key"]
        for key, status, code in ((caller(verbs=["token:read"]), 403, "forbidden"),
                                  (caller(verbs=["proxy"], tenants=["other"]), 404, "not_found"),
                                  ("egk_" + "x" * 43, 401, "unauthenticated"), ("", 401, "unauthenticated")):
            answer = self.server.api("GET", "/x/echo", key=key)
            self.assertEqual((answer.status, answer.json()["code"], answer.headers["Evergrant-Error"]), (status, code, code))
        self.assertEqual(self.server.call("GET", "/v1/connections/con_" + "a" * 26 + "/proxy/x").status, 404)
        self.assertEqual(self.server.call("GET", "/v1/connections/nonsense/proxy/x").status, 404)
        self.assertEqual(self.upstream.requests, [])
        key = caller(verbs=["proxy"], tenants=["acme"])
        self.assertEqual(self.server.api("GET", "/x/echo", key=key).status, 200)
        self.assertEqual(self.server.get(f"/v1/connections/{self.server.connection}/token", key=key).status, 403)

    def test_a_connection_that_has_ended_is_not_called_for(self):
        self.server.expect(202, "DELETE", f"/v1/connections/{self.server.connection}")
        answer = self.server.api("GET", "/x/echo")
        self.assertEqual((answer.status, answer.json()["code"]), (410, "revoked"))
        self.assertEqual(self.upstream.requests, [])


class StreamingTest(ProxyTest):
    def test_a_long_upload_streams_with_flat_memory(self):
        self.server.api("POST", "/x/sink", b"warm")
        before = self.server.memory()
        block = bytes(range(256)) * 4096
        for framing in ("counted", "chunked"):
            head = f"PUT {self.server.proxy('/x/sink')} HTTP/1.1\n"
            head += f"Content-Length: {LONG}" if framing == "counted" else "Transfer-Encoding: chunked"
            with self.server.wire(head) as wire:
                for _ in range(LONG // len(block)):
                    wire.send(block if framing == "counted" else b"%x\r\n%s\r\n" % (len(block), block))
                if framing == "chunked":
                    wire.send(b"0\r\n\r\n")
                said = json.loads(wire.answer()[2])
            self.assertEqual((said["length"], said["sha256"]), (LONG, hashlib.sha256(block * (LONG // len(block))).hexdigest()))
        self.assertLess(self.server.memory("VmHWM") - before, MEMORY_KIB)

    def test_a_long_download_streams_with_flat_memory(self):
        self.server.api("GET", "/x/flood?1000-counted")
        before = self.server.memory()
        for framing in ("counted", "chunked"):
            with self.server.wire(f"GET {self.server.proxy(f'/x/flood?{LONG}-{framing}')} HTTP/1.1") as wire:
                status, fields = wire.head()
                seen = 0
                while seen < LONG:
                    seen += len(wire.stream.read(int(fields["content-length"])) if "content-length" in fields else wire.chunk())
                self.assertEqual((status, seen), (200, LONG))
        self.assertLess(self.server.memory("VmHWM") - before, MEMORY_KIB + 1024)

    def test_who_reads_slowly_slows_the_provider_down_and_fills_nothing(self):
        self.server.api("GET", "/x/flood?1000-counted")
        before = self.server.memory()
        with self.server.wire(f"GET {self.server.proxy(f'/x/flood?{LONG}-counted')} HTTP/1.1") as wire:
            wire.head()
            self.assertEqual(self.server.get("/healthz").status, 200)  # others are served meanwhile
            self.assertLess(self.server.memory("VmHWM") - before, MEMORY_KIB)
            self.assertEqual(len(wire.stream.read(LONG)), LONG)

    def test_events_arrive_one_by_one(self):
        with self.server.wire(f"GET {self.server.proxy('/x/events')} HTTP/1.1") as wire:
            status, fields = wire.head()
            self.assertEqual((status, fields["content-type"]), (200, "text/event-stream"))
            self.assertEqual(wire.chunk(), b"data: one\n\n")  # while the provider still waits
            self.upstream.go_on.set()
            self.assertEqual((wire.chunk(), wire.chunk()), (b"data: two\n\n", b""))

    def test_the_word_to_go_on_comes_from_the_provider(self):
        head = f"PUT {self.server.proxy('/x/sink')} HTTP/1.1\nContent-Length: {MEBIBYTE}\nExpect: 100-continue"
        with self.server.wire(head) as wire:
            self.assertEqual(wire.head()[0], 100)
            self.assertEqual(self.upstream.requests[0].value("Expect"), "100-continue")
            wire.send(b"x" * MEBIBYTE)
            self.assertEqual(json.loads(wire.answer()[2])["length"], MEBIBYTE)

    def test_a_provider_that_knows_no_such_word_is_not_waited_for_long(self):
        head = f"PUT {self.server.proxy('/x/echo')} HTTP/1.1\nContent-Length: 100000\nExpect: 100-continue"
        with self.server.wire(head) as wire:
            self.assertEqual(wire.head()[0], 100)
            wire.send(b"x" * 100000)
            self.assertEqual(wire.answer()[0], 200)

    def test_an_early_answer_ends_the_upload(self):
        with self.server.wire(f"PUT {self.server.proxy('/x/early')} HTTP/1.1\nContent-Length: {LONG}", b"x" * 100_000) as wire:
            status, fields, body, _ = wire.answer()
            self.assertEqual((status, body, fields["connection"]), (413, b"too much", "close"))


class BrokenTest(ProxyTest):
    def test_an_answer_that_breaks_off_does_not_look_complete(self):
        for name, raw in {"counted": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first part",
                          "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                          "nonsense": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"}.items():
            self.upstream.raw[name] = raw
            for version in ("1.1", "1.0"):
                with self.server.wire(f"GET {self.server.proxy(f'/x/{name}')} HTTP/{version}") as wire:
                    data, reset = wire.rest()
                self.assertTrue(reset, (name, version, data))
                self.assertFalse(data.endswith(b"0\r\n\r\n"))
            entry = self.server.last_audit()
            self.assertEqual((entry["result"], entry["detail"].rsplit(", ", 1)[1]), ("broken", "the provider's answer broke off"))

    def test_what_is_no_answer_is_a_problem(self):
        for name, raw in {"two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
                          "both": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                          "switched": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                          "ssh": b"SSH-2.0-OpenSSH\r\n\r\n"}.items():
            self.upstream.raw[name] = raw
            answer = self.server.api("GET", f"/x/{name}")
            self.assertEqual((answer.status, answer.json()["code"]), (502, "provider_rejected"), name)

    def test_a_lost_answer_is_said_to_be_lost_and_a_post_is_sent_once(self):
        answer = self.server.api("POST", "/x/closes", b"pay")
        self.assertEqual((answer.status, answer.json()["code"]), (503, "ambiguous"))
        self.assertEqual(len(self.upstream.requests), 1)
        self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        answer = self.server.api("POST", "/x/closes", b"pay")  # on a connection that had served before
        self.assertEqual((answer.status, answer.json()["code"]), (503, "ambiguous"))
        self.assertEqual(len(self.upstream.requests), 3)

    def test_a_get_on_a_kept_connection_that_dies_is_sent_again_once(self):
        self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        answer = self.server.api("GET", "/x/closes")
        self.assertEqual((answer.status, answer.json()["code"]), (503, "ambiguous"))
        self.assertEqual([asked.connection for asked in self.upstream.requests], [1, 1, 2])

    def test_errors_of_the_provider_are_passed_on_and_never_retried(self):
        for status in (400, 404, 409, 429, 500, 502, 503):
            self.upstream.raw["said"] = f"HTTP/1.1 {status} X\r\nRetry-After: 17\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno!".encode()
            before = len(self.upstream.requests)
            answer = self.server.api("POST", "/x/said", b"x")
            self.assertEqual((answer.status, answer.body, answer.headers["Retry-After"]), (status, b"no!", "17"))
            self.assertNotIn("Evergrant-Error", answer.headers)
            self.assertEqual(len(self.upstream.requests) - before, 1)

    def test_a_caller_that_goes_away_ends_the_call_at_the_provider(self):
        wire = self.server.wire(f"PUT {self.server.proxy('/x/sink')} HTTP/1.1\nContent-Length: {LONG}", b"x" * 200_000)
        self.upstream.wait_for(1)
        wire.__exit__()
        wire = self.server.wire(f"GET {self.server.proxy(f'/x/flood?{LONG}-counted')} HTTP/1.1")
        wire.head()
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.__exit__()
        for _ in range(3):
            self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        self.assertFalse(self.upstream.requests[0].whole)

    def test_a_provider_that_is_away_is_said_to_be(self):
        self.upstream.close()
        answer = self.server.api("GET", "/x/echo")
        self.assertEqual((answer.status, answer.json()["code"]), (503, "provider_unavailable"))
        self.assertIn("Retry-After", answer.headers)


class DeadlineTest(ProxyTest):
    extra = '[proxy]\nanswer_timeout = "2s"\nidle_timeout = "2s"\n'

    def test_a_provider_that_does_not_answer_is_waited_for_so_long(self):
        answer = self.server.api("GET", "/x/waits")
        self.assertEqual((answer.status, answer.json()["code"]), (503, "ambiguous"))
        with self.server.wire(f"GET {self.server.proxy('/x/events')} HTTP/1.1") as wire:
            self.assertTrue(wire.rest()[1])
        self.assertEqual(len(self.upstream.requests), 2)


class RefusedTokenTest(ProxyTest):
    def refuse_current(self):
        token = self.server.token()["access_token"]
        self.upstream.refused_tokens.add(token)
        return token

    def test_a_refused_token_is_refreshed_and_the_call_sent_once_more(self):
        for challenge in ('Bearer realm="x", error="invalid_token"', "Bearer", ""):
            self.upstream.challenge = challenge
            old = self.refuse_current()
            before = len(self.upstream.requests)
            answer = self.server.api("POST", "/x/echo", b"the body")
            self.assertEqual((answer.status, answer.json()["body"]), (200, "the body"))
            first, second = self.upstream.requests[before:]
            self.assertEqual((first.token, second.token), (old, self.server.token()["access_token"]))
            self.assertNotEqual(first.token, second.token)
            self.assertIn("sent again with a new token", self.server.last_audit()["detail"])
            self.server.close()
            self.setUp()

    def test_a_chunked_body_that_was_kept_is_sent_again(self):
        self.refuse_current()
        with self.server.wire(f"POST {self.server.proxy('/x/echo')} HTTP/1.1\nTransfer-Encoding: chunked",
                              b"5\r\nhello\r\n0\r\n\r\n") as wire:
            status, _, body, _ = wire.answer()
        self.assertEqual((status, json.loads(body)["body"]), (200, "hello"))

    def test_a_body_that_was_not_asked_for_yet_goes_with_the_new_token(self):
        self.refuse_current()
        with self.server.wire(f"PUT {self.server.proxy('/x/sink')} HTTP/1.1\nContent-Length: {MEBIBYTE}\n"
                              "Expect: 100-continue") as wire:
            self.assertEqual(wire.head()[0], 100)
            wire.send(b"x" * MEBIBYTE)
            self.assertEqual(json.loads(wire.answer()[2])["length"], MEBIBYTE)
        self.assertEqual(len(self.upstream.requests), 2)

    def test_a_body_that_is_gone_makes_the_refusal_the_callers_with_a_new_token_ready(self):
        old = self.refuse_current()
        answer = self.server.api("PUT", "/x/sink", b"x" * MEBIBYTE)
        self.assertEqual((answer.status, answer.body, answer.headers["Evergrant-Refreshed"]), (401, b"refused", "true"))
        self.assertNotIn("Evergrant-Error", answer.headers)
        self.assertNotEqual(self.server.token()["access_token"], old)
        self.assertEqual(self.server.api("PUT", "/x/sink", b"x" * MEBIBYTE).json()["length"], MEBIBYTE)
        self.assertEqual(len(self.upstream.requests), 2)

    def test_a_provider_that_refuses_every_token_is_not_refreshed_for_each_call(self):
        class Everything(set):
            def __contains__(self, _):
                return True
        self.upstream.refused_tokens = Everything()
        for _ in range(5):
            answer = self.server.api("GET", "/x/echo")
            self.assertEqual((answer.status, answer.body), (401, b"refused"))
        self.assertEqual(self.server.token()["generation"], 2)
        self.assertEqual(len(self.upstream.requests), 6)  # the first call twice

    def test_calls_under_way_when_a_refresh_kills_the_old_token_are_all_sent_again(self):
        old = self.refuse_current()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.server.api("POST", "/x/echo", b"x").status))
                   for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * 50)
        self.assertEqual(self.server.token()["generation"], 2)
        self.assertTrue(all(asked.token != old for asked in self.upstream.requests[-1:]))

    def test_a_wider_scope_that_is_asked_for_is_told_and_nothing_is_refreshed(self):
        for status in (401, 403):
            self.upstream.raw["narrow"] = (f"HTTP/1.1 {status} X\r\nWWW-Authenticate: Bearer error=\"insufficient_scope\", "
                                           "scope=\"files.write admin\", error_description=\"more\"\r\n"
                                           "Connection: close\r\nContent-Length: 2\r\n\r\nno").encode()
            answer = self.server.api("POST", "/x/narrow", b"x")
            said = answer.json()
            self.assertEqual((answer.status, said["code"], said["scope"], said["reconnect"], said["tenant"]),
                             (403, "insufficient_scope", "files.write admin", "/v1/connect-sessions", "acme"))
        self.assertEqual(self.server.token()["generation"], 1)
        self.assertEqual(len(self.upstream.requests), 2)

    def test_a_request_that_is_called_invalid_is_not_sent_again(self):
        self.upstream.challenge = 'Bearer error="invalid_request"'
        self.refuse_current()
        self.assertEqual(self.server.api("GET", "/x/echo").status, 401)
        self.assertEqual(len(self.upstream.requests), 1)
        self.assertEqual(self.server.token()["generation"], 1)

    def test_an_expired_token_is_refreshed_before_anything_is_sent(self):
        grant = self.server.sandbox.grant("77")
        connection = self.server.import_grant(grant, expired=True)
        answer = self.server.call("GET", self.server.proxy("/x/echo", connection))
        self.assertEqual(answer.status, 200)
        self.assertNotEqual(self.upstream.requests[0].token, grant["access_token"])


class GateTest(ProxyTest):
    profile = ("max_concurrency = 2", "max_per_minute = 6")

    def test_a_realm_gets_as_many_calls_as_its_provider_allows_and_others_their_own(self):
        waiting = [self.server.wire(f"GET {self.server.proxy('/x/waits')} HTTP/1.1") for _ in range(2)]
        self.upstream.wait_for(2)
        answer = self.server.api("GET", "/x/echo")
        self.assertEqual((answer.status, answer.json()["code"], answer.json()["limit"]), (429, "rate_limited", "max_concurrency"))
        self.assertEqual(answer.headers["Retry-After"], "1")
        other = self.server.import_grant(self.server.sandbox.grant("88"), tenant="other")
        self.assertEqual(self.server.call("GET", self.server.proxy("/x/echo", other)).status, 200)
        self.upstream.go_on.set()
        for wire in waiting:
            self.assertEqual(wire.answer()[0], 200)
            wire.__exit__()
        for _ in range(4):
            self.assertEqual(self.server.api("GET", "/x/echo").status, 200)
        answer = self.server.api("GET", "/x/echo")
        self.assertEqual((answer.status, answer.json()["limit"]), (429, "max_per_minute"))
        self.assertTrue(30 < int(answer.headers["Retry-After"]) <= 60, answer.headers["Retry-After"])
        self.assertEqual(len(self.upstream.requests), 7)


class InjectionTest(ProxyTest):
    profile = ('header = "X-Api-Token"', 'format = "{token}"', 'extra_headers = { xero-tenant-id = "{realm}" }',
               'forbidden_headers = ["X-Impersonate"]')

    def test_the_profile_says_how_a_token_is_sent_and_what_goes_with_it(self):
        self.assertEqual(self.server.api("GET", "/x/echo", headers={
            "X-Api-Token": "evil", "Xero-Tenant-Id": "other", "xero_tenant_id": "other", "X-Impersonate": "root"}).status, 200)
        asked = self.upstream.requests[0]
        self.assertEqual(asked.values("X-Api-Token"), [self.server.token()["access_token"]])
        self.assertEqual(asked.values("xero-tenant-id"), [REALM])
        names = {name.lower() for name, _ in asked.fields}
        self.assertFalse(names & {"authorization", "x-impersonate", "xero_tenant_id"}, names)


if __name__ == "__main__":
    unittest.main()
