"""The modules of the OpenID Connect client plans: `oidcc-client-*`, those of the code flow. CMakeLists.txt reads the names
from the lines that begin a module."""

import checks
import keys
from bench import CLAIMS
from module import BASIC, CONFIG, OTHER, REFRESH, changed, connects, must_accept, must_refuse, refuses
from provider import Answer, as_json

JWT = "application/jwt"


# --- what providers do ---

def broken_signature(self, claims):
    return keys.with_broken_signature(keys.sign_jwt(claims, self.provider.keys[0]))


def unsigned(self, claims):
    return keys.sign_jwt(claims, keys.Key(None, "none", None))


def without_kid(self, claims):
    return keys.sign_jwt(claims, self.provider.keys[0], kid=None)


def hmac_keys(self):
    """The client's secret signs; what is published is another key."""
    return [keys.Key(self.provider.client.secret.encode(), "HS256", None), keys.make_key("RS256", "key-1")]


def beside_unreadable_keys(self):
    unreadable = [{"kty": "AKP", "kid": "key-pq", "alg": "ML-DSA-1", "use": "sig", "pub": "AQAB"},
                  {"kty": "made-up", "kid": "key-odd", "use": "sig", "value": "AQAB"}]
    return [*unreadable, *[key.jwk() for key in self.provider.keys]]


def signed_userinfo(self, claims, **changes):
    claims = {"iss": self.provider.issuer, "aud": self.provider.client.client_id, **claims, **changes}
    return Answer(200, keys.sign_jwt(claims, self.provider.keys[0]), JWT)


def aggregated(self, claims):
    source = keys.sign_jwt({"iss": "https://claims.example", "shoe_size": 42}, self.provider.keys[0])
    return as_json({**claims, "_claim_names": {"shoe_size": "src1"}, "_claim_sources": {"src1": {"JWT": source}}})


def distributed(self, claims):
    source = {"endpoint": self.provider.url("claims_source"), "access_token": "for-the-source-alone"}
    return as_json({**claims, "_claim_names": {"shoe_size": "src1"}, "_claim_sources": {"src1": source}})


# --- what is demanded ---

def request_to(bench, endpoint):
    return next((request for request in bench.provider.seen if request.endpoint == endpoint), None)


def authenticates_by_basic(bench):
    connects(bench)
    header = request_to(bench, "token").headers.get("Authorization", "")
    bench.demand(header.startswith("Basic "), "the token request has no Basic authentication")


def asks_for_claims(bench):
    connects(bench)
    asked = dict(checks.pairs_of(request_to(bench, "authorize").query))["scope"].split()
    bench.demand({"profile", "email", "phone", "address"} & set(asked), f"the scope asks for no claims: {asked}")


def sends_a_nonce(bench):
    connects(bench)
    bench.demand("nonce=" in request_to(bench, "authorize").query, "no nonce was sent")


def uses_the_header(bench):
    connects(bench)
    asked = request_to(bench, "userinfo")
    bench.demand(asked and asked.headers.get("Authorization", "").startswith("Bearer "), "UserInfo: no bearer header")
    bench.demand(asked and not asked.query and not asked.body, "UserInfo: there is a query or a body")


def follows_the_metadata(bench):
    connects(bench)
    order = [request.endpoint for request in bench.provider.seen]
    bench.demand(order[0] == "metadata", f"the requests came in the order {order}")
    bench.demand({"authorize", "token", "jwks", "userinfo"} <= set(order), f"not every endpoint was used: {order}")


def fetches_the_keys(bench):
    connects(bench)
    bench.demand_count("jwks", 1)


def goes_nowhere(bench):
    flow = bench.connect()
    bench.demand(flow.status != "connected", "it connected")
    bench.demand(bench.provider.count("metadata") >= 1, "the metadata was not fetched")
    for endpoint in ("authorize", "token", "jwks", "userinfo"):
        bench.demand_count(endpoint, 0)
    bench.nothing_stored(flow)
    bench.logged("its issuer is")


