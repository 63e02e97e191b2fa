"""Debian's python3-django-oauth-toolkit: a superseded refresh token works for a grace period and gives the same new one again;
a revoked one inside that period is answered by a page with HTTP 500."""

import base64
import unittest
import urllib.parse

from real_provider import DEBIANS_PYTHON, HERE, EvergrantAt, RealProvider, free_port, request
from whole_life import WholeLife, wait_for_expiry

GRACE_SECONDS = 120


class DjangoOauthToolkit(RealProvider):
    def __init__(self, test, redirect_uris, grace=GRACE_SECONDS):
        super().__init__(test)
        ready = self.start(DEBIANS_PYTHON, str(HERE / "django_oauth_toolkit/server.py"), str(self.folder), str(grace), redirect_uris)
        self.base = ready.split()[-1]

    def set_access_ttl(self, seconds):
        request(self.base, "POST", "/test/access-ttl", str(seconds).encode())

    def log(self):
        return request(self.base, "GET", "/test/log").json()

    def refreshes(self):
        return sum(line.startswith("POST /o/token/ ") for line in self.log()["requests"]) - 1  # the code's

    def complaints(self):
        return [line for line in self.log()["requests"] if line.startswith("POST /o/") and not line.endswith(" 200")]

    def grant_is_alive(self):
        return not self.log()["refresh_tokens"][-1]["revoked"]

    def newest_refresh_token(self):
        return self.log()["refresh_tokens"][-1]["token"]

    def api_status(self, access_token):
        return request(self.base, "GET", "/me", headers={"Authorization": f"Bearer {access_token}"}).status

    def post(self, path, **form):
        """A request of somebody else who holds the client's credentials."""
        credentials = base64.b64encode(b"app:app-secret").decode()
        return request(self.base, "POST", path, urllib.parse.urlencode(form).encode(),
                       {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"})


class DjangoOauthToolkitTest(WholeLife, unittest.TestCase):
    def setUp(self):
        port = free_port()
        self.provider = DjangoOauthToolkit(self, f"http://127.0.0.1:{port}/callback/django")
        base = f"{self.provider.base}/o"
        self.server = EvergrantAt({"django": f"""
provider = "oauth2"
client_id = "app"
client_secret = {{ env = "CLIENT_SECRET" }}
scopes = ["read"]
allow_loopback_http = true
endpoints = {{ authorize = "{base}/authorize/", token = "{base}/token/", revoke = "{base}/revoke_token/" }}
profile.refresh.rotation = "always_with_grace"
profile.refresh.grace = "{GRACE_SECONDS}s"
"""}, port, {"CLIENT_SECRET": "app-secret"})
        self.addCleanup(self.server.close)

    def connect(self):
        return self.server.connect_as("django")

    def test_a_refresh_whose_answer_was_lost_is_made_good_inside_the_grace_period(self):
        connection = self.connect()
        first = self.provider.newest_refresh_token()
        self.assertEqual(self.provider.post("/o/token/", grant_type="refresh_token", refresh_token=first).status, 200)
        second = self.provider.newest_refresh_token()
        self.assertNotEqual(first, second)
        self.assertEqual(self.server.force(connection)["generation"], 2)
        self.assertEqual(self.provider.newest_refresh_token(), second)
        self.assertEqual(self.server.force(connection)["generation"], 3)
        self.assertEqual(self.provider.complaints(), [])

    def test_an_error_page_disconnects_nobody(self):
        self.provider.set_access_ttl(1)
        connection = self.connect()
        newest = self.provider.newest_refresh_token()
        self.assertEqual(self.provider.post("/o/revoke_token/", token=newest, token_type_hint="refresh_token").status, 200)
        wait_for_expiry(self.server, connection)
        answer = self.server.read(connection, status=503, wait=5)
        self.assertIn("POST /o/token/ 500", self.provider.log()["requests"])
        state = self.server.connection(connection)
        self.assertEqual((state["status"], state["failure"]["class"]), ("active", "ambiguous"), answer)

    def test_what_is_revoked_is_worth_nothing_at_the_provider(self):
        connection = self.connect()
        token = self.server.force(connection)["access_token"]
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
        self.server.program.wait_for_line(f"revoked.*{connection}")
        self.assertNotEqual(self.provider.api_status(token), 200)
        newest = self.provider.newest_refresh_token()
        self.assertNotEqual(self.provider.post("/o/token/", grant_type="refresh_token", refresh_token=newest).status, 200)


if __name__ == "__main__":
    unittest.main()
