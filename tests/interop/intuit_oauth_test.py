"""Intuit's own npm package intuit-oauth, against the sandbox provider: what it does is what QuickBooks' customers do."""

import subprocess
import unittest

from real_provider import HERE, node
from evergrant_process import Sandbox


class IntuitOauthTest(unittest.TestCase):
    def test_the_official_client_completes_its_flow(self):
        sandbox = Sandbox()
        self.addCleanup(sandbox.stop)
        done = subprocess.run([node(), str(HERE / "intuit/flow.mjs"), sandbox.base], capture_output=True, text=True, timeout=120,
                              cwd=HERE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ok      a revocation ends the grant", done.stdout)


if __name__ == "__main__":
    unittest.main()
