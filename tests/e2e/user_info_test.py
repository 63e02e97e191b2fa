#!/usr/bin/python3
"""UserInfo and the security of a registration, with the real program: claims kept at connect, asked for later, and `strict`."""

import json
import subprocess
import unittest

from evergrant_process import PROGRAM, ConfiguredServer, Sandbox

SCOPES = 'authorize.default_scopes = ["openid", "email", "profile", "com.intuit.quickbooks.accounting"]'


class WithSandbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = ConfiguredServer(cls.sandbox, profile=[SCOPES])
        cls.addClassCleanup(cls.server.close)
        cls.baseline = cls.server.config.read_text()

    @classmethod
    def with_field(cls, line):
        return cls.baseline.replace("client_id =", line + "\nclient_id =", 1)


class UserInfoTest(WithSandbox):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.config.write_text(cls.with_field('claims = ["email"]'))
        cls.server.program.stop()
        cls.server.start()
        cls.connection = cls.server.connect("sandbox", "acme", "1001")

    def test_claims_are_kept_with_the_connection(self):
        shown = self.server.expect(200, "GET", f"/v1/connections/{self.connection}")
        self.assertEqual(shown["extras"]["email"], "admin-1001@example.com")
        listed = self.server.expect(200, "GET", "/v1/registrations")["items"][0]
        self.assertEqual((listed["claims"], listed["security"]), (["email"], "baseline"))

    def test_it_is_asked_for_by_http_and_on_the_command_line(self):
        answer = self.server.expect(200, "GET", f"/v1/connections/{self.connection}/userinfo")
        self.assertEqual(answer["claims"]["givenName"], "Ada")
        self.assertTrue(answer["subject_checked"])
        self.assertEqual(answer["claims"]["sub"], answer["subject"])
        _, out, _ = self.server.cli("userinfo", self.connection, check=0)
        self.assertRegex(out, r"(?m)^email +admin-1001@example.com$")
        _, out, _ = self.server.cli("--json", "userinfo", self.connection, check=0)
        self.assertEqual(json.loads(out)["claims"], answer["claims"])
        self.server.cli("userinfo", "con_nobody", check=4)

    def test_what_the_user_wrote_does_no_harm_on_a_terminal(self):
        self.sandbox.fault(endpoint="userinfo", count=1, set_members={"name": "Ada\u001b[31m\u0007", "\u001b[2J": "x"})
        _, out, _ = self.server.cli("userinfo", self.connection, check=0)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\x07", out)

    def test_another_users_answer_is_refused(self):
        self.sandbox.fault(endpoint="userinfo", count=1, set_members={"sub": "somebody-else", "email": "canary@example.com"})
        answer = self.server.call("GET", f"/v1/connections/{self.connection}/userinfo")
        self.assertEqual((answer.status, answer.json()["code"]), (403, "forbidden"), answer)
        self.assertNotIn("canary", str(answer.body))


class RemovedClaimTest(WithSandbox):
    def test_a_claim_that_is_not_configured_any_more_is_not_shown(self):
        def restart(config):
            self.server.config.write_text(config)
            self.server.program.stop()
            self.server.start()
        restart(self.with_field('claims = ["email", "givenName"]'))
        connection = self.server.connect("sandbox", "acme", "1001")
        path = f"/v1/connections/{connection}"
        self.assertEqual(set(self.server.expect(200, "GET", path)["extras"]), {"email", "givenName"})
        restart(self.with_field('claims = ["email"]'))
        self.assertEqual(set(self.server.expect(200, "GET", path)["extras"]), {"email"})
        listed = self.server.expect(200, "GET", "/v1/connections")["items"]
        self.assertEqual([set(item["extras"]) for item in listed], [{"email"}])
        self.server.expect(200, "POST", path + "/refresh", {})
        restart(self.with_field('claims = ["email", "givenName"]'))
        self.assertEqual(set(self.server.expect(200, "GET", path)["extras"]), {"email"}, "the refresh has dropped it")


class SecurityTest(WithSandbox):
    def doctor(self, config):
        self.server.config.write_text(config)
        code, out, _ = self.server.cli("--json", "doctor", "--config", str(self.server.config))
        return code, json.loads(out)

    def test_doctor_lists_what_falls_short_and_why(self):
        _, findings = self.doctor(self.baseline)
        security = next(item for item in findings if item["subject"] == "security of sandbox")
        self.assertEqual(security["health"], "good")
        self.assertTrue(security["finding"].startswith("baseline"), security)
        self.assertIn("Core 3.1.3.7", security["finding"])

    def test_claims_that_can_never_come_are_refused_at_the_start(self):
        for line, why in (('claims = ["email"]\nscopes = ["com.intuit.quickbooks.accounting"]', "'openid' is among the scopes"),
                          ('claims = ["e\\nmail"]', "is not the name of a claim"),
                          ('claims = ["region"]\nprofile.token.kept_members = ["region"]',
                           "is a member of the token answer too")):
            code, findings = self.doctor(self.with_field(line))
            self.assertEqual(code, 1)
            self.assertIn(why, json.dumps(findings))

    def test_strict_that_cannot_be_had_is_refused_at_the_start(self):
        strict = self.with_field('security = "strict"')
        self.server.config.write_text(strict)
        done = subprocess.run([PROGRAM, "serve", "--config", str(self.server.config)], capture_output=True, text=True, timeout=60,
                              env=self.server.environment())
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("field 'registration.security'", done.stderr)
        self.assertIn("id_token.nonce_returned", done.stderr)
        self.server.config.write_text(strict.replace('"strict"', '"fapi2"'))
        _, findings = self.doctor(self.server.config.read_text())
        self.assertIn("expected one of baseline, strict", json.dumps(findings))


if __name__ == "__main__":
    unittest.main()
