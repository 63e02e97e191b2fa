#!/usr/bin/python3
"""Clients that prove themselves by a key (private_key_jwt): the key set that providers read, a rotation without a failed
refresh, and what happens where a rotation is done the wrong way."""

import json
import os
import stat
import subprocess
import tomllib
import unittest

import evergrant_process as eg

REALM = "4620816365000000001"
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
AN_HOUR = 3600


class KeyedServer(eg.ConfiguredServer):
    """evergrant whose client at the sandbox signs. `keys`: role → name of a key; each is made when it is first named."""

    def __init__(self, sandbox, algorithm="ES256", audience="issuer", **keys):
        self.algorithm, self.audience, self.roles, self.kids = algorithm, audience, keys, {}
        self.lines = None
        port = eg.free_port()
        sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "auth_method": "private_key_jwt",
                                             "jwks_uri": f"http://127.0.0.1:{port}/jwks/sandbox"})
        super().__init__(sandbox, extra='[refresh]\nforced_interval = "0s"\n', port=port)

    def key_file(self, name):
        file = self.folder / f"{name}.pem"
        if not file.exists():
            done = subprocess.run([eg.PROGRAM, "--json", "keys", "client", str(file), "--algorithm", self.algorithm],
                                  check=True, capture_output=True, text=True)
            self.kids[name] = json.loads(done.stdout)["kid"]
        return file

    def key_lines(self):
        fields = {"current": "client_key", "next": "next_client_key", "previous": "previous_client_key"}
        return "".join(f'{fields[role]} = {{ pem = {{ file = "{self.key_file(name)}" }}, algorithm = "{self.algorithm}" }}\n'
                       for role, name in self.roles.items())

    def registration_block(self, name):
        self.lines = self.key_lines()
        block = super().registration_block(name).replace('client_secret = { env = "SANDBOX_SECRET" }\n',
                                                         'client_auth = "private_key_jwt"\n' + self.lines)
        return block + f'profile.token.assertion_audience = "{self.audience}"\n'

    def use(self, **keys):
        """An orderly restart with these keys."""
        assert self.program.stop() == 0, self.program.log()
        self.roles = keys
        before, self.lines = self.lines, self.key_lines()
        self.config.write_text(self.config.read_text().replace(before, self.lines))
        self.start()

    def published(self):
        return [key["kid"] for key in self.expect(200, "GET", "/jwks/sandbox", key="")["keys"]]

    def force(self, connection, status=200):
        return self.expect(status, "POST", f"/v1/connections/{connection}/refresh", {})


