"""The whole life of a connection, the same at every provider: connected, read by many at the moment of expiry, refreshed in a
row and by many at once, used, revoked. The provider's own log says what was asked of it."""

import datetime
import http.client
import json
import re
import time

MANY = 64


def seconds_until(text):
    return (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def wait_for_expiry(server, connection):
    """Nothing but time ends a token at a real provider."""
    time.sleep(max(0.0, seconds_until(server.connection(connection)["access_expires_at"])) + 0.001)


class Crowd:
    """Many clients of evergrant, each with a TCP connection of its own, that ask at the same time."""

    def __init__(self, server, size=MANY):
        self.headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
        self.clients = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=60) for _ in range(size)]
        for client in self.clients:
            client.connect()

    def ask(self, method, path, body=None):
        for client in self.clients:
            client.request(method, path, body=json.dumps(body) if body is not None else None, headers=self.headers)

    def answers(self):
        received = []
        for client in self.clients:
            answer = client.getresponse()
            received.append((answer.status, json.loads(answer.read())))
        return received

    def close(self):
        for client in self.clients:
            client.close()


class WholeLife:
    """Mixed into a TestCase with `server` (EvergrantAt), `provider` (an adapter) and `connect()`, which gives a connection.

    The adapter has: set_access_ttl(seconds), refreshes() and complaints(), both from the provider's own log,
    api_status(access_token) and grant_is_alive()."""

    def crowd(self):
        crowd = Crowd(self.server)
        self.addCleanup(crowd.close)
        return crowd

    def all_in_flight_at_once(self, method, path, body=None):
        """The answers to many requests that were all sent before the provider answered anything."""
        crowd = self.crowd()
        self.provider.pause()
        try:
            crowd.ask(method, path, body)
        finally:
            self.provider.resume()
        answers = crowd.answers()
        self.assertEqual({status for status, _ in answers}, {200}, answers[:3])
        return [body for _, body in answers]

    def expect_at_provider(self, refreshes):
        self.assertEqual(self.provider.refreshes(), refreshes, "token requests in the provider's log")
        self.assertEqual(self.provider.complaints(), [])
        self.assertTrue(self.provider.grant_is_alive())

    def test_the_whole_life_of_a_connection(self):
        self.provider.set_access_ttl(1)
        connection = self.connect()
        self.provider.set_access_ttl(3600)
        self.assertEqual(self.server.connection(connection)["generation"], 1)
        self.expect_at_provider(refreshes=0)
        self.many_read_an_expired_token(connection)
        self.ten_refreshes_in_a_row(connection)
        self.many_report_the_same_generation(connection)
        self.many_read_while_a_token_expires(connection)
        self.revoke(connection)

    def many_read_an_expired_token(self, connection):
        wait_for_expiry(self.server, connection)
        answers = self.all_in_flight_at_once("GET", f"/v1/connections/{connection}/token")
        self.assertEqual({(a["generation"], a["access_token"]) for a in answers}, {(2, answers[0]["access_token"])})
        self.expect_at_provider(refreshes=1)

    def ten_refreshes_in_a_row(self, connection):
        tokens = {self.server.read(connection)["access_token"]}
        for generation in range(2, 12):
            answer = self.server.force(connection, generation)
            self.assertEqual(answer["generation"], generation + 1)
            self.assertEqual(self.provider.api_status(answer["access_token"]), 200)
            tokens.add(answer["access_token"])
            self.expect_at_provider(refreshes=generation)
        self.assertEqual(len(tokens), 11)

    def many_report_the_same_generation(self, connection):
        answers = self.all_in_flight_at_once("POST", f"/v1/connections/{connection}/refresh", {"generation": 12})
        self.assertEqual({a["generation"] for a in answers}, {13})
        self.assertEqual(self.server.force(connection, generation=12)["generation"], 13)
        self.assertEqual(self.server.force(connection, generation=1)["generation"], 13)
        self.expect_at_provider(refreshes=12)

    def many_read_while_a_token_expires(self, connection):
        self.provider.set_access_ttl(3)
        self.assertEqual(self.server.force(connection, generation=13)["generation"], 14)
        self.provider.set_access_ttl(3600)
        crowd = self.crowd()
        seen = [14]
        while min(seen) == 14:
            crowd.ask("GET", f"/v1/connections/{connection}/token")
            answers = crowd.answers()
            self.assertEqual({status for status, _ in answers}, {200})
            self.assertGreaterEqual(min(body["expires_in"] for _, body in answers), 0)
            seen = [body["generation"] for _, body in answers]
        self.assertEqual(max(seen), 15)
        self.expect_at_provider(refreshes=14)

    def revoke(self, connection):
        access_token = self.server.read(connection)["access_token"]
        self.assertEqual(self.provider.api_status(access_token), 200)
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
        self.server.program.wait_for_line(f"revoked.*{re.escape(connection)}")
        self.assertEqual(self.server.connection(connection)["status"], "revoked")
        self.assertEqual(self.server.read(connection, status=410)["code"], "revoked")
        self.assertFalse(self.provider.grant_is_alive())
        self.assertEqual(self.provider.refreshes(), 14)
