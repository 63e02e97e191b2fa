"""What the provider checks of every request, whatever the module: a client that breaks one of these rules passes none.
The functions are pure: they answer with a list of what is wrong, and keep in `Account` what must not come a second time."""

import base64
import dataclasses
import hashlib
import re
import time
import urllib.parse

from keys import base64url

URL_SAFE = r"[A-Za-z0-9\-._~]"
LONGEST_NONCE = 43
LONGEST_STATE = 128
FORM = "application/x-www-form-urlencoded"


@dataclasses.dataclass(frozen=True)
class Client:
    """The registration, as the provider holds it."""
    client_id: str
    secret: str
    redirect_uris: tuple
    scopes: tuple
    auth: str = "client_secret_basic"


@dataclasses.dataclass
class Code:
    """An authorization code and the request that it answers."""
    redirect_uri: str
    challenge: str
    nonce: str
    scope: str
    used: bool = False


@dataclasses.dataclass
class Grant:
    """What a code was exchanged for. A refresh replaces both tokens."""
    scope: str
    nonce: str
    access_token: str = ""
    refresh_token: str = ""
    signed_in_at: int = dataclasses.field(default_factory=lambda: int(time.time()))


class Account:
    """What must not be seen twice, and what was given out. It holds for the whole run of a module."""

    def __init__(self):
        self.codes = {}  # code → Code
        self.grants = []
        self._seen = set()

    def grant_of(self, refresh_token):
        return next((grant for grant in self.grants if grant.refresh_token == refresh_token), None)

    def lives(self, access_token):
        return any(grant.access_token == access_token for grant in self.grants)

    def seen_before(self, kind, value):
        key = (kind, value)
        known = key in self._seen
        self._seen.add(key)
        return known


def pairs_of(text):
    return urllib.parse.parse_qsl(text, keep_blank_values=True)


def repeated(pairs):
    names = [name for name, _ in pairs]
    return [f"the parameter {name} comes more than once" for name in sorted(set(names)) if names.count(name) > 1]


def check_identifier(name, value, longest):
    if not value:
        return [f"{name} is missing"]
    if not re.fullmatch(URL_SAFE + "+", value):
        return [f"{name} has characters that are not url-safe"]
    return [f"{name} is longer than {longest} characters"] if len(value) > longest else []


def check_prompt(given, allow_silent):
    """OpenID Connect Core 3.1.2.1; `allow_silent`: the module asks for max_age=0 and prompt=none itself."""
    prompts = given.get("prompt", "").split()
    found = ["prompt=none is combined with another value"] if "none" in prompts and len(prompts) > 1 else []
    if "none" in prompts and given.get("max_age") == "0" and not allow_silent:
        found.append("max_age=0 and prompt=none contradict each other")
    return found


def check_scope(asked, allowed):
    return [f"the scope {scope} was not registered" for scope in asked.split() if scope not in allowed]


def check_authorization(query, client, account, allow_silent=False):
    """An authentication request (OpenID Connect Core 3.1.2.1, RFC 6749 4.1.1, RFC 7636 4.3)."""
    pairs = pairs_of(query)
    given, found = dict(pairs), repeated(pairs)
    rules = (
        (given.get("response_type") == "code", "response_type is not code"),
        (given.get("client_id") == client.client_id, "client_id is not known"),
        (given.get("redirect_uri") in client.redirect_uris, "redirect_uri is not registered"),
        ("openid" in given.get("scope", "").split(), "scope lacks openid"),
        (given.get("code_challenge_method") == "S256", "code_challenge_method is not S256"),
        (re.fullmatch(r"[A-Za-z0-9\-_]{43}", given.get("code_challenge", "")), "code_challenge is missing or malformed"),
        ("client_secret" not in given, "the client secret is in a URL"),
        ("request" not in given and "request_uri" not in given, "a request object was not registered"),
    )
    found += [text for holds, text in rules if not holds]
    found += check_identifier("nonce", given.get("nonce"), LONGEST_NONCE)
    found += check_identifier("state", given.get("state"), LONGEST_STATE)
    found += check_scope(given.get("scope", ""), client.scopes)
    found += check_prompt(given, allow_silent)
    for name in ("nonce", "state", "code_challenge"):
        if given.get(name) and account.seen_before(name, given[name]):
            found.append(f"{name} was used before")
    return found


