"""One provider, one store, a server that dies again and again: a shard of the kills."""

import collections
import concurrent.futures
import dataclasses
import http.client
import json
import random
import threading
import time

from doomed_server import DoomedServer, Plan, Violation, draw_plan
from evergrant_process import Sandbox, request
from kill_oracle import Oracle

THREADS = 16
GONE = (OSError, http.client.HTTPException)
REFRESH = """
[refresh]
lease = "2s"
timeout = "1s"
forced_interval = "0s"
concurrency = {concurrency}
mass_failure_count = 0  # each connection's own end is looked at
"""


@dataclasses.dataclass(frozen=True)
class Profile:
    """A provider's way with refresh tokens. `recoverable`: no lost answer ends a grant; `values_lost`: only one that held a new
    refresh token does."""
    rotation: str
    lines: tuple = ()
    settings: tuple = ()
    recoverable: bool = True
    connections: int = 160
    concurrency: int = 16
    final_wait_s: float = 0  # how long the end may wait: a lost answer under strictness is asked for again at the last moment


# Every connection is due again after a second, so that each life finds work. An `invalid_grant` is believed at once.
DUE_SOON = ('refresh.keepalive_every = "1s"', "refresh.confirm_invalid_grant = 0")
PROFILES = {
    "never": Profile("never"),
    # The value changes every second, and the one before works for an hour.
    "sometimes": Profile("sometimes", settings=(("rotate_every", 1), ("rotate_jitter", 0), ("previous_value_lives", 3600))),
    # As QuickBooks: the value before is dead at once.
    "sometimes_at_once": Profile("sometimes", settings=(("rotate_every", 2), ("rotate_jitter", 0)), recoverable=False,
                                 connections=400, concurrency=8),
    "always_with_grace": Profile("always_with_grace", lines=('refresh.grace = "30m"',)),
    "always_strict": Profile("always_strict", settings=(("access_lifetime", 12),), recoverable=False, connections=400,
                             concurrency=4, final_wait_s=30),
}


class Reader(threading.Thread):
    """Reads tokens for as long as the server lives, and tells which generations it was given."""

    def __init__(self, server, ids, oracle, chosen):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.server, self.ids, self.oracle, self.chosen = server, ids, oracle, chosen

    def run(self):
        while not self.over.is_set():
            try:
                self.read_until_gone()
            except GONE:
                self.over.wait(0.001)  # it does not listen yet, or is dead

    def read_until_gone(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)
        try:
            while True:
                realm = self.chosen.choice(list(self.ids))
                connection.request("GET", f"/v1/connections/{self.ids[realm]}/token",
                                   headers={"Authorization": f"Bearer {self.server.key}"})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    given = json.loads(body)["generation"]
                    self.oracle.given[realm] = max(given, self.oracle.given.get(realm, 1))
        finally:
            connection.close()


