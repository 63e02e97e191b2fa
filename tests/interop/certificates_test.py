"""A provider whose certificate is not right, at each of the endpoints that evergrant itself calls: refused with its reason, before
a request is sent, and nothing is stored. The provider is the npm package oidc-provider behind an HTTPS front."""

import contextlib
import ssl
import types
import unittest

from certificates import Facts, Identity, TlsFront, server_context, short_rsa
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port

NOT_ACCEPTED = "the TLS certificate of localhost is not accepted"
# kind → what the reason says
KINDS = {
    "expired": (NOT_ACCEPTED, "certificate has expired"),
    "not-yet-valid": (NOT_ACCEPTED, "certificate is not yet valid"),
    "self-signed": (NOT_ACCEPTED, "self-signed certificate"),
    "unknown-authority": (NOT_ACCEPTED, "unable to get local issuer certificate"),
    "not-an-authority": (NOT_ACCEPTED, "invalid CA certificate"),
    "wrong-host": (NOT_ACCEPTED, "no alternative certificate subject name matches target host name 'localhost'"),
    "wrong-purpose": (NOT_ACCEPTED, "unsuitable certificate purpose"),
    "weak-key": (NOT_ACCEPTED, "EE certificate key too weak"),
    "sha1-signature": (NOT_ACCEPTED, "CA signature digest algorithm too weak"),
    "tls-1-1": ("no TLS connection with localhost", "protocol version"),
}
# endpoint → its path at oidc-provider, and the lines of a registration that go there by {front}
ENDPOINTS = {
    "metadata": ("/.well-known/openid-configuration", 'metadata_url = "{front}/.well-known/openid-configuration"'),
    "jwks": ("/jwks", 'profile.metadata_mode = "hybrid"\nendpoints = {{ jwks = "{front}/jwks" }}'),
    "token": ("/token", 'profile.metadata_mode = "hybrid"\nendpoints = {{ token = "{front}/token" }}'),
    "account": ("/me", 'profile.realm.verify_url = "{front}/me"'),
    "userinfo": ("/me", 'profile.metadata_mode = "hybrid"\nendpoints = {{ userinfo = "{front}/me" }}\nprofile.realm.source = "userinfo"'),
}


def contexts(authority):
    """kind → how a server of that kind speaks TLS."""
    leaf = Identity(Facts(name="leaf"), authority)
    identities = {
        "good": Identity(Facts(), authority),
        "expired": Identity(Facts(days=(-20, -10)), authority),
        "not-yet-valid": Identity(Facts(days=(10, 20)), authority),
        "self-signed": Identity(Facts()),
        "unknown-authority": Identity(Facts(), Identity(Facts(name="Another CA", authority=True))),
        "not-an-authority": Identity(Facts(), leaf),
        "wrong-host": Identity(Facts(name="elsewhere.example"), authority),
        "wrong-purpose": Identity(Facts(purpose=ExtendedKeyUsageOID.CLIENT_AUTH), authority),
        "weak-key": Identity(Facts(make_key=short_rsa), authority),
        "sha1-signature": Identity(Facts(digest=hashes.SHA1()), authority),
    }
    made = {kind: server_context(identity) for kind, identity in identities.items()}
    made["tls-1-1"] = server_context(identities["good"], ssl.TLSVersion.TLSv1_1)
    return made


class CertificatesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ends_with_class = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        authority = Identity(Facts(name="Test CA", authority=True))
        cls.contexts = contexts(authority)
        port = free_port()
        names = [f"{kind}-{endpoint}" for kind in cls.contexts for endpoint in ENDPOINTS]
        cls.provider = OidcProvider(ends_with_class, [f"http://127.0.0.1:{port}/callback/{name}" for name in names])
        cls.fronts = {kind: TlsFront(ends_with_class, cls.provider.base, context) for kind, context in cls.contexts.items()}
        ca_file = cls.provider.folder / "ca.pem"
        ca_file.write_bytes(authority.certificates())
        cls.server = EvergrantAt({name: cls.registration(*name.rsplit("-", 1)) for name in names}, port, {"CLIENT_SECRET": SECRET},
                                 tables=f'[http_client]\nca_file = "{ca_file}"')
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def registration(cls, kind, endpoint):
        return cls.provider.table('client_id = "basic"\n' + ENDPOINTS[endpoint][1].format(front=cls.fronts[kind].base))

    def tenants_connected(self):
        return {item["tenant"] for item in self.server.expect(200, "GET", "/v1/connections?limit=200")["items"]}

    def test_a_certificate_of_the_configured_authority_is_accepted(self):
        front = self.fronts["good"]
        for endpoint, (path, _) in ENDPOINTS.items():
            with self.subTest(endpoint):
                before = len(front.seen)
                self.server.connect_as(f"good-{endpoint}", tenant=f"good-{endpoint}", login_hint="alice")
                self.assertEqual([seen.path for seen in front.seen[before:]], [path])

    def refuse(self, kind, endpoint):
        front, handshakes = self.fronts[kind], self.fronts[kind].handshakes
        provider_before = len(self.provider.requests())
        outcome, reason = self.server.why_not_connected(f"{kind}-{endpoint}", tenant=f"{kind}-{endpoint}", login_hint="alice")
        for text in KINDS[kind]:
            self.assertIn(text, reason)
        self.assertEqual(outcome, "provider_unavailable")
        self.assertGreater(front.handshakes, handshakes, "it was not even tried")
        self.assertEqual(front.seen, [])
        self.assertNotIn(f"{kind}-{endpoint}", self.tenants_connected())
        return self.provider.requests()[provider_before:]

    def test_a_certificate_that_is_not_right_is_refused_at_every_endpoint(self):
        for kind in KINDS:
            for endpoint in ENDPOINTS:
                with self.subTest(kind=kind, endpoint=endpoint):
                    seen_by_provider = self.refuse(kind, endpoint)
                    if endpoint == "metadata":
                        self.assertEqual(seen_by_provider, [], "nobody is sent to a provider that is not known")
                    if endpoint == "token":
                        self.assertNotIn("POST /token", seen_by_provider)

    @contextlib.contextmanager
    def expired(self, front):
        before, front.context = len(front.seen), self.contexts["expired"]
        try:
            yield
            self.assertEqual(len(front.seen), before)
        finally:
            front.context = self.contexts["good"]

    def expect_expired(self, problem):
        self.assertEqual(problem["code"], "provider_unavailable")
        self.assertIn("certificate has expired", problem["detail"])

    def test_claims_on_request_are_not_asked_for_at_an_expired_certificate(self):
        connection = self.server.connect_as("good-userinfo", tenant="claims", login_hint="carol")
        path = f"/v1/connections/{connection}/userinfo"
        with self.expired(self.fronts["good"]):
            self.expect_expired(self.server.expect(503, "GET", path))
        self.assertEqual(self.server.expect(200, "GET", path)["claims"]["sub"], "carol")

    def test_a_certificate_that_runs_out_costs_no_connection_and_no_refresh_token(self):
        front = self.fronts["good"]
        connection = self.server.connect_as("good-token", tenant="later", login_hint="bob")
        before = len(front.seen)
        with self.expired(front):
            self.expect_expired(self.server.force(connection, generation=1, status=503))
            self.assertEqual(self.server.connection(connection)["status"], "active")
        self.server.program.wait_for_line(f'"refreshed".*{connection}')  # by itself, after the back-off
        self.assertEqual([seen.form["grant_type"] for seen in front.seen[before:]], ["refresh_token"])


if __name__ == "__main__":
    unittest.main()