class ClientKeys(unittest.TestCase):
    def setUp(self):
        self.sandbox = eg.Sandbox("--rotation", "always_strict")
        self.addCleanup(self.sandbox.stop)

    def serve(self, **options):
        server = KeyedServer(self.sandbox, **options)
        self.addCleanup(server.close)
        return server

    def token_requests(self):
        """What the provider saw: (kid, status) of each token request and revocation."""
        seen = self.sandbox.control("GET", "/requests")["requests"]
        return [(one["kid"], one["status"]) for one in seen if one["endpoint"] in ("token", "revoke")]

    def let_the_kept_key_set_end(self):
        self.sandbox.control("POST", "/clock", {"advance_s": AN_HOUR})

    def test_code_refresh_and_revocation_are_signed_in_every_algorithm(self):
        for algorithm in ("ES256", "PS256", "EdDSA", "RS256"):
            with self.subTest(algorithm):
                server = KeyedServer(self.sandbox, algorithm, current="a")
                try:
                    connection = server.connect("sandbox", "acme", REALM)
                    self.assertEqual(server.force(connection)["generation"], 2)
                    server.expect(202, "DELETE", f"/v1/connections/{connection}")
                    server.program.wait_for_line(f"revoked.*{connection}", seconds=20)
                    self.assertEqual(self.token_requests()[-3:], [(server.kids["a"], 200)] * 3)
                finally:
                    server.close()

    def test_a_provider_that_wants_its_token_endpoint_for_audience_gets_it(self):
        server = self.serve(audience="token_endpoint", current="a")
        self.sandbox.control("POST", "/clients", {"client_id": "sandbox-client",
                                                  "assertion_audience": self.sandbox.base + "/token"})
        connection = server.connect("sandbox", "acme", REALM)
        server.expect(202, "DELETE", f"/v1/connections/{connection}")
        server.program.wait_for_line(f"revoked.*{connection}", seconds=20)
        self.assertEqual([status for _, status in self.token_requests()], [200, 200])

    def test_the_key_set_is_public_and_has_public_members_only(self):
        server = self.serve(current="a", next="b")
        answer = server.get("/jwks/sandbox", key="")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "application/jwk-set+json")
        self.assertEqual(answer.headers.get_all("Cache-Control"), ["public, max-age=900"])
        keys = answer.json()["keys"]
        self.assertEqual({key["kid"] for key in keys}, {server.kids["a"], server.kids["b"]})
        for key in keys:
            self.assertEqual(PRIVATE_MEMBERS & key.keys(), set())
        for path in ("/jwks/nobody", "/jwks/sandbox/x", "/jwks/", "/jwks/sandbox%2f"):
            self.assertEqual(server.get(path, key="").status, 404, path)
        self.assertEqual(server.get("/jwks/nobody", key="").json()["code"], "not_found")

    def test_a_registration_with_a_secret_has_no_key_set(self):
        server = eg.ConfiguredServer(self.sandbox)
        self.addCleanup(server.close)
        self.assertEqual(server.get("/jwks/sandbox", key="").json()["code"], "not_found")

    def test_a_rotation_fails_no_refresh_at_a_provider_that_keeps_key_sets_for_their_time(self):
        server = self.serve(current="a")
        connection = server.connect("sandbox", "acme", REALM)
        server.use(current="a", next="b")
        self.assertEqual(server.published(), [server.kids["a"], server.kids["b"]])
        server.force(connection)  # the provider has the set of before, and that will do
        self.let_the_kept_key_set_end()
        server.force(connection)
        server.use(current="b", previous="a")
        self.assertEqual(server.published(), [server.kids["b"], server.kids["a"]])
        server.force(connection)
        self.let_the_kept_key_set_end()
        server.use(current="b")
        self.assertEqual(server.published(), [server.kids["b"]])
        server.force(connection)
        a, b = server.kids["a"], server.kids["b"]
        self.assertEqual(self.token_requests(), [(a, 200), (a, 200), (a, 200), (b, 200), (b, 200)])
        self.assertEqual(server.expect(200, "GET", f"/v1/connections/{connection}")["generation"], 5)

    def test_a_node_that_signs_with_the_key_before_is_served_while_that_is_published(self):
        server = self.serve(current="a", next="b")
        connection = server.connect("sandbox", "acme", REALM)
        server.use(current="b", previous="a")
        self.let_the_kept_key_set_end()
        server.force(connection)  # the provider has the set in which `a` is the previous one
        server.use(current="a", next="b")  # as a node that was not restarted would go on
        server.force(connection)
        self.assertEqual([status for _, status in self.token_requests()], [200, 200, 200])

    def test_a_key_that_signs_before_it_was_published_costs_no_connection(self):
        server = self.serve(current="a")
        connection = server.connect("sandbox", "acme", REALM)
        server.use(current="b")
        refused = server.force(connection, status=503)
        self.assertEqual(refused["code"], "registration_paused")
        self.assertIn("/jwks/sandbox", refused["hint"])
        self.assertEqual(self.token_requests()[-1], (server.kids["b"], 401))
        self.assertEqual(server.expect(200, "GET", f"/v1/connections/{connection}")["status"], "active")
        paused = [one for one in server.expect(200, "GET", "/v1/events")["items"] if one["type"] == "registration_paused"]
        self.assertIn("client_key", paused[0]["detail"])
        self.let_the_kept_key_set_end()  # the provider asks for the set again, and has the key
        server.expect(204, "POST", "/v1/registrations/sandbox/resume")
        self.assertEqual(server.force(connection)["generation"], 2)

    def test_each_request_has_a_jti_of_its_own_also_where_one_is_sent_again(self):
        """The sandbox takes none a second time."""
        self.sandbox = eg.Sandbox("--rotation", "never")
        self.addCleanup(self.sandbox.stop)
        server = self.serve(current="a")
        connection = server.connect("sandbox", "acme", REALM)
        # Processed, so that its jti is used up; answered as an outage, so that it is sent again by itself.
        self.sandbox.fault(endpoint="token", grant_type="refresh_token", count=1, status=503, process=True)
        server.force(connection, status=503)
        server.program.wait_for_line(f"refreshed.*{connection}", seconds=20)
        self.assertEqual([status for _, status in self.token_requests()], [200, 503, 200])

    def test_a_secret_of_32_characters_signs_as_well(self):
        secret = "a-secret-of-thirty-two-characters"
        self.sandbox.control("POST", "/clients", {"client_id": "sandbox-client", "client_secret": secret,
                                                  "auth_method": "client_secret_jwt"})
        server = eg.ConfiguredServer(self.sandbox, secret=secret, extra='[refresh]\nforced_interval = "0s"\n',
                                     profile=['token.client_auth = "secret_jwt"'])
        self.addCleanup(server.close)
        connection = server.connect("sandbox", "acme", REALM)
        self.assertEqual(server.expect(200, "POST", f"/v1/connections/{connection}/refresh", {})["generation"], 2)
        server.expect(202, "DELETE", f"/v1/connections/{connection}")
        server.program.wait_for_line(f"revoked.*{connection}", seconds=20)
        self.assertEqual([status for _, status in self.token_requests()], [200, 200, 200])

    def test_the_doctor_tells_the_key_a_rotation_rs256_and_a_shared_secret(self):
        server = self.serve(algorithm="RS256", current="a", next="b")
        _, out, _ = server.cli("doctor", "--config", str(server.config))
        self.assertIn(f"signs with {server.kids['a']} (RS256); its key set is http://127.0.0.1:{server.port}/jwks/sandbox", out)
        self.assertIn(f"a rotation is in progress: {server.kids['b']} (RS256) is published and not used yet", out)
        self.assertIn(f"{server.kids['a']} signs with RS256", out)
        self.assertNotIn("shared secret", out)
        secret = eg.ConfiguredServer(self.sandbox)  # the sandbox offers private_key_jwt now
        self.addCleanup(secret.close)
        _, out, _ = secret.cli("doctor", "--config", str(secret.config))
        self.assertIn("proves itself by a shared secret, and its provider offers private_key_jwt", out)


