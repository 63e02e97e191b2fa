"""The connect link and the callback in wrong hands: nothing is stored, and the provider never sees a code presented."""

import re
import unittest
import urllib.parse

import evergrant_process as eg

REALM = "4620816365000000001"


class CallbackAbuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = eg.ConfiguredServer(cls.sandbox, registrations=["sandbox", "other"])
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        self.sandbox.control("POST", "/reset")

    def token_requests(self):
        return len(self.sandbox.control("GET", "/requests?endpoint=token")["requests"])

    def start(self, registration="sandbox", hint=f"realm:{REALM}", **more):
        return self.server.expect(201, "POST", "/v1/connect-sessions",
                                  {"registration": registration, "tenant": "acme", "login_hint": hint, **more})

    def browse(self, url, cookie=None):
        parts = urllib.parse.urlsplit(url)
        return eg.request(f"{parts.scheme}://{parts.netloc}", "GET", parts.path + ("?" + parts.query if parts.query else ""),
                          headers={"Cookie": cookie} if cookie else {})

    def flow(self, **session):
        """A flow up to the provider's answer: (session id, cookie, callback URL), the latter not opened yet."""
        created = self.start(**session)
        opened = self.browse(created["url"])
        self.assertEqual(303, opened.status, opened)
        cookie = opened.headers["Set-Cookie"].split(";")[0]
        consented = self.browse(opened.headers["Location"])
        self.assertIn(consented.status, (302, 303), consented)
        return created["id"], cookie, consented.headers["Location"]

    def assert_page(self, answer, *statuses, says="start again"):
        self.assertIn(answer.status, statuses, answer)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/html"), answer.headers)
        self.assertEqual("no-store", answer.headers["Cache-Control"])
        self.assertEqual("no-referrer", answer.headers["Referrer-Policy"])
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertIn(says, answer.body.decode())
        self.assertNotRegex(answer.body.decode(), r"(?i)<script|\bsrc=|https?://(?!127)")

    @staticmethod
    def changed(url, **changes):
        """The callback's URL with parameters replaced; None removes one, a list repeats it."""
        parts = urllib.parse.urlsplit(url)
        query = [(k, v) for k, v in urllib.parse.parse_qsl(parts.query) if k not in changes]
        for name, value in changes.items():
            query += [(name, one) for one in (value if isinstance(value, list) else [value]) if one is not None]
        return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))

    # --- the callback ---

    def test_a_good_answer_is_taken_and_only_once(self):
        """What all the others are measured by: the same flow, untouched, does connect."""
        session, cookie, callback = self.flow()
        first = self.browse(callback, cookie)
        self.assertEqual(303, first.status)
        self.assertEqual("no-store", first.headers["Cache-Control"])
        self.assertEqual("no-referrer", first.headers["Referrer-Policy"])
        self.assertNotIn("code=", first.headers["Location"])
        connection = self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")["connection"]
        self.assertEqual(1, self.token_requests())
        for _ in range(2):
            self.assert_page(self.browse(callback, cookie), 410)
        self.assertEqual(1, self.token_requests(), "a code that is presented twice makes the provider end the grant")
        self.server.expect(200, "GET", f"/v1/connections/{connection}/token")
        self.assertEqual(0, self.server.cli("revoke", connection)[0])

    def test_an_answer_without_the_state_or_with_another(self):
        session, cookie, callback = self.flow()
        for state in [None, "", "x", "A" * 43, "A" * 129, "A" * 5000, "\x00", "é", [callback[-43:], "x"]]:
            with self.subTest(state=state):
                self.assert_page(self.browse(self.changed(callback, state=state), cookie), 400, 410)
        self.assertEqual(0, self.token_requests())
        self.assertEqual("opened", self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")["status"])

    def test_an_answer_that_says_something_twice(self):
        _, cookie, callback = self.flow()
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(callback).query))
        for name in ("code", "state", "realmId"):
            with self.subTest(name):
                for second in (given[name], "other", ""):
                    self.assert_page(self.browse(self.changed(callback, **{name: [given[name], second]}), cookie), 400, 410)
        self.assertEqual(0, self.token_requests())

    def test_an_answer_in_another_browser(self):
        _, stranger, _ = self.flow()
        name = stranger.split("=")[0]
        for cookie in [None, stranger, f"{name}=", f"{name}=x", f"{name}={'A' * 43}", f"{name}={'A' * 43}; {stranger}", "other=1"]:
            with self.subTest(cookie):
                session, own, callback = self.flow()
                self.assert_page(self.browse(callback, cookie), 410)
                self.assert_page(self.browse(callback, own), 410)  # the state is used up, whoever comes now
                self.assertNotIn(self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")["status"], ("connected", "opened"))
        self.assertEqual(0, self.token_requests())

    def test_an_answer_on_the_path_of_another_registration(self):
        for path in ("other", "nobody", "SANDBOX", "sandbox%00", "%F0%9F%98%80"):
            with self.subTest(path):
                _, cookie, callback = self.flow()
                self.assert_page(self.browse(callback.replace("/callback/sandbox", f"/callback/{path}"), cookie), 410)
        self.assertEqual(0, self.token_requests())

    def test_an_answer_that_is_malformed(self):
        _, _, callback = self.flow()
        base = callback.split("?")[0]
        for query in ["", "?", "?&&&", "?state", "?state=%", "?state=%zz&code=1", "?" + "a=1&" * 101, "?code=1", "?=1", "?state=%ff%fe&code=x"]:
            with self.subTest(query[:40]):
                self.assert_page(self.browse(base + query), 400, 410)
        for path in ["/callback/", "/callback/a/b", "/connect/", "/connect/a/b", "/connect-result/", "/connect/%zz", "/callback/%ff"]:
            with self.subTest(path):
                self.assert_page(self.browse(self.server.base + path), 404)
        self.assertEqual(431, self.browse(base + "?state=" + "x" * 20_000).status)
        self.assertEqual(0, self.token_requests())

    def test_an_answer_without_a_code_or_with_one_that_cannot_be(self):
        for code in [None, "", "\x07", "é", "x" * 9000]:
            with self.subTest(code=str(code)[:10]):
                session, cookie, callback = self.flow()
                answer = self.browse(self.changed(callback, code=code), cookie)
                self.assertEqual(303, answer.status)  # to the result page: the flow is ours, and it has failed
                self.assertEqual("provider_rejected", self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")["status"])
        self.assertEqual(0, self.token_requests())

    def test_a_refusal_is_shown_without_what_it_smuggles(self):
        session, cookie, callback = self.flow()
        bad = self.changed(callback, code=None, realmId=None, error="server_error",
                           error_description="<script>alert(1)</script>\r\n{\"level\":\"error\",\"event\":\"forged\"}")
        answer = self.browse(bad, cookie)
        page = self.browse(urllib.parse.urljoin(self.server.base, answer.headers["Location"]))
        self.assertEqual(200, page.status)
        self.assertNotIn("<script", page.body.decode())
        self.assertEqual("provider_unavailable", self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")["status"])
        self.server.program.wait_for_line(f'connect_failed.*"{session}"')
        self.assertNotRegex(self.server.program.log(), r'(?m)^\{"level":"error","event":"forged"')
        self.assertEqual(0, self.token_requests())

    def test_a_customer_who_says_no(self):
        session, cookie, callback = self.flow(hint="deny", return_to="http://127.0.0.1:3000/done")
        answer = self.browse(callback, cookie)
        self.assertEqual("http://127.0.0.1:3000/done?status=cancelled", answer.headers["Location"])
        self.assertEqual("cancelled", self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")["status"])
        self.assertEqual(0, self.token_requests())

    def test_a_realm_that_the_customer_did_not_consent_to(self):
        """CB-11: the realm in the callback is not signed; the provider is asked before it keys anything."""
        session, cookie, callback = self.flow()
        self.browse(self.changed(callback, realmId="4620816365000000002"), cookie)
        state = self.server.expect(200, "GET", f"/v1/connect-sessions/{session}")
        self.assertEqual((None, "forbidden"), (state["connection"], state["status"]))

    def test_codes_and_states_are_not_logged(self):
        _, cookie, callback = self.flow()
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(callback).query))
        self.browse(callback)
        self.server.program.wait_for_line("callback_foreign")
        for secret in (given["code"], given["state"], cookie.split("=")[1]):
            self.assertNotIn(secret, self.server.program.log())

    # --- the link ---

    def test_a_link_works_once_and_only_as_it_was_made(self):
        link = self.start()["url"]
        token = link.rsplit("/", 1)[1]
        self.assertGreaterEqual(len(token), 43)
        for wrong in ["x", token[:-1], token + "x", token.swapcase(), "A" * 43, "%00", "x" * 5000, "..%2F" + token]:
            with self.subTest(wrong[:50]):
                self.assert_page(self.browse(f"{self.server.base}/connect/{wrong}"), 410)
        for method in ("HEAD", "POST", "DELETE"):  # HEAD: mail scanners and chats that preview links
            self.assertEqual(405, eg.request(self.server.base, method, f"/connect/{token}").status)
        self.assertEqual(303, self.browse(link + "?utm_source=mail").status)
        self.assert_page(self.browse(link), 410)
        self.assertEqual(0, self.token_requests())

    def test_the_cookie_belongs_to_this_host_and_to_no_script(self):
        opened = self.browse(self.start()["url"])
        cookie = opened.headers["Set-Cookie"]
        self.assertRegex(cookie, r"^evergrant-connect=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax; Max-Age=\d+$")
        parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(opened.headers["Location"]).query))
        self.assertEqual("code", parameters["response_type"])
        self.assertRegex(parameters["state"], r"^[A-Za-z0-9_-]{43,128}$")
        self.assertNotIn(cookie.split("=")[1].split(";")[0], opened.headers["Location"])

    def test_results_that_nobody_has(self):
        pending = self.start()["id"]
        for session in ("cs_nobody", pending, "%00", "x" * 5000):
            self.assert_page(self.browse(f"{self.server.base}/connect-result/{session}"), 404, says="nothing here")

    def tearDown(self):
        if re.search("once$|consent_to$", self.id()):
            return  # these end at the provider; they say themselves what must be
        connections = self.server.expect(200, "GET", "/v1/connections")["items"]
        self.assertEqual([], [c for c in connections if c["status"] not in ("revoking", "revoked")])


if __name__ == "__main__":
    unittest.main()
