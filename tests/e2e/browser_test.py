#!/usr/bin/python3
"""The connect flow as a person sees it: a real browser, the provider's consent page, the result page."""

import os
import pathlib
import shutil
import unittest
import urllib.parse

from evergrant_process import ConfiguredServer, Sandbox
from webdriver import Browser

# The headline of our own result page, not of the page before.
RESULT = ".sign + h1"
# Set to a folder to look at the pages.
SCREENSHOTS = os.environ.get("EVERGRANT_SCREENSHOTS", "")


@unittest.skipUnless(shutil.which("chromedriver"), "needs the Debian package chromium-driver")
class BrowserTest(unittest.TestCase):
    def setUp(self):
        self.sandbox = Sandbox()
        self.addCleanup(self.sandbox.stop)
        self.server = ConfiguredServer(self.sandbox)
        self.addCleanup(self.server.close)
        self.browser = None

    def start(self, dark=False):
        self.browser = Browser(dark)
        self.addCleanup(self.browser.close)

    def begin(self, tenant="acme"):
        return self.server.expect(201, "POST", "/v1/connect-sessions", {"registration": "sandbox", "tenant": tenant})

    def state(self, session):
        return self.server.expect(200, "GET", f"/v1/connect-sessions/{session['id']}")

    def look(self, name):
        if SCREENSHOTS:
            pathlib.Path(SCREENSHOTS, name + ".png").write_bytes(self.browser.screenshot())

    def check_only_own_hosts_were_asked(self):
        own = {urllib.parse.urlsplit(base).netloc for base in (self.server.base, self.sandbox.base)}
        asked = {urllib.parse.urlsplit(url).netloc for url in self.browser.requested() if url.startswith("http")}
        self.assertTrue(asked)
        self.assertLessEqual(asked, own)

    def connect(self, name):
        session = self.begin()
        self.browser.open(session["url"])
        self.look(name + "-consent")
        self.browser.click("button[value=connect]")
        self.assertIn("Connected", self.browser.text(RESULT))
        self.look(name + "-result")
        state = self.state(session)
        self.assertEqual(state["status"], "connected")
        token = self.server.get(f"/v1/connections/{state['connection']}/token")
        self.assertEqual(token.status, 200, token)
        self.check_only_own_hosts_were_asked()

    def test_a_person_connects_an_account(self):
        self.start()
        self.connect("light")

    def test_a_person_connects_an_account_in_the_dark(self):
        self.start(dark=True)
        self.connect("dark")

    def test_a_person_cancels(self):
        self.start()
        session = self.begin()
        self.browser.open(session["url"])
        self.browser.click("button[value=cancel]")
        self.assertEqual(self.browser.text(RESULT), "Not connected")
        self.look("cancelled")
        self.assertEqual(self.state(session)["status"], "cancelled")
        self.assertEqual(self.server.expect(200, "GET", "/v1/connections")["items"], [])
        self.check_only_own_hosts_were_asked()

    def test_two_flows_in_one_browser_do_not_disturb_each_other(self):
        self.start()
        first, second = self.begin("first"), self.begin("second")
        one = self.browser.tab()
        self.browser.open(first["url"])
        two = self.browser.new_tab()
        self.browser.open(second["url"])
        self.browser.click("button[value=cancel]")
        self.assertEqual(self.browser.text(RESULT), "Not connected")
        self.browser.switch(one)
        self.browser.click("button[value=connect]")
        self.assertIn("Connected", self.browser.text(RESULT))
        self.browser.switch(two)
        self.assertEqual((self.state(first)["status"], self.state(second)["status"]), ("connected", "cancelled"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