def signs_in_twice(bench):
    """Two logins; the keys change between them, by themselves (before_signing) or here."""
    first = bench.connected()
    fetched = bench.provider.count("jwks")
    if not bench.provider.manners.rotates_at_signing:
        bench.provider.rotate_keys()
    second = bench.connected()
    bench.demand(first and first == second, "the second login did not lead to the same connection")
    bench.demand(bench.provider.count("jwks") == fetched + 1, "the key set was not fetched again, once, for the new key")
    bench.demand_count("token", 2)


def rotate_from_the_second_login(self):
    if self.provider.count("authorize") > 1:
        self.provider.rotate_keys()


def refreshes(bench):
    connection = bench.connected()
    if not connection:
        return
    before = bench.read_token(connection)
    answer = bench.call("POST", f"/v1/connections/{connection}/refresh", {"generation": before["generation"]})
    bench.demand(answer.status == 200, f"the refresh: {answer}")
    after = bench.read_token(connection)
    bench.demand(before["access_token"] != after["access_token"], "the access token is the one before")
    bench.works(connection)
    bench.demand_count("token", 2)
    bench.demand(bench.user_info(connection).get("sub") == bench.provider.subject, "UserInfo with the new access token")


def refuses_the_refresh(bench):
    """The whole answer is dropped: its access token goes to nobody, and the connection is on hold."""
    connection = bench.connected()
    if not connection:
        return
    asked = bench.provider.count("userinfo")
    answer = bench.call("POST", f"/v1/connections/{connection}/refresh", {"generation": 1})
    bench.demand((answer.status, answer.json().get("code")) == (409, "quarantined"), f"the refresh: {answer}")
    for path in ("token", "userinfo"):
        answer = bench.call("GET", f"/v1/connections/{connection}/{path}")
        bench.demand(answer.status == 409, f"reading the {path} after that: {answer}")
    bench.demand(bench.server.connection(connection)["status"] == "quarantined", "the connection is not on hold")
    bench.demand_count("token", 2)
    bench.demand_count("userinfo", asked)


def refuses_userinfo(bench):
    bench.refused("forbidden", r"(?i)userinfo.*(sub|another)", userinfo=1)


def checks_signed_userinfo(bench):
    """The good answer is taken; then each check is seen to hold with an answer that fails it alone."""
    connection = bench.connected()
    if not connection:
        return
    provider = bench.provider
    bench.demand(bench.user_info(connection).get("email") == CLAIMS["email"], "UserInfo that is good, asked again")
    good = lambda claims: signed_userinfo(provider.manners, claims)
    bad = {
        "a broken signature": lambda claims: Answer(200, keys.with_broken_signature(good(claims).body), JWT),
        "another iss": lambda claims: signed_userinfo(provider.manners, claims, iss="https://op.example"),
        "another aud": lambda claims: signed_userinfo(provider.manners, claims, aud="another-client"),
        "another sub": lambda claims: signed_userinfo(provider.manners, claims, sub="somebody-else"),
        "no signature": lambda claims: Answer(200, unsigned(provider.manners, claims), JWT),
    }
    for what, answer in bad.items():
        provider.manners.userinfo = answer
        refused = bench.call("GET", f"/v1/connections/{connection}/userinfo")
        bench.demand(refused.json().get("code") == "forbidden", f"UserInfo with {what}: {refused}")


def ignores_claim_sources(bench):
    connection = bench.connected()
    if connection:
        bench.demand("shoe_size" not in str(bench.server.connection(connection)), "a claim of another source was kept")
        bench.demand("shoe_size" not in bench.user_info(connection), "a claim of another source was given out")
    bench.demand_count("claims_source", 0)


