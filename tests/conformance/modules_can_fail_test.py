#!/usr/bin/python3
"""No module passes with the wrong provider: one that must refuse fails where the provider behaves, one that must connect
fails where ID tokens have a broken signature, and any fails where a request breaks a rule that holds for all."""

import concurrent.futures
import unittest

import module
from module_test import ALL, run

WORKERS = 2


class ModulesCanFail(unittest.TestCase):
    def test_every_module_fails_with_the_wrong_provider(self):
        wrong = {name: module.good_manners(one) if one.must_refuse else module.spoilt(one) for name, one in ALL.items()}
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
            problems = dict(zip(wrong, workers.map(lambda name: run(ALL[name], wrong[name]), wrong)))
        passed = [name for name, found in problems.items() if not found]
        stopped = [(name, found) for name, found in problems.items() if "Traceback (most recent call last):" in found]
        self.assertEqual(passed, [], "these cannot fail")
        self.assertEqual(stopped, [], "these fail by accident, not by a demand")

    def test_a_module_fails_where_the_provider_leaves_out_what_it_is_about(self):
        never = module.manners(rotates_at_signing=True)
        tame = module.good_manners(ALL["fapi2-security-profile-final-client-refresh-token-test"])
        for name, manners in (("oidcc-client-test-signing-key-rotation", never),
                              ("oidcc-client-test-signing-key-rotation-just-before-signing", never),
                              ("fapi2-security-profile-final-client-refresh-token-test", tame)):
            with self.subTest(name):
                self.assertNotEqual(run(ALL[name], manners), [])

    def test_a_broken_rule_alone_fails_a_flow_that_works(self):
        def metadata(self, document):
            self.provider.wrong(self.provider.seen[-1], ["it was asked for impolitely"])
            return document
        self.assertEqual(run(ALL["oidcc-client-test"], module.manners(metadata=metadata)), ["metadata: it was asked for impolitely"])


if __name__ == "__main__":
    unittest.main()
