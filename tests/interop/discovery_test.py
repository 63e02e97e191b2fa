"""The npm package oidc-provider below a path, and its discovery document at each of the places that the RFCs give for that."""

import unittest

from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port

PATH = "/tenants/one/op"
APPENDED = f"{PATH}/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, section 4
OAUTH_INSERTED = f"/.well-known/oauth-authorization-server{PATH}"  # RFC 8414 section 3.1
OIDC_INSERTED = f"/.well-known/openid-configuration{PATH}"  # RFC 8414 section 5
NAME = "tenant"


class DiscoveryTest(unittest.TestCase):
    def start(self, document, lines=""):
        port = free_port()
        self.provider = OidcProvider(self, [f"http://127.0.0.1:{port}/callback/{NAME}"], "--path", PATH, "--metadata", document)
        origin = self.provider.base.removesuffix(PATH)
        text = 'client_id = "basic"\n' + lines.format(issuer=self.provider.base, origin=origin)
        self.server = EvergrantAt({NAME: self.provider.table(text)}, port, {"CLIENT_SECRET": SECRET})
        self.addCleanup(self.server.close)

    def test_the_document_of_an_issuer_with_a_path_is_found_at_each_of_its_places(self):
        for document in (APPENDED, OAUTH_INSERTED, OIDC_INSERTED):
            with self.subTest(document):
                self.start(document)
                connection = self.server.connect_as(NAME, login_hint="alice")
                stored = self.server.connection(connection)
                self.assertEqual((stored["issuer"], stored["subject"]), (self.provider.base, "alice"))
                self.assertTrue(stored["issuer"].endswith(PATH))
                self.assertEqual(self.server.force(connection, generation=1)["generation"], 2)
                asked = [line.removeprefix("GET ") for line in self.provider.requests() if ".well-known" in line]
                places = [APPENDED, OAUTH_INSERTED, OIDC_INSERTED]
                self.assertEqual(asked, places[:places.index(document) + 1])
                self.assertIn(f"POST {PATH}/token", self.provider.requests())

    def refuse(self, document, lines, *reasons):
        """Refused before anybody is sent to the provider."""
        self.start(document, lines)
        outcome, text = self.server.why_not_connected(NAME)
        self.assertEqual(outcome, "provider_rejected")
        for reason in reasons:
            self.assertIn(reason, text)
        self.assertEqual([line for line in self.provider.requests() if ".well-known" not in line], [])
        self.assertEqual(self.server.expect(200, "GET", "/v1/connections")["items"], [])

    def test_a_document_of_another_issuer_is_refused(self):
        self.refuse(APPENDED, 'issuer = "{origin}/tenants/two/op"\nmetadata_url = "{issuer}/.well-known/openid-configuration"',
                    "/tenants/one/op\", and", "/tenants/two/op\" is expected")

    def test_an_issuer_that_differs_by_a_slash_is_another_one(self):
        self.refuse(APPENDED, 'issuer = "{issuer}/"', "/tenants/one/op\", and", "/tenants/one/op/\" is expected")

    def test_what_the_host_publishes_at_its_root_is_not_the_tenants(self):
        """A server that gives one tenant's document to another's inserted place."""
        self.refuse("/.well-known/oauth-authorization-server/tenants/two/op", 'issuer = "{origin}/tenants/two/op"',
                    "/tenants/one/op\", and", "/tenants/two/op\" is expected")


if __name__ == "__main__":
    unittest.main()
