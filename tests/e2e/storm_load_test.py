#!/usr/bin/python3
"""The judge of `./bench storm`: which answers are failures, and that a good one is none. A server of this test answers."""

import datetime
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOAD = os.environ.get("EVERGRANT_STORM_LOAD", "build/release/benchmarks/storm_load")  # of ./bench storm
CONNECTION = "con_" + "a" * 26
READER_WAIT_MS, SLACK_MS = 60_000, 50_000  # no answer is late by accident


def moment(seconds):
    return datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(seconds=3600, connection=CONNECTION):
    return 200, {}, {"access_token": "t", "expires_at": moment(seconds), "connection": connection}


def refusal(status=503, says_when=True):
    return status, {"Retry-After": "5"} if says_when else {}, {"code": "provider_unavailable"}


class Judged:
    """What the load says of a server that always answers so, after it was asked some times in the phase "storm". `answer`: nothing,
    and the connection is closed."""

    def __init__(self, answer, valid_for, slack=SLACK_MS):
        self.answer, self.asked = answer, threading.Semaphore(0)
        judged = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                judged.paths.add(self.path)
                if judged.answer is None:
                    self.close_connection = True
                else:
                    status, headers, body = judged.answer
                    data = json.dumps(body, separators=(",", ":")).encode()
                    self.send_response_only(status)
                    for name, value in {**headers, "Content-Length": str(len(data))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)
                judged.asked.release()

            def log_message(self, *_):
                pass

        self.paths = set()
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, tempfile.NamedTemporaryFile("w") as reads:
            reads.write(f"healthy {CONNECTION} {int((time.time() + valid_for) * 1000)}\n")
            reads.flush()
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                self.said = self.run(str(server.server_address[1]), reads.name, str(slack))
            finally:
                server.shutdown()
                thread.join()

    def run(self, port, reads, slack):
        command = [LOAD, port, "4", "20", str(READER_WAIT_MS), slack, reads]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as load:
            load.stdin.write("key\n")
            load.stdin.flush()
            assert load.stderr.readline() == "connected\n"
            load.stdin.write("phase storm\n")
            load.stdin.flush()
            for _ in range(60):
                assert self.asked.acquire(timeout=60)
            out, _ = load.communicate("end\n", timeout=60)
            return json.loads(out)

    def figures(self):
        return self.said["phases"]["storm"]["healthy"]


class StormLoad(unittest.TestCase):
    def test_a_valid_token_is_no_failure(self):
        judged = Judged(token(), 3600)
        self.assertEqual(judged.said["failures"], {})
        self.assertGreaterEqual(judged.figures()["far"]["reads"], 50)
        self.assertEqual(judged.figures()["refusals"], {})
        self.assertEqual(judged.paths, {f"/v1/connections/{CONNECTION}/token", f"/v1/connections/{CONNECTION}/token?wait=2"})

    def test_a_refusal_of_a_token_that_has_ended_is_no_failure_and_counted(self):
        judged = Judged(refusal(), -1)
        self.assertEqual(judged.said["failures"], {})
        self.assertEqual(list(judged.figures()["refusals"]), ["503 provider_unavailable"])
        self.assertNotIn("far", judged.figures())
        self.assertEqual(judged.figures()["ended"]["reads"], judged.figures()["refusals"]["503 provider_unavailable"])

    def test_a_token_that_was_ended_and_came_is_renewed_and_valid_from_then_on(self):
        judged = Judged(token(), -1)
        self.assertEqual(judged.said["failures"], {})
        self.assertGreaterEqual(judged.figures()["renewed"]["reads"], 1)
        self.assertGreaterEqual(judged.figures()["far"]["reads"], 1)

    def test_what_is_a_failure(self):
        for name, answer, valid_for, slack, failure in (
                ("a valid token is refused", refusal(), 3600, SLACK_MS, "valid, and refused"),
                ("within the last half minute too", refusal(), 25, 1000, "valid, and refused"),
                ("another's token", token(connection="con_" + "b" * 26), 3600, SLACK_MS, "the token of another connection"),
                ("a token past its end", token(-10), 3600, SLACK_MS, "a token past its end"),
                ("another status", refusal(500), -1, SLACK_MS, "an answer that nobody expects"),
                ("without Retry-After", refusal(says_when=False), -1, SLACK_MS, "no Retry-After"),
                ("too late", token(), 3600, 0, "late"),
                ("no answer at all", None, 3600, SLACK_MS, "no answer")):
            with self.subTest(name):
                self.assertEqual(list(Judged(answer, valid_for, slack).said["failures"]), [failure])


if __name__ == "__main__":
    unittest.main(verbosity=2)
