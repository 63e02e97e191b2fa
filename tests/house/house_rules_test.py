#!/usr/bin/python3
"""The scanner finds what it is there to find: each test breaks one rule in a small tree of its own."""

import tempfile
import unittest
from pathlib import Path

import house_rules

HEADER = "// What it owns.\n#pragma once\n"


class HouseRules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("src/base/ground.hpp", HEADER)
        self.write("src/net/socket.hpp", HEADER + "#include <boost/asio.hpp>\n")
        self.write("src/store/store.hpp", HEADER + '#include "base/ground.hpp"\n#include "crypto/seal.hpp"\n')
        self.write("src/crypto/seal.hpp", HEADER)
        self.write("src/app/main.cpp", '#include "store/store.hpp"\n')

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def found(self):
        return [str(violation) for violation in house_rules.violations(self.root)]

    def assert_one(self, start, *words):
        found = self.found()
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(start), found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_tree_in_order_has_no_violation(self):
        self.assertEqual(self.found(), [])

    def test_an_include_of_a_lower_layer_is_found_with_its_line(self):
        self.write("src/base/ground.hpp", HEADER + '#include "store/store.hpp"\n')
        self.assert_one("src/base/ground.hpp:3: ", "base/ includes store/")

    def test_a_layer_may_not_use_its_successor(self):
        self.write("src/oauth/a.cpp", '#include "lifecycle/b.hpp"\n')
        self.write("src/lifecycle/b.hpp", HEADER)
        self.assert_one("src/oauth/a.cpp:1: ", "oauth/ includes lifecycle/")

    def test_an_include_without_its_folder_is_found(self):
        self.write("src/base/a.cpp", '#include "ground.hpp"\n')
        self.assertEqual(self.found(), [])  # of its own folder: reads as what it is
        self.write("src/base/a.cpp", '#include "nowhere.hpp"\n')
        self.assert_one("src/base/a.cpp:1: ", "name the folder")

    def test_a_name_in_two_unnamed_namespaces_of_a_folder_is_found(self):
        for thing in ("struct Shelf {};", "constexpr int most = 3;", "bool is_odd(int number) {", "const Time start = now();"):
            self.write("src/base/a.cpp", f"namespace {{\n\n{thing}\n\n}}  // namespace\n")
            self.write("src/base/b.cpp", f"namespace {{\n\n{thing}\n\n}}  // namespace\n")
            self.write("src/net/b.cpp", f"namespace {{\n{thing}\n}}  // namespace\n")
            self.assert_one("src/base/b.cpp:3: ", "a.cpp")
        self.write("src/base/b.cpp", "namespace {\n}  // namespace\nconst Time start = now();\nbool is_odd(double number) {\n")
        self.assertEqual(self.found(), [])

    def test_a_folder_that_is_no_layer_is_found(self):
        self.write("src/attic/a.cpp", "\n")
        self.assert_one("src/attic/a.cpp:1: ", 'no layer "attic"')

    def test_each_reserved_library_is_found_outside_its_folder(self):
        cases = {
            "<openssl/evp.h>": "net", "<openssl/core_names.h>": "oauth", "<openssl/ssl.h>": "store",
            "<boost/asio/ip/tcp.hpp>": "api", "<boost/beast/http.hpp>": "sandbox", "<curl/curl.h>": "oauth",
            "<sqlite3.h>": "lifecycle", "<libpq-fe.h>": "app", "<spdlog/spdlog.h>": "net", "<fmt/format.h>": "api",
            "<prometheus/registry.h>": "api", "<toml++/toml.h>": "store", "<CLI/CLI.hpp>": "sandbox",
        }
        for header, layer in cases.items():
            with self.subTest(header=header, layer=layer):
                path = f"src/{layer}/offender.cpp"
                self.write(path, f"#include {header}\n")
                found = self.found()
                (self.root / path).unlink()
                self.assertTrue(any(line.startswith(f"{path}:1: names ") and header in line for line in found), found)

    def test_tls_is_nets_own(self):
        self.write("src/net/tls.cpp", "#include <openssl/ssl.h>\n")
        self.assertEqual(self.found(), [])

    def test_a_reserved_library_that_leaks_through_a_header_is_found(self):
        self.write("src/api/a.cpp", '#include "net/socket.hpp"\n')
        self.assert_one("src/api/a.cpp:1: ", "Asio or Beast", "through src/net/socket.hpp")

    def test_evp_by_name_is_found_and_in_a_comment_it_is_not(self):
        self.write("src/net/a.cpp", "// EVP_Digest is what crypto/ uses\n")
        self.assertEqual(self.found(), [])
        self.write("src/net/a.cpp", "\nint n = EVP_MAX_MD_SIZE;\n")
        self.assert_one("src/net/a.cpp:2: ", "EVP")

    def test_vague_file_names_are_found(self):
        for name in ("string_utils", "common", "helper", "misc", "connection_manager"):
            with self.subTest(name=name):
                path = f"src/base/{name}.cpp"
                self.write(path, "\n")
                self.assert_one(f"{path}:1: ", "says nothing")
                (self.root / path).unlink()

    def test_unfinished_business_is_found_anywhere(self):
        for path in ("src/base/a.cpp", "tests/e2e/a.py", "packaging/a.sh"):
            with self.subTest(path=path):
                self.write(path, "\n# TO" "DO later\n")
                self.assert_one(f"{path}:2: ", "unfinished")
                (self.root / path).unlink()

    def test_a_header_without_its_comment_or_guard_is_found(self):
        self.write("src/base/a.hpp", "#pragma once\n")
        self.assert_one("src/base/a.hpp:1: ", "starts with a comment")
        self.write("src/base/a.hpp", "// What it owns.\n")
        self.assert_one("src/base/a.hpp:1: ", "#pragma once")

    def test_the_time_of_day_comes_from_the_clock_only(self):
        self.write("src/base/clock.cpp", "auto t = std::chrono::system_clock::now();\n")
        self.assertEqual(self.found(), [])
        self.write("src/api/a.cpp", "auto t = std::chrono::system_clock::now();\n")
        self.assert_one("src/api/a.cpp:1: ", "Clock")

    def test_macros_are_found(self):
        self.write("src/base/a.cpp", "#define TRY(x) x\n")
        self.assert_one("src/base/a.cpp:1: ", "a macro")

    def test_tests_that_sleep_or_are_off_are_found(self):
        self.write("tests/unit/base/a_test.cpp", "void f() { std::this_thread::sleep_for(1s); }\n")
        self.assert_one("tests/unit/base/a_test.cpp:1: ", "sleeps")
        self.write("tests/unit/base/a_test.cpp", "TEST(A, DISABLED_b) {}\n")
        self.assert_one("tests/unit/base/a_test.cpp:1: ", "off")

    def test_reveals_are_listed(self):
        self.write("src/net/a.cpp", "// .reveal() here is talk\nsend(token.reveal());\n")
        self.assertEqual(list(house_rules.reveals(self.root)), ["src/net/a.cpp:2: send(token.reveal());"])


if __name__ == "__main__":
    unittest.main()