def read_basic(header):
    """Id and secret of Basic authentication, form-encoded inside (RFC 6749 2.3.1); None where it is malformed."""
    try:
        name, _, secret = base64.b64decode(header[len("Basic "):], validate=True).decode().partition(":")
    except ValueError:
        return None
    return urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(secret)


def check_client(authorization, given, client):
    """The one registered method, and no second one beside it (RFC 6749 2.3)."""
    found = []
    by_header = authorization.startswith("Basic ")
    if client.auth == "client_secret_basic":
        if not by_header:
            found.append("client_secret_basic is registered, and the request has no Basic authentication")
        elif read_basic(authorization) != (client.client_id, client.secret):
            found.append("the Basic credentials are not the client's")
        if "client_secret" in given:
            found.append("the secret is in the body as well")
    if "client_assertion" in given:
        found.append("a client assertion was not registered")
    if given.get("client_id", client.client_id) != client.client_id:
        found.append("client_id in the body is not the authenticated client")
    return found


def check_code_grant(given, account):
    code = account.codes.get(given.get("code"))
    if code is None:
        return ["the code is not known"]
    verifier = given.get("code_verifier", "")
    digest = base64url(hashlib.sha256(verifier.encode()).digest())
    rules = (
        (not code.used, "the code was used before"),
        (given.get("redirect_uri") == code.redirect_uri, "redirect_uri is not that of the authorization request"),
        (re.fullmatch(URL_SAFE + "{43,128}", verifier), "code_verifier is missing or malformed"),
        (digest == code.challenge, "code_verifier does not match the challenge"),
        (not account.seen_before("code_verifier", verifier), "code_verifier was used before"),
    )
    return [text for holds, text in rules if not holds]


def check_refresh_grant(given, account):
    grant = account.grant_of(given.get("refresh_token"))
    if grant is None:
        return ["the refresh token is not known, or another has replaced it"]
    found = ["a refresh carries a code_verifier"] if "code_verifier" in given else []
    return found + [f"the refresh asks for the scope {scope}, which was not granted"
                    for scope in given.get("scope", "").split() if scope not in grant.scope.split()]


def check_token_request(request, client, account):
    """A token request (RFC 6749 4.1.3 and 6, RFC 7636 4.5)."""
    pairs = pairs_of(request.body)
    given, found = dict(pairs), repeated(pairs)
    if request.method != "POST":
        found.append("a token request is not a POST")
    if request.query:
        found.append("a token request has a query")
    if request.headers.get("Content-Type", "").split(";")[0] != FORM:
        found.append("a token request is not a form")
    found += check_client(request.headers.get("Authorization", ""), given, client)
    if given.get("grant_type") == "authorization_code":
        return found + check_code_grant(given, account)
    if given.get("grant_type") == "refresh_token":
        return found + check_refresh_grant(given, account)
    return found + ["grant_type is neither authorization_code nor refresh_token"]


def check_bearer(request, account):
    """A request with an access token: in the header, nowhere else (RFC 6750 2.1, OAuth 2.1 5.1)."""
    found = []
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        found.append("the access token is not in the Authorization header")
    elif not account.lives(token):
        found.append("the access token is not one that lives")
    for place, text in (("query", request.query), ("body", request.body)):
        if "access_token" in dict(pairs_of(text)):
            found.append(f"an access token is in the {place}")
    return found


def check_document(request):
    """A request for metadata or keys carries nothing of the client's."""
    found = [] if request.method == "GET" else ["a public document is not fetched by GET"]
    if request.query:
        found.append("a request for a public document has a query")
    for name in ("Authorization", "Cookie"):
        if name in request.headers:
            found.append(f"a request for a public document carries {name}")
    return found
