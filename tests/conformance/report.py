#!/usr/bin/python3
"""Holds docs/conformance.md to the results of the modules, which lie in the folder $CONFORMANCE_RESULTS.

report.py            exit status 1 where the page says anything else than they do, or a result is missing
report.py --write    writes the page
"""

import difflib
import json
import os
import pathlib
import sys

from left_out import LEFT_OUT
from module import FAPI2, PLANS
from module_test import ALL

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/conformance.md"
RESULTS = pathlib.Path(os.environ.get("CONFORMANCE_RESULTS", ROOT / "build/release/conformance"))

HEAD = """\
# Conformance

The OpenID Foundation's [conformance suite](https://gitlab.com/openid/conformance-suite) tests a client by playing the provider:
it misbehaves in one way, and watches what the client sends. `./test conformance` does the same on this machine, with a provider
written for it (`tests/conformance/provider.py`, signing with python3-cryptography) and the real program. The modules have the
names of the suite's and do what those do; the suite itself is not run, and **this is no certification**. This page is written
from the results of the run by `tests/conformance/report.py`; a test fails where it says anything else.

A module passes only if
- evergrant did what the module demands: connected, or refused for the very reason that the module is about;
- after a refusal nothing was stored, and no request followed: no UserInfo request after a bad ID token, no token request after
  a bad authorization response;
- every request kept the rules that hold for all:
  - authorization: `response_type=code`, known `client_id`, registered `redirect_uri`, `openid` among registered scopes, PKCE by
    S256, `nonce` of at most 43 and `state` of at most 128 url-safe characters, none of the three used before, `prompt=none`
    alone and never with `max_age=0`, no parameter twice, no secret
  - token: a form by POST, the registered authentication and no other, `client_id` (where sent) the authenticated one, the same
    `redirect_uri`, the code once, its verifier, a refresh token that nothing has replaced, no scope beyond the granted, no
    parameter twice
  - UserInfo and resource: a living access token in the `Authorization` header, never in a query or body
  - metadata and keys: a plain GET without credentials.

Unless the tables say otherwise the registration has `security = "strict"` and `claims = ["email", "name"]`, which only UserInfo
has, so that UserInfo is asked in each flow that succeeds. `conformance.modules_can_fail` runs each module against a provider
that does not do what it is about, where it must fail; `conformance.checks` breaks each of the rules above.

All modules: `./test conformance`; one, by the name in the tables: `./test conformance -- -R NAME$`. This page anew, after a run
of all: `/usr/bin/python3 -B tests/conformance/report.py --write`.
"""

FAPI2_NOTE = """\
These modules are run without what the profile asks for beyond them: evergrant authenticates by `client_secret_basic`, tokens
are bearer tokens, and requests are not pushed. ID tokens are signed by PS256, and each key set has decoys: keys with the `kid`
of the good one and another `alg`, `use` or `kty` (section 5.4.3). The application of the bench calls the resource.
"""


def row(*cells):
    return f"| {' | '.join(cells)} |"


def result_of(name):
    path = RESULTS / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run ./test conformance first")
    return "passed" if json.loads(path.read_text())["passed"] else "**failed**"


def plan_of(plan):
    modules = [module for module in ALL.values() if plan in module.plans]
    lines = [f"## {plan}", "", f"{PLANS[plan]}; one of them: `./test conformance -- -R {modules[0].name}$`", ""]
    if plan == FAPI2:
        lines += [FAPI2_NOTE]
    lines += [row("module", "the provider", "evergrant must", "result"), row(*["---"] * 4)]
    for module in modules:
        must = module.must if module.security == "strict" else f"{module.must} (`security = \"{module.security}\"`)"
        lines.append(row(f"`{module.name}`", module.does, must, result_of(module.name)))
    return lines


def page():
    lines = [HEAD]
    for plan in PLANS:
        lines += [*plan_of(plan), ""]
    lines += ["## Not run", "", row("modules", "why not"), row("---", "---")]
    lines += [row(", ".join(f"`{name}`" for name in names), why) for names, why in LEFT_OUT]
    return "\n".join(lines) + "\n"


def main(arguments):
    text = page()
    if "--write" in arguments:
        PAGE.write_text(text)
        return 0
    written = PAGE.read_text() if PAGE.exists() else ""
    if written == text:
        return 0
    print(*difflib.unified_diff(written.splitlines(), text.splitlines(), "docs/conformance.md", "this run", lineterm=""), sep="\n")
    print(f"\nWrite it anew: CONFORMANCE_RESULTS={RESULTS} /usr/bin/python3 -B tests/conformance/report.py --write")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