class Shard:
    def __init__(self, name, seed, disk="honest", told_rotation=None):
        """`told_rotation`: what the server's profile says where that is not the truth."""
        self.profile, self.seed, self.disk = PROFILES[name], seed, disk
        self.name = name
        self.random = random.Random(f"{name} {seed}")
        self.sandbox = Sandbox("--rotation", self.profile.rotation)
        if self.profile.settings:
            self.sandbox.control("POST", "/settings", dict(self.profile.settings))
        rotation = f'refresh.rotation = "{told_rotation or self.profile.rotation}"'
        self.server = DoomedServer(self.sandbox, extra=REFRESH.format(concurrency=self.profile.concurrency),
                                   profile=[rotation, *DUE_SOON, *self.profile.lines])
        self.oracle = Oracle(self.sandbox, self.profile.rotation)
        self.ends = collections.Counter()
        self.lost_answers = 0
        self.ids = {}

    def close(self):
        self.server.close()
        self.sandbox.stop()

    def connect(self):
        self.server.live()
        self.server.wait_until_ready()

        def one(index):
            grant = self.sandbox.grant(f"46208{index:05}")
            return grant["realm"], self.server.import_grant(grant, tenant=f"tenant-{index % 10}")
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            self.ids = dict(pool.map(one, range(self.profile.connections)))
        self.server.stop()
        self.oracle.examine(self.server.durable(), Plan())

    def one_life(self, plan):
        reads = self.random.random() < 0.25
        chosen = random.Random(self.random.random())
        self.server.live(plan)
        reader = Reader(self.server, self.ids, self.oracle, chosen) if reads else None
        if reader:
            reader.start()
        self.ends[self.server.die(plan) + ("" if plan.power == "none" else ", power lost")] += 1
        if reader:
            reader.over.set()
            reader.join(30)
        self.lost_answers += self.oracle.examine(self.server.durable(), plan)

    def run(self, kills, power=("none", "nothing", "some")):
        began = time.monotonic()
        self.connect()
        self.seconds = {"connect": time.monotonic() - began}
        for _ in range(kills):
            self.one_life(draw_plan(self.random, self.disk, power))
        self.seconds["kills"] = time.monotonic() - began - self.seconds["connect"]

    # --- the end ---

    def settle(self):
        """A last life, undisturbed: every connection is refreshed once more. {realm: (answer, whether its token works, connection as shown)}"""
        self.server.live()
        self.server.wait_until_ready()

        def one(realm):
            connection = self.ids[realm]
            answer = self.report_token(connection)
            deadline = time.monotonic() + self.profile.final_wait_s
            while answer.status == 503 and time.monotonic() < deadline:
                answer = self.report_token(connection)
            works = answer.status == 200 and self.api_status(answer.json()) == 200  # at once: it may live for seconds only
            return realm, (answer, works, self.server.expect(200, "GET", f"/v1/connections/{connection}"))
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            return dict(pool.map(one, self.ids))

    def report_token(self, connection):
        shown = self.server.expect(200, "GET", f"/v1/connections/{connection}")
        return self.server.call("POST", f"/v1/connections/{connection}/refresh?wait=60", {"generation": shown["generation"]},
                                timeout=120)

    def may_have_ended(self, realm):
        if self.profile.recoverable:
            return False
        if self.profile.rotation == "sometimes":
            return realm in self.oracle.lost_value
        return realm in self.oracle.lost

    def check_end(self):
        """Every connection works, or its grant is lost for a reason that the profile allows and that is told. How many are."""
        settled = self.settle()
        truth = self.oracle.truth_of_living()
        ended = 0
        for realm, (answer, works, shown) in settled.items():
            told = f"{self.name}, seed {self.seed}, {realm}: {answer}, {shown}, provider {truth[realm]}"
            if self.may_have_ended(realm):
                ended += 1
                self.check_told(realm, answer, shown, told)
            elif answer.status != 200 or shown["status"] != "active" or not truth[realm]["alive"]:
                raise Violation(f"a grant was lost: {told}")
            elif not works:
                raise Violation(f"the token does not work: {told}")
        self.server.stop()
        return ended

    def check_told(self, realm, answer, shown, told):
        if shown["status"] not in ("reauth_required", "quarantined") or answer.status != 409:
            raise Violation(f"the grant is lost, and nobody says so: {told}")
        if not shown["reason"] or answer.json()["code"] != shown["status"]:
            raise Violation(f"the reason is not told: {told}")

    def api_status(self, token):
        return request(self.sandbox.base, "GET", f"/v3/company/{token['realm']}/companyinfo/{token['realm']}",
                       headers={"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"}).status

    def report(self, seconds):
        kills = sum(self.ends.values())
        ends = ", ".join(f"{name} {count}" for name, count in sorted(self.ends.items()))
        return (f"{self.name}, seed {self.seed}: {kills} kills in {seconds:.1f} s, {self.lost_answers} answers lost with the "
                f"process\n  {ends}")


