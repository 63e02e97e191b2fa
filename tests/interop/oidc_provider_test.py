"""The npm package oidc-provider 9.13.3: PKCE required, every refresh rotates, and a refresh token that comes a second time
kills the grant, so that one request too many would show at once."""

import base64
import unittest
import urllib.parse

from real_provider import HERE, EvergrantAt, RealProvider, free_port, node, request
from whole_life import WholeLife, wait_for_expiry

SECRET = "a-secret-of-thirty-two-characters"
ODD_SECRET = "odd%3A+:/ &=~secret"


class OidcProvider(RealProvider):
    """`options`: those of server.mjs."""

    def __init__(self, test, redirect_uris, *options):
        super().__init__(test)
        ready = self.start(node(), str(HERE / "oidc_provider/server.mjs"), *options, *redirect_uris)
        self.base = ready.split()[-1]

    def table(self, lines):
        """A registration at this provider, without its id; `lines` are its own."""
        secret = "" if "client_secret" in lines or '"none"' in lines else 'client_secret = { env = "CLIENT_SECRET" }\n'
        issuer = "" if "issuer =" in lines else f'issuer = "{self.base}"\n'
        return f'provider = "oidc"\n{issuer}allow_loopback_http = true\n{secret}{lines}'

    def set_access_ttl(self, seconds):
        request(self.base, "POST", "/test/access-ttl", str(seconds).encode())

    def rotate_keys(self, when="now"):
        """Signs with new keys from then on, and withdraws the ones before."""
        request(self.base, "POST", "/test/rotate-keys", when.encode())

    def speak_of(self, person):
        """UserInfo is another person's from then on; "": no more."""
        request(self.base, "POST", "/test/userinfo-sub", person.encode())

    def requests(self):
        """What came, in order: "GET /jwks" and so on, with the query."""
        return request(self.base, "GET", "/test/requests").json()

    def log(self, client="basic"):
        return [entry for entry in request(self.base, "GET", "/test/log").json() if entry["client"] in (client, "")]

    def refreshes(self, client="basic"):
        return sum(e["event"] == "grant.success" and e["grant_type"] == "refresh_token" for e in self.log(client))

    def complaints(self, client="basic"):
        return [entry for entry in self.log(client) if entry["event"] != "grant.success"]

    def grant_is_alive(self):
        return not any(entry["event"] == "grant.revoked" for entry in self.log())

    def api_status(self, access_token):
        return request(self.base, "GET", "/me", headers={"Authorization": f"Bearer {access_token}"}).status

    def present(self, refresh_token):
        """A token request of somebody else who holds this refresh token."""
        credentials = base64.b64encode(f"basic:{SECRET}".encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token}).encode()
        return request(self.base, "POST", "/token", form, {"Authorization": f"Basic {credentials}",
                                                           "Content-Type": "application/x-www-form-urlencoded"})

    def refresh_tokens(self, client="basic"):
        return [entry["refresh_token"] for entry in self.log(client) if "refresh_token" in entry]

    def newest_refresh_token(self):
        return self.refresh_tokens()[-1]

    def newest_id_token(self, client="basic"):
        return [entry["id_token"] for entry in self.log(client) if "id_token" in entry][-1]


class OidcProviderTest(WholeLife, unittest.TestCase):
    registrations = {
        "basic": 'client_id = "basic"',
        "post": 'client_id = "post"\nclient_auth = "post"',
        "public": 'client_id = "public"\nclient_auth = "none"',
        "odd": 'client_id = "odd:client"\nclient_secret = { env = "ODD_SECRET" }',
        "es": 'client_id = "es"\nprofile.id_token.algorithms = ["ES256"]',
        "ps": 'client_id = "ps"\nprofile.id_token.algorithms = ["PS256"]',
        "ed": 'client_id = "ed"\nprofile.id_token.algorithms = ["EdDSA"]',
        "ed-unexpected": 'client_id = "ed"',
    }

    def setUp(self):
        port = free_port()
        self.provider = OidcProvider(self, [f"http://127.0.0.1:{port}/callback/{name}" for name in self.registrations])
        self.server = EvergrantAt({name: self.provider.table(lines) for name, lines in self.registrations.items()}, port,
                                  {"CLIENT_SECRET": SECRET, "ODD_SECRET": ODD_SECRET})
        self.addCleanup(self.server.close)

    def connect(self):
        return self.server.connect_as("basic")

    def test_every_way_of_a_client_to_prove_itself_connects_and_refreshes(self):
        for name, client in (("post", "post"), ("public", "public"), ("odd", "odd:client")):
            with self.subTest(name):
                connection = self.server.connect_as(name, login_hint="bob")
                self.assertEqual(self.server.connection(connection)["realm"], "bob")
                self.assertEqual(self.server.force(connection, generation=1)["generation"], 2)
                self.assertEqual(self.provider.refreshes(client), 1)
                self.assertEqual(self.provider.complaints(client), [])

    def test_id_tokens_of_every_algorithm_are_validated(self):
        for name in ("basic", "es", "ps", "ed"):
            with self.subTest(name):
                connection = self.server.connection(self.server.connect_as(name, login_hint="carol"))
                self.assertEqual((connection["subject"], connection["issuer"]), ("carol", self.provider.base))

    def test_an_id_token_of_an_algorithm_that_was_not_agreed_on_connects_nobody(self):
        state = self.server.go_through("ed-unexpected")
        self.assertNotIn(state["status"], ("connected", "pending"))
        self.assertEqual(self.server.expect(200, "GET", "/v1/connections")["items"], [])

    def test_a_person_who_refuses_has_cancelled(self):
        state = self.server.go_through("basic", login_hint="deny")
        self.assertEqual((state["status"], state["connection"]), ("cancelled", None))

    def test_a_grant_that_the_provider_killed_asks_for_the_customer_once_its_token_is_over(self):
        self.provider.set_access_ttl(1)
        connection = self.connect()
        first = self.provider.refresh_tokens()[0]
        self.assertEqual(self.provider.present(first).status, 200)
        self.assertEqual(self.provider.present(first).status, 400)
        self.assertFalse(self.provider.grant_is_alive())
        wait_for_expiry(self.server, connection)
        self.assertEqual(self.server.read(connection, status=409)["code"], "reauth_required")
        self.assertEqual(self.server.connection(connection)["status"], "reauth_required")

    def test_a_revoked_refresh_token_is_worth_nothing_at_the_provider(self):
        connection = self.connect()
        self.server.force(connection)
        self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
        self.server.program.wait_for_line(f"revoked.*{connection}")
        refused = self.provider.present(self.provider.refresh_tokens()[-1])
        self.assertEqual((refused.status, refused.json()["error"]), (400, "invalid_grant"))


if __name__ == "__main__":
    unittest.main()
