#!/usr/bin/python3
"""Holds the tree to the rules of the house: layers, folders that alone may name a library, names, headers, words.

house_rules.py [ROOT]            one line per violation (path:line: what), exit status 1 if there is any
house_rules.py --reveals [ROOT]  every place where a secret leaves its Secret
"""

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# A file includes only its own folder and folders before it.
LAYERS = ("base", "model", "crypto", "net", "store", "oauth", "lifecycle", "access", "proxy", "api", "sandbox", "app", "library", "testing")


@dataclass(frozen=True)
class Reserved:
    """A library that only some folders may name. Where `reach` is set, no other folder may get at it through headers."""

    what: str
    pattern: re.Pattern
    folders: tuple
    reach: bool


RESERVED = (
    Reserved("OpenSSL beyond TLS", re.compile(r"<openssl/(?!(ssl|err|x509|x509v3|x509_vfy|bio|pem)\.h>)"), ("crypto",), True),
    Reserved("OpenSSL TLS", re.compile(r"<openssl/"), ("crypto", "net"), True),
    Reserved("Asio or Beast", re.compile(r"<boost/(asio|beast)"), ("net",), True),
    Reserved("libcurl", re.compile(r"<curl/"), ("net",), True),
    Reserved("a database library", re.compile(r"<(sqlite3|libpq)"), ("store",), True),
    Reserved("spdlog or fmt", re.compile(r"<(spdlog|fmt)/"), ("base",), True),
    Reserved("prometheus-cpp", re.compile(r"<prometheus/"), ("base",), True),
    Reserved("toml++", re.compile(r"<toml"), ("base", "oauth", "app"), False),
    Reserved("CLI11", re.compile(r"<CLI/"), ("app",), True),
)

INCLUDE = re.compile(r"^\s*#\s*include\s+([<\"])([^>\"]+)[>\"]")
VAGUE = {"util", "utils", "common", "helper", "helpers", "misc", "manager"}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X{3}|HA" r"CK)\b")  # split, so that this file does not find itself

# (what, pattern of code without comments, files it holds for, files it spares)
WORDS = (
    ("EVP outside crypto/", re.compile(r"\bEVP_\w+"), re.compile(r"^src/(?!crypto/)"), None),
    ("the time of day other than from a Clock", re.compile(r"system_clock::now|\bgettimeofday\(|\bstd::time\("),
     re.compile(r"^(src|tests)/"), re.compile(r"^(src/base/clock|tests/unit/base/clock_test)\.cpp$")),
    ("a macro", re.compile(r"^\s*#\s*define\b"), re.compile(r"^src/"), re.compile(r"^src/base/toml_document\.cpp$")),
    ("a test that sleeps", re.compile(r"\bsleep_(for|until)\(|\busleep\(|\bsleep\("), re.compile(r"^tests/.*\.[ch]pp$"), None),
    ("a test that is off", re.compile(r"\bDISABLED_|\bGTEST_SKIP\b"), re.compile(r"^tests/.*\.[ch]pp$"),
     re.compile(r"^tests/unit/crypto/\w+_vectors_test\.cpp$")),  # vectors outside the project may be missing
)

SEARCHED = ("src", "include", "examples", "tests", "benchmarks", "packaging", "cmake")
SKIPPED = {"node_modules", "__pycache__", "build", "vectors"}


@dataclass(frozen=True, order=True)
class Violation:
    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


def strip_comments(text):
    """The code alone, on the same lines. String literals stay: their words count as code."""
    keep = r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'"
    return re.sub(rf"({keep})|//[^\n]*|/\*.*?\*/",
                  lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), text, flags=re.DOTALL)


class Tree:
    def __init__(self, root):
        self.root = Path(root)

    def files(self):
        for top in SEARCHED:
            for path in sorted((self.root / top).rglob("*")):
                relative = path.relative_to(self.root)
                if path.is_file() and not SKIPPED & set(relative.parts):
                    yield relative.as_posix()

    @cache
    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    @cache
    def includes(self, path):
        """(line, "<header>" or the path of a project header) of each include."""
        found = []
        for number, line in enumerate(self.text(path).splitlines(), 1):
            if match := INCLUDE.match(line):
                system = match[1] == "<"
                found.append((number, f"<{match[2]}>" if system else self.resolve(path, match[2])))
        return found

    def resolve(self, path, name):
        for candidate in (f"src/{name}", f"include/{name}", f"{Path(path).parent.as_posix()}/{name}", f"tests/{name}"):
            if (self.root / candidate).is_file():
                return candidate
        return f"src/{name}"

    @cache
    def reached(self, path):
        """Every system header that comes in through `path`, with the project file that names it."""
        found, seen, waiting = {}, set(), [path]
        while waiting:
            current = waiting.pop()
            if current in seen or not (self.root / current).is_file():
                continue
            seen.add(current)
            for _, target in self.includes(current):
                if target.startswith("<"):
                    found.setdefault(target, current)
                else:
                    waiting.append(target)
        return found


