"""What a configuration may say: mistakes are told with file and line before anything starts; TLS and Unix sockets serve."""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest
import warnings

import evergrant_process as eg

START = """[server]
port = {port}
[store]
path = "data/evergrant.db"
[keys]
kek = {{ file = "kek" }}
"""
REGISTRATION = """[[registration]]
id = "books"
provider = "quickbooks"
client_id = "abc"
client_secret = { env = "BOOKS_SECRET" }
"""
CANARY = "canary-secret-7Qm2"


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "data").mkdir(mode=0o700)
        self.port = eg.free_port()
        self.file = self.folder / "evergrant.toml"
        subprocess.run([eg.PROGRAM, "keys", "generate", str(self.folder / "kek")], check=True, capture_output=True)

    def write(self, text):
        self.file.write_text(text)
        return self.file

    def start(self):
        return START.format(port=self.port)

    def run_to_its_end(self, *arguments, **environment):
        return subprocess.run([eg.PROGRAM, *arguments], capture_output=True, text=True, timeout=60, cwd=self.folder,
                              env={**os.environ, "BOOKS_SECRET": CANARY, **environment})

    def refused(self, text, code=2, **environment):
        """What is said when the server is started with this configuration; nothing may have been made by then."""
        done = self.run_to_its_end("serve", "--config", str(self.write(text)), **environment)
        self.assertEqual((code, ""), (done.returncode, done.stdout), done.stderr)
        self.assertNotIn('"serving"', done.stderr)
        self.assertEqual([], list((self.folder / "data").iterdir()), "refused, and yet a store was made")
        self.assertNotIn(CANARY, done.stderr)
        return done.stderr

    def serve(self, text, **environment):
        program = eg.Program(["serve", "--config", str(self.write(text))], environment={"BOOKS_SECRET": CANARY, **environment}, cwd=self.folder)
        self.addCleanup(lambda: program.process.poll() is None and program.kill())
        program.wait_for_line("serving")
        return program

    def bootstrap(self):
        done = self.run_to_its_end("callers", "bootstrap", "tests", "--config", str(self.file))
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout.strip()


