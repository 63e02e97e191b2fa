"""The canary search: what each server of a test must leave nowhere (tokens, codes, client secrets, API keys, key-encryption
keys), in every form in which it could be found, and where that is looked for. `evergrant_process` knows and searches by itself:
no test asks for it. A hit fails the test whose server it is.

Read as a program, it adds up what a run has searched: canary.py FILE (see EVERGRANT_CANARY_FILE)."""

import atexit
import base64
import collections
import contextlib
import json
import mmap
import os
import pathlib
import re
import secrets
import sys
import threading
import urllib.parse

LEAST_LENGTH = 12        # what is shorter is found by chance
MOST_LEARNED = 64        # values without a marker that a test invents
LARGEST_FILE = 64 << 20  # further bytes are not read, and counted

# What needs no introduction: API keys, and tokens and codes of any sandbox provider, also of one without a marker.
PATTERNS = {"an API key": rb"egk_[A-Za-z0-9_-]{43}", "an access token": rb"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0\.\.[\w-]+",
            "a refresh token": rb"RT1-\d{1,3}-H0-\d+", "a code": rb"XAB[a-z2-7]{52}", "Basic credentials": rb"Basic [A-Za-z0-9+/]{16,}"}
SECRET_MEMBERS = ("access_token", "refresh_token", "id_token", "client_secret")  # of what the API takes and gives
SECRET_PARAMETERS = ("code", "state")                                             # of a flow

# Files that a secret belongs in: keys, the development server's own key, and the provider's state beside it.
KEPT_BY_OPERATORS = re.compile(r"^kek.*|.*\.kek|admin\.key|sandbox\.json.*$")
READ_BY_OPERATORS = ("/metrics", "/v1/events?limit=200", "/v1/audit?limit=200", "/v1/connections", "/v1/registrations", "/v1/keys",
                     "/v1/callers")
# Commands whose standard output is the secret that was asked for. What they say on standard error is searched as of any other.
GIVING = {"token", "refresh", "exec", "credential", "connect", "create", "derive", "bootstrap", "generate"}


class Leak(AssertionError):
    """A secret stands where it does not belong."""


def new_marker():
    return f"canary-{secrets.token_hex(6)}-"


def forms(value):
    """A secret as it is and as it stands within base64 (at each of the three places where a group can begin), hex, a URL or JSON."""
    raw = value if isinstance(value, bytes) else value.encode()
    found = [raw, raw.hex().encode(), urllib.parse.quote_from_bytes(raw, safe="").encode()]
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)[(0, 2, 3)[before]:(before + len(raw)) * 8 // 6]
        found += [encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))]
    with contextlib.suppress(UnicodeDecodeError):
        found.append(json.dumps(raw.decode())[1:-1].encode())
    return dict.fromkeys(found)


