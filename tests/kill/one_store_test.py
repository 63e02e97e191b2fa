#!/usr/bin/python3
"""Several servers on one store: a thousand callers cause one refresh, and one that was stopped past its lease changes nothing."""

import concurrent.futures
import contextlib
import json
import os
import selectors
import signal
import socket
import sqlite3
import unittest
import urllib.parse

from doomed_server import SWITCH, ConfiguredServer
from canary import search
from evergrant_process import Program, Sandbox, Server, free_port, request

SERVERS = 8
CALLERS = 1000
ANSWER_SECONDS = 120


class Node(Server):
    """One of several servers with the same configuration, and a port of its own."""

    def __init__(self, installation, environment=None):
        self.port, self.key = free_port(), installation.key
        self.base = f"http://127.0.0.1:{self.port}"
        search.servers.add(self.base)
        self.program = Program(["serve", "--config", str(installation.config), "--port", str(self.port)],
                               environment={**installation.environment(), **(environment or {})}, cwd=installation.folder)
        self.program.wait_for_line('"serving"')

    def token(self, connection, wait=60):
        return self.get(f"/v1/connections/{connection}/token?wait={wait}", timeout=ANSWER_SECONDS)

    def send(self, number):
        self.program.process.send_signal(number)

    def close(self):
        if self.program.process.poll() is None:
            self.send(signal.SIGCONT)
            self.program.stop()


class Callers:
    """Many requests at the same moment, without a thread each: all are connected first, then all are sent."""

    def __init__(self, requests):
        """`requests`: (port, bytes) each, with `Connection: close`."""
        self.requests = requests

    def answers(self):
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as ready:
            sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for port, _ in self.requests]
            received = {one: b"" for one in sockets}
            for one, (_, data) in zip(sockets, self.requests):
                one.sendall(data)
                ready.register(one, selectors.EVENT_READ)
            while ready.get_map():
                events = ready.select(ANSWER_SECONDS)
                if not events:
                    raise TimeoutError(f"{len(ready.get_map())} callers have no answer")
                for key, _ in events:
                    data = key.fileobj.recv(65536)
                    received[key.fileobj] += data
                    if not data:
                        ready.unregister(key.fileobj)
            return [self.parsed(received[one]) for one in sockets]

    @staticmethod
    def parsed(data):
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), json.loads(body)


