"""The real server under a kill switch: it is started to die at a moment that is planned, with or without what the disk has not
been told to keep."""

import contextlib
import dataclasses
import os
import pathlib
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from canary import search  # noqa: E402
from evergrant_process import PROGRAM, ROOT, ConfiguredServer  # noqa: E402

SWITCH = os.environ.get("EVERGRANT_KILL_SWITCH", str(ROOT / "build/release/tests/kill/libkill_switch.so"))
LATEST_DEATH_SECONDS = 1.0  # of one whose point is not reached: it is killed from outside

# Named points, and up to which time of passing them a process may live: the later ones are rare.
POINTS = {"before_send": 8, "in_send": 8, "after_send": 8, "after_receive": 8, "before_commit": 16, "in_commit": 40, "before_sync": 16,
          "after_commit": 16, "in_checkpoint": 2}
OF_THE_STORE = ("before_commit", "in_commit", "before_sync", "after_commit")


class Violation(AssertionError):
    """The server broke a promise; anything else that fails is the test's own trouble."""


@dataclasses.dataclass
class Plan:
    """How one life ends. `at`: POINT:COUNT:ANSWERS; `after_us`: from the first request on; `outside_s`: kill -9 by the test."""
    at: str = ""
    after_us: int = 0
    outside_s: float = LATEST_DEATH_SECONDS
    power: str = "none"
    disk: str = "honest"
    seed: int = 0

    def environment(self):
        return {"EVERGRANT_KILL_AT": self.at, "EVERGRANT_KILL_AFTER": str(self.after_us), "EVERGRANT_KILL_POWER": self.power,
                "EVERGRANT_KILL_DISK": self.disk, "EVERGRANT_KILL_SEED": str(self.seed)}

    def name(self):
        if self.at:
            return self.at.split(":")[0]
        return "random moment" if self.after_us else "kill -9"


def draw_plan(random, disk="honest", power=("none", "nothing", "some")):
    plan = Plan(power=random.choice(power), disk=disk, seed=random.getrandbits(40))
    kind = random.random()
    if kind < 0.1:
        plan.power, plan.outside_s = "none", random.uniform(0.01, 0.1)
    elif kind < 0.25:
        plan.after_us = random.randrange(1, 40_000)
    else:
        point = random.choice(list(POINTS))
        count = random.randint(1, POINTS[point])
        answers = random.choice((0, 1, 1, 2, 4)) if point in OF_THE_STORE else 0
        if answers:
            count = random.randint(1, 4)
        plan.at = f"{point}:{count}:{answers}"
    return plan


@dataclasses.dataclass
class Durable:
    """A connection, as a file of a dead process says."""
    id: str
    status: str
    reason: str
    generation: int
    kept_answers: int  # sealed answers of the current generation that no commit has taken up
    attempts: int      # requests of the current generation whose end is not known


CONNECTIONS = """
SELECT realm, id, status, reason, generation,
  (SELECT COUNT(*) FROM attempts a WHERE a.connection = c.id AND a.generation = c.generation AND LENGTH(a.answer) > 0),
  (SELECT COUNT(*) FROM attempts a WHERE a.connection = c.id AND a.generation = c.generation)
FROM connections c"""


class DoomedServer(ConfiguredServer):
    """Between lives its store lies still and can be read."""

    def start(self):  # the first life comes with `live`
        self.program = None

    def live(self, plan=None):
        """Starts a life. Without a plan it ends with `stop`."""
        environment = self.environment()
        if plan is not None:
            environment |= {"LD_PRELOAD": SWITCH, "EVERGRANT_KILL_FOLDER": str(self.folder / "data"),
                            "EVERGRANT_KILL_PORT": str(urllib.parse.urlsplit(self.sandbox.base).port), **plan.environment()}
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([PROGRAM, "serve", "--config", str(self.config)], env=environment, cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=self.errors)

    def die(self, plan):
        """Waits for the planned end. What ended it."""
        handle = os.pidfd_open(self.process.pid)
        try:
            ended, _, _ = select.select([handle], [], [], plan.outside_s)
        finally:
            os.close(handle)
        if not ended:
            self.process.kill()
        code = self.process.wait()
        log = self.log()
        if code != -signal.SIGKILL:
            raise Violation(f"the server ended by itself, exit code {code}:\n{log}")
        return plan.name() if "killed at" in log or not (plan.at or plan.after_us) else "not reached"

    def log(self):
        self.errors.seek(0)
        text = self.errors.read()
        self.errors.close()
        search.search("the log", text, "logs")
        return text

    def wait_until_ready(self, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if self.get("/readyz").status == 200:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server is not ready:\n{self.log()}")
            time.sleep(0.001)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        log = self.log()
        if code != 0:
            raise AssertionError(f"exit code {code}:\n{log}")

    def durable(self):
        """{realm: Durable}. Read from a copy: opening the file itself would change what the next life finds."""
        with tempfile.TemporaryDirectory(prefix="evergrant-") as folder:
            for suffix in ("", "-wal"):
                source = self.folder / f"data/evergrant.db{suffix}"
                if source.exists():
                    shutil.copyfile(source, f"{folder}/copy.db{suffix}")
            try:
                with contextlib.closing(sqlite3.connect(f"{folder}/copy.db")) as database:
                    rows = database.execute(CONNECTIONS).fetchall()
            except sqlite3.DatabaseError as error:
                raise Violation(f"the store cannot be read: {error}") from error
        return {row[0]: Durable(*row[1:]) for row in rows}

    def close(self):
        if getattr(self, "process", None) is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if getattr(self, "errors", None) is not None:
            self.errors.close()
        search.counts["servers"] += 1
        try:
            self.search_dead()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        search.raise_what_was_swallowed()