def raw_key(text):
    """The bytes of a key-encryption key that is written as hex or base64."""
    if re.fullmatch("[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def around(data, start, end):
    return re.sub(rb"[^\x20-\x7e]+", b" ", data[max(0, start - 160):end + 60]).decode()


class Search:
    """What one test process knows and where it looked. Any thread may use it."""

    def __init__(self):
        self.needles, self.patterns = {}, {name: re.compile(pattern) for name, pattern in PATTERNS.items()}
        self.said_by_callers = set()  # of these, an error may repeat what its request said
        self.servers = set()          # where evergrant answers
        self.counts, self.hits, self.learned = collections.Counter(), [], 0
        self.lock = threading.RLock()

    # --- what is looked for

    def know(self, name, value):
        if len(value) < LEAST_LENGTH:
            return
        with self.lock:
            for form in forms(value):
                self.needles.setdefault(form, name)

    def know_key_file(self, path):
        text = path.read_text().strip()
        with contextlib.suppress(ValueError):  # a test's file that is no key
            self.know("a KEK", text)
            self.know("a KEK's bytes", raw_key(text))

    def learn(self, body):
        """The secrets among the members of a request or an answer."""
        if isinstance(body, bytes):
            if not body.startswith(b"{"):
                return
            try:
                body = json.loads(body)
            except ValueError:
                return
        for name in SECRET_MEMBERS if isinstance(body, dict) else ():
            self._learn_one(name, body.get(name))

    def learn_from_url(self, url):
        for name, value in urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query):
            if name in SECRET_PARAMETERS:
                self._learn_one(name, value)

    def _learn_one(self, name, value):
        if not isinstance(value, str) or len(value) < LEAST_LENGTH or any(self.find(value.encode())):
            return
        with self.lock:
            if self.learned < MOST_LEARNED:
                self.learned += 1
                self.know(f"a value of {name}", value)
            else:
                self.counts["values_not_learned"] += 1

    # --- where

    def find(self, data, without=()):
        """(what, surroundings) of the secrets in these bytes. `without`: of these nothing."""
        with self.lock:
            needles = list(self.needles.items())
        for needle, name in needles:
            if needle not in without:
                place = data.find(needle)
                if place >= 0:
                    yield name, around(data, place, place + len(needle))
        for name, pattern in self.patterns.items():
            if match := pattern.search(data):
                yield name, around(data, *match.span())

    def search(self, where, data, kind="outputs", without=()):
        """Raises Leak at a hit, which is remembered for who swallows that."""
        data = data.encode() if isinstance(data, str) else data
        found = [f"{name} in {where}: …{surroundings}…" for name, surroundings in self.find(data, without)]
        with self.lock:
            self.counts[kind] += 1
            self.counts["bytes"] += len(data)
            self.hits += found
        if found:
            raise Leak("\n".join(found))

    def search_file(self, path):
        if path.is_symlink() or not path.is_file() or path.stat().st_size == 0:  # no sockets either
            return
        with path.open("rb") as file, contextlib.closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as mapped:
            left_out = max(0, len(mapped) - LARGEST_FILE)
            self.counts["bytes_not_searched"] += left_out
            self.search(path, mapped[:LARGEST_FILE] if left_out else mapped, "files")

    def search_folder(self, folder):
        files = sorted(path for path in pathlib.Path(folder).rglob("*"))
        for path in files:
            if path.is_file() and KEPT_BY_OPERATORS.match(path.name):
                self.know_key_file(path)
        for path in files:
            if not KEPT_BY_OPERATORS.match(path.name):
                with contextlib.suppress(FileNotFoundError):  # a journal that ended meanwhile
                    self.search_file(path)

    def search_error(self, base, method, path, answer):
        """What passed through the harness' requests: the body of each error of evergrant, never one of a provider's."""
        if answer.status >= 400 and base in self.servers:
            repeated = {form for value in self.said_by_callers for form in forms(value)}
            self.search(f"the {answer.status} of {method} {path}", answer.body, "error_bodies", repeated)

    def search_operators_views(self, get):
        """`get`: the bytes of an answer, or nothing where it is refused or nobody answers."""
        for path in READ_BY_OPERATORS:
            body = get(path)
            if body is not None:
                self.search(path, body, "operators_views")

    def search_command(self, arguments, output, errors):
        self.search(f"the errors of evergrant {' '.join(map(str, arguments))}", errors, "command_outputs")
        if not GIVING & set(map(str, arguments)):
            self.search(f"the output of evergrant {' '.join(map(str, arguments))}", output, "command_outputs")

    def raise_what_was_swallowed(self):
        if self.hits:
            raise Leak("\n".join(dict.fromkeys(self.hits)))

    # --- what is published

    def publish(self):
        if not self.counts:
            return
        line = {"test": pathlib.Path(sys.argv[0]).stem + "".join(f" {a}" for a in sys.argv[1:] if not a.startswith("-")), **self.counts,
                "needles": len(self.needles) + len(self.patterns), "hits": len(self.hits)}
        print("canary search:", ", ".join(f"{name} {value}" for name, value in line.items() if name != "test"), file=sys.stderr)
        if file := os.environ.get("EVERGRANT_CANARY_FILE"):
            with open(file, "a", encoding="utf-8") as lines:  # one write: tests run beside each other
                lines.write(json.dumps(line) + "\n")


def add_up(file):
    """The newest line of each test, added up. Whether nothing was found."""
    path = pathlib.Path(file)
    newest = {line["test"]: line for line in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    total = collections.Counter()
    for line in newest.values():
        total.update({name: value for name, value in line.items() if name not in ("test", "needles")})
    print(f"canary search over {len(newest)} tests:", ", ".join(f"{name} {value:,}" for name, value in total.items()))
    for line in newest.values():
        if line["hits"]:
            print(f"{line['hits']} hits in {line['test']}")
    return bool(newest) and total["hits"] == 0


search = Search()
atexit.register(search.publish)

if __name__ == "__main__":
    sys.exit(0 if add_up(sys.argv[1]) else 1)
