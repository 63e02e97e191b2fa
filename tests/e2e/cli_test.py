"""The command line as people and scripts use it: help, exit codes, tables, JSON, and where secrets may and may not appear."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import evergrant_process as eg

REALM = "4620816365000000001"


def run(*arguments, stdin=None, **environment):
    """Without a server: an empty folder, none of the variables that could name one."""
    with tempfile.TemporaryDirectory() as folder:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("EVERGRANT_") or k == "EVERGRANT_PROVIDERS_DIR"}
        return subprocess.run([eg.PROGRAM, *arguments], input=stdin, capture_output=True, text=True, timeout=60, cwd=folder,
                              env={**clean, **environment})


def subcommands(*path):
    """Names of the commands below `path`, as --help lists them."""
    text = run(*path, "--help").stdout
    section = re.search(r"\nSubcommands:\n(.*?)(\n\n|\Z)", text, re.S)
    return re.findall(r"^  (\S+)", section.group(1), re.M) if section else []


def all_commands(path=()):
    for name in subcommands(*path):
        yield (*path, name)
        yield from all_commands((*path, name))


class Words(unittest.TestCase):
    """What needs no server."""

    @classmethod
    def setUpClass(cls):
        cls.commands = list(all_commands())

    def test_the_promised_commands_are_there(self):
        top = {path[0] for path in self.commands if len(path) == 1}
        self.assertLessEqual({"serve", "connect", "connections", "token", "refresh", "revoke", "import", "registrations", "providers", "callers",
                              "keys", "audit", "doctor", "sandbox", "completion", "offboard"}, top)
        self.assertLessEqual({("connections", "list"), ("connections", "show"), ("callers", "create"), ("keys", "rotate"), ("providers", "check")},
                             set(self.commands))

    def test_each_help_says_what_it_does_and_shows_an_example_of_it(self):
        for path in self.commands:
            with self.subTest(path):
                shown = run(*path, "--help")
                self.assertEqual((0, ""), (shown.returncode, shown.stderr))
                example = re.search(r"\nExample:\n  evergrant (.*)\n", shown.stdout)
                self.assertTrue(example, shown.stdout)
                self.assertTrue(example.group(1).startswith(" ".join(path)), example.group(1))
                self.assertGreater(len(shown.stdout.splitlines()[0]), 10)
                for option in re.findall(r"^  (--[\w-].*(?:\n {9,}.*)*)", shown.stdout, re.M):
                    form = r"--[\w-]+|\b(TEXT|U?INT(EGER)?)(:\{\S*|=\S*)?|REQUIRED|(Needs|Excludes): \S+|\.\.\."
                    self.assertTrue(re.sub(form, "", option).strip(), f"{option!r} is not explained")

    def test_each_example_is_understood(self):
        """Run as shown, without a server: nothing is wrong with how it is written."""
        for path in self.commands:
            if path[0] in ("serve", "sandbox", "backup", "restore") or path in (("callers", "bootstrap"), ("keys", "generate"), ("keys", "client"), ("doctor",)):
                continue  # these work without a server: tried elsewhere
            with self.subTest(path):
                line = re.search(r"\nExample:\n  evergrant (.*)\n", run(*path, "--help").stdout).group(1)
                arguments = re.sub(r"[<>].*", "", line).split()
                arguments = [str(eg.ROOT / a) if a.startswith("providers/") else a for a in arguments]
                done = run(*arguments, stdin="{}")
                offline = path[0] == "completion" or path == ("providers", "check")
                self.assertEqual(0 if offline else 3, done.returncode, done.stderr)

    def test_the_main_help_documents_the_exit_codes(self):
        text = run("--help").stdout
        for code, meaning in ((0, "done"), (1, "failed"), (2, "wrong usage"), (3, "server unreachable"), (4, "not found"),
                              (5, "the customer must connect again"), (6, "not allowed")):
            self.assertIn(f"{code} {meaning}", text)

    def test_the_version_is_told(self):
        shown = run("--version")
        self.assertRegex(shown.stdout, r"^evergrant \d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_told_on_standard_error(self):
        for arguments in ([], ["nothing"], ["connections"], ["connections", "lost"], ["token", "a", "b"], ["token", "--min-ttl", "x"], ["refresh"],
                          ["keys", "rotate", "everything"], ["completion", "fish"], ["connections", "list", "--no-such"], ["token", "--registration", "x"],
                          ["token", "--realm", "x"], ["serve"], ["sandbox", "--rotation", "round"], ["callers", "create"]):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual((2, ""), (done.returncode, done.stdout))
                self.assertTrue(done.stderr.strip())

    def test_an_unknown_server_is_told_and_how_to_mend_it(self):
        for arguments in (["connections", "list"], ["--url", f"http://127.0.0.1:{eg.free_port()}", "token", "con_x"],
                          ["--unix-socket", "/nonexistent/socket", "registrations"], ["connect"]):
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual((3, ""), (done.returncode, done.stdout))
                self.assertRegex(done.stderr, r"(?s)^evergrant: .*\n  .*(start|--url)")

    def test_completion_is_a_script_that_completes(self):
        for shell in ("bash", "zsh"):
            script = run("completion", shell)
            self.assertEqual(0, script.returncode)
            bash = script.stdout if shell == "bash" else script.stdout.split("\n", 1)[1]
            checked = subprocess.run(["bash", "-n"], input=bash, capture_output=True, text=True)
            self.assertEqual((0, ""), (checked.returncode, checked.stderr))
        if shutil.which("zsh"):
            self.assertEqual(0, subprocess.run(["zsh", "-n"], input=script.stdout, text=True).returncode)
        for words, expected, more in ((["co"], {"connect", "connections", "completion"}, False), (["connections", ""], {"list", "show"}, True),
                                      (["connections", "list", "--st"], {"--status"}, False), (["keys", "rotate", "--ten"], {"--tenant"}, False),
                                      (["connect", "sandbox", "--re"], {"--realm", "--return-to"}, False), (["--js"], {"--json"}, False)):
            with self.subTest(words):
                line = ["evergrant", *words]
                script_end = f"COMP_WORDS=({' '.join(repr(w) for w in line)}); COMP_CWORD={len(line) - 1}; _evergrant; printf '%s\\n' \"${{COMPREPLY[@]}}\""
                done = subprocess.run(["bash", "-c", run("completion", "bash").stdout + script_end], capture_output=True, text=True)
                offered = set(done.stdout.split())
                self.assertTrue(expected <= offered if more else expected == offered, offered)

    def test_a_profile_is_checked_without_a_server(self):
        with tempfile.TemporaryDirectory() as folder:
            good, bad = eg.ROOT / "providers/quickbooks.toml", pathlib.Path(folder) / "bad.toml"
            bad.write_text(good.read_text() + "\nrotatoin = 1\n")
            done = run("providers", "check", str(good))
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("is good", done.stdout)
            done = run("providers", "check", str(bad))
            self.assertNotEqual(0, done.returncode)
            self.assertRegex(done.stderr, rf"bad\.toml:{len(bad.read_text().splitlines())}:")
            self.assertEqual("", done.stdout)
            self.assertTrue(json.loads(run("providers", "check", "--json", str(good)).stdout))


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = eg.DevServer()
        cls.addClassCleanup(cls.server.close)
        cls.con = cls.server.connect("sandbox", "acme", REALM)

    def cli(self, *arguments, code=0, stdin=None):
        done = self.server.cli(*arguments, stdin=stdin, check=code)
        if code != 0:
            self.assertEqual("", done[1], "what failed prints nothing that a script could take for an answer")
            self.assertRegex(done[2], "^evergrant: ")
        return done

    def json(self, *arguments, **more):
        _, out, err = self.cli("--json", *arguments, **more)
        self.assertEqual("", err)
        self.assertEqual(1, len(out.splitlines()))
        return json.loads(out)

    def rows(self, *arguments):
        """A table as lists of cells: columns begin where their headings do."""
        lines = self.cli(*arguments)[1].splitlines()
        starts = [m.start() for m in re.finditer(r"(?:(?<=  )|^)\S", lines[0])]
        cut = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None])] for line in lines]
        for line in lines[1:]:
            for start in starts[1:]:
                self.assertIn(line[start - 2:start], ("  ", ""), f"columns do not line up:\n{lines[0]}\n{line}")
        return cut[0], cut[1:]

    def grant(self, realm):
        return self.server.control("POST", "/grants", {"client_id": "sandbox-client", "realm": realm, "scope": "com.intuit.quickbooks.accounting"})

    def test_token_prints_the_token_and_nothing_else(self):
        _, out, err = self.cli("token", self.con)
        token = self.server.expect(200, "GET", f"/v1/connections/{self.con}/token")
        self.assertEqual((token["access_token"] + "\n", ""), (out, err))
        self.assertEqual(token["access_token"] + "\n", self.cli("token", "--registration", "sandbox", "--realm", REALM)[1])
        answer = self.json("token", self.con, "--min-ttl", "60")
        self.assertEqual((token["access_token"], self.con), (answer["access_token"], answer["connection"]))

    def test_connect_prints_the_connection(self):
        _, out, err = self.cli("connect", "--tenant", "acme", "--realm", "4620816365000000007")
        con = re.search(r"con_\w+", out).group()
        self.assertEqual("active", self.server.expect(200, "GET", f"/v1/connections/{con}")["status"])
        again = self.json("connect", "sandbox", "--tenant", "acme", "--realm", "4620816365000000007")
        self.assertEqual(con, again["connection"], "a reconnect keeps the id")
        self.assertNotIn("/connect/", err, "the link is used already")
        self.cli("connect", "sandbox", "--tenant", "globex", "--realm", "4620816365000000007", code=1)
        self.cli("connect", "nobody", "--realm", "1", code=2)
        self.cli("connect", "sandbox", "--connection", "con_nobody", "--realm", "1", code=4)

    def test_tables_line_up_and_say_what_json_says(self):
        head, rows = self.rows("connections", "list", "--tenant", "acme")
        self.assertEqual(["ID", "STATUS", "REGISTRATION", "TENANT", "REALM", "ACCESS TOKEN UNTIL"], head)
        listed = self.json("connections", "list", "--tenant", "acme")
        self.assertEqual([[c["id"], c["status"], c["registration"], c["tenant"], c["realm"], c["access_expires_at"] or ""] for c in listed], rows)
        self.assertIn(self.con, [row[0] for row in rows])
        for command, column in ((["registrations"], "sandbox"), (["registrations", "list"], "sandbox"), (["providers"], "quickbooks"),
                                (["callers", "list"], None), (["keys", "list"], None), (["audit"], None)):
            with self.subTest(command):
                head, rows = self.rows(*command)
                self.assertTrue(all(heading.isupper() for heading in head), head)
                self.assertTrue(rows)
                if column:
                    self.assertIn(column, [row[0] for row in rows])
                self.assertIsInstance(self.json(*command), list)

    def test_an_empty_list_says_so(self):
        self.assertIn("There are no connections", self.cli("connections", "list", "--tenant", "nobody")[1])
        self.assertEqual([], self.json("connections", "list", "--tenant", "nobody"))

    def test_show_tells_a_connections_story(self):
        _, out, _ = self.cli("connections", "show", self.con)
        self.assertRegex(out, rf"(?m)^id +{self.con}$")
        self.assertRegex(out, r"(?m)^WHEN +WHAT +GENERATION +DETAIL$")
        self.assertRegex(out, r"(?m)Z +connected +1 ")
        shown = self.json("connections", "show", self.con)
        self.assertEqual("connected", shown["events"][0]["type"])
        token = self.server.expect(200, "GET", f"/v1/connections/{self.con}/token")["access_token"]
        self.assertNotIn(token, out + json.dumps(shown))

    def test_what_is_not_there_ends_with_4(self):
        for arguments in (["token", "con_nobody"], ["token", "--registration", "sandbox", "--realm", "no"], ["connections", "show", "con_nobody"],
                          ["refresh", "con_nobody"], ["revoke", "con_nobody"], ["callers", "revoke", "cal_nobody"], ["registrations", "resume", "nobody"],
                          ["registrations", "release-hold", "sandbox"],
                          ["keys", "retire", "tk_nobody"], ["token", "../../healthz"], ["token", "a/b"]):
            with self.subTest(arguments):
                self.cli(*arguments, code=4)

    def test_what_must_be_connected_again_ends_with_5(self):
        grant = self.grant("501")
        self.server.control("POST", f"/grants/{grant['id']}/revoke")  # first: what is imported without an access token is due at once
        con = self.json("import", stdin=json.dumps({"registration": "sandbox", "tenant": "t", "realm": "501", "refresh_token": grant["refresh_token"]}))["id"]
        self.cli("token", con, code=5)
        self.assertEqual([con], [c["id"] for c in self.json("connections", "list", "--status", "reauth_required")])

    def test_what_is_not_allowed_ends_with_6(self):
        key = self.json("callers", "create", "reader", "--verb", "connection:read")["key"]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(key + "\n")
            file.flush()
            self.cli("--key-file", file.name, "token", self.con, code=6)
            self.assertIn(self.con, self.cli("--key-file", file.name, "connections", "list")[1])
            file.seek(0)
            file.write("egk_" + "x" * 43)
            file.flush()
            self.cli("--key-file", file.name, "connections", "list", code=6)

    def test_wrong_values_end_with_2(self):
        for arguments in (["token", self.con, "--min-ttl", "-5"], ["connections", "list", "--status", "alive"], ["callers", "create", "x", "--verb", "fly"],
                          ["callers", "create", "x", "--registration", "nobody"], ["keys", "rotate", "tenant"], ["import", "-"]):
            with self.subTest(arguments):
                self.cli(*arguments, code=2, stdin="not json")

    def test_secrets_are_read_from_standard_input_and_never_printed(self):
        grant = self.grant("502")
        tokens = json.dumps({"registration": "sandbox", "tenant": "t", "realm": "502", "access_token": grant["access_token"],
                             "refresh_token": grant["refresh_token"], "access_expires_at": grant["access_expires_at"]})
        _, out, err = self.cli("import", "-", stdin=tokens)
        self.assertRegex(out, r"con_\w+ +active")
        for secret in (grant["access_token"], grant["refresh_token"]):
            self.assertNotIn(secret, out + err)
        broken = self.server.cli("import", "-", stdin=tokens[:-1])
        self.assertEqual(2, broken[0])
        for secret in (grant["access_token"], grant["refresh_token"]):
            self.assertNotIn(secret, broken[1] + broken[2])
        for path in all_commands():
            text = run(*path, "--help").stdout
            self.assertNotRegex(text, r"--(\w+-)?(token|secret|password|api-key|refresh-token)\b", "a secret would be in the process list")

    def test_refresh_and_revoke_say_what_came_of_it(self):
        con = self.server.connect("sandbox", "t", "4620816365000000011")
        _, out, _ = self.cli("refresh", con, "--generation", "1")
        self.assertRegex(out, r"^Generation 2, valid until \d{4}-")
        self.assertEqual(2, self.json("refresh", con, "--generation", "1")["generation"])
        _, out, _ = self.cli("revoke", con)
        self.assertIn(con, out)
        self.cli("token", con, code=5)
        other = self.server.connect("sandbox", "t", "4620816365000000012")
        self.assertIn(self.json("revoke", other)["status"], ("revoking", "revoked"))

    def test_callers_are_made_listed_and_revoked(self):
        _, out, err = self.cli("callers", "create", "invoicing", "--verb", "token:read", "--tenant", "acme", "--days", "90")
        self.assertRegex(out, r"^egk_[\w-]{43}\n$", "only the key, for scripts")
        caller = re.search(r"cal_\w+", err).group()
        self.assertNotIn(out.strip(), err)
        listed = [c for c in self.json("callers", "list") if c["id"] == caller][0]
        self.assertEqual((["token:read"], ["acme"], None), (listed["verbs"], listed["tenants"], listed["revoked_at"]))
        self.assertIsNotNone(listed["expires_at"])
        self.assertEqual(200, self.server.get(f"/v1/connections/{self.con}/token", key=out.strip()).status)
        self.assertIn(caller, self.cli("callers", "revoke", caller)[1])
        self.assertEqual(401, self.server.get(f"/v1/connections/{self.con}/token", key=out.strip()).status)
        entries = self.json("audit", "--caller", caller)
        self.assertEqual(["token.read"], [e["action"] for e in entries])
        self.assertEqual({"id": caller, "status": "revoked"}, self.json("callers", "revoke", caller))

    def test_keys_are_rotated_and_generated(self):
        report = self.json("keys", "rotate", "tenant", "--tenant", "acme")
        self.assertGreaterEqual(report["resealed_records"], 1)
        self.assertIn("rewrapped_tenant_keys", self.cli("keys", "rotate", "root")[1])
        self.cli("token", self.con)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "kek"
            _, out, _ = self.cli("keys", "generate", str(file))
            secret = file.read_text().strip()
            self.assertEqual(0o600, file.stat().st_mode & 0o777)
            self.assertNotIn(secret, out)
            self.cli("keys", "generate", str(file), code=2)
            self.assertEqual(secret, file.read_text().strip(), "a key is never overwritten")

    def test_offboard_reports(self):
        self.server.connect("sandbox", "leaver", "4620816365000000021")
        report = self.json("offboard", "leaver")
        self.assertEqual(("leaver", 1), (report["tenant"], report["connections"]))
        self.assertIn("Tenant leaver", self.cli("offboard", "leaver")[1])

    def test_doctor_finds_a_healthy_installation_healthy(self):
        _, out, _ = self.cli("doctor")
        self.assertNotIn("✗", out)
        for subject in ("data folder", "key-encryption key", "store", "server", "API key"):
            self.assertRegex(out, rf"(?m)^✓ {subject}: ")
        self.assertEqual({"health", "subject", "finding", "mend"}, set(self.json("doctor")[0]))

    def test_options_may_stand_before_and_after_the_command(self):
        before, after = self.cli("--json", "connections", "list")[1], self.cli("connections", "list", "--json")[1]
        self.assertEqual(json.loads(before), json.loads(after))
        self.assertIn("There are several connections" if len(json.loads(after)) > 1 else "", self.server.cli("token")[2].replace("there", "There"))

    def test_the_server_is_found_by_variable_too(self):
        key = self.server.data / "admin.key"
        for environment in ({"EVERGRANT_URL": self.server.base + "/", "EVERGRANT_API_KEY": self.server.key},
                            {"EVERGRANT_URL": self.server.base, "EVERGRANT_API_KEY_FILE": str(key)}, {"EVERGRANT_DATA_DIR": str(self.server.data)}):
            done = run("connections", "list", **environment)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(self.con, done.stdout)


if __name__ == "__main__":
    unittest.main()
