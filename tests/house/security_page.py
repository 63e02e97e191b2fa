#!/usr/bin/python3
"""Holds docs/security.md to the tree: each test that it names exists, each row shows something or says why not, and what the
shipped profiles leave out is in its table.

security_page.py [ROOT]   one line per violation (path:line: what), exit status 1 if there is any
"""

import re
import sys
import tomllib
from pathlib import Path

from house_rules import Violation

PAGE = "docs/security.md"
REFERENCE = re.compile(r"^\[(\w+)\]: (\S+)$")
TEST = re.compile(r"\[`(\w+)\.(\w+)`\]\[(\w+)\]")
BARE_TEST = re.compile(r"(?<!\[)`([A-Z]\w+\.[a-z]\w*_\w+)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")  # to a file of this tree
NO_TEST = re.compile(r"^No test: .")

# What the table of profiles says of one, and whether that is so. Both ways: an old row is as wrong as a missing one.
DEVIATIONS = (
    ("no PKCE", lambda p: p("authorize.pkce") == "omit"),
    ("no nonce", lambda p: p("authorize.nonce", "omit") == "omit" and (p("issuer") is not None or p("generic", False))),
    ("nonce may be missing", lambda p: p("id_token.nonce_returned") is False),
    ("RS256", lambda p: "RS256" in p("id_token.algorithms", [])),
    ("spellings of the issuer", lambda p: p("id_token.issuer_rule") == "alternatives"),
    ("the issuer holds the token's tenant", lambda p: p("id_token.issuer_rule") == "tenant_template"),
    ("raw Basic", lambda p: p("token.basic_encoding") == "raw"),
    ("is cut off", lambda p: "code_strip_suffix" in p("authorize")),
    ("encoded twice", lambda p: p("authorize.code_url_decode") is True),
    ("unsigned parameter", lambda p: p("realm.source") == "callback" and "callback_hmac_parameter" not in p("authorize")),
    ("no revocation endpoint", lambda p: p("revoke.style") == "none"),
    ("revokes itself", lambda p: p("revoke.style") == "self_bearer"),
    ("stands in the query", lambda p: p("revoke.style") == "query"),
    ("counts as revoked", lambda p: bool(p("revoke.gone_statuses"))),
)


def declared(text, suffix, suite, name):
    """Whether the text of a file has this test. In Python: the method in its class; in CMake: the name that ctest knows."""
    if suffix == ".cpp":
        return re.search(rf"^TEST(_F|_P)?\(\s*{suite},\s*{name}\)", text, re.MULTILINE) is not None
    if suffix == ".py":
        body = re.search(rf"^class {suite}\b.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        return body is not None and re.search(rf"^ +def {name}\(", body[0], re.MULTILINE) is not None
    return re.search(rf"NAME {suite}\.{name}\b", text) is not None


def cells(line):
    """Of a row of a table; a bar that is escaped belongs to its cell."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


class Page:
    def __init__(self, root):
        self.root = Path(root)
        self.lines = (self.root / PAGE).read_text(encoding="utf-8").splitlines()
        self.references = {m[1]: m[2] for m in map(REFERENCE.match, self.lines) if m}

    def file(self, target):
        return (self.root / PAGE).parent / target

    def rows(self, column):
        """(line, cells) of each row of the tables that have such a column."""
        head = []
        for number, line in enumerate(self.lines, 1):
            if not line.startswith("|"):
                head = []
            elif not head:
                head = cells(line)
            elif column in head and not set(line) <= set("|-: "):
                yield number, cells(line), head.index(column)

    def check_tests(self):
        for number, line in enumerate(self.lines, 1):
            for suite, name, label in TEST.findall(line):
                target = self.references.get(label)
                if target is None or not self.file(target).is_file():
                    yield Violation(PAGE, number, f"{suite}.{name}: [{label}] is no file of this tree")
                elif not declared(self.file(target).read_text(encoding="utf-8"), Path(target).suffix, suite, name):
                    yield Violation(PAGE, number, f"{suite}.{name} is not in {target}: {line[:80]}")
            for named in BARE_TEST.findall(line):
                yield Violation(PAGE, number, f"{named}: name its file too, as in [`{named}`][label]")

    def check_links(self):
        used = set(re.findall(r"\]\[(\w+)\]", "\n".join(self.lines)))
        for number, line in enumerate(self.lines, 1):
            for target in LINK.findall(line):
                if not self.file(target).exists():
                    yield Violation(PAGE, number, f"{target} is not there")
            if (match := REFERENCE.match(line)) and match[1] not in used:
                yield Violation(PAGE, number, f"[{match[1]}] is used nowhere")

    def check_rows(self):
        found = list(self.rows("shown by"))
        if not found:
            yield Violation(PAGE, 1, "no table has a column \"shown by\"")
        for number, row, column in found:
            shown = row[column] if column < len(row) else ""
            if not TEST.search(shown) and not NO_TEST.match(shown):
                yield Violation(PAGE, number, f"no test, and no reason (\"No test: …\"): {' | '.join(row)[:80]}")

    def check_profiles(self):
        told = {row[0]: (number, row[column]) for number, row, column in self.rows("deviation")}
        files = {file.stem: file for file in sorted((self.root / "providers").glob("*.toml"))}
        for name, (number, _) in told.items():
            if name not in files:
                yield Violation(PAGE, number, f"there is no profile \"{name}\"")
        for name, file in files.items():
            number, text = told.get(name, (1, None))
            if text is None:
                yield Violation(PAGE, number, f"the profile \"{name}\" has no row in the table of deviations")
                continue
            profile = tomllib.loads(file.read_text(encoding="utf-8"))
            for words, holds in DEVIATIONS:
                so = holds(lambda field, default=None, of=profile: field_of(of, field, default))
                if so != (words in text):
                    yield Violation(PAGE, number, f"{name}: \"{words}\" {'is missing' if so else 'is not so'}")


def field_of(profile, path, default):
    """A field by its dotted name; a whole table that is not there is an empty one."""
    *tables, last = path.split(".")
    for table in tables:
        profile = profile.get(table, {})
    return profile.get(last, {} if last in ("authorize", "token", "id_token") else default)


def violations(root):
    page = Page(root)
    return sorted([*page.check_tests(), *page.check_links(), *page.check_rows(), *page.check_profiles()])


def main(arguments):
    root = arguments[0] if arguments else Path(__file__).resolve().parents[2]
    found = violations(root)
    for violation in found:
        print(violation)
    print(f"{len(found)} violations" if found else "the security page says what is so")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
