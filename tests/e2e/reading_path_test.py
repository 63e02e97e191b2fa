"""Reading tokens at speed: plain requests are answered as they come in, and answer the same as the long way does."""

import json
import socket
import unittest
import urllib.parse

import evergrant_process as eg

FAR = 4000000000


class ReadingPath(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = eg.ConfiguredServer(cls.sandbox, registrations=["one"])
        cls.addClassCleanup(cls.server.close)
        cls.address = urllib.parse.urlsplit(cls.server.base)
        cls.connection = cls.imported("realm-1", "token-of-realm-1")
        cls.server.expect(200, "GET", f"/v1/connections/{cls.connection}/token")  # it is in memory from here on

    @classmethod
    def imported(cls, realm, token, tenant="acme", scope=("com.intuit.quickbooks.accounting",)):
        return cls.server.expect(201, "POST", "/v1/connections", {
            "registration": "one", "tenant": tenant, "realm": realm, "access_token": token, "access_expires_at": FAR,
            "scope": list(scope)})["id"]

    def request(self, path, key=None, more=""):
        return (f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key or self.server.key}\r\n{more}\r\n").encode()

    def path(self, connection=None):
        return f"/v1/connections/{connection or self.connection}/token"

    def exchange(self, pieces, answers):
        """Sends the pieces, one segment each; the answers as (status, headers as they came, body)."""
        with socket.create_connection((self.address.hostname, self.address.port), 30) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces:
                connection.sendall(piece)
            stream = connection.makefile("rb")
            return [self.read(stream) for _ in range(answers)]

    def read(self, stream):
        status = int(stream.readline().split()[1])
        headers = []
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers.append((name, value.strip()))
        return status, headers, stream.read(int(dict(headers)["Content-Length"])).decode()

    def quick(self, answer):
        """Only the quick way tells the length last."""
        return answer[1][-1][0] == "Content-Length"

    def audit(self, caller):
        return self.server.expect(200, "GET", f"/v1/audit?caller={caller['id']}&limit=200")["items"]

    def caller(self, **policy):
        return self.server.expect(201, "POST", "/v1/callers", {
            "name": self.id()[-60:], "verbs": ["token:read"], "registrations": ["*"], "tenants": ["*"], **policy})

    def both_ways(self, connection, **more):
        quick, = self.exchange([self.request(self.path(connection), **more)], 1)
        slow, = self.exchange([self.request(self.path(connection), **more, more="Connection: close\r\n")], 1)
        return quick, slow

    def test_both_ways_answer_the_same(self):
        several = self.imported("realm-scopes", "token-of-scopes", scope=("accounting", "payments", "openid"))
        self.server.expect(200, "GET", self.path(several))
        self.assertEqual(self.compared(several)["scope"], "accounting payments openid")
        self.compared(self.connection)

    def compared(self, connection):
        quick, slow = self.both_ways(connection)
        self.assertTrue(self.quick(quick))
        self.assertFalse(self.quick(slow))
        one, other = json.loads(quick[2]), json.loads(slow[2])
        self.assertLessEqual(abs(one.pop("expires_in") - other.pop("expires_in")), 2)
        self.assertEqual(one, other)
        self.assertEqual(list(json.loads(quick[2])), list(json.loads(slow[2])), "in the same order")
        own = {"Connection", "Date"}
        self.assertEqual({one for one in quick[1] if one[0] not in own}, {one for one in slow[1] if one[0] not in own})
        return one

    def test_what_json_must_escape_goes_the_long_way(self):
        for field, realm, token in (("access_token", "realm-odd", 'to"k\\en'), ("realm", 'realm "odd"', "token-of-odd-realm")):
            connection = self.imported(realm, token)
            for answer in [*self.both_ways(connection), *self.both_ways(connection)]:
                self.assertFalse(self.quick(answer))
                self.assertEqual(json.loads(answer[2])[field], token if field == "access_token" else realm)

    def test_a_token_without_an_end_is_answered_alike(self):
        connection = self.server.expect(201, "POST", "/v1/connections", {
            "registration": "one", "tenant": "acme", "realm": "realm-endless", "access_token": "token-without-end"})["id"]
        self.server.expect(200, "GET", self.path(connection))
        quick, slow = self.both_ways(connection)
        self.assertTrue(self.quick(quick))
        self.assertEqual(quick[2], slow[2])
        self.assertIsNone(json.loads(quick[2])["expires_in"])

    def test_requests_in_one_segment_are_answered_in_their_order(self):
        other = self.imported("realm-2", "token-of-realm-2")
        self.server.expect(200, "GET", self.path(other))
        wanted = [self.connection, other, None, other, self.connection] * 20
        piece = b"".join(self.request(self.path(one) if one else "/healthz") for one in wanted)
        for got, one in zip(self.exchange([piece], len(wanted)), wanted):
            self.assertEqual(got[0], 200)
            self.assertEqual(json.loads(got[2]).get("connection"), one)

    def test_a_request_may_come_in_pieces_cut_anywhere(self):
        raw = self.request(self.path())
        for cut in range(1, len(raw), 7):
            answers = self.exchange([raw[:cut], raw[cut:] + raw], 2)
            self.assertEqual([json.loads(answer[2])["connection"] for answer in answers], [self.connection] * 2)

    def test_what_a_caller_may_not_see_is_not_there(self):
        caller = self.caller(tenants=["globex"])
        for _ in range(2):
            for answer in self.both_ways(self.connection, key=caller["key"]):
                self.assertEqual(answer[0], 404)
        self.assertEqual({entry["detail"] for entry in self.audit(caller)}, {"denied by policy"})
        self.assertEqual(sum(entry["count"] for entry in self.audit(caller)), 4)

    def test_every_read_is_counted_in_the_audit_trail(self):
        caller = self.caller()
        self.exchange([self.request(self.path(), key=caller["key"], more="Connection: close\r\n")], 1)
        answers = self.exchange([self.request(self.path(), key=caller["key"]) * 49], 49)
        self.assertTrue(any(self.quick(answer) for answer in answers))
        trail = self.audit(caller)
        self.assertEqual(sum(entry["count"] for entry in trail), 50)
        self.assertLess(len(trail), 50)
        facts = ("action", "result", "registration", "tenant", "connection", "fingerprint", "detail", "remote")
        self.assertEqual(len({tuple(entry[fact] for fact in facts) for entry in trail}), 1, "both ways write the same")
        self.assertRegex(trail[0]["fingerprint"], "^[0-9a-f]{12}$")
        self.assertTrue(all(entry["at"] <= entry["last_at"] for entry in trail))

    def test_a_key_that_was_revoked_reads_nothing_more(self):
        caller = self.caller()
        with socket.create_connection((self.address.hostname, self.address.port), 30) as connection:
            stream = connection.makefile("rb")
            connection.sendall(self.request(self.path(), key=caller["key"], more="X: 1\r\n"))
            self.assertEqual(self.read(stream)[0], 200)
            self.server.expect(204, "DELETE", f"/v1/callers/{caller['id']}")
            connection.sendall(self.request(self.path(), key=caller["key"]))
            self.assertEqual(self.read(stream)[0], 401)

    def test_a_revoked_connection_is_read_no_more(self):
        gone = self.imported("realm-gone", "token-of-realm-gone")
        self.assertEqual(self.exchange([self.request(self.path(gone))], 1)[0][0], 200)
        self.server.expect(202, "DELETE", f"/v1/connections/{gone}")
        self.assertNotEqual(self.exchange([self.request(self.path(gone))], 1)[0][0], 200)

    def test_a_minimum_life_and_a_wait_are_taken_at_once_and_others_as_ever(self):
        for query in ("min_ttl=60", "wait=2", "wait=0&min_ttl=60", "min_ttl=0&wait=120"):
            answer, = self.exchange([self.request(self.path() + "?" + query)], 1)
            self.assertEqual((answer[0], self.quick(answer)), (200, True), query)
        for query in ("min_ttl=x", "min_ttl=-1", "min_ttl=1&min_ttl=1", "min_tll=1", "wait=x", "wait=-1", "wait=121", "wait=1&wait=1",
                      "wait=1&min_ttl=1&wait=1", "wait=1&other=1"):
            answer, = self.exchange([self.request(self.path() + "?" + query)], 1)
            self.assertEqual((answer[0], self.quick(answer)), (400, False), query)

    def test_a_batch_gives_each_its_own_answer(self):
        other = self.imported("realm-3", "token-of-realm-3", tenant="globex")
        caller = self.caller(tenants=["acme"])
        asked = [self.connection, other, "con_nobody", "con_" + "a" * 26, self.connection]
        items = self.server.expect(200, "POST", "/v1/tokens:batch", {"connections": asked}, key=caller["key"])["items"]
        self.assertEqual([item["connection"] for item in items], asked)
        self.assertEqual([item.get("access_token") for item in items], ["token-of-realm-1", None, None, None, "token-of-realm-1"])
        self.assertEqual({item["problem"]["code"] for item in items if "problem" in item}, {"not_found"})
        reads = [entry for entry in self.audit(caller) if entry["action"] == "token.read"]
        self.assertEqual(sum(entry["count"] for entry in reads), 5)
        self.assertEqual(sum(entry["count"] for entry in reads if entry["result"] == "ok"), 2)
        self.exchange([self.request(self.path(), key=caller["key"])], 1)
        known_by = {entry["fingerprint"] for entry in self.audit(caller) if (entry["action"], entry["result"]) == ("token.read", "ok")}
        self.assertEqual(len(known_by), 1, "the same token, in a batch and alone")
        self.assertRegex(known_by.pop(), "^[0-9a-f]{12}$")
        for wrong in ([], ["a"] * 101, "con_x", [1]):
            self.server.expect(400, "POST", "/v1/tokens:batch", {"connections": wrong})


if __name__ == "__main__":
    unittest.main()
