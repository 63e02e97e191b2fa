"""The modules of the FAPI 2.0 Security Profile client plan that need neither DPoP, mTLS, PAR nor JARM. In each the provider
signs by PS256, and its key set holds decoys with the same kid. CMakeLists.txt reads the names as in oidcc_modules.py."""

import time

import keys
import module as parts
from module import FAPI2, changed, connects, refuses
from oidcc_modules import goes_nowhere, unsigned
from provider import Answer, as_json

PREFIX = "fapi2-security-profile-final-client-"


def among_decoys(self):
    key = self.provider.keys[0]
    return [*keys.decoys(key.kid), key.jwk()]


def must_refuse(name, does, drive, must="refuse it; no UserInfo request, nothing stored", **steps):
    return parts.must_refuse(PREFIX + name, (FAPI2,), does, drive, must, **{"alg": "PS256", "published": among_decoys, **steps})


def must_accept(name, does, must, drive=connects, **steps):
    return parts.must_accept(PREFIX + name, (FAPI2,), does, must, drive, **{"alg": "PS256", "published": among_decoys, **steps})


def by_rs256(self, claims):
    """The good key, by an algorithm that was not registered."""
    return keys.sign_jwt(claims, keys.with_alg(self.provider.keys[0], "RS256"))


def with_its_rs256_key(self):
    """Even where the key set offers the same key for that algorithm."""
    return [self.provider.keys[0].jwk(alg="RS256"), *among_decoys(self)]


def reject_until_refreshed_twice(self):
    if self.provider.count("token") < 3:
        challenge = 'Bearer error="invalid_token", error_description="refresh twice"'
        return Answer(401, headers=(("WWW-Authenticate", challenge),))
    return as_json({"accounts": []})


def stops(status, reason=""):
    return lambda bench: bench.stopped(status, reason)


def refreshes_twice(bench):
    """As an application does it: the resource answers 401, the generation is reported, the next token is tried."""
    connection = bench.connect().connection
    if not bench.demand(connection, "the flow did not connect"):
        return
    answers, tokens = [], []
    for _ in range(3):
        token = bench.read_token(connection)
        tokens.append(token["access_token"])
        answers.append(bench.use(token["access_token"]))
        if answers[-1] == 401:
            bench.call("POST", f"/v1/connections/{connection}/refresh", {"generation": token["generation"]})
    bench.demand(answers == [401, 401, 200], f"the resource answered {answers}")
    bench.demand(len(set(tokens)) == 3, "an access token came again")
    bench.demand_count("token", 3)


NO_TOKEN_REQUEST = "stop; no token request, nothing stored"

MODULES = [
    must_refuse(
        "test-discovery-issuer-mismatch", "metadata with another `issuer`", goes_nowhere,
        must="use nothing of it: no other request", metadata=changed(issuer="https://op.example/")),
    must_refuse(
        "test-ensure-authorization-response-with-invalid-state-fails", "authorization response with another `state`",
        stops("opened"), must=NO_TOKEN_REQUEST, response=changed(state="A" * 43)),
    must_refuse(
        "test-ensure-authorization-response-with-invalid-missing-state-fails", "authorization response without `state`",
        stops("opened"), must=NO_TOKEN_REQUEST, response=changed(state=None)),
    must_refuse(
        "test-invalid-authorization-response-iss", "authorization response with another `iss`",
        stops("invalid_argument", r"\(iss\)"), must=NO_TOKEN_REQUEST, response=changed(iss="https://op.example/")),
    must_refuse(
        "test-remove-authorization-response-iss", "authorization response without `iss`",
        stops("invalid_argument", r"\(iss\)"), must=NO_TOKEN_REQUEST, response=changed(iss=None)),
    must_refuse(
        "test-invalid-iss", "ID token with another `iss`", refuses("forbidden", "ID token: iss"),
        claims=changed(iss="https://op.example/")),
    must_refuse(
        "test-invalid-missing-iss", "ID token without `iss`", refuses("forbidden", "ID token: iss"), claims=changed(iss=None)),
    must_refuse(
        "test-invalid-aud", "ID token with another `aud`", refuses("forbidden", "ID token: aud"),
        claims=changed(aud="another-client")),
    must_refuse(
        "test-invalid-missing-aud", "ID token without `aud`", refuses("forbidden", "ID token: aud"), claims=changed(aud=None)),
    must_refuse(
        "test-invalid-secondary-aud", "ID token for us and for another client, `azp` ours",
        refuses("forbidden", "ID token: aud"),
        claims=changed(aud=lambda self: [self.provider.client.client_id, "another-client"],
                       azp=lambda self: self.provider.client.client_id)),
    must_accept(
        "test-valid-aud-as-array", "ID token whose `aud` is a list of us alone", "accept it",
        claims=changed(aud=lambda self: [self.provider.client.client_id])),
    must_refuse(
        "test-invalid-nonce", "ID token with another `nonce`", refuses("forbidden", "ID token: nonce"),
        claims=changed(nonce="another-nonce")),
    must_refuse(
        "test-invalid-missing-nonce", "ID token without `nonce`", refuses("forbidden", "ID token: nonce"),
        claims=changed(nonce=None)),
    must_refuse(
        "test-invalid-expired-exp", "ID token that expired six minutes ago", refuses("provider_rejected", "ID token: exp"),
        claims=changed(exp=lambda self: int(time.time()) - 360, iat=lambda self: int(time.time()) - 660)),
    must_refuse(
        "test-invalid-missing-exp", "ID token without `exp`", refuses("provider_rejected", "ID token: exp"),
        claims=changed(exp=None)),
    must_refuse(
        "test-invalid-null-alg", "unsigned ID token, `alg` none", refuses("invalid_argument", "ID token: .*alg, none"),
        sign=unsigned),
    must_refuse(
        "test-invalid-alternate-alg", "ID token signed by RS256, where PS256 is registered",
        refuses("invalid_argument", "ID token: .*alg, RS256"), sign=by_rs256, published=with_its_rs256_key),
    must_accept(
        "test-token-endpoint-response-without-expires_in", "token answer without `expires_in`", "complete the flow",
        token_answer=changed(expires_in=None)),
    must_accept(
        "test-token-type-case-insensitivity", "`token_type` in inverted case: bEARER", "complete the flow",
        token_answer=changed(token_type="bEARER")),
    must_accept(
        "refresh-token-test", "the resource answers 401 until the second refresh; each one rotates the refresh token",
        "refresh twice in a row, each time with the newest refresh token", drive=refreshes_twice,
        resource=reject_until_refreshed_twice),
]
