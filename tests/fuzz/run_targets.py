#!/usr/bin/python3
"""Lets libFuzzer work on the targets for a while: ./test fuzz --seconds N [NAME…] (docs/fuzzing.md).

Each starts from its seeds, from what earlier runs found (build/fuzz-corpus/NAME) and from what once crashed it. An input that
crashes it is kept in build/fuzz-crashes/NAME. Exit status: 0 as hoped, 1 a target crashed, 2 wrong usage.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build"
MAX_LEN = {"challenge": 16384, "http_request": 16384, "http_response": 16384, "profile": 16384, "escrow": 16384}  # bytes; others: 4096
AT_A_TIME = 2
SECONDS_FOR_ONE_INPUT = 10


@dataclass
class Outcome:
    name: str
    executions: int = 0
    edges: int = 0
    inputs: int = 0  # in the corpus
    crashes: list = field(default_factory=list)
    status: int = 0
    log: Path = None

    @property
    def is_good(self):
        return self.status == 0 and not self.crashes


def targets():
    return sorted(path.name.removesuffix("_fuzz.cpp") for path in HERE.glob("*_fuzz.cpp"))


def command(name, seconds, crashes):
    corpus = BUILD / "fuzz-corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    words = [BUILD / "fuzz/tests/fuzz" / f"{name}_fuzz", f"-max_total_time={seconds}", f"-max_len={MAX_LEN.get(name, 4096)}",
             "-rss_limit_mb=2048", f"-timeout={SECONDS_FOR_ONE_INPUT}", "-print_final_stats=1", f"-artifact_prefix={crashes}/"]
    dictionary = HERE / "dictionaries" / f"{name}.dict"
    if dictionary.exists():
        words.append(f"-dict={dictionary}")
    return words + [corpus] + [folder for folder in (HERE / "seeds" / name, HERE / "crashes" / name) if folder.is_dir()]


def run(name, seconds):
    crashes = BUILD / "fuzz-crashes" / name
    crashes.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    log = BUILD / "logs" / f"fuzz-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        status = subprocess.run([str(word) for word in command(name, seconds, crashes)], stdout=out, stderr=out, check=False).returncode
    text = log.read_text(errors="replace")
    progress = re.findall(r"cov: (\d+)", text)
    stat = {key: int(value) for key, value in re.findall(r"stat::(\w+):\s+(\d+)", text)}
    # A slow input that finished is worth keeping, but no crash.
    found = sorted(path for path in set(crashes.iterdir()) - before if not path.name.startswith("slow-unit-"))
    return Outcome(name, stat.get("number_of_executed_units", 0), int(progress[-1]) if progress else 0,
                   len(list((BUILD / "fuzz-corpus" / name).iterdir())), found, status, log)


def report(outcomes, seconds):
    print(f"{'target':<18}{'executions':>12}{'a second':>10}{'coverage':>10}{'corpus':>8}  result")
    for one in outcomes:
        result = "ok" if one.is_good else f"CRASHED ({len(one.crashes)} kept)" if one.crashes else f"FAILED (status {one.status})"
        print(f"{one.name:<18}{one.executions:>12,}{one.executions // seconds:>10,}{one.edges:>10,}{one.inputs:>8,}  {result}")
    for one in (one for one in outcomes if not one.is_good):
        print(f"\n{one.name}: {one.log.relative_to(ROOT)} says where. Its last lines:")
        print("".join(one.log.read_text(errors="replace").splitlines(keepends=True)[-12:]), end="")
        for crash in one.crashes:
            print(f"  See it again:  build/fuzz/tests/fuzz/{one.name}_fuzz {crash.relative_to(ROOT)}")
            print(f"  Make it a test: mkdir -p tests/fuzz/crashes/{one.name} && cp {crash.relative_to(ROOT)} "
                  f"tests/fuzz/crashes/{one.name}/WHAT_IS_WRONG")


def main():
    parser = argparse.ArgumentParser(prog="./test fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets; none: all of them")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(targets())):
        parser.error(f"no target is called {', '.join(unknown)}. There are: {', '.join(targets())}")
    if arguments.seconds < 1:
        parser.error("--seconds takes 1 or more")
    names = arguments.names or targets()
    with ThreadPoolExecutor(min(AT_A_TIME, os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(lambda name: run(name, arguments.seconds), names))
    report(outcomes, arguments.seconds)
    return 0 if all(one.is_good for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
