"""Client ids and secrets that only come through HTTP Basic when they are form-encoded first (RFC 6749 2.3.1), at the npm package
oidc-provider, which decodes them. It takes printable ASCII only; other characters are a unit test's (client_authentication_test)."""

import json
import unittest

from oidc_provider_test import OidcProvider
from real_provider import EvergrantAt, free_port

# name → (client_id, client_secret)
CLIENTS = {
    "colon": ("colon:id", "with:colon:at:each:place:"),
    "percent": ("percent%id", "100%%25%2B%zz"),
    "plus": ("plus+id", "one+two++three+"),
    "space": ("space id", " in front, within and behind "),
    "slash": ("https://client.example.test/app?a=b&c=d#e", "a/b//c/"),
    "equals": ("equals=id", "a=b&client_id=other&="),
    "everything": ("id !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "secret !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ 0Zz"),
}


def lines(name, more=""):
    return f'client_id = {json.dumps(CLIENTS[name][0])}\nclient_secret = {{ env = "SECRET_OF_{name}" }}\n{more}'


class ClientSecretTest(unittest.TestCase):
    def setUp(self):
        registrations = {name: lines(name) for name in CLIENTS}
        registrations["raw"] = lines("plus", 'profile.token.basic_encoding = "raw"')
        port = free_port()
        clients = [{"client_id": name, "client_secret": secret} for name, secret in CLIENTS.values()]
        self.provider = OidcProvider(self, [f"http://127.0.0.1:{port}/callback/{name}" for name in registrations],
                                     "--clients", json.dumps(clients))
        self.server = EvergrantAt({name: self.provider.table(text) for name, text in registrations.items()}, port,
                                  {f"SECRET_OF_{name}": secret for name, (_, secret) in CLIENTS.items()})
        self.addCleanup(self.server.close)

    def test_a_client_connects_refreshes_and_revokes_whatever_its_id_and_secret_hold(self):
        for name, (client_id, _) in CLIENTS.items():
            with self.subTest(name):
                connection = self.server.connect_as(name, login_hint="alice")
                self.assertEqual(self.server.force(connection, generation=1)["generation"], 2)
                self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
                self.server.program.wait_for_line(f"revoked.*{connection}")
                events = [entry["event"] for entry in self.provider.log(client_id)]
                self.assertEqual(events, ["grant.success", "grant.success", "grant.revoked"])

    def test_the_provider_refuses_the_same_secret_when_it_is_sent_as_it_is(self):
        status, reason = self.server.why_not_connected("raw")
        self.assertIn("the provider refuses our client: invalid_client", reason)
        self.assertEqual(status, "registration_paused")
        self.assertEqual(self.server.expect(200, "GET", "/v1/connections")["items"], [])


if __name__ == "__main__":
    unittest.main()