MODULES = [
    must_accept(
        "oidcc-client-test", (BASIC,), "behaves", "complete the flow and ask for UserInfo with the access token"),
    must_refuse(
        "oidcc-client-test-invalid-iss", (BASIC,), "ID token with another `iss`", refuses("forbidden", "ID token: iss"),
        claims=changed(iss="https://op.example/")),
    must_refuse(
        "oidcc-client-test-missing-sub", (BASIC,), "ID token without `sub`", refuses("forbidden", "ID token: sub"),
        claims=changed(sub=None)),
    must_refuse(
        "oidcc-client-test-invalid-aud", (BASIC,), "ID token with another `aud`", refuses("forbidden", "ID token: aud"),
        claims=changed(aud="another-client")),
    must_refuse(
        "oidcc-client-test-missing-iat", (BASIC,), "ID token without `iat`", refuses("provider_rejected", "ID token: iat"),
        claims=changed(iat=None)),
    must_accept(
        "oidcc-client-test-kid-absent-single-jwks", (BASIC,), "ID token without `kid`, one key in the key set",
        "take the one key that fits", sign=without_kid),
    must_accept(
        "oidcc-client-test-kid-absent-multiple-jwks", (BASIC,), "ID token without `kid`, three keys that fit",
        "try those that fit (it may also refuse)", sign=without_kid,
        keys=lambda self: [keys.make_key(self.alg, f"key-{n}") for n in range(3)],
        published=lambda self: [key.jwk() for key in reversed(self.provider.keys)]),
    must_accept(
        "oidcc-client-test-idtoken-sig-rs256", (BASIC,), "ID token signed by RS256", "fetch the keys and verify it",
        drive=fetches_the_keys),
    must_refuse(
        "oidcc-client-test-idtoken-sig-none", (BASIC, CONFIG), "unsigned ID token, `alg` none",
        refuses("invalid_argument", "ID token: .*alg, none"), must="refuse it (a client may also take it)", sign=unsigned),
    must_refuse(
        "oidcc-client-test-invalid-sig-rs256", (BASIC,), "ID token with a broken RS256 signature",
        refuses("sealed_broken", "ID token: .*signature"), sign=broken_signature),
    must_refuse(
        "oidcc-client-test-userinfo-invalid-sub", (BASIC,), "UserInfo with another `sub` than the ID token",
        refuses_userinfo, must="drop the answer; nothing stored",
        userinfo=lambda self, claims: as_json({**claims, "sub": "somebody-else"})),
    must_refuse(
        "oidcc-client-test-nonce-invalid", (BASIC,), "ID token with another `nonce`",
        refuses("forbidden", "ID token: nonce"), claims=changed(nonce="another-nonce")),
    must_accept(
        "oidcc-client-test-scope-userinfo-claims", (BASIC,), "behaves", "ask for `profile`, `email`, `phone` or `address`",
        drive=asks_for_claims),
    must_accept(
        "oidcc-client-test-client-secret-basic", (BASIC,), "takes nothing but Basic at the token endpoint",
        "authenticate by Basic, id and secret form-encoded", drive=authenticates_by_basic),
    must_accept(
        "oidcc-client-test-discovery-openid-config", (CONFIG,), "endpoints with names that are new in each run",
        "fetch the metadata first and use its endpoints", drive=follows_the_metadata),
    must_accept(
        "oidcc-client-test-discovery-jwks-uri-keys", (CONFIG,), "a `jwks_uri` that is new in each run",
        "fetch the keys there, once, and verify with them", drive=fetches_the_keys),
    must_refuse(
        "oidcc-client-test-discovery-issuer-mismatch", (CONFIG,), "metadata with another `issuer`", goes_nowhere,
        must="use nothing of it: no other request", metadata=changed(issuer="https://op.example/")),
    must_accept(
        "oidcc-client-test-signing-key-rotation", (CONFIG,), "new signing keys between two logins",
        "fetch the key set again, once", drive=signs_in_twice, rotates_at_signing=False),
    must_accept(
        "oidcc-client-test-signing-key-rotation-just-before-signing", (CONFIG,),
        "new signing keys in the second token request, before it signs", "fetch the key set again, once",
        drive=signs_in_twice, rotates_at_signing=True, before_signing=rotate_from_the_second_login),
    must_accept(
        "oidcc-client-test-refresh-token", (REFRESH,), "each refresh gives new tokens, and ends those before",
        "refresh, and ask for UserInfo with the new access token", drive=refreshes),
    must_refuse(
        "oidcc-client-test-refresh-token-invalid-issuer", (REFRESH,), "ID token of the refresh with another `iss`",
        refuses_the_refresh, must="drop the whole answer; connection on hold",
        refreshed_claims=changed(iss="https://op.example/")),
    must_refuse(
        "oidcc-client-test-refresh-token-invalid-sub", (REFRESH,), "ID token of the refresh with another `sub`",
        refuses_the_refresh, must="drop the whole answer; connection on hold", refreshed_claims=changed(sub="somebody-else")),
    must_refuse(
        "oidcc-client-test-refresh-token-invalid-aud", (OTHER,), "ID token of the refresh with another `aud`",
        refuses_the_refresh, must="drop the whole answer; connection on hold", refreshed_claims=changed(aud="another-client")),
    must_refuse(
        "oidcc-client-test-refresh-token-invalid-azp", (OTHER,), "ID token of the refresh with an `azp`, another client",
        refuses_the_refresh, must="drop the whole answer; connection on hold", refreshed_claims=changed(azp="another-client")),
    must_accept(
        "oidcc-client-test-userinfo-bearer-header", (OTHER,), "behaves", "send the access token in the header, only there",
        drive=uses_the_header),
    must_accept(
        "oidcc-client-test-nonce-unless-code-flow", (OTHER,), "behaves", "send a nonce, here in the code flow too",
        drive=sends_a_nonce),
    must_refuse(
        "oidcc-client-test-missing-aud", (OTHER,), "ID token without `aud`", refuses("forbidden", "ID token: aud"),
        claims=changed(aud=None)),
    must_refuse(
        "oidcc-client-test-invalid-athash", (OTHER,), "ID token with another `at_hash`, in the code flow",
        refuses("provider_rejected", "ID token: at_hash"), claims=changed(at_hash=keys.at_hash("another access token"))),
    must_refuse(
        "oidcc-client-test-invalid-sig-hs256", (OTHER,), "ID token with a broken HS256 MAC, by the client secret",
        refuses("sealed_broken", "ID token: .*signature"), security="baseline", alg="HS256", keys=hmac_keys,
        published=lambda self: [self.provider.keys[1].jwk()], sign=broken_signature),
    must_refuse(
        "oidcc-client-test-invalid-sig-es256", (OTHER,), "ID token with a broken ES256 signature",
        refuses("sealed_broken", "ID token: .*signature"), alg="ES256", sign=broken_signature),
    must_accept(
        "oidcc-client-test-ignores-unparseable-key-in-jwks", (OTHER,), "keys of unknown kinds before the good one",
        "pass over them", published=beside_unreadable_keys),
    must_accept(
        "oidcc-client-test-userinfo-signed", (OTHER,), "UserInfo as a JWT, signed by RS256",
        "verify it; refuse one with a broken signature, another `iss`, `aud` or `sub`, or `alg` none",
        drive=checks_signed_userinfo, userinfo=signed_userinfo),
    must_accept(
        "oidcc-client-test-aggregated-claims", (OTHER,), "UserInfo with `_claim_sources` that holds a JWT",
        "complete the flow without the aggregated claim", drive=ignores_claim_sources, userinfo=aggregated),
    must_accept(
        "oidcc-client-test-distributed-claims", (OTHER,), "UserInfo with `_claim_sources` that names an endpoint",
        "complete the flow; no request goes there", drive=ignores_claim_sources, userinfo=distributed),
]
