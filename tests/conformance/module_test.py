#!/usr/bin/python3
"""Runs modules by name and writes what came of each into the folder $CONFORMANCE_RESULTS.

module_test.py NAME…    the exit status is 1 if one of them failed
"""

import json
import os
import pathlib
import sys
import traceback

import fapi2_modules
import oidcc_modules
from bench import Bench

ALL = {module.name: module for module in oidcc_modules.MODULES + fapi2_modules.MODULES}


def run(module, manners=None):
    """The lines that say what is wrong; none: the module has passed."""
    try:
        return Bench(module, manners).run()
    except Exception:  # whatever stops a flow half-way fails its module
        return traceback.format_exc().splitlines()


def report(folder, module):
    path = folder / f"{module.name}.json"
    path.unlink(missing_ok=True)
    problems = run(module)
    path.write_text(json.dumps({"module": module.name, "passed": not problems, "problems": problems}, indent=1) + "\n")
    print(f"{module.name}: {'FAILED' if problems else 'passed'}", *problems, sep="\n  ")
    return not problems


def main(names):
    folder = pathlib.Path(os.environ.get("CONFORMANCE_RESULTS", "conformance"))
    folder.mkdir(parents=True, exist_ok=True)
    unknown = [name for name in names if name not in ALL]
    if unknown or not names:
        print(f"unknown: {' '.join(unknown)}; there are: {' '.join(ALL)}", file=sys.stderr)
        return 2
    return 0 if all([report(folder, ALL[name]) for name in names]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
