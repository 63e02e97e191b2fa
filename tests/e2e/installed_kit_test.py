#!/usr/bin/python3
"""What is installed works from its prefix, wherever that is: the program finds its providers, and applications outside this
tree build against it: examples/company_report against evergrant::testing, embedded_engine and token_client against
evergrant::evergrant; they run against a real sandbox and a real server."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from evergrant_process import PROGRAM, ROOT, DevServer, Program, Sandbox, free_port, request

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

    def build(self, example):
        """The folder that an example was built in, from a copy outside this tree."""
        source, build = self.folder / example, self.folder / f"{example}-build"
        shutil.copytree(ROOT / "examples" / example, source)
        settings = [f"-D{name}={cached(name)}" for name in ("CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_EXE_LINKER_FLAGS")]
        run("cmake", "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", *settings)
        run("cmake", "--build", build, "--parallel", "2")
        return build

    def test_an_application_builds_against_it_and_passes_its_tests(self):
        build = self.build("company_report")
        shown = run("ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error")
        self.assertRegex(shown, r"100% tests passed, 0 tests failed out of 7")

    def test_an_application_that_embeds_the_engine_connects_reads_replaces_and_revokes(self):
        program, store = self.build("embedded_engine") / "embedded_engine", self.folder / "embedded"
        profiles = self.folder / "profiles"
        store.mkdir()
        profiles.mkdir()
        sandbox = Sandbox()
        try:
            sandbox.control("POST", "/settings", {"auto_consent_by_hint": True})
            shipped = (self.prefix / "share/evergrant/providers/sandbox.toml").read_text(encoding="utf-8")
            here = shipped.replace("127.0.0.1:9500", urllib.parse.urlsplit(sandbox.base).netloc)
            (profiles / "sandbox.toml").write_text(here, encoding="utf-8")
            with subprocess.Popen([program, store, profiles], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
                url = child.stdout.readline().removeprefix("Open ").strip()
                address = urllib.parse.urlsplit(url)
                answer = request(sandbox.base, "GET", f"{address.path}?{address.query}")
                self.assertIn(answer.status, (302, 303), answer)
                shown, _ = child.communicate(urllib.parse.urlsplit(answer.headers["Location"]).query + "\n", timeout=60)
            self.assertEqual(child.returncode, 0, shown)
            self.assertRegex(shown, r"connected: a token of \d+ characters for account 4620816365000000001, number 1\n")
            self.assertRegex(shown, r"after a 401: a token .*, number 2\n")
            self.assertRegex(shown, r"revoked: revok")
        finally:
            sandbox.stop()

    def test_a_client_of_a_server_keeps_its_leases(self):
        program = self.build("token_client") / "token_client"
        with contextlib.closing(DevServer()) as server:
            connection = server.connect("sandbox", "acme", "4620816365000000001")
            shown = run(program, server.base, connection, env={**os.environ, "EVERGRANT_API_KEY": server.key})
            self.assertIn("a thousand leases, the server was asked 1 time(s)", shown)
            self.assertIn("account 4620816365000000001, token number 1\n", shown)
            self.assertIn("after a 401: token number 2\n", shown)


if __name__ == "__main__":
    unittest.main()
