#!/usr/bin/python3
"""Checks the model of the refresh protocol (refresh.pml) exhaustively with spin, one variant of variants.txt a test.

A variant that leaves out a rule must fail, and by the invariant that the rule protects: so the model can fail.

    model_test.py Variant.NAME      one test
    model_test.py tell NAME         the counter-example of a variant, told as a story
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE / "refresh.pml"
INVARIANTS = {"I1": 1, "I2": 2, "I3": 3, "I4": 4, "I5": 5, "I6": 6, "LOST": 7}
DEEPEST = 1_000_000
SECONDS = 100


def variants():
    """name -> (the invariant to violate or "-", the definitions)"""
    found = {}
    for line in (HERE / "variants.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, violates, *defines = line.split()
        found[name] = (violates, defines)
    return found


# spin would call gcc, which need not be installed.
SPIN = ["spin", "-Pclang-19 -E -x c"]


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


class Search:
    """One variant: generated, compiled, searched. Its files live in `folder`."""

    def __init__(self, violates, defines, folder):
        self.folder = folder
        self.flags = ["-D" + define for define in defines]
        # A variant is asked for one invariant only: what else it breaks must not hide it.
        if violates != "-":
            self.flags.append(f"-DONLY={INVARIANTS[violates]}")
        # Compiling with optimisation pays where millions of states are searched.
        self.optimise = "-O1" if violates == "-" else "-O0"

    def report(self):
        self.must([*SPIN, *self.flags, "-a", str(MODEL)])
        self.must(["clang-19", self.optimise, "-w", "-DSAFETY", "-DMEMLIM=1800", "-o", "pan", "pan.c"])
        return run(["./pan", f"-m{DEEPEST}", "-w22"], self.folder)[1]

    def must(self, command):
        code, output = run(command, self.folder)
        if code != 0 or "rror:" in output:
            raise AssertionError(" ".join(command) + "\n" + output)

    def story(self):
        """What led to the failure, as the model's own printf statements tell it."""
        trails = list(pathlib.Path(self.folder).glob("*.trail"))
        if not trails:
            return "There is no counter-example.\n"
        output = run([*SPIN, *self.flags, "-t", "-k", str(trails[0]), str(MODEL)], self.folder)[1]
        return "".join(line + "\n" for line in output.splitlines() if not re.match(r"\s*\d+:\s+proc|\t\t", line))


class Variant(unittest.TestCase):
    maxDiff = None

    def check(self, violates, defines):
        with tempfile.TemporaryDirectory(prefix="evergrant-model-") as folder:
            search = Search(violates, defines, folder)
            report = search.report()
            if violates == "-":
                self.assert_holds(report, search)
            else:
                self.assert_violates(violates, report)

    def assert_holds(self, report, search):
        told = report + ("" if "errors: 0" in report else search.story())
        self.assertRegex(report, r"errors: 0\b", told)
        for truncated in ("max search depth too small", "Search not completed", "out of memory", "memory limit"):
            self.assertNotIn(truncated, report)
        states = re.search(r"(\d+) states, stored", report)
        self.assertIsNotNone(states, report)
        self.assertGreater(int(states.group(1)), 10_000, "so few states are no search")

    def assert_violates(self, invariant, report):
        violated = re.search(r"assertion violated (.*)", report)
        self.assertIsNotNone(violated, report)
        self.assertRegex(violated.group(1), rf"\b{invariant}_", report)


def add_test(name, violates, defines):
    setattr(Variant, name, lambda self: self.check(violates, defines))


def tell(name):
    violates, defines = variants()[name]
    with tempfile.TemporaryDirectory(prefix="evergrant-model-") as folder:
        search = Search(violates, defines, folder)
        report = search.report()
        print(next((line for line in report.splitlines() if "violated" in line), "No assertion fails."))
        print(search.story(), end="")


for variant, (expected, definitions) in variants().items():
    add_test(variant, expected, definitions)


def load_tests(_loader, _tests, _pattern):
    """All of them, where none is named."""
    return unittest.TestSuite(Variant(name) for name in variants())


if __name__ == "__main__":
    if sys.argv[1:2] == ["tell"]:
        tell(sys.argv[2])
    else:
        unittest.main()