class Mistakes(Folder):
    def test_a_mistake_is_told_with_file_line_and_what_was_expected(self):
        """Each: lines that are added to a good configuration, the line among them that is wrong, and what is said of it."""
        base = self.start() + REGISTRATION
        lines = base.count("\n")
        cases = [
            ("retrun_urls = []", 1, "retrun_urls.*return_urls"), ("[sever]\nport = 1", 1, "sever.*server"), ("[refresh]\nlease = 5", 2, "lease"),
            ("[refresh]\nlease = \"5 minutes\"", 2, "lease"), ("[refresh]\nlease = \"10s\"", 2, "lease.*twice"), ("[log]\nlevel = \"loud\"", 2, "debug"),
            ("[server.limits]\nbody_bytes = -1", 2, "body_bytes"), ("[server.limits]\nbody_bytes = \"1MB\"", 2, "body_bytes"),
            ("[connect]\nsession_ttl = \"0s\"", 2, "session_ttl"), ("[retention]\naudit = \"always\"", 2, "audit"),
            ("[connect]\nmax_pending_per_tenant = 1.5", 2, "max_pending_per_tenant"), ("return_urls = [\"http://example.com/\"]", 1, "https"),
            ("return_urls = \"https://example.com/\"", 1, "return_urls"), ("scopes = [\"a b\"]", 1, "scope"), ("environment = \"sandbx\"", 1, "production"),
            ("[[registration]]\nid = \"books\"\nprovider = \"xero\"\nclient_id = \"x\"\nclient_secret = { env = \"BOOKS_SECRET\" }", 2, "taken"),
            ("[[registration]]\nid = \"Books!\"\nprovider = \"xero\"\nclient_id = \"x\"", 2, "a-z"),
            ("[[registration]]\nid = \"two\"\nprovider = \"quikbooks\"\nclient_id = \"x\"", 3, "did you mean \"quickbooks\""),
            ("[[registration]]\nid = \"two\"\nprovider = \"zzzzzz\"\nclient_id = \"x\"", 3, "known: .*quickbooks"),
            ("[[registration]]\nid = \"two\"\nprovider = \"xero\"\nclient_id = \"\"", 4, "client_id"),
            ("[[registration]]\nprovider = \"xero\"", 1, "id"), ("[registration.profile.refresh]\nrotation = \"often\"", 2, "rotation"),
            ("[registration.profile.refresh]\nrotatoin = \"never\"", 2, "rotatoin.*rotation"), ("x = ", 1, ""), ("id = \"again\"", 1, ""), ("[server\n", 1, ""),
        ]
        for added, wrong, said in cases:
            with self.subTest(added):
                text = self.refused(base + added + "\n")
                self.assertRegex(text, rf"(?is)^evergrant: (.*\n)*?{re.escape(str(self.file))}:{lines + wrong}\b.*{said}")

    def test_all_mistakes_are_told_at_once(self):
        text = self.refused(self.start() + "[log]\nlevel = \"loud\"\nformat = \"xml\"\n[refresh]\nlease = 1\nlaese = 1\n")
        self.assertEqual(["8", "9", "11", "12"], sorted(set(re.findall(r"evergrant\.toml:(\d+)", text)), key=int))

    def test_a_secret_that_is_written_into_the_file_is_refused_and_not_repeated(self):
        for line in (f'client_secret = "{CANARY}"', f'client_secret = {{ value = "{CANARY}" }}', f'client_secret = {{ env = "X", file = "{CANARY}" }}',
                     f'client_secret = ["{CANARY}"]'):
            with self.subTest(line):
                text = self.refused(self.start() + REGISTRATION.replace('client_secret = { env = "BOOKS_SECRET" }', line))
                self.assertRegex(text, r":11:.*client_secret.*env = ")
        self.assertRegex(self.refused(self.start().replace('{ file = "kek" }', f'"{CANARY}"')), r":6:.*kek.*env = ")

    def test_plain_http_beyond_this_machine_is_refused(self):
        url = 'public_url = "https://tokens.example.com"\n'
        for address in ("0.0.0.0", "::", "10.1.2.3"):
            with self.subTest(address):
                text = self.refused(self.start().replace("[store]", f'address = "{address}"\n{url}[store]'))
                self.assertRegex(text, r":3:.*plain HTTP on .*tls_certificate.*trusted_proxies.*127\.0\.0\.1")
        for public in ("http://tokens.example.com", "tokens.example.com", "ftp://a", "https://user@a", "https://a/?q"):
            with self.subTest(public):
                self.assertRegex(self.refused(self.start().replace("[store]", f'public_url = "{public}"\n[store]')), r":3:.*public_url")
        behind = self.start().replace("[store]", f'address = "0.0.0.0"\n{url}trusted_proxies = ["10.0.0.0/8"]\n[store]')
        self.assertEqual(0, self.serve(behind).stop())

    def test_metrics_need_a_key_where_others_can_ask(self):
        self.write(self.start())
        key = self.bootstrap()
        around = 'address = "0.0.0.0"\npublic_url = "https://tokens.example.com"\ntrusted_proxies = ["10.0.0.0/8"]\n'
        for text, without in ((self.start(), 200), (self.start().replace("[store]", around + "[store]"), 401)):
            program = self.serve(text)
            for headers, status in (({}, without), ({"Authorization": f"Bearer {key}"}, 200)):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("GET", "/metrics", headers=headers)
                self.assertEqual(status, connection.getresponse().status, headers)
                connection.close()
            self.assertEqual(0, program.stop())

    def test_key_files_that_others_may_read_are_refused(self):
        for mode in (0o644, 0o640, 0o604):
            os.chmod(self.folder / "kek", mode)
            text = self.refused(self.start())
            self.assertRegex(text, rf"kek is open to its group or to others \(mode {mode:04o}\)")
            self.assertIn(f"chmod 600 {self.folder / 'kek'}", text)
        os.chmod(self.folder / "kek", 0o600)
        secret = self.folder / "secret"
        secret.write_text(CANARY)
        os.chmod(secret, 0o644)
        text = self.refused(self.start() + REGISTRATION.replace('{ env = "BOOKS_SECRET" }', '{ file = "secret" }'))
        self.assertRegex(text, r":11:.*client_secret.*secret is open to its group")
        os.chmod(secret, 0o600)
        self.assertEqual(0, self.serve(self.file.read_text()).stop())

    def test_a_tls_key_that_others_may_read_is_refused(self):
        make_certificate(self.folder)
        os.chmod(self.folder / "tls.key", 0o644)
        text = self.refused(self.start().replace("[store]", TLS + "[store]"))
        self.assertRegex(text, "tls.key.*open to its group")

    def test_a_key_that_is_missing_empty_or_no_key_is_refused(self):
        self.assertRegex(self.refused(self.start().replace('kek = { file = "kek" }', "")), r"keys\.kek.*missing.*evergrant keys generate")
        self.assertRegex(self.refused(self.start().replace('"kek"', '"no-such"'), code=1), "no-such cannot be opened: No such file")
        env = self.start().replace('{ file = "kek" }', '{ env = "EVERGRANT_TEST_KEK" }')
        self.assertIn("EVERGRANT_TEST_KEK is not set", self.refused(env, code=1))
        self.assertIn("is empty", self.refused(env, code=1, EVERGRANT_TEST_KEK=""))
        for text in ("short", CANARY * 3, "0" * 63, "zz" * 32):
            with self.subTest(text):
                said = self.run_to_its_end("serve", "--config", str(self.file), EVERGRANT_TEST_KEK=text)
                self.assertNotEqual(0, said.returncode)
                self.assertNotIn(text, said.stderr)
        kek = (self.folder / "kek").read_text().strip()
        self.assertEqual(0, self.serve(env, EVERGRANT_TEST_KEK=kek).stop())

    def test_another_key_than_the_stores_is_refused(self):
        self.assertEqual(0, self.serve(self.start()).stop())
        (self.folder / "kek").unlink()
        subprocess.run([eg.PROGRAM, "keys", "generate", str(self.folder / "kek")], check=True, capture_output=True)
        done = self.run_to_its_end("serve", "--config", str(self.file))
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertRegex(done.stderr, "(?i)kek")

    def test_a_secret_that_is_missing_is_told_at_the_line_that_refers_to_it(self):
        text = self.refused(self.start() + REGISTRATION.replace("BOOKS_SECRET", "NO_SUCH_VARIABLE"))
        self.assertRegex(text, r":11:.*client_secret.*NO_SUCH_VARIABLE is not set")
        text = self.refused(self.start() + REGISTRATION.replace('{ env = "BOOKS_SECRET" }', '{ credential = "books" }'))
        self.assertRegex(text, r":11:.*CREDENTIALS_DIRECTORY")

    def test_a_file_that_is_not_there_or_no_toml(self):
        done = self.run_to_its_end("serve", "--config", str(self.folder / "nowhere.toml"))
        self.assertNotEqual(0, done.returncode)
        self.assertIn("nowhere.toml", done.stderr)
        self.assertRegex(self.refused("\x00\xff"), re.escape(str(self.file)))

    def test_the_example_file_is_good_but_for_what_only_its_reader_has(self):
        text = (eg.ROOT / "evergrant.example.toml").read_text()
        text = text.replace("/var/lib/evergrant/", f"{self.folder}/data/").replace("/etc/evergrant/kek", str(self.folder / "kek")).replace("9400", str(self.port))
        self.assertRegex(self.refused(text), "QUICKBOOKS_CLIENT_SECRET is not set")
        self.assertEqual(0, self.serve(text, QUICKBOOKS_CLIENT_SECRET=CANARY).stop())

    def test_doctor_tells_the_same(self):
        self.write(self.start() + "[log]\nlevel = \"loud\"\n")
        done = self.run_to_its_end("doctor", "--config", str(self.file), "--url", "http://127.0.0.1:1")
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stdout, r"✗ configuration: .*:8\b")


