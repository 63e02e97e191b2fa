#!/usr/bin/python3
"""ID tokens validated as a service: over HTTP and the command line, with tokens that the sandbox provider signed."""

import base64
import json
import tempfile
import unittest
import urllib.parse

from evergrant_process import ConfiguredServer, Sandbox, request

CLIENT = "Basic " + base64.b64encode(b"sandbox-client:sandbox-secret").decode()


class IdTokenTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = ConfiguredServer(cls.sandbox)
        cls.addClassCleanup(cls.server.close)

    def answer(self, realm="1001", **fault):
        """What the provider answers to a refresh, its ID token among it."""
        grant = self.sandbox.grant(realm, scope="openid com.intuit.quickbooks.accounting")
        if fault:
            self.sandbox.fault(endpoint="token", count=1, id_token=fault)
        form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]})
        answer = request(self.sandbox.base, "POST", "/token", form.encode(),
                         {"Authorization": CLIENT, "Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(answer.status, 200, answer)
        return answer.json()

    def verify(self, token, **more):
        return self.server.expect(200, "POST", "/v1/id-tokens/verify", {"registration": "sandbox", "id_token": token, **more})

    def refused(self, token, **more):
        verdict = self.verify(token, **more)
        self.assertFalse(verdict["valid"], verdict)
        self.assertNotIn(token, json.dumps(verdict))
        return verdict["check"]

    def test_a_good_token_is_accepted_with_its_claims(self):
        answer = self.answer()
        verdict = self.verify(answer["id_token"], access_token=answer["access_token"])
        self.assertTrue(verdict["valid"], verdict)
        self.assertEqual((verdict["issuer"], verdict["audience"]), (self.sandbox.base, ["sandbox-client"]))
        self.assertTrue(verdict["subject"])

    def test_the_answer_names_the_check_that_failed(self):
        token = self.answer()["id_token"]
        header, payload, signature = token.split(".")
        none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        other_end = ("A" if signature[10] != "A" else "B")
        for expected, tried in (("signature", f"{header}.{payload}.{signature[:10]}{other_end}{signature[11:]}"),
                                ("alg", f"{none}.{payload}."), ("format", "not a token"), ("format", f"{token}="),
                                ("encryption", f"{header}.a.b.c.d")):
            self.assertEqual(self.refused(tried), expected, tried)
        nonced = self.answer(set={"nonce": "another", "auth_time": "now-600"})["id_token"]
        self.assertEqual(self.refused(nonced, nonce="as it was sent"), "nonce")
        self.assertEqual(self.refused(nonced, max_age=60), "auth_time")
        self.assertEqual(self.refused(token, acr_values=["phr"]), "acr")
        self.assertEqual(self.refused(token, realm="1009"), "realmid")
        self.assertEqual(self.refused(self.answer(set={"at_hash": "AAAA"})["id_token"], access_token="another"), "at_hash")

    def test_each_way_a_provider_can_be_wrong_has_its_name(self):
        for expected, fault in (("iss", {"set": {"iss": "https://elsewhere.example"}}), ("iss", {"remove": ["iss"]}),
                                ("sub", {"remove": ["sub"]}), ("aud", {"set": {"aud": ["someone-else"]}}), ("aud", {"remove": ["aud"]}),
                                ("aud", {"set": {"aud": ["sandbox-client", "someone-else"]}}), ("azp", {"set": {"azp": "someone-else"}}),
                                ("exp", {"set": {"exp": "now-3600"}}), ("exp", {"remove": ["exp"]}), ("iat", {"remove": ["iat"]}),
                                ("iat", {"set": {"iat": "now+3600", "exp": "now+7200"}}), ("nbf", {"set": {"nbf": "now+3600"}}),
                                ("alg", {"alg_none": True}), ("signature", {"bad_signature": True})):
            with self.subTest(fault=fault):
                self.assertEqual(self.refused(self.answer(**fault)["id_token"]), expected)
        self.assertIn(self.refused(self.answer(foreign_key=True)["id_token"]), ("key", "signature"))

    def test_a_token_has_to_be_about_the_connection(self):
        mine, others = self.sandbox.grant("1002"), self.answer("1003")
        connection = self.server.connect("sandbox", "acme", "1002")
        self.assertEqual(mine["realm"], "1002")
        self.assertIn(self.refused(others["id_token"], connection=connection), ("sub", "realmid"))

    def test_a_connection_that_is_nobodys_proves_nothing(self):
        token = self.answer("1004", remove=["realmid"])["id_token"]
        connection = self.server.import_grant(self.sandbox.grant("1004", scope="openid com.intuit.quickbooks.accounting"))
        answer = self.server.call("POST", "/v1/id-tokens/verify", {"registration": "sandbox", "id_token": token, "connection": connection})
        self.assertEqual((answer.status, answer.json()["code"]), (409, "conflict"), answer)

    def test_what_cannot_be_judged_is_an_error(self):
        token = self.answer()["id_token"]
        for status, body in ((404, {"registration": "nobody", "id_token": token}), (400, {"registration": "sandbox"}),
                             (400, {"registration": "sandbox", "id_token": ""}),
                             (400, {"registration": "sandbox", "id_token": token, "nonsense": 1}),
                             (404, {"registration": "sandbox", "id_token": token, "connection": "con_nobody"})):
            answer = self.server.call("POST", "/v1/id-tokens/verify", body)
            self.assertEqual(answer.status, status, answer)

    def test_the_command_line_tells_it_by_its_exit_code(self):
        token = self.answer()["id_token"]
        with tempfile.NamedTemporaryFile("w") as file:  # the caller's, not of the server's folder
            file.write(token + "\n")
            file.flush()
            _, out, _ = self.server.cli("id-tokens", "verify", "--registration", "sandbox", file.name, check=0)
        self.assertTrue(out.startswith("valid\n"), out)
        _, out, _ = self.server.cli("id-tokens", "verify", "--registration", "sandbox", "--realm", "1009", stdin=token, check=1)
        self.assertTrue(out.startswith("refused: realmid\n"), out)
        _, out, _ = self.server.cli("--json", "id-tokens", "verify", "--registration", "sandbox", stdin=token + "=", check=1)
        self.assertEqual(json.loads(out)["check"], "format")
        self.server.cli("id-tokens", "verify", "--registration", "sandbox", stdin="", check=2)


if __name__ == "__main__":
    unittest.main()
