"""The npm package oidc-provider changes its signing keys and withdraws those before, between two logins and within one."""

import unittest

from id_token_algorithms_test import header_of
from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port

CLIENTS = ("basic", "es")  # RS256, ES256


class SigningKeysTest(unittest.TestCase):
    def setUp(self):
        port = free_port()
        self.provider = OidcProvider(self, [f"http://127.0.0.1:{port}/callback/{client}" for client in CLIENTS])
        allowed = 'profile.id_token.algorithms = ["RS256", "ES256"]'
        tables = {client: self.provider.table(f'client_id = "{client}"\n{allowed}') for client in CLIENTS}
        self.server = EvergrantAt(tables, port, {"CLIENT_SECRET": SECRET})
        self.addCleanup(self.server.close)

    def key_requests(self):
        return self.provider.requests().count("GET /jwks")

    def login(self, client, person):
        """The ID token that connected this person."""
        stored = self.server.connection(self.server.connect_as(client, login_hint=person))
        self.assertEqual((stored["subject"], stored["issuer"]), (person, self.provider.base))
        return self.provider.newest_id_token(client)

    def verify(self, token, client="basic"):
        return self.server.expect(200, "POST", "/v1/id-tokens/verify", {"registration": client, "id_token": token})

    def test_keys_that_changed_between_two_logins_are_fetched_once_and_the_withdrawn_one_is_refused(self):
        old = self.login("basic", "alice")
        self.assertTrue(self.verify(old)["valid"])
        self.assertEqual(self.key_requests(), 1)
        self.provider.rotate_keys()
        new = self.login("basic", "bob")
        self.assertNotEqual(header_of(new)["kid"], header_of(old)["kid"])
        self.assertEqual(self.key_requests(), 2)
        verdict = self.verify(old)
        self.assertEqual((verdict["valid"], verdict["check"]), (False, "key"), verdict)
        self.assertTrue(self.verify(new)["valid"])
        self.login("es", "carol")
        self.assertEqual(self.key_requests(), 2, "a key that is gone makes nobody fetch again within the minute")

    def test_keys_that_change_while_a_person_is_logging_in_are_fetched_once(self):
        before = self.login("es", "alice")
        self.provider.rotate_keys("at token")
        after = self.login("es", "bob")
        self.assertNotEqual(header_of(after)["kid"], header_of(before)["kid"])
        self.assertEqual(self.key_requests(), 2)

    def test_the_id_token_of_a_refresh_after_a_change_is_checked_with_the_new_keys(self):
        connection = self.server.connect_as("basic", login_hint="alice")
        self.provider.rotate_keys()
        self.assertEqual(self.server.force(connection, generation=1)["generation"], 2)
        self.assertEqual(self.key_requests(), 2)
        self.assertNotIn("id_token_not_checked", self.server.program.log())
        self.assertEqual(self.server.connection(connection)["status"], "active")


if __name__ == "__main__":
    unittest.main()
