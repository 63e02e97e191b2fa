"""Debian's glewlwyd: refresh tokens are for one use, a second use ends them all, and errors are answered sloppily: a refresh
token that is not known gets HTTP 400 with an empty body."""

import pathlib
import re
import socket
import sqlite3
import subprocess
import time
import unittest

from real_provider import EvergrantAt, RealProvider, free_port, request
from whole_life import WholeLife

SCHEMA = pathlib.Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")  # of the package; its administrator too
PERSON, PASSWORD = "alice", "a password of alice"
CLIENT, SECRET = "app", "a secret of the application"


def make_keys():
    def openssl(*arguments, text=None):
        return subprocess.run(["openssl", *arguments], input=text, check=True, capture_output=True, text=True).stdout
    private = openssl("genrsa", "2048")
    return private, openssl("rsa", "-pubout", text=private)


def wait_for_listener(port, seconds=30):
    until = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=seconds).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


class Session:
    """What a signed-in browser sends to glewlwyd's own API."""

    def __init__(self, base, username, password):
        self.base, self.cookie = base, ""
        answer = self.call("POST", "/auth/", {"username": username, "password": password})
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]

    def call(self, method, path, body=None):
        answer = request(self.base, method, "/api" + path, body, headers={"Cookie": self.cookie} if self.cookie else {})
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer}")
        return answer


class Glewlwyd(RealProvider):
    def __init__(self, test, redirect_uri):
        super().__init__(test)
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.log_file, self.database = self.folder / "log", self.folder / "db"
        with sqlite3.connect(self.database) as database:
            database.executescript(SCHEMA.read_text())
        configuration = self.folder / "glewlwyd.conf"
        configuration.write_text(self.configuration(port))
        self.key, self.public_key = make_keys()
        self.start("sh", "-c", 'exec glewlwyd --config-file="$0" 1>&2', str(configuration), ready="Glewlwyd started")
        wait_for_listener(port)  # it says so a moment too early
        self.administrator = Session(self.base, "admin", "password")
        self.fill(redirect_uri)

    def configuration(self, port):
        libraries = "/usr/lib/glewlwyd"
        return f"""
port={port}
bind_address="127.0.0.1"
external_url="{self.base}"
login_url="login.html"
api_prefix="api"
log_mode="console,file"
log_level="INFO"
log_file="{self.log_file}"
cookie_secure=0
session_expiration=86400
session_key="session"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{libraries}/user"
client_module_path="{libraries}/client"
user_auth_scheme_module_path="{libraries}/scheme"
plugin_module_path="{libraries}/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3" path = "{self.database}" }};
"""

    def fill(self, redirect_uri):
        """A scope, the OpenID Connect plugin, our client, and a person who has granted it already."""
        scope = {"name": "api", "display_name": "api", "password_required": True, "password_max_age": 0, "scheme": {}}
        self.administrator.call("POST", "/scope/", scope)
        self.administrator.call("POST", "/mod/plugin/", self.plugin(3600))
        self.administrator.call("POST", "/client/", {
            "client_id": CLIENT, "confidential": True, "enabled": True, "password": SECRET, "client_secret": SECRET,
            "redirect_uri": [redirect_uri], "authorization_type": ["code", "refresh_token"], "scope": ["api"],
            "token_endpoint_auth_method": ["client_secret_basic"]})
        self.administrator.call("POST", "/user/", {"username": PERSON, "password": PASSWORD, "enabled": True,
                                                   "scope": ["openid", "api", "g_profile"]})
        self.person = Session(self.base, PERSON, PASSWORD)
        self.person.call("PUT", f"/auth/grant/{CLIENT}", {"scope": "openid api"})

    def plugin(self, access_ttl):
        return {"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
            "iss": self.base, "jwt-type": "rsa", "jwt-key-size": "256", "key": self.key, "cert": self.public_key,
            "access-token-duration": access_ttl, "refresh-token-duration": 86400, "code-duration": 60,
            "refresh-token-rolling": True, "refresh-token-one-use": "always", "allow-non-oidc": True,
            "auth-type-code-enabled": True, "auth-type-refresh-enabled": True, "auth-type-token-enabled": False,
            "auth-type-id-token-enabled": False, "auth-type-none-enabled": False, "auth-type-password-enabled": False,
            "auth-type-client-enabled": False, "auth-type-device-enabled": False,
            "pkce-allowed": True, "pkce-required": True, "pkce-method-plain-allowed": False, "pkce-scopes": [],
            "introspection-revocation-allowed": True, "introspection-revocation-allow-target-client": True,
            "introspection-revocation-auth-scope": [], "scope": [{"name": "api", "refresh-token-rolling": True}],
            "allowed-scope": ["openid", "api"], "subject-type": "public", "secret-type": "unused",
            "name-claim": "no", "email-claim": "no", "scope-claim": "no", "jwks-show": True, "request-parameter-allow": False,
            "session-management-allowed": False}}

    def set_access_ttl(self, seconds):
        self.administrator.call("PUT", "/mod/plugin/oidc", self.plugin(seconds))
        self.administrator.call("PUT", "/mod/plugin/oidc/disable")  # it reads its parameters when it is enabled
        self.administrator.call("PUT", "/mod/plugin/oidc/enable")

    def log(self, pattern):
        return [line for line in self.log_file.read_text().splitlines() if re.search(pattern, line)]

    def refreshes(self):
        return len(self.log("Refresh token generated for client .* granted by")) - 1  # the code's

    def complaints(self):
        return self.log("ERROR|Security - (Token|Code) invalid")

    def grant_is_alive(self):
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT gpor_enabled FROM gpo_refresh_token ORDER BY gpor_id").fetchall()
        return bool(rows) and rows[-1] == (1,)

    def api_status(self, access_token):
        return request(self.base, "GET", "/api/oidc/userinfo", headers={"Authorization": f"Bearer {access_token}"}).status


class GlewlwydTest(WholeLife, unittest.TestCase):
    def setUp(self):
        port = free_port()
        self.provider = Glewlwyd(self, f"http://127.0.0.1:{port}/callback/glewlwyd")
        base = self.provider.base
        # g_continue stands for the person's click on "continue" on glewlwyd's own page. glewlwyd does not decode what
        # RFC 6749 2.3.1 has clients encode, and the secret has spaces.
        self.server = EvergrantAt({"glewlwyd": f"""
provider = "oidc"
client_id = "{CLIENT}"
client_secret = {{ env = "CLIENT_SECRET" }}
issuer = "{base}"
metadata_url = "{base}/api/oidc/.well-known/openid-configuration"
scopes = ["openid", "api"]
allow_loopback_http = true
profile.authorize.extra_parameters = {{ g_continue = "yes" }}
profile.token.basic_encoding = "raw"
"""}, port, {"CLIENT_SECRET": SECRET})
        self.addCleanup(self.server.close)

    def connect(self):
        return self.server.connect_as("glewlwyd", cookie_of=self.provider.base, cookie=self.provider.person.cookie)

    def test_an_empty_answer_disconnects_nobody(self):
        grant = {"registration": "glewlwyd", "tenant": "acme", "realm": "mallory", "access_token": "unknown-there",
                 "refresh_token": "unknown-there-too", "access_expires_at": "2020-01-01T00:00:00Z"}
        connection = self.server.expect(201, "POST", "/v1/connections", grant)["id"]
        self.server.read(connection, status=503, wait=5)
        state = self.server.connection(connection)
        self.assertEqual((state["status"], state["failure"]["class"], state["failure"]["code"]), ("active", "transient", "http_400"))


if __name__ == "__main__":
    unittest.main()
