#!/usr/bin/python3
"""A provider that hangs, fails or loses answers: what is still valid is served, and what was in doubt is resolved."""

import http.client
import json
import threading
import time
import unittest
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from evergrant_process import ConfiguredServer, Sandbox

HANG = {"endpoint": "token", "latency_ms": 60000}


class HangTest(unittest.TestCase):
    def start(self, rotation="sometimes", profile=(), extra=""):
        self.sandbox = Sandbox("--rotation", rotation)
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox, profile=[f'refresh.rotation = "{rotation}"', *profile], extra=extra)
        self.addCleanup(self.server.close)

    def connection(self, expired=False, realm="4620816365000000001"):
        return self.server.import_grant(self.sandbox.grant(realm), expired=expired)

    def token_path(self, connection):
        return f"/v1/connections/{connection}/token"

    def truth(self):
        """What the provider knows of its only grant."""
        grant, = self.sandbox.grants()
        return grant

    def begin_refresh(self, connection):
        """A forced refresh in a thread; returns once the provider has got it."""
        result = {}

        def force():
            try:
                result["answer"] = self.server.call("POST", f"/v1/connections/{connection}/refresh?wait=100", timeout=120)
            except (OSError, http.client.HTTPException) as error:
                result["error"] = error
        thread = threading.Thread(target=force)
        thread.start()
        self.wait_until_requested(1)
        return thread, result

    def wait_until_requested(self, number):
        """Asks the provider, each time a whole request, until it has so many in hand."""
        deadline = time.monotonic() + 60
        while self.sandbox.grants()[0]["requests_in_flight"] < number:
            self.assertLess(time.monotonic(), deadline, "the refresh did not reach the provider")

    def test_a_valid_token_is_served_while_its_provider_hangs_and_the_server_stops_in_spite_of_it(self):
        self.start()
        connection = self.connection()
        before = self.server.expect(200, "GET", self.token_path(connection))
        self.sandbox.fault(**HANG)
        thread, result = self.begin_refresh(connection)
        address = urllib.parse.urlsplit(self.server.base)
        line = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        took = []
        for _ in range(2000):
            begun = time.perf_counter()
            line.request("GET", self.token_path(connection), headers={"Authorization": f"Bearer {self.server.key}"})
            answer = line.getresponse()
            body = answer.read()
            took.append(time.perf_counter() - begun)
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(body)["access_token"], before["access_token"])
        self.assertNotIn("answer", result)
        self.assertEqual(self.truth()["requests_in_flight"], 1)
        line.close()
        took.sort()
        print(f"\n  while the provider hangs, a read took {took[1000] * 1e6:.0f} µs (median), {took[1979] * 1e6:.0f} µs (p99), "
              f"the client's time included")
        self.assertEqual(self.server.program.stop(), 0)
        thread.join(60)
        self.assertNotEqual(getattr(result.get("answer"), "status", None), 200)

    def test_sixty_four_reads_at_the_moment_of_expiry_cause_one_request(self):
        self.start()
        connection = self.connection(expired=True)
        self.sandbox.fault(endpoint="token", latency_ms=300)
        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda _: self.server.get(self.token_path(connection)), range(64)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({answer.json()["generation"] for answer in answers}, {2})
        self.assertEqual(len({answer.json()["access_token"] for answer in answers}), 1)
        self.assertEqual(self.truth()["token_requests"], 1)

    def test_a_valid_token_is_served_while_its_provider_is_down(self):
        self.start()
        connection = self.connection()
        self.assertEqual(self.server.get(self.token_path(connection)).status, 200)
        self.sandbox.kill()
        failed = self.server.call("POST", f"/v1/connections/{connection}/refresh")
        self.assertEqual(failed.status, 503, failed)
        self.assertIn(failed.json()["code"], ("provider_unavailable", "ambiguous"))
        self.assertEqual(self.server.get(self.token_path(connection)).status, 200)
        self.assertEqual(self.server.expect(200, "GET", f"/v1/connections/{connection}")["status"], "active")
        self.sandbox.stop = lambda: 0

    def test_a_failure_of_the_provider_is_recorded_and_the_valid_token_served(self):
        self.start()
        connection = self.connection()
        self.sandbox.fault(endpoint="token", status=500, body="<h1>oops</h1>")
        failed = self.server.call("POST", f"/v1/connections/{connection}/refresh")
        self.assertEqual(failed.status, 503, failed)
        self.assertEqual(self.server.get(self.token_path(connection)).status, 200)
        shown = self.server.expect(200, "GET", f"/v1/connections/{connection}")
        self.assertEqual(shown["status"], "active")
        self.assertEqual(shown["failure"]["class"], "ambiguous")  # it may have rotated before it fell over
        self.assertEqual(shown["failure"]["code"], "http_500")
        self.assertEqual(shown["failure"]["count"], 1)
        events = self.server.expect(200, "GET", f"/v1/events?connection={connection}")["items"]
        self.assertIn("refresh_failed", [event["type"] for event in events])

    def test_an_expired_token_is_refused_while_the_provider_fails_and_comes_once_it_does_not(self):
        self.start()
        connection = self.connection(expired=True)
        self.sandbox.fault(endpoint="token", status=503)
        refused = self.server.get(self.token_path(connection) + "?wait=2")
        self.assertIn(refused.status, (503, 504), refused)
        self.assertIn(refused.json()["code"], ("provider_unavailable", "deadline_exceeded"))
        self.sandbox.control("DELETE", "/faults")
        self.assertEqual(self.eventually(connection)["generation"], 2)

    def test_an_answer_lost_after_rotating_is_recovered_within_the_grace(self):
        self.start("always_with_grace", ['refresh.grace = "30m"'])
        connection = self.connection(expired=True)
        self.sandbox.fault(endpoint="token", grant_type="refresh_token", count=1, drop="after")
        token = self.eventually(connection)
        self.assertEqual(token["generation"], 2)
        truth = self.truth()
        self.assertTrue(truth["alive"])
        self.assertEqual(truth["superseded_presented"], 1)

    def eventually(self, connection):
        """The token, within a bounded time: each refusal names the earliest next try, each read may wait for it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = self.server.get(self.token_path(connection) + "?wait=10")
            if answer.status == 200:
                return answer.json()
        raise AssertionError(f"no token within a minute: {answer}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