class NewKeys(unittest.TestCase):
    def setUp(self):
        self.server = eg.DevServer()
        self.addCleanup(self.server.close)
        self.file = self.server.folder / "client.pem"

    def test_the_file_is_private_and_what_is_printed_is_not(self):
        for algorithm, kty in (("ES256", "EC"), ("PS256", "RSA"), ("EdDSA", "OKP")):
            with self.subTest(algorithm):
                self.file.unlink(missing_ok=True)
                _, out, err = self.server.cli("--json", "keys", "client", str(self.file), "--algorithm", algorithm, check=0)
                made = json.loads(out)
                self.assertEqual((made["algorithm"], made["public_jwk"]["kty"]), (algorithm, kty))
                self.assertEqual(made["public_jwk"]["kid"], made["kid"])
                self.assertEqual(PRIVATE_MEMBERS & made["public_jwk"].keys(), set())
                self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
                self.assertTrue(self.file.read_text().startswith("-----BEGIN PRIVATE KEY-----\n"))
                for line in self.file.read_text().splitlines()[1:-1]:
                    self.assertNotIn(line, out + err)

    def test_what_to_configure_is_printed_and_can_be_read_back(self):
        _, out, _ = self.server.cli("keys", "client", str(self.file), "--kid", "spring", check=0)
        self.assertIn(f'client_key = {{ pem = {{ file = "{self.file}" }}, algorithm = "ES256", kid = "spring" }}', out)
        self.assertIn("/jwks/<id>", out)

    def test_a_kid_that_the_configuration_would_refuse_is_refused(self):
        for kid in ("x" * 201, "a\u202eb"):
            _, _, err = self.server.cli("keys", "client", str(self.file), "--kid", kid, check=2)
            self.assertIn("--kid is longer than 200", err)
            self.assertFalse(self.file.exists())

    def test_what_to_configure_is_toml_whatever_the_names_hold(self):
        file = self.server.folder / 'a "quoted" \\ key.pem'
        _, out, _ = self.server.cli("keys", "client", str(file), "--kid", 'a"b', check=0)
        line = next(line for line in out.splitlines() if line.startswith("  client_key = "))
        key = tomllib.loads(line)["client_key"]
        self.assertEqual((key["pem"]["file"], key["kid"]), (str(file), 'a"b'))

    def test_no_file_is_overwritten(self):
        self.file.write_text("mine")
        _, _, err = self.server.cli("keys", "client", str(self.file), check=2)
        self.assertIn("exists already", err)
        self.assertEqual(self.file.read_text(), "mine")
        self.file.unlink()
        self.file.symlink_to(self.server.folder / "nothing")
        for command in (("keys", "client"), ("keys", "generate")):
            _, _, err = self.server.cli(*command, str(self.file), check=2)
            self.assertIn("exists already", err)
            self.assertTrue(self.file.is_symlink())

    def test_another_algorithm_is_refused(self):
        code, _, err = self.server.cli("keys", "client", str(self.file), "--algorithm", "HS256")
        self.assertNotEqual(code, 0)
        self.assertIn("HS256", err)
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
