"""What the provider knows, held against what is on the disk of a server that has just died.

The provider counts the answers it has given for a grant. Each makes one generation durable, or lies sealed in the journal, or
was lost with the process. So `lost` = answers - (generation - 1) - kept answers, for every connection, and:
  - it never falls, and rises by one at most in one life: one request in flight, and what was durable stays durable;
  - when it rises there is an attempt on disk: what was sent is known (but where nothing rotates, and nothing needs to be known);
  - a generation that a caller was given is on disk."""

import datetime
import time
import urllib.parse

from doomed_server import Violation


def open_connections(port):
    """How many TCP connections to a port of this machine are not closed by its owner."""
    wanted, count = f":{port:04X}", 0
    with open("/proc/net/tcp", encoding="ascii") as table:
        next(table)
        for line in table:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] in ("01", "08"):  # established, close wait
                count += 1
    return count


class Oracle:
    def __init__(self, sandbox, rotation):
        self.sandbox, self.rotation = sandbox, rotation
        self.port = urllib.parse.urlsplit(sandbox.base).port
        self.lost = {}        # realm: answers that no file has
        self.lost_value = set()  # realms of which a lost answer held a new refresh token
        self.given = {}       # realm: the highest generation that a caller was given

    def truth(self, seconds=30):
        """{realm: grant}, once the provider has done with every request of the dead process."""
        deadline = time.monotonic() + seconds
        while open_connections(self.port) > 0:
            if time.monotonic() > deadline:
                raise TimeoutError("the provider still holds connections of a dead process")
            time.sleep(0.001)
        return self.truth_of_living()

    def truth_of_living(self):
        """{realm: grant}, while a server runs."""
        return {grant["realm"]: grant for grant in self.sandbox.grants()}

    def examine(self, durable, plan):
        """After a death: raises Violation, or takes down what was lost. How many answers were."""
        newly = 0
        truth = self.truth()
        for realm, grant in truth.items():
            row = durable.get(realm)
            if row is None:
                raise Violation(f"{realm}: the connection is gone ({plan})")
            told = f"{realm}: {row}, provider {grant}, given {self.given.get(realm)}, lost before {self.lost.get(realm, 0)}; {plan}"
            if row.generation < self.given.get(realm, 1):
                raise Violation(f"a token was given to a caller and is not durable: {told}")
            lost = grant["refreshes"] - (row.generation - 1) - row.kept_answers
            before = self.lost.get(realm, 0)
            if lost < before or lost > before + 1:
                raise Violation(f"{lost} answers were lost: {told}")
            if lost > before:
                newly += 1
                self.note_loss(realm, row, told)
            if grant["most_in_flight"] > 1:
                raise Violation(f"two requests for one grant at once: {told}")
        return newly

    def note_loss(self, realm, row, told):
        if self.rotation != "never" and row.attempts == 0:
            raise Violation(f"a request was sent and nothing on disk tells of it: {told}")
        self.lost[realm] = self.lost.get(realm, 0) + 1
        if self.rotation != "sometimes":
            return
        grant = self.sandbox.control("GET", f"/grants?realm={realm}&tokens=1")["grants"][0]
        answered = round(datetime.datetime.fromisoformat(grant["last_refreshed_at"]).timestamp() * 1000)
        if any(token["issued_at"] == answered for token in grant["refresh_tokens"][1:]):
            self.lost_value.add(realm)
