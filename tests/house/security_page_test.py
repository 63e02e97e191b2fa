#!/usr/bin/python3
"""A page that says what is not so is found: each test breaks one thing in a small tree of its own."""

import tempfile
import unittest
from pathlib import Path

import security_page

PAGE = """# Security checklists

[ADR](adr/one.md), [`House.all_is_well`][house]

| section | rule | shown by |
|---|---|---|
| 1 | A rule | [`Suite.a_test_of_it`][suite], [`Typed.a_row_of_it`][suite] |
| 2 | A rule \\| of another kind | [`Real.test_it`][real] |
| 3 | A rule | No test: there is nothing to call |

| profile | deviation | what stands in |
|---|---|---|
| shop | no PKCE; the token revokes itself | |

[house]: ../tests/house/CMakeLists.txt
[real]: ../tests/e2e/real_test.py
[suite]: ../tests/unit/suite_test.cpp
"""
CPP = "TEST(Suite, a_test_of_it) {\n}\nTEST_P(Typed, a_row_of_it) {\n}\n"
PYTHON = "class Real(unittest.TestCase):\n    def test_it(self):\n        pass\n\n\nclass Other:\n    def test_other(self):\n        pass\n"
SHOP = '[authorize]\npkce = "omit"\n\n[revoke]\nstyle = "self_bearer"\n'


class SecurityPage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("docs/security.md", PAGE)
        self.write("docs/adr/one.md", "")
        self.write("tests/unit/suite_test.cpp", CPP)
        self.write("tests/e2e/real_test.py", PYTHON)
        self.write("tests/house/CMakeLists.txt", "add_test(NAME House.all_is_well COMMAND true)\n")
        self.write("providers/shop.toml", SHOP)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def change(self, before, after):
        self.assertIn(before, PAGE)
        self.write("docs/security.md", PAGE.replace(before, after))

    def assert_one(self, line, *words):
        found = [str(violation) for violation in security_page.violations(self.root)]
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"docs/security.md:{line}: "), found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_page_that_is_right_has_no_violation(self):
        self.assertEqual(security_page.violations(self.root), [])

    def test_a_test_that_was_renamed_is_found_with_its_row(self):
        self.write("tests/unit/suite_test.cpp", CPP.replace("a_test_of_it", "a_test_of_it_all"))
        self.assert_one(7, "Suite.a_test_of_it is not in", "| 1 |")

    def test_a_test_of_another_class_or_suite_does_not_count(self):
        self.change("Real.test_it", "Real.test_other")
        self.assert_one(8, "Real.test_other")
        self.change("Suite.a_test_of_it", "Typed.a_test_of_it")
        self.assert_one(7, "Typed.a_test_of_it")

    def test_a_test_that_ctest_does_not_know_is_found(self):
        self.change("House.all_is_well", "House.all_is_good")
        self.assert_one(3, "House.all_is_good")

    def test_a_file_that_is_gone_is_found(self):
        (self.root / "tests/e2e/real_test.py").unlink()
        self.assert_one(8, "[real]")
        self.write("tests/e2e/real_test.py", PYTHON)
        (self.root / "docs/adr/one.md").unlink()
        self.assert_one(3, "adr/one.md")

    def test_a_test_without_its_file_is_found(self):
        self.change("| No test: there is nothing to call |", "| No test: see `Suite.a_test_of_it` |")
        self.assert_one(9, "name its file")

    def test_a_row_that_shows_nothing_and_says_no_reason_is_found(self):
        for shown in ("", "it is obvious", "No test: "):
            with self.subTest(shown=shown):
                self.change("No test: there is nothing to call", shown)
                self.assert_one(9, "no reason")

    def test_a_page_without_its_tables_is_found(self):
        self.write("docs/security.md", PAGE.replace("shown by", "tests"))
        self.assert_one(1, "shown by")

    def test_a_label_that_nothing_uses_is_found(self):
        self.write("docs/security.md", PAGE + "[spare]: ../tests/e2e/real_test.py\n")
        self.assert_one(18, "[spare]")

    def test_a_deviation_that_is_not_told_is_found(self):
        self.write("providers/shop.toml", SHOP + '\n[id_token]\nalgorithms = ["RS256"]\n')
        self.assert_one(13, 'shop: "RS256" is missing')

    def test_a_deviation_that_is_no_more_is_found(self):
        self.write("providers/shop.toml", SHOP.replace("omit", "send"))
        self.assert_one(13, 'shop: "no PKCE" is not so')

    def test_a_profile_without_a_row_and_a_row_without_a_profile_are_found(self):
        self.write("providers/bank.toml", "")
        self.assert_one(1, 'the profile "bank" has no row')
        (self.root / "providers/bank.toml").unlink()
        (self.root / "providers/shop.toml").unlink()
        self.assert_one(13, 'no profile "shop"')


if __name__ == "__main__":
    unittest.main()