class OneStoreTest(unittest.TestCase):
    def install(self, rotation, lease="4s", timeout="2s", profile=()):
        self.sandbox = Sandbox("--rotation", rotation)
        self.addCleanup(self.sandbox.stop)
        extra = f'[refresh]\nlease = "{lease}"\ntimeout = "{timeout}"\nforced_interval = "0s"\n'
        self.installation = ConfiguredServer(self.sandbox, extra=extra, profile=[f'refresh.rotation = "{rotation}"', *profile])
        self.addCleanup(self.installation.close)

    def nodes(self, number, environment=None):
        with concurrent.futures.ThreadPoolExecutor(number) as pool:
            started = list(pool.map(lambda _: Node(self.installation, environment), range(number)))
        for node in started:
            self.addCleanup(node.close)
        return started

    def connect(self, *realms, expired=True):
        """{realm: connection}. Afterwards no server runs, and with `expired` the tokens' time is over: the next reader refreshes,
        and no scheduler does before."""
        made = {realm: self.installation.import_grant(self.sandbox.grant(realm)) for realm in realms}
        self.installation.program.stop()
        with contextlib.closing(sqlite3.connect(self.installation.folder / "data/evergrant.db")) as database:
            database.execute("UPDATE connections SET next_due_at = NULL")
            if expired:
                database.execute("UPDATE connections SET access_expires_at = created_at")
            database.commit()
        return made

    def truth(self, realm):
        return self.sandbox.control("GET", f"/grants?realm={realm}")["grants"][0]

    def read_bytes(self, node, connection):
        return (node.port, f"GET /v1/connections/{connection}/token?wait=60 HTTP/1.1\r\nHost: 127.0.0.1:{node.port}\r\n"
                           f"Authorization: Bearer {node.key}\r\nConnection: close\r\n\r\n".encode())

    def report_bytes(self, node, connection, generation):
        body = json.dumps({"generation": generation})
        return (node.port, f"POST /v1/connections/{connection}/refresh?wait=60 HTTP/1.1\r\nHost: 127.0.0.1:{node.port}\r\n"
                           f"Authorization: Bearer {node.key}\r\nContent-Type: application/json\r\n"
                           f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())

    def check_refreshed_once(self, realm, requests=1):
        grant = self.truth(realm)
        self.assertTrue(grant["alive"], grant)
        self.assertEqual((grant["token_requests"], grant["most_in_flight"], grant["superseded_presented"]), (requests, 1, 0), grant)

    def check_works(self, token):
        answer = request(self.sandbox.base, "GET", f"/v3/company/{token['realm']}/companyinfo/{token['realm']}",
                         headers={"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"})
        self.assertEqual(answer.status, 200, answer)

    # --- eight servers ---

    def test_a_thousand_callers_at_eight_servers_cause_one_refresh_and_none_fails(self):
        self.install("always_strict")
        connection = self.connect("7001")["7001"]
        nodes = self.nodes(SERVERS)
        self.sandbox.fault(endpoint="token", latency_ms=100, latency_after_ms=100)
        answers = Callers([self.read_bytes(nodes[i % SERVERS], connection) for i in range(CALLERS)]).answers()
        self.assertEqual([answer for answer in answers if answer[0] != 200], [])
        self.assertEqual({(body["access_token"], body["generation"]) for _, body in answers}, {(answers[0][1]["access_token"], 2)})
        self.check_refreshed_once("7001")
        # A thousand callers find that token refused: again one refresh.
        answers = Callers([self.report_bytes(nodes[i % SERVERS], connection, 2) for i in range(CALLERS)]).answers()
        self.assertEqual([answer for answer in answers if answer[0] != 200], [])
        self.assertEqual({body["generation"] for _, body in answers}, {3})
        self.check_refreshed_once("7001", requests=2)
        self.check_works(answers[0][1])

    def test_fifty_connections_at_eight_servers_are_refreshed_once_each(self):
        self.install("always_strict")
        connections = self.connect(*[f"72{i:02}" for i in range(50)])
        nodes = self.nodes(SERVERS)
        ids = list(connections.values())
        self.sandbox.fault(endpoint="token", latency_ms=20, latency_after_ms=20)
        answers = Callers([self.read_bytes(nodes[i % SERVERS], ids[i // SERVERS % 50]) for i in range(CALLERS)]).answers()
        self.assertEqual([answer for answer in answers if answer[0] != 200], [])
        self.assertEqual({body["generation"] for _, body in answers}, {2})
        for realm in connections:
            self.check_refreshed_once(realm)

    def test_eight_servers_start_on_a_store_at_once(self):
        self.install("always_strict")
        connection = self.connect("7301")["7301"]
        nodes = self.nodes(SERVERS)
        for node in nodes:
            self.assertEqual(node.token(connection).json()["generation"], 2)
        self.check_refreshed_once("7301")

    # --- what an operator says at one of them ---

    def test_a_pause_and_its_end_at_one_server_reach_the_other(self):
        self.install("always_strict")
        connections = list(self.connect("7401", "7402", "7403").values())
        first, second = self.nodes(2)
        self.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "another"})
        refused = first.token(connections[0])
        self.assertEqual(refused.json()["code"], "registration_paused", refused)
        second.program.wait_for_line('"registration_paused"')
        self.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": "sandbox-secret"})
        first.expect(204, "POST", "/v1/registrations/sandbox/resume")
        second.program.wait_for_line('"registration_resumed"')
        self.assertEqual([node.token(connection).status for node, connection in
                          zip((first, second, second), connections)], [200, 200, 200])

    # --- one that is stopped ---

    def stopped_node(self, point):
        """A server that stands still at a point, once there is the file `now` in its installation."""
        return self.nodes(1, {"LD_PRELOAD": SWITCH, "EVERGRANT_KILL_ACTION": "stop", "EVERGRANT_KILL_AT": point,
                              "EVERGRANT_KILL_WHEN": str(self.installation.folder / "now"),
                              "EVERGRANT_KILL_FOLDER": str(self.installation.folder / "data"),
                              "EVERGRANT_KILL_PORT": str(urllib.parse.urlsplit(self.sandbox.base).port)})[0]

    def stop_in_refresh(self, point, connection, act):
        """`act` is done to a server that stops at `point`; `act`'s answer comes when it goes on."""
        now = self.installation.folder / "now"
        now.unlink(missing_ok=True)
        node = self.stopped_node(point)
        now.touch()
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        answer = pool.submit(act, node)
        node.program.wait_for_line("stopped at")
        state = os.waitid(os.P_PID, node.program.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.assertEqual(state.si_code, os.CLD_STOPPED)
        return node, answer

    def attempts(self, connection):
        """(requests whose end is not known, how many of their answers are kept)"""
        with contextlib.closing(sqlite3.connect(self.installation.folder / "data/evergrant.db")) as database:
            return database.execute("SELECT COUNT(*), TOTAL(LENGTH(answer) > 0) FROM attempts WHERE connection = ?",
                                    [connection]).fetchone()

    def stop_after_claim(self, connections):
        """A server that has claimed one of `connections` and sent nothing. Which of its transactions that is, is found out: it has
        others to do that come when they come."""
        for number, (realm, connection) in enumerate(connections.items()):
            node, answer = self.stop_in_refresh(f"unlocked:{1 + number % 3}", connection, lambda node, one=connection: node.token(one))
            if self.attempts(connection) == (1, 0) and self.truth(realm)["token_requests"] == 0:
                return node, answer, realm, connection
            node.send(signal.SIGCONT)
            self.assertEqual(answer.result(ANSWER_SECONDS).status, 200)
            node.close()
        raise AssertionError("no transaction leaves an attempt whose request was not sent")

    def test_one_that_stops_before_it_sends_finds_its_lease_gone_and_sends_nothing(self):
        self.install("always_strict", lease="2s", timeout="1s")
        connections = self.connect(*[f"74{i:02}" for i in range(24)])
        stopped, late, realm, connection = self.stop_after_claim(connections)
        token = self.nodes(1)[0].token(connection)  # waits for the lease to run out
        self.assertEqual((token.status, token.json()["generation"]), (200, 2), token)
        stopped.send(signal.SIGCONT)
        answer = late.result(ANSWER_SECONDS)
        self.check_refreshed_once(realm)
        self.assertEqual((answer.status, answer.json()["generation"]), (200, 2), answer)
        self.assertEqual(answer.json()["access_token"], token.json()["access_token"])
        self.check_works(answer.json())

    def test_one_that_stops_with_the_answer_does_not_store_it_over_a_newer_one(self):
        self.install("always_with_grace", lease="2s", timeout="1s", profile=['refresh.grace = "30m"'])
        connection = self.connect("7502")["7502"]
        other = self.nodes(1)[0]
        stopped, late = self.stop_in_refresh("after_receive:1", connection, lambda node: node.token(connection))
        token = other.token(connection)
        self.assertEqual((token.status, token.json()["generation"]), (200, 2), token)
        stopped.send(signal.SIGCONT)
        answer = late.result(ANSWER_SECONDS)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["access_token"], token.json()["access_token"])
        # The refresh token of the newer one is what is stored: the provider takes it, and no superseded one comes any more.
        before = self.truth("7502")["superseded_presented"]
        again = other.call("POST", f"/v1/connections/{connection}/refresh?wait=60", {"generation": 2}, timeout=ANSWER_SECONDS)
        self.assertEqual((again.status, again.json()["generation"]), (200, 3), again)
        grant = self.truth("7502")
        self.assertEqual((grant["alive"], grant["superseded_presented"]), (True, before), grant)

    def test_one_that_stops_with_the_only_answer_stores_it_when_it_goes_on(self):
        """Under strictness the other server asks nothing while the old token lives: it holds back, and the answer comes after all."""
        self.install("always_strict", lease="2s", timeout="1s")
        connection = self.connect("7503", expired=False)["7503"]
        other = self.nodes(1)[0]

        def report(node):
            return node.call("POST", f"/v1/connections/{connection}/refresh?wait=60", {"generation": 1}, timeout=ANSWER_SECONDS)
        stopped, late = self.stop_in_refresh("after_receive:1", connection, report)
        self.assertEqual(other.token(connection).json()["generation"], 1)
        stopped.send(signal.SIGCONT)
        answer = late.result(ANSWER_SECONDS)
        self.assertEqual((answer.status, answer.json()["generation"]), (200, 2), answer)
        self.check_works(answer.json())
        self.check_refreshed_once("7503")


if __name__ == "__main__":
    unittest.main(verbosity=2)
