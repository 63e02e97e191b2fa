"""private_key_jwt at the npm package oidc-provider 9.13.3, which reads the keys from evergrant's own key set and takes no jti
twice."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port, request

import evergrant_process

ALGORITHMS = {"key-es": "ES256", "key-ps": "PS256", "key-ed": "EdDSA", "key-rs": "RS256"}
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientKeysTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-keys-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        port = free_port()
        clients = [{"client_id": name, "token_endpoint_auth_method": "private_key_jwt",
                    "token_endpoint_auth_signing_alg": algorithm, "jwks_uri": f"http://127.0.0.1:{port}/jwks/{name}"}
                   for name, algorithm in ALGORITHMS.items()]
        clients.append({"client_id": "key-hs", "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_jwt",
                        "token_endpoint_auth_signing_alg": "HS256"})
        self.provider = OidcProvider(self, [f"http://127.0.0.1:{port}/callback/{each['client_id']}" for each in clients],
                                     "--clients", json.dumps(clients))
        tables = {name: self.table(name, algorithm) for name, algorithm in ALGORITHMS.items()}
        tables["key-hs"] = self.provider.table('client_id = "key-hs"\nclient_auth = "secret_jwt"')
        self.server = EvergrantAt(tables, port, {"CLIENT_SECRET": SECRET})
        self.addCleanup(self.server.close)

    def table(self, name, algorithm):
        file = self.folder / f"{name}.pem"
        subprocess.run([evergrant_process.PROGRAM, "keys", "client", str(file), "--algorithm", algorithm], check=True,
                       capture_output=True)
        return (f'provider = "oidc"\nissuer = "{self.provider.base}"\nallow_loopback_http = true\nclient_id = "{name}"\n'
                f'client_auth = "private_key_jwt"\n'
                f'client_key = {{ pem = {{ file = "{file}" }}, algorithm = "{algorithm}" }}\n')

    def assertions(self, client):
        return [entry["assertion"] for entry in self.provider.log(client) if entry.get("assertion")]

    def present(self, client, assertion):
        """A token request of somebody who has seen this assertion."""
        form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": "any", "client_id": client,
                                       "client_assertion_type": JWT_BEARER, "client_assertion": assertion}).encode()
        return request(self.provider.base, "POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})

    def test_code_refresh_and_revocation_with_a_key_of_every_algorithm_and_with_a_secret(self):
        for name in (*ALGORITHMS, "key-hs"):
            with self.subTest(name):
                connection = self.server.connect_as(name, login_hint="bob")
                self.assertEqual(self.server.force(connection, generation=1)["generation"], 2)
                self.assertEqual(self.server.force(connection, generation=2)["generation"], 3)
                self.assertEqual(self.provider.refreshes(name), 2)
                self.server.expect(202, "DELETE", f"/v1/connections/{connection}")
                self.server.program.wait_for_line(f"revoked.*{connection}", seconds=20)
                self.assertEqual([entry["event"] for entry in self.provider.complaints(name)], ["grant.revoked"])

    def test_the_provider_takes_no_assertion_twice_and_all_of_ours(self):
        connection = self.server.connect_as("key-es")
        for generation in range(1, 6):
            self.server.force(connection, generation=generation)
        ours = self.assertions("key-es")
        self.assertEqual((len(ours), len(set(ours))), (6, 6))
        again = self.present("key-es", ours[-1])
        self.assertEqual((again.status, again.json()["error"]), (401, "invalid_client"))
        self.assertIn("must only be used once", json.dumps(self.provider.complaints("key-es")))

    def test_an_assertion_of_one_client_is_no_other_clients(self):
        self.server.connect_as("key-es")
        stolen = self.present("key-ps", self.assertions("key-es")[-1])
        self.assertEqual((stolen.status, stolen.json()["error"]), (400, "invalid_request"))


if __name__ == "__main__":
    unittest.main()