def layer_of(path):
    parts = Path(path).parts
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def check_layer(tree, path):
    layer = layer_of(path)
    if layer not in LAYERS:
        yield Violation(path, 1, f"src/ has no layer \"{layer}\": {', '.join(LAYERS)}")
        return
    for line, target in tree.includes(path):
        if target.startswith("<") or target.startswith("include/"):
            continue
        used = layer_of(target)
        if used not in LAYERS:
            yield Violation(path, line, f"includes {target}: name the folder, as in \"{layer}/…\"")
        elif LAYERS.index(used) > LAYERS.index(layer):
            yield Violation(path, line, f"{layer}/ includes {used}/, which lies below it")


def check_reserved(tree, path):
    layer = layer_of(path)
    for rule in (rule for rule in RESERVED if layer not in rule.folders):
        named = False
        for line, target in tree.includes(path):
            if rule.pattern.match(target):
                named = True
                yield Violation(path, line, f"names {rule.what} ({target}): only {', '.join(rule.folders)}/ may")
        if rule.reach and not named:
            for target, through in tree.reached(path).items():
                if rule.pattern.match(target):
                    yield Violation(path, 1, f"gets {rule.what} ({target}) through {through}")


def check_header(tree, path):
    lines = tree.text(path).splitlines()
    if not lines or not lines[0].startswith("//"):
        yield Violation(path, 1, "a header starts with a comment: what it owns, its thread, its errors")
    if "#pragma once" not in lines:
        yield Violation(path, 1, "a header has #pragma once")


def check_name(path):
    words = set(re.split(r"[_./-]", path)[1:])
    if VAGUE & words and path != "include/evergrant/token_manager.hpp":
        yield Violation(path, 1, f"\"{(VAGUE & words).pop()}\" says nothing: name the file after its type or verb")


def check_words(tree, path):
    lines = tree.text(path).splitlines()
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield Violation(path, number, f"unfinished business: {line.strip()[:80]}")
    rules = [rule for rule in WORDS if rule[2].match(path) and not (rule[3] and rule[3].match(path))]
    if not rules or Path(path).suffix not in {".cpp", ".hpp"}:
        return
    for number, line in enumerate(strip_comments(tree.text(path)).splitlines(), 1):
        for what, pattern, _, _ in rules:
            if pattern.search(line):
                yield Violation(path, number, f"{what}: {line.strip()[:80]}")


NAMED = re.compile(r"(?:inline |static )?(?:struct|class|enum(?: class)?)\s+(\w+)"  # a type
                   r"|(?:inline |static )?(?:constexpr|const)\s[^()=]*?(\w+)(?:\[\])?\s*[={]"  # a constant
                   r"|[A-Za-z][\w:<>,&*\s]*?[\s&*](\w+\([^()]*\))\s*(?:noexcept )?\{")  # a function with its parameters


def check_unnamed(tree):
    """Several files of a folder are compiled as one: what stands in their unnamed namespaces has a name of its own."""
    seen = {}
    for path in tree.files():
        if Path(path).suffix != ".cpp" or not path.startswith(("src/", "tests/")):
            continue
        inside = False
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            inside = line == "namespace {" or (inside and line != "}  // namespace")
            found = NAMED.match(line) if inside else None
            if not found:
                continue
            name = next(filter(None, found.groups()))
            other = seen.setdefault((Path(path).parent, name), path)
            if other != path:
                yield Violation(path, number, f"{name} is in the unnamed namespace of {Path(other).name} too: share or rename it")


def violations(root):
    tree = Tree(root)
    found = list(check_unnamed(tree))
    for path in tree.files():
        found += check_name(path)
        found += check_words(tree, path)
        if Path(path).suffix == ".hpp" and path.startswith(("src/", "include/")):
            found += check_header(tree, path)
        if Path(path).suffix in {".cpp", ".hpp"} and path.startswith("src/"):
            found += check_layer(tree, path)
            found += check_reserved(tree, path)
    return sorted(found)


def reveals(root):
    tree = Tree(root)
    for path in tree.files():
        if path.startswith("src/"):
            for number, line in enumerate(strip_comments(tree.text(path)).splitlines(), 1):
                if ".reveal()" in line or "->reveal()" in line:
                    yield f"{path}:{number}: {line.strip()}"


def main(arguments):
    root = next((a for a in arguments if not a.startswith("-")), Path(__file__).resolve().parents[2])
    if "--reveals" in arguments:
        print("\n".join(reveals(root)))
        return 0
    tree = Tree(root)
    found = violations(root)
    for path in tree.files():
        if path.startswith("src/") and (length := len(tree.text(path).splitlines())) > 400:
            print(f"{path}:1: (a remark) {length} lines: over 400 wants a reason, or a split")
    for violation in found:
        print(violation)
    print(f"{len(found)} violations" if found else "the rules of the house hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
