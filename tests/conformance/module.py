"""What a module is, and the words that the tables of modules (oidcc_modules.py, fapi2_modules.py) are written in."""

import dataclasses

import keys
from provider import Manners

BASIC, CONFIG, REFRESH = "Basic RP", "Config RP", "Refresh token"
OTHER, FAPI2 = "Other client modules", "FAPI 2.0 Security Profile"
PLANS = {
    BASIC: "The plan `oidcc-client-basic-certification-test-plan`",
    CONFIG: "The plan `oidcc-client-config-certification-test-plan`",
    REFRESH: "The plan `oidcc-client-refreshtoken-test-plan`",
    OTHER: "Of `oidcc-client-test-plan` and of no plan",
    FAPI2: "Of the plan `fapi2-security-profile-final-client-test-plan`",
}


@dataclasses.dataclass(frozen=True)
class Module:
    name: str
    plans: tuple
    does: str         # the provider
    must: str         # evergrant
    manners: type
    drive: object     # called with the bench: leads the client through the flow and demands what is due
    must_refuse: bool = False
    security: str = "strict"
    registration: tuple = ()  # more lines of its table


def manners(base=Manners, **steps):
    """Manners with these steps (functions of self and what the step is given) in place of the good ones."""
    return type("Misbehaving", (base,), steps)


def good_manners(module):
    """The same provider without its misbehaviour, for negative modules: keys and algorithm stay."""
    return type("Good", (Manners,), {name: getattr(module.manners, name) for name in ("alg", "keys", "published")})


def spoilt(module):
    """The same provider, whose ID tokens all have a broken signature: a module that must connect cannot pass with it."""
    return type("Spoilt", (module.manners,),
                {"sign": lambda self, claims: keys.with_broken_signature(module.manners.sign(self, claims))})


def changed(**changes):
    """A step that gives its members on with these changes; None takes one away. A function is asked for its value with
    the manners."""
    def step(self, members):
        values = {name: value(self) if callable(value) else value for name, value in changes.items()}
        return {name: value for name, value in {**members, **values}.items() if value is not None}
    return step


def connects(bench):
    if bench.connected():
        bench.demand_count("token", 1)
        bench.demand_count("userinfo", 1)


def refuses(code, reason):
    return lambda bench: bench.refused(code, reason)


def must_refuse(name, plans, does, drive, must="refuse it; no UserInfo request, nothing stored", **steps):
    """A module whose provider does one thing wrong, after which nothing may follow. `steps`: the provider's, or of Module."""
    more = {key: steps.pop(key) for key in ("security", "registration") if key in steps}
    return Module(name, plans, does, must, manners(**steps), drive, must_refuse=True, **more)


def must_accept(name, plans, does, must, drive=connects, **steps):
    more = {key: steps.pop(key) for key in ("security", "registration") if key in steps}
    return Module(name, plans, does, must, manners(**steps), drive, **more)
