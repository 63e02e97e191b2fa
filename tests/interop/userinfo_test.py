"""UserInfo of the npm package oidc-provider, as JSON and signed: claims that are kept with a connection, and claims on request."""

import json
import types
import unittest

from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port

SIGNED = {algorithm: f"signed-{algorithm.lower()}" for algorithm in ("RS256", "PS256", "ES256", "EdDSA")}
SCOPES = 'scopes = ["openid", "offline_access", "email"]\n'


def lines(client, claims=("email",), algorithms=("RS256",)):
    return (f'client_id = "{client}"\n{SCOPES}claims = {json.dumps(list(claims))}\n'
            f'profile.id_token.algorithms = {json.dumps(list(algorithms))}')


class UserinfoTest(unittest.TestCase):
    registrations = {
        "plain": lines("basic"),
        "nothing-kept": lines("basic", claims=()),
        "in-the-id-token": lines("basic", claims=["sub"]),
        **{client: lines(client, algorithms=["RS256", algorithm]) for algorithm, client in SIGNED.items()},
        "not-agreed-on": lines(SIGNED["ES256"]),  # RS256 only
    }

    @classmethod
    def setUpClass(cls):
        port = free_port()
        clients = [{"client_id": client, "client_secret": SECRET, "userinfo_signed_response_alg": algorithm}
                   for algorithm, client in SIGNED.items()]
        ends_with_class = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        cls.provider = OidcProvider(ends_with_class, [f"http://127.0.0.1:{port}/callback/{name}" for name in cls.registrations],
                                    "--clients", json.dumps(clients))
        tables = {name: cls.provider.table(text) for name, text in cls.registrations.items()}
        cls.server = EvergrantAt(tables, port, {"CLIENT_SECRET": SECRET})
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.before = len(self.provider.requests())
        self.addCleanup(self.provider.speak_of, "")

    def asked(self):
        """The requests for UserInfo since the test began. A token in the query would show; there is no body to a GET."""
        return [line for line in self.provider.requests()[self.before:] if "/me" in line]

    def userinfo(self, connection, status=200):
        return self.server.expect(status, "GET", f"/v1/connections/{connection}/userinfo")

    def tenants_connected(self):
        return {item["tenant"] for item in self.server.expect(200, "GET", "/v1/connections")["items"]}

    def test_a_claim_that_the_id_token_has_not_is_fetched_once_and_kept(self):
        connection = self.server.connect_as("plain", login_hint="alice")
        self.assertEqual(self.server.connection(connection)["extras"].get("email"), "alice@example.test")
        self.assertEqual(self.asked(), ["GET /me"])

    def test_nobody_is_asked_for_what_nobody_keeps_or_the_id_token_has(self):
        self.server.connect_as("nothing-kept", login_hint="bob")
        connection = self.server.connect_as("in-the-id-token", login_hint="bob-too")
        self.assertEqual(self.server.connection(connection)["extras"].get("sub"), "bob-too")
        self.assertEqual(self.asked(), [])

    def test_claims_on_request_are_the_providers_of_now(self):
        connection = self.server.connect_as("nothing-kept", login_hint="carol")
        answer = self.userinfo(connection)
        self.assertEqual((answer["issuer"], answer["subject"], answer["subject_checked"]), (self.provider.base, "carol", True))
        self.assertEqual(answer["claims"], {"sub": "carol", "email": "carol@example.test"})
        self.assertEqual(self.asked(), ["GET /me"])

    def test_a_signed_answer_is_verified_by_every_algorithm(self):
        for algorithm, client in SIGNED.items():
            with self.subTest(algorithm):
                connection = self.server.connect_as(client, login_hint=client)
                self.assertEqual(self.server.connection(connection)["extras"].get("email"), f"{client}@example.test")
                claims = self.userinfo(connection)["claims"]
                self.assertEqual((claims["iss"], claims["aud"], claims["sub"]), (self.provider.base, client, client))

    def test_an_answer_signed_by_an_algorithm_that_was_not_agreed_on_connects_nobody(self):
        outcome, reason = self.server.why_not_connected("not-agreed-on", tenant="not-agreed-on", login_hint="dora")
        self.assertEqual(outcome, "forbidden")
        self.assertRegex(reason, "^UserInfo: .*its alg, ES256, is not one of the allowed RS256")
        self.assertNotIn("not-agreed-on", self.tenants_connected())

    def test_what_is_said_of_another_person_connects_nobody(self):
        for registration in ("plain", SIGNED["ES256"]):
            with self.subTest(registration):
                tenant = f"{registration}-of-another"
                self.provider.speak_of("mallory")
                outcome, reason = self.server.why_not_connected(registration, tenant=tenant, login_hint="emil")
                self.assertEqual(outcome, "forbidden")
                self.assertIn("UserInfo: sub: it is another user's", reason)
                self.assertNotIn(tenant, self.tenants_connected())

    def test_what_is_said_of_another_person_is_not_passed_on(self):
        connection = self.server.connect_as("nothing-kept", login_hint="fred")
        self.provider.speak_of("mallory")
        problem = self.userinfo(connection, status=403)
        self.assertNotIn("mallory", json.dumps(problem))
        self.assertNotIn("email", json.dumps(problem))
        self.provider.speak_of("")
        self.assertEqual(self.userinfo(connection)["claims"]["sub"], "fred")


if __name__ == "__main__":
    unittest.main()
