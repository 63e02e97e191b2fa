"""Idempotency-Key on the three POSTs that make something: a repeated request gives the same answer and makes nothing more."""

import concurrent.futures
import threading
import unittest

import evergrant_process as eg


class Idempotency(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = eg.DevServer()
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1]

    def post(self, path, body, key, caller=None):
        return self.server.call("POST", path, body, headers={"Idempotency-Key": key}, key=caller)

    def makers(self):
        """For each route: a body, another body, and how to count what was made."""
        def connections(tenant):
            return len(self.server.expect(200, "GET", f"/v1/connections?tenant={tenant}&limit=200")["items"])

        def callers(name):
            return len([c for c in self.server.expect(200, "GET", "/v1/callers?limit=200")["items"] if c["name"] == name])

        def sessions(_):
            entries = self.server.expect(200, "GET", "/v1/audit?limit=200")["items"]
            return len({e["detail"] for e in entries if e["action"] == "connect.start" and e["result"] == "ok" and e["tenant"] == self.name})
        tokens = {"registration": "sandbox", "tenant": self.name, "realm": self.name, "access_token": "at"}
        return [("/v1/connections", tokens, {**tokens, "realm": "other"}, lambda: connections(self.name)),
                ("/v1/callers", {"name": self.name, "verbs": ["connect"]}, {"name": self.name, "verbs": ["revoke"]}, lambda: callers(self.name)),
                ("/v1/connect-sessions", {"registration": "sandbox", "tenant": self.name}, {"registration": "sandbox", "tenant": self.name, "login_hint": "x"},
                 lambda: sessions(self.name))]

    def test_a_repeated_request_gives_the_same_answer_and_makes_nothing_more(self):
        for path, body, _, count in self.makers():
            with self.subTest(path):
                first = self.post(path, body, "k1")
                self.assertEqual(201, first.status, first)
                self.assertIsNone(first.headers["Idempotency-Replayed"])
                for _ in range(3):
                    again = self.post(path, body, "k1")
                    self.assertEqual((201, first.body), (again.status, again.body))
                    self.assertEqual("true", again.headers["Idempotency-Replayed"])
                    for name in ("Content-Type", "Location", "Cache-Control"):
                        self.assertEqual(first.headers[name], again.headers[name], name)
                self.assertEqual(1, count())

    def test_the_answer_is_kept_over_a_restart(self):
        path, body, _, count = self.makers()[1]
        first = self.post(path, body, "restart")
        self.server.program.kill()
        self.server.start()
        again = self.post(path, body, "restart")
        self.assertEqual((201, first.body), (again.status, again.body))
        self.assertEqual(1, count())

    def test_the_same_key_with_another_request_is_a_conflict(self):
        for path, body, other, count in self.makers():
            with self.subTest(path):
                self.assertEqual(201, self.post(path, body, "k2").status)
                conflict = self.post(path, other, "k2")
                self.assertEqual((409, "conflict"), (conflict.status, conflict.json()["code"]))
                self.assertEqual(1, count())

    def test_a_key_is_of_one_caller_and_one_operation(self):
        other = self.server.expect(201, "POST", "/v1/callers", {"name": "other", "verbs": ["admin"], "registrations": ["*"], "tenants": ["*"]})["key"]
        for path, _, body, _ in self.makers()[1:]:
            first, second = self.post(path, body, "shared"), self.post(path, body, "shared", caller=other)
            self.assertEqual((201, 201), (first.status, second.status), second)
            self.assertNotEqual(first.json()["id"], second.json()["id"])

    def test_a_request_that_failed_may_be_repeated(self):
        tokens = {"registration": "sandbox", "tenant": self.name, "realm": self.name, "access_token": "at"}
        blocking = self.server.expect(201, "POST", "/v1/connections", {**tokens, "tenant": "holder"})["id"]
        self.assertEqual(409, self.post("/v1/connections", tokens, "k3").status)
        self.server.expect(202, "DELETE", f"/v1/connections/{blocking}?force=true")
        self.server.program.wait_for_line(f'revo.*"{blocking}"')
        answer = self.post("/v1/connections", tokens, "k3")
        self.assertEqual(201, answer.status, answer)
        # A wrong body takes no key away either.
        self.assertEqual(400, self.post("/v1/callers", {"name": ""}, "k4").status)
        self.assertEqual(201, self.post("/v1/callers", {"name": self.name, "verbs": ["connect"]}, "k4").status)

    def test_duplicates_at_the_same_moment_make_one(self):
        for path, body, _, count in self.makers():
            with self.subTest(path):
                together = threading.Barrier(8)

                def once():
                    together.wait()
                    return self.post(path, body, "k5")
                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    answers = [future.result() for future in [pool.submit(once) for _ in range(8)]]
                made = {answer.body for answer in answers if answer.status == 201}
                self.assertEqual(1, len(made), answers)
                self.assertEqual({"conflict"} if len(answers) > sum(a.status == 201 for a in answers) else set(),
                                 {answer.json()["code"] for answer in answers if answer.status != 201})
                self.assertEqual(1, count())
                self.assertEqual({self.post(path, body, "k5").body}, made)

    def test_without_a_key_each_request_makes_its_own(self):
        path, body, _, count = self.makers()[1]
        for _ in range(2):
            self.server.expect(201, "POST", path, body)
        self.assertEqual(2, count())

    def test_kept_answers_are_sealed(self):
        caller = self.post("/v1/callers", {"name": self.name, "verbs": ["connect"]}, "sealed").json()
        self.assertEqual(caller, self.post("/v1/callers", {"name": self.name, "verbs": ["connect"]}, "sealed").json())
        for file in self.server.data.iterdir():
            self.assertNotIn(caller["key"].encode(), file.read_bytes(), file)


if __name__ == "__main__":
    unittest.main()
