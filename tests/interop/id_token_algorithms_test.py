"""ID tokens of the npm package oidc-provider by each algorithm that it signs with: agreed on, and not."""

import base64
import json
import types
import unittest

from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port

CLIENTS = {"RS256": "basic", "PS256": "ps", "ES256": "es", "EdDSA": "ed"}


def header_of(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def registration(client, algorithms):
    return f'client_id = "{client}"\nprofile.id_token.algorithms = {json.dumps(algorithms)}'


class IdTokenAlgorithmsTest(unittest.TestCase):
    registrations = {
        **{f"{client}-only": registration(client, [name]) for name, client in CLIENTS.items()},
        **{f"{client}-never": registration(client, sorted(CLIENTS.keys() - {name})) for name, client in CLIENTS.items()},
        "es-unsaid": 'client_id = "es"',
    }

    @classmethod
    def setUpClass(cls):
        port = free_port()
        ends_with_class = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        cls.provider = OidcProvider(ends_with_class, [f"http://127.0.0.1:{port}/callback/{name}" for name in cls.registrations])
        tables = {name: cls.provider.table(lines) for name, lines in cls.registrations.items()}
        cls.server = EvergrantAt(tables, port, {"CLIENT_SECRET": SECRET})
        cls.addClassCleanup(cls.server.close)

    def verify(self, registration, token):
        return self.server.expect(200, "POST", "/v1/id-tokens/verify", {"registration": registration, "id_token": token})

    def connected_subjects(self):
        return {item["subject"] for item in self.server.expect(200, "GET", "/v1/connections")["items"]}

    def test_the_agreed_algorithm_connects_with_issuer_and_subject(self):
        for algorithm, client in CLIENTS.items():
            with self.subTest(algorithm):
                person = f"{client}-person"
                stored = self.server.connection(self.server.connect_as(f"{client}-only", login_hint=person))
                self.assertEqual((stored["issuer"], stored["subject"], stored["realm"]), (self.provider.base, person, person))
                token = self.provider.newest_id_token(client)
                self.assertEqual(header_of(token)["alg"], algorithm)
                verdict = self.verify(f"{client}-only", token)
                self.assertEqual((verdict["valid"], verdict["subject"]), (True, person), verdict)

    def refuse(self, registration, client, algorithm):
        _, reason = self.server.why_not_connected(registration, login_hint="nobody")
        token = self.provider.newest_id_token(client)
        self.assertEqual(header_of(token)["alg"], algorithm)
        self.assertIn("ID token: ", reason)
        self.assertIn(f"its alg, {algorithm}, is not one of the allowed", reason)
        verdict = self.verify(registration, token)
        self.assertEqual((verdict["valid"], verdict["check"]), (False, "alg"), verdict)
        self.assertNotIn("nobody", self.connected_subjects())

    def test_every_algorithm_but_the_agreed_ones_is_refused(self):
        for algorithm, client in CLIENTS.items():
            with self.subTest(algorithm):
                self.refuse(f"{client}-never", client, algorithm)

    def test_who_names_no_algorithm_gets_rs256_and_nothing_else(self):
        self.refuse("es-unsaid", "es", "ES256")


if __name__ == "__main__":
    unittest.main()
