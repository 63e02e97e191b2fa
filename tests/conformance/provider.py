"""An OpenID provider that misbehaves in one way, chosen by the module. Plain http on loopback, a thread for each request. It
checks every request it gets (checks.py), and keeps an account of all."""

import dataclasses
import http.server
import json
import secrets
import threading
import time
import urllib.parse

import checks
import keys

ENDPOINTS = ("authorize", "token", "userinfo", "jwks", "resource", "claims_source")
ID_TOKEN_LIFE = 300
ACCESS_LIFE = 3600


@dataclasses.dataclass
class Request:
    endpoint: str
    method: str
    path: str
    query: str
    headers: object
    body: str


@dataclasses.dataclass
class Answer:
    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: tuple = ()


def as_json(members, status=200, headers=()):
    return Answer(status, json.dumps(members), headers=(("Cache-Control", "no-store"), *headers))


def refusal(error, problems, status=400):
    return as_json({"error": error, "error_description": "; ".join(problems)}, status)


class Manners:
    """How a provider that behaves does each step. A module overrides the one in which its provider does not. `self.provider`
    is set when the provider starts."""

    alg = "RS256"
    allow_silent = False  # the module's own request has max_age=0 and prompt=none
    provider = None

    def keys(self):
        return [keys.make_key(self.alg, "key-1")]

    def published(self):
        """The JWKs of the key set."""
        return [key.jwk() for key in self.provider.keys]

    def metadata(self, document):
        return document

    def response(self, parameters):
        """The authorization response."""
        return parameters

    def before_signing(self):
        pass

    def claims(self, claims):
        """Of the ID token that comes for a code."""
        return claims

    def refreshed_claims(self, claims):
        """Of the ID token that comes with a refresh."""
        return claims

    def sign(self, claims):
        return keys.sign_jwt(claims, self.provider.keys[0])

    def token_answer(self, members):
        return members

    def userinfo(self, claims):
        return as_json(claims)

    def resource(self):
        return as_json({"accounts": []})


class Provider:
    subject = "user-subject-1234"

    def __init__(self, manners, client):
        self.manners, self.client = manners, client
        self.account = checks.Account()
        self.seen, self.violations = [], []
        self._lock = threading.Lock()
        manners.provider = self
        self.keys = manners.keys()
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_for(self))
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        self.issuer = f"{self.origin}/{secrets.token_urlsafe(6)}/"
        # Their names are new in each run: only who reads the metadata finds them.
        self.paths = {name: f"{urllib.parse.urlsplit(self.issuer).path}{name}-{secrets.token_hex(4)}" for name in ENDPOINTS}
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def url(self, endpoint):
        return self.origin + self.paths[endpoint]

    def count(self, endpoint):
        return sum(request.endpoint == endpoint for request in self.seen)

    def rotate_keys(self):
        """Keys of another name; the ones before are gone from the key set."""
        self.keys = [keys.make_key(key.alg, f"key-{secrets.token_hex(4)}") for key in self.keys]

    def answer(self, method, target, headers, body):
        path, _, query = target.partition("?")
        endpoint = self.endpoint_of(path)
        request = Request(endpoint, method, path, query, headers, body)
        with self._lock:
            self.seen.append(request)
            return getattr(self, f"on_{endpoint}")(request)

    def endpoint_of(self, path):
        if path == urllib.parse.urlsplit(self.issuer).path + ".well-known/openid-configuration":
            return "metadata"
        return next((name for name, known in self.paths.items() if known == path), "elsewhere")

    def wrong(self, request, found):
        self.violations += [f"{request.endpoint}: {text}" for text in found]
        return found

    def on_elsewhere(self, request):
        # Where metadata is not at the first place, the others of RFC 8414 are asked too.
        if not request.path.startswith("/.well-known/"):
            self.wrong(request, [f"{request.path} is no endpoint of this provider"])
        return Answer(404)

    def on_metadata(self, request):
        self.wrong(request, checks.check_document(request))
        return as_json(self.manners.metadata({
            "issuer": self.issuer,
            "authorization_endpoint": self.url("authorize"),
            "token_endpoint": self.url("token"),
            "userinfo_endpoint": self.url("userinfo"),
            "jwks_uri": self.url("jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "scopes_supported": list(self.client.scopes),
            "id_token_signing_alg_values_supported": [self.manners.alg],
            "token_endpoint_auth_methods_supported": [self.client.auth],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }))

    def on_jwks(self, request):
        self.wrong(request, checks.check_document(request))
        return as_json({"keys": self.manners.published()})

    def on_authorize(self, request):
        found = checks.check_authorization(request.query, self.client, self.account, self.manners.allow_silent)
        if self.wrong(request, found):
            return Answer(400, "; ".join(found), "text/plain")
        given = dict(checks.pairs_of(request.query))
        code = secrets.token_urlsafe(24)
        self.account.codes[code] = checks.Code(given["redirect_uri"], given["code_challenge"], given["nonce"], given["scope"])
        back = self.manners.response({"code": code, "state": given["state"], "iss": self.issuer})
        return Answer(303, headers=(("Location", f"{given['redirect_uri']}?{urllib.parse.urlencode(back)}"),))

    def on_token(self, request):
        if found := self.wrong(request, checks.check_token_request(request, self.client, self.account)):
            return refusal("invalid_request", found)
        given = dict(checks.pairs_of(request.body))
        is_refresh = given["grant_type"] == "refresh_token"
        grant = self.account.grant_of(given["refresh_token"]) if is_refresh else self.redeem(given["code"])
        grant.access_token, grant.refresh_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.manners.before_signing()
        claims = self.id_token_claims(grant)
        if is_refresh:
            claims = self.manners.refreshed_claims(claims)
        else:
            claims = self.manners.claims({**claims, "nonce": grant.nonce})
        return as_json(self.manners.token_answer({
            "access_token": grant.access_token, "token_type": "Bearer", "expires_in": ACCESS_LIFE,
            "refresh_token": grant.refresh_token, "scope": grant.scope, "id_token": self.manners.sign(claims)}))

    def redeem(self, value):
        code = self.account.codes[value]
        code.used = True
        self.account.grants.append(checks.Grant(code.scope, code.nonce))
        return self.account.grants[-1]

    def id_token_claims(self, grant):
        now = int(time.time())
        return {"iss": self.issuer, "sub": self.subject, "aud": self.client.client_id, "iat": now, "exp": now + ID_TOKEN_LIFE,
                "auth_time": grant.signed_in_at, "at_hash": keys.at_hash(grant.access_token)}

    def on_userinfo(self, request):
        if found := self.wrong(request, checks.check_bearer(request, self.account)):
            return refusal("invalid_token", found, 401)
        return self.manners.userinfo({"sub": self.subject, "email": "jane@example.com", "email_verified": True, "name": "Jane Doe"})

    def on_resource(self, request):
        if found := self.wrong(request, checks.check_bearer(request, self.account)):
            return refusal("invalid_token", found, 401)
        return self.manners.resource()

    def on_claims_source(self, _):
        return as_json({"shoe_size": 42})


def handler_for(provider):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def exchange(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            answer = provider.answer(self.command, self.path, self.headers, body)
            self.send_response(answer.status)
            for name, value in (("Content-Type", answer.content_type), *answer.headers):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        do_GET = do_POST = do_PUT = do_HEAD = exchange

        def log_message(self, *_):
            pass

    return Handler
