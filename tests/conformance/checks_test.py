#!/usr/bin/python3
"""Every check that the provider makes of all requests finds the request that breaks it, and lets the good one pass."""

import base64
import hashlib
import types
import unittest
import urllib.parse

import checks
import keys

REDIRECT = "https://app.example/callback/op"
CLIENT = checks.Client("client 1", "secret/1", (REDIRECT,), ("openid", "email"))
VERIFIER = "v" * 43
CHALLENGE = keys.base64url(hashlib.sha256(VERIFIER.encode()).digest())
QUERY = {"response_type": "code", "client_id": "client 1", "redirect_uri": REDIRECT, "scope": "openid email", "state": "s" * 128,
         "nonce": "n" * 43, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
BASIC = "Basic " + base64.b64encode(b"client+1:secret%2F1").decode()
CODE = {"grant_type": "authorization_code", "code": "c1", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "r2"}


def form(members, *more):
    return urllib.parse.urlencode([*((name, value) for name, value in members.items() if value is not None), *more])


def request(body="", method="POST", query="", **headers):
    return types.SimpleNamespace(method=method, query=query, body=body,
                                 headers={name.replace("_", "-"): value for name, value in headers.items()})


def account():
    made = checks.Account()
    made.codes["c1"] = checks.Code(REDIRECT, CHALLENGE, "n", "openid email")
    made.grants.append(checks.Grant("openid", "n", "a1", "r2"))
    return made


class ChecksTest(unittest.TestCase):
    def finds(self, text, found):
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_of_an_authorization_request(self):
        self.assertEqual(checks.check_authorization(form(QUERY), CLIENT, account()), [])
        for text, changes in (
                ("response_type", {"response_type": "code id_token"}), ("client_id", {"client_id": "client+1"}),
                ("redirect_uri", {"redirect_uri": REDIRECT + "/"}), ("lacks openid", {"scope": "email"}),
                ("not registered", {"scope": "openid phone"}), ("nonce is missing", {"nonce": None}),
                ("nonce is longer", {"nonce": "n" * 44}), ("nonce has", {"nonce": "n+"}), ("state is missing", {"state": None}),
                ("state is longer", {"state": "s" * 129}), ("state has", {"state": "s/"}),
                ("code_challenge is", {"code_challenge": None}), ("code_challenge is", {"code_challenge": "c" * 42}),
                ("method", {"code_challenge_method": "plain"}), ("contradict", {"prompt": "none", "max_age": "0"}),
                ("combined", {"prompt": "none login"}), ("in a URL", {"client_secret": "secret/1"}),
                ("request object", {"request_uri": "urn:x"})):
            with self.subTest(text, **changes):
                self.finds(text, checks.check_authorization(form({**QUERY, **changes}), CLIENT, account()))
        self.finds("more than once", checks.check_authorization(form(QUERY, ("scope", "openid")), CLIENT, account()))

    def test_of_what_must_be_new_in_each_authorization_request(self):
        fresh = {"state": "s2", "nonce": "n2", "code_challenge": "c" * 43}
        for name in fresh:
            held = account()
            self.assertEqual(checks.check_authorization(form(QUERY), CLIENT, held), [])
            again = {**QUERY, **fresh, name: QUERY[name]}
            self.finds(f"{name} was used before", checks.check_authorization(form(again), CLIENT, held))

    def token(self, members, *more, held=None, method="POST", query="", **headers):
        headers = {"Authorization": BASIC, "Content_Type": checks.FORM, **headers}
        return checks.check_token_request(request(form(members, *more), method, query, **headers), CLIENT, held or account())

    def test_of_a_token_request_with_a_code(self):
        self.assertEqual(self.token(CODE), [])
        self.assertEqual(self.token({**CODE, "client_id": "client 1"}), [])
        for text, changes in (
                ("not known", {"code": "c2"}), ("redirect_uri", {"redirect_uri": None}), ("grant_type", {"grant_type": "password"}),
                ("in the body as well", {"client_secret": "secret/1"}), ("authenticated client", {"client_id": "client 2"}),
                ("assertion", {"client_assertion": "x"})):
            with self.subTest(text):
                self.finds(text, self.token({**CODE, **changes}))
        self.assertIn("code_verifier is missing or malformed", self.token({**CODE, "code_verifier": None}))
        self.finds("does not match", self.token({**CODE, "code_verifier": "w" * 43}))
        self.finds("more than once", self.token(CODE, ("code", "c1")))

    def test_of_how_a_token_request_comes(self):
        self.finds("Basic", self.token(CODE, Authorization=""))
        raw = "Basic " + base64.b64encode(b"client 1:secret").decode()
        self.finds("credentials", self.token(CODE, Authorization=raw))
        self.finds("query", self.token(CODE, query="x=1"))
        self.finds("POST", self.token(CODE, method="PUT"))
        self.finds("form", self.token(CODE, Content_Type="application/json"))

    def test_of_a_code_or_verifier_that_comes_twice(self):
        held = account()
        held.codes["c1"].used = True
        self.finds("code was used", self.token(CODE, held=held))
        self.finds("code_verifier was used", self.token(CODE, held=held)[1:])

    def test_of_a_refresh(self):
        self.assertEqual(self.token(REFRESH), [])
        self.assertEqual(self.token({**REFRESH, "scope": "openid"}), [])
        self.finds("not known", self.token({**REFRESH, "refresh_token": "r1"}))
        self.finds("not granted", self.token({**REFRESH, "scope": "openid email"}))
        self.finds("code_verifier", self.token({**REFRESH, "code_verifier": VERIFIER}))

    def bearer(self, body="", query="", authorization="Bearer a1"):
        return checks.check_bearer(request(body, "GET", query, Authorization=authorization), account())

    def test_of_where_an_access_token_is(self):
        self.assertEqual(self.bearer(), [])
        self.finds("in the query", self.bearer(query="access_token=a1"))
        self.finds("in the body", self.bearer(body="access_token=a1"))
        self.finds("not one that lives", self.bearer(authorization="Bearer a0"))
        self.finds("not in the Authorization", self.bearer(authorization="Basic a1"))

    def test_of_a_public_document(self):
        self.assertEqual(checks.check_document(request(method="GET")), [])
        self.finds("GET", checks.check_document(request(method="POST")))
        self.finds("query", checks.check_document(request(method="GET", query="x=1")))
        self.finds("Authorization", checks.check_document(request(method="GET", Authorization=BASIC)))


if __name__ == "__main__":
    unittest.main()
