#!/usr/bin/python3
"""What is installed works from its prefix, wherever that is: the program finds its providers, and an application outside this
tree, examples/company_report, builds against evergrant::testing and passes its tests."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from evergrant_process import PROGRAM, ROOT, Program, free_port

BUILD = pathlib.Path(PROGRAM).parent
PUBLIC_INCLUDE = re.compile(r"#include [<\"]([^>\"]+)[>\"]")
# Names of libraries that a user of the kit need not know.
PRIVATE_LIBRARIES = re.compile(r"boost|sqlite|spdlog|fmt|curl|openssl|prometheus|toml|CLI")


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=280, check=False, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}"
    return done.stdout


def cached(name):
    """A setting of the build under test: the application is compiled as it was (sanitizers and all)."""
    found = re.search(rf"^{name}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(encoding="utf-8"), re.M)
    return found[1] if found else ""


class InstalledKit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-installed-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run("cmake", "--install", BUILD, "--prefix", cls.folder / "first")
        cls.prefix = cls.folder / "prefix"
        (cls.folder / "first").rename(cls.prefix)  # nothing installed may remember where that was

    def test_the_program_finds_its_providers_beside_it(self):
        self.assertNotIn("EVERGRANT_PROVIDERS_DIR", os.environ)
        profiles = self.prefix / "share/evergrant/providers"
        shutil.copy(profiles / "github.toml", profiles / "nowhere-else.toml")
        program, data = self.prefix / "bin/evergrant", self.folder / "data"
        server = Program(["serve", "--dev", "--data-dir", data, "--port", str(free_port()), "--sandbox-port", "0"],
                         cwd=self.folder, command=(program,))
        try:
            server.wait_for_line("evergrant is ready")
            self.assertIn("nowhere-else", run(program, "--data-dir", data, "providers", "list", cwd=self.folder))
        finally:
            self.assertEqual(server.stop(), 0)

    def test_public_headers_show_no_other_library(self):
        headers = list((self.prefix / "include").rglob("*.hpp"))
        self.assertTrue(headers)
        for header in headers:
            for name in PUBLIC_INCLUDE.findall(header.read_text(encoding="utf-8")):
                own = (self.prefix / "include" / name).is_file()
                self.assertTrue(own or ("/" not in name and not PRIVATE_LIBRARIES.search(name)), f"{header}: {name}")

    def test_nothing_installed_names_the_tree_it_was_built_from(self):
        for file in (self.prefix / "lib").rglob("*.cmake"):
            self.assertNotIn(str(ROOT), file.read_text(encoding="utf-8"), file)

    def test_an_application_builds_against_it_and_passes_its_tests(self):
        shutil.copytree(ROOT / "examples/company_report", self.folder / "application")
        build = self.folder / "build"
        settings = [f"-D{name}={cached(name)}" for name in ("CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_EXE_LINKER_FLAGS")]
        run("cmake", "-G", "Ninja", "-S", self.folder / "application", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            *settings)
        run("cmake", "--build", build, "--parallel", "2")
        shown = run("ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error")
        self.assertRegex(shown, r"100% tests passed, 0 tests failed out of 7")


if __name__ == "__main__":
    unittest.main()