TLS = 'tls_certificate = "tls.crt"\ntls_key = "tls.key"\n'


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
                   check=True, capture_output=True)
    os.chmod(folder / "tls.key", 0o600)


class Listeners(Folder):
    def test_tls_is_built_in(self):
        make_certificate(self.folder)
        text = self.start().replace("[store]", TLS + "[store]")
        self.write(text)
        key = self.bootstrap()
        program = self.serve(text)
        context = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)
        for _ in range(2):  # and the connection is kept
            connection.request("GET", "/v1/connections", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            self.assertEqual((200, {"items": [], "next": None}), (answer.status, json.loads(answer.read())))
            self.assertIn("max-age=", answer.getheader("Strict-Transport-Security"))
        self.assertIn(connection.sock.version(), ("TLSv1.2", "TLSv1.3"))
        connection.close()
        done = self.run_to_its_end("--url", f"https://localhost:{self.port}", "--ca-file", str(self.folder / "tls.crt"), "connections", "list",
                                   EVERGRANT_API_KEY=key)
        self.assertEqual(0, done.returncode, done.stderr)
        distrust = self.run_to_its_end("--url", f"https://localhost:{self.port}", "connections", "list", EVERGRANT_API_KEY=key)
        self.assertEqual(3, distrust.returncode, "a certificate that nobody vouches for is not believed")
        self.assertEqual(0, program.stop())

    def test_tls_refuses_what_is_old_and_what_is_not_tls(self):
        make_certificate(self.folder)
        program = self.serve(self.start().replace("[store]", TLS + "[store]"))
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertNotIn(b"200", plain.recv(1000))
        old = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):  # Python, too, thinks that this is old
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as raw:
                old.wrap_socket(raw, server_hostname="localhost")
        self.assertEqual(0, program.stop())

    def test_a_certificate_that_cannot_be_used_is_told(self):
        make_certificate(self.folder)
        text = self.start().replace("[store]", TLS + "[store]")
        self.assertRegex(self.refused(text.replace('tls_key = "tls.key"\n', "")), "tls_certificate and tls_key go together")
        for file in ("tls.crt", "tls.key"):
            (self.folder / file).write_text("no certificate")
            done = self.run_to_its_end("serve", "--config", str(self.write(text)))
            self.assertEqual(2, done.returncode)
            self.assertRegex(done.stderr, f"{file}.*cannot be used")
            make_certificate(self.folder)

    def exchange(self, data):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(data)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    def test_limits_hold_as_they_are_set(self):
        limits = '[server.limits]\nheader_bytes = 1024\nbody_bytes = 2048\nheader_timeout = "200ms"\nbody_timeout = "200ms"\nidle_timeout = "200ms"\n'
        self.write(self.start() + limits)
        key = self.bootstrap()
        program = self.serve(self.start() + limits)
        head = f"POST /v1/callers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n".encode()
        for data, status, code in ((b"GET / HTTP/1.1\r\nHost:", 408, "request_timeout"), (head + b"Content-Length: 100\r\n\r\n{", 408, "request_timeout"),
                                   (head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n", 408, "request_timeout"),
                                   (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1024 + b"\r\n\r\n", 431, "header_too_large"),
                                   (head + b"Content-Length: 2049\r\n\r\n", 413, "too_large")):
            with self.subTest(data[-40:]):
                received = self.exchange(data)
                self.assertTrue(received.startswith(f"HTTP/1.1 {status} ".encode()), received)
                self.assertEqual(code, json.loads(received.partition(b"\r\n\r\n")[2])["code"])
        self.assertEqual(b"", self.exchange(b""), "an idle connection is closed without a word")
        self.assertEqual(0, program.stop())

    def test_a_unix_socket_serves_its_owner(self):
        path = self.folder / "evergrant.sock"
        text = self.start().replace(f"port = {self.port}", f'unix_socket = "{path}"\npublic_url = "https://tokens.example.com"')
        self.write(text)
        key = self.bootstrap()
        program = self.serve(text)
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        done = self.run_to_its_end("--unix-socket", str(path), "--json", "connections", "list", EVERGRANT_API_KEY=key)
        self.assertEqual((0, "[]\n"), (done.returncode, done.stdout), done.stderr)
        with self.assertRaises(OSError):
            eg.request(f"http://127.0.0.1:{self.port}", "GET", "/healthz", timeout=5)
        second = self.run_to_its_end("serve", "--config", str(self.file))
        self.assertNotEqual(0, second.returncode)
        program.kill()  # leaves the socket file behind; the next start is not troubled by it
        self.assertTrue(path.exists())
        program = self.serve(text)
        self.assertEqual(0, self.run_to_its_end("--unix-socket", str(path), "connections", "list", EVERGRANT_API_KEY=key).returncode)
        self.assertEqual(0, program.stop())


if __name__ == "__main__":
    unittest.main()
