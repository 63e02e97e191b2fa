#!/usr/bin/python3
"""kill -9 of the server in the middle of many refreshes: no connection is lost, none is stuck."""

import http.client
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from evergrant_process import ConfiguredServer, Sandbox, request

CONNECTIONS = 1000
READERS = 48
MOST_IN_FLIGHT = 32  # the default of refresh.concurrency
# So that a kill finds requests on their way, processed without an answer, and answered.
TOKEN_LATENCY = {"endpoint": "token", "grant_type": "refresh_token", "latency_ms": 20, "latency_after_ms": 20}
# What a dead process held is free again after this. What an operator has to release after a mass failure is another test's.
LEASE = """
[refresh]
lease = "6s"
timeout = "3s"
mass_failure_count = 0
"""
GONE = (OSError, http.client.HTTPException)


class Tally:
    """Counts answers of many threads; `reached` waits for a number of them."""

    def __init__(self):
        self.counted = 0
        self._changed = threading.Condition()

    def add(self):
        with self._changed:
            self.counted += 1
            self._changed.notify_all()

    def reached(self, number, seconds=120):
        with self._changed:
            if not self._changed.wait_for(lambda: self.counted >= number, timeout=seconds):
                raise TimeoutError(f"{self.counted} of {number} answers within {seconds} s")


class KillTest(unittest.TestCase):
    def start(self, rotation, profile=()):
        self.sandbox = Sandbox("--rotation", rotation)
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox, extra=LEASE, profile=[f'refresh.rotation = "{rotation}"', *profile])
        self.addCleanup(self.server.close)

    def connect_many(self, number, expired=True):
        """`number` connections; with `expired`, whose next read refreshes."""
        def one(index):
            grant = self.sandbox.grant(f"4620816365{index:09}")
            return self.server.import_grant(grant, tenant=f"tenant-{index % 10}", expired=expired)
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(one, range(number)))

    def report(self, connection):
        """The first generation is reported as bad: this refreshes, unless there is a newer one."""
        return self.server.call("POST", f"/v1/connections/{connection}/refresh?wait=100", {"generation": 1}, timeout=120)

    def act_until_killed(self, act, ids, kill_after):
        """`act` is done to everyone at once; when `kill_after` have their token, the server dies. How many had it."""
        tally = Tally()

        def one(connection):
            try:
                if act(connection).status == 200:
                    tally.add()
            except GONE:
                pass  # the server is dead
        with ThreadPoolExecutor(READERS) as pool:
            for connection in ids:
                pool.submit(one, connection)
            tally.reached(kill_after)
            self.server.program.kill()
        return tally.counted

    def read(self, connection):
        return self.server.get(f"/v1/connections/{connection}/token?wait=100", timeout=120)

    def all_of(self, act, ids):
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(act, ids))

    def check_none_lost(self, ids):
        answers = self.all_of(self.report, ids)
        self.assertEqual([a for a in answers if a.status != 200], [])
        tokens = [answer.json() for answer in answers]
        for token in tokens:
            self.assertGreaterEqual(token["generation"], 2)
        with ThreadPoolExecutor(READERS) as pool:
            accepted = list(pool.map(self.api_answer, tokens))
        self.assertEqual(set(accepted), {200})
        listed = self.statuses()
        self.assertEqual([listed[i] for i in ids], ["active"] * len(ids))

    def api_answer(self, token):
        return request(self.sandbox.base, "GET", f"/v3/company/{token['realm']}/companyinfo/{token['realm']}",
                       headers={"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"}).status

    def statuses(self):
        found, cursor = {}, ""
        while cursor is not None:
            page = self.server.expect(200, "GET", f"/v1/connections?limit=200&cursor={cursor}")
            found.update({item["id"]: item["status"] for item in page["items"]})
            cursor = page["next"]
        return found

    def check_provider(self, number):
        grants = self.sandbox.grants()
        self.assertEqual(len(grants), number)
        self.assertEqual([g["ended_by"] for g in grants if not g["alive"]], [])
        self.assertEqual([g["id"] for g in grants if g["refreshes"] == 0], [])
        self.assertEqual({g["most_in_flight"] for g in grants}, {1})
        return grants

    def survive(self, rotation, profile=(), kills=1):
        """The provider's truth about all grants, in the end."""
        self.start(rotation, profile)
        ids = self.connect_many(CONNECTIONS, expired=False)
        self.sandbox.fault(**TOKEN_LATENCY)
        step = CONNECTIONS // (kills + 1)
        left = ids
        for _ in range(kills):
            had = self.act_until_killed(self.report, left, min(step, len(left) // 2))
            self.assertLess(had, len(left), "the kill came after the last refresh")
            left = left[step:]
            self.server.start()
        self.check_none_lost(ids)
        return self.check_provider(CONNECTIONS)

    def superseded(self, grants):
        return [g for g in grants if g["superseded_presented"]]

    def test_a_kill_loses_no_grant_whose_refresh_token_sometimes_changes(self):
        self.assertEqual(self.superseded(self.survive("sometimes")), [])

    def test_a_kill_loses_no_grant_whose_refresh_token_never_changes(self):
        self.assertEqual(self.superseded(self.survive("never")), [])

    def test_a_kill_loses_no_grant_whose_refresh_token_always_changes_with_a_grace(self):
        replayed = self.superseded(self.survive("always_with_grace", ['refresh.grace = "30m"']))
        self.assertLessEqual(len(replayed), MOST_IN_FLIGHT)  # what was on its way, and not a request more

    def test_five_kills_in_a_row_lose_nothing(self):
        replayed = self.superseded(self.survive("always_with_grace", ['refresh.grace = "30m"'], kills=5))
        self.assertLessEqual(len(replayed), 5 * MOST_IN_FLIGHT)

    def test_after_a_kill_a_strict_provider_decides_and_the_reason_is_told(self):
        """Where reuse ends a grant, an answer lost with the access token at its end leaves one chance: asking again."""
        self.start("always_strict")
        ids = self.connect_many(400)
        self.sandbox.fault(**TOKEN_LATENCY)
        self.act_until_killed(self.read, ids, 150)
        self.server.start()
        answers = dict(zip(ids, self.all_of(self.read, ids)))
        shown = {i: self.server.expect(200, "GET", f"/v1/connections/{i}") for i in ids}
        alive = {g["realm"]: g["alive"] for g in self.sandbox.grants()}
        for connection, item in shown.items():
            with self.subTest(connection):
                good = alive[item["realm"]]
                self.assertEqual(item["status"], "active" if good else "reauth_required")
                self.assertEqual(answers[connection].status, 200 if good else 409)
                if not good:
                    self.assertEqual(answers[connection].json()["code"], "reauth_required")
                    self.assertIn("connect again", item["reason"])
        self.assertLessEqual(list(alive.values()).count(False), MOST_IN_FLIGHT)

    def test_after_a_kill_a_strict_provider_is_not_asked_while_the_token_is_valid(self):
        self.start("always_strict")
        ids = self.connect_many(200, expired=False)
        self.sandbox.fault(**TOKEN_LATENCY)
        self.act_until_killed(self.report, ids, 60)
        self.server.start()
        answers = self.all_of(self.read, ids)
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({self.api_answer(answer.json()) for answer in answers}, {200})
        self.check_provider_asked_once(ids)

    def check_provider_asked_once(self, ids):
        grants = self.sandbox.grants()
        self.assertEqual(len(grants), len(ids))
        self.assertEqual({g["alive"] for g in grants}, {True})
        self.assertEqual(self.superseded(grants), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
