"""The real nginx with docs/recipes/nginx.conf, as it stands: a thousand realms, each call with its own realm's token and no other."""

import concurrent.futures
import contextlib
import http.client
import http.server
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import evergrant_process as eg  # noqa: E402

RECIPE = eg.ROOT / "docs/recipes/nginx.conf"
REALMS = 1000
REGISTRATION = "quickbooks"  # as the recipe names it


class Upstream:
    """The provider's API: keeps what reached it."""

    def __init__(self):
        self.seen, self.lock = [], threading.Lock()
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with upstream.lock:
                    upstream.seen.append((self.command, self.path, list(self.headers.items()), body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(b"ok")

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        with self.lock:
            seen, self.seen = self.seen, []
        return seen

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Nginx:
    """The recipe, byte for byte, with the files that it includes."""

    def __init__(self, evergrant_port, upstream_port, key, clients):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="evergrant-nginx-"))
        self.port = eg.free_port()
        shutil.copyfile(RECIPE, self.folder / "nginx.conf")
        files = {
            "gateway-listen.conf": f"listen 127.0.0.1:{self.port};",
            "gateway-upstreams.conf": f"upstream evergrant {{ server 127.0.0.1:{evergrant_port}; keepalive 16; }}\n"
                                      f"upstream provider_api {{ server 127.0.0.1:{upstream_port}; keepalive 16; }}",
            "gateway-provider.conf": "proxy_pass http://provider_api;\nproxy_set_header Host api.example.com;",
            "gateway-key.conf": f'proxy_set_header Authorization "Bearer {key}";',
            "gateway-clients.map": "".join(f"{client} {realm};\n" for client, realm in clients.items())}
        for name, text in files.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)
        command = ["/usr/sbin/nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-g", "daemon off; user root;"]
        if pathlib.Path("/proc/self").stat().st_uid != 0:
            command[-1] = "daemon off;"
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.wait()

    def wait(self):
        """Connections are refused until it listens: each try waits for the kernel's answer, none for the clock."""
        for _ in range(100_000):
            if self.process.poll() is not None:
                raise RuntimeError("nginx ended: " + self.process.stderr.read())
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port), timeout=60):
                return
        raise TimeoutError("nginx does not listen")

    def close(self):
        self.process.terminate()
        self.process.communicate(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)


class GatewayNginx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)
        cls.sandbox = eg.Sandbox()
        cls.addClassCleanup(cls.sandbox.stop)
        cls.server = eg.ConfiguredServer(cls.sandbox, registrations=[REGISTRATION, "other"],
                                         profile=['inject.realm_path = "/v3/company/{realm}/"'])
        cls.addClassCleanup(cls.server.close)
        cls.realms = [str(9000 + i) for i in range(REALMS)]
        cls.connections = {realm: cls.import_one(realm) for realm in cls.realms}
        cls.foreign = cls.import_one("77", registration="other")
        key = cls.caller("token:read", registrations=[REGISTRATION])
        cls.nginx = Nginx(cls.server.port, cls.upstream.port, key, {f"client-{realm}": realm for realm in cls.realms} |
                          {"client-of-nothing": "1", "client-granted": "501", "client-expired": "502"})
        cls.addClassCleanup(cls.nginx.close)

    @classmethod
    def import_one(cls, realm, registration=REGISTRATION, tenant=None):
        return cls.server.expect(201, "POST", "/v1/connections", {
            "registration": registration, "tenant": tenant or "tenant-" + realm, "realm": realm, "access_token": cls.token(realm),
            "access_expires_at": 4000000000})["id"]

    @staticmethod
    def token(realm):
        return f"token-of-{realm}-" + "x" * 40

    @classmethod
    def caller(cls, *verbs, **policy):
        return cls.server.expect(201, "POST", "/v1/callers", {"name": "gateway", "verbs": list(verbs), "tenants": ["*"], **policy})["key"]

    def setUp(self):
        self.upstream.take()

    def call(self, realm_or_client, path, method="GET", headers=(), body=None, nginx=None):
        connection = http.client.HTTPConnection("127.0.0.1", (nginx or self.nginx).port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.putheader("X-Client-Key", f"client-{realm_or_client}")
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return eg.Answer(answer.status, answer.headers, answer.read())

    def one_seen(self):
        seen = self.upstream.take()
        self.assertEqual(1, len(seen), seen)
        return seen[0]

    @staticmethod
    def values(headers, name):
        return [value for field, value in headers if field.lower() == name]

    def test_each_of_a_thousand_realms_gets_its_own_token_also_at_the_same_time(self):
        def work(realm):
            return [self.call(realm, f"/v3/company/{realm}/query?n={i}").status for i in range(3)]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(work, self.realms))
        self.assertEqual([[200] * 3] * REALMS, statuses)
        seen = self.upstream.take()
        self.assertEqual(3 * REALMS, len(seen))
        for method, path, headers, _ in seen:
            realm = path.split("/")[3]
            self.assertEqual([f"Bearer {self.token(realm)}"], self.values(headers, "authorization"), path)
            self.assertEqual(["api.example.com"], self.values(headers, "host"))
            for name, _ in headers:
                self.assertFalse(name.lower().startswith("x-evergrant") or name.lower() == "x-client-key", name)

    def test_a_body_and_a_method_go_through_as_they_are(self):
        body = b"x" * 300_000
        self.assertEqual(200, self.call("9001", "/v3/company/9001/invoice", "POST", body=body).status)
        method, path, headers, received = self.one_seen()
        self.assertEqual(("POST", "/v3/company/9001/invoice", body), (method, path, received))
        self.assertEqual([f"Bearer {self.token('9001')}"], self.values(headers, "authorization"))

    def test_a_client_cannot_choose_by_its_own_headers(self):
        for headers in ([("Authorization", f"Bearer {self.token('9002')}")], [("Authorization", f"Bearer {self.server.key}")],
                        [("X-Evergrant-Realm", "9002")], [("X-Evergrant-Connection", self.connections["9002"])],
                        [("X-Evergrant-Registration", "other"), ("X-Evergrant-Realm", "77")], [("x-evergrant-realm", "9002")],
                        [("X-Original-URI", "/v3/company/9002/query"), ("X-Original-Method", "PUT")],
                        [("X-Forwarded-Uri", "/v3/company/9002/query")], [("Connection", "Authorization, X-Original-URI")],
                        [("X-Evergrant-Pair", "user")], [("Cookie", "a=b")]):
            with self.subTest(headers):
                self.assertEqual(200, self.call("9001", "/v3/company/9001/query", headers=headers).status)
                _, _, sent, _ = self.one_seen()
                self.assertEqual([f"Bearer {self.token('9001')}"], self.values(sent, "authorization"))
                self.assertEqual([], [name for name, _ in sent if name.lower().startswith("x-evergrant") or name.lower() == "cookie"])

    def test_a_path_that_names_another_realm_reaches_nobody(self):
        for path in ("/v3/company/9002/query", "/v3/company/%39002/query", "/v3/company/9001/../9002/query", "/v3/company/9001/%2e%2e/9002/query",
                     "/v3/company/9001%2f..%2f9002/query", "/v3//company/9002/query", "/v3/company/%2539002/x", "/v3/company/9001;/../9002/x",
                     "/V3/Company/9002/query", "/v3/company"):
            with self.subTest(path):
                self.assertIn(self.call("9001", path).status, (400, 403))
                self.assertEqual([], self.upstream.take())

    def test_who_is_nobody_or_has_nothing_is_refused_and_told_no_more(self):
        for client in ("nobody", "of-nothing"):
            answer = self.call(client, "/v3/query")
            self.assertEqual(403, answer.status)
            self.assertNotIn(b"tenant", answer.body)
        self.assertIn(b'"code": "not_found"', answer.body)
        for client in ("nobody", "9001"):
            self.assertEqual(404, self.call(client, "/evergrant-asks").status)
        self.assertEqual([], self.upstream.take())

    def test_after_a_refresh_the_new_token_is_used_and_after_a_revocation_none(self):
        grant = self.sandbox.grant("501")
        con = self.server.import_grant(grant, registration=REGISTRATION, tenant="granted")
        def token_seen():
            self.assertEqual(200, self.call("granted", "/v3/company/501/query").status)
            return self.values(self.one_seen()[2], "authorization")
        self.assertEqual([f"Bearer {grant['access_token']}"], token_seen())
        fresh = self.server.expect(200, "POST", f"/v1/connections/{con}/refresh", {"generation": 1})["access_token"]
        self.assertNotEqual(grant["access_token"], fresh)
        self.assertEqual([f"Bearer {fresh}"], token_seen())
        self.server.expect(202, "DELETE", f"/v1/connections/{con}")
        answer = self.call("granted", "/v3/company/501/query")
        self.assertEqual(403, answer.status)
        self.assertEqual([], self.upstream.take())

    def test_an_expired_token_is_refreshed_before_the_call_goes_on(self):
        grant = self.sandbox.grant("502")
        self.server.import_grant(grant, registration=REGISTRATION, tenant="granted", expired=True)
        self.assertEqual(200, self.call("expired", "/v3/company/502/query").status)
        sent = self.values(self.one_seen()[2], "authorization")
        self.assertNotEqual([f"Bearer {grant['access_token']}"], sent)
        self.assertRegex(sent[0], "^Bearer .{20,}")

    def test_the_gateways_own_policy_limits_what_passes(self):
        key = self.caller("token:read", registrations=[REGISTRATION], methods=["GET"], paths=["/v3/company/*/invoice"])
        limited = Nginx(self.server.port, self.upstream.port, key, {"client-9001": "9001"})
        self.addCleanup(limited.close)
        self.assertEqual(200, self.call("9001", "/v3/company/9001/invoice/1?x=y", nginx=limited).status)
        self.assertEqual(1, len(self.upstream.take()))
        for method, path in (("POST", "/v3/company/9001/invoice"), ("GET", "/v3/company/9001/payment"), ("GET", "/"),
                             ("GET", "/v3/company/9001/invoice%2f..%2fpayment")):
            self.assertEqual(403, self.call("9001", path, method, nginx=limited).status, path)
        self.assertEqual([], self.upstream.take())

    def test_a_gateway_whose_key_is_revoked_says_not_now_and_passes_nothing(self):
        made = self.server.expect(201, "POST", "/v1/callers", {"name": "gone", "verbs": ["token:read"], "registrations": ["*"], "tenants": ["*"]})
        gone = Nginx(self.server.port, self.upstream.port, made["key"], {"client-9001": "9001"})
        self.addCleanup(gone.close)
        self.assertEqual(200, self.call("9001", "/v3/company/9001/query", nginx=gone).status)
        self.server.expect(204, "DELETE", f"/v1/callers/{made['id']}")
        answer = self.call("9001", "/v3/company/9001/query", nginx=gone)
        self.assertEqual(503, answer.status)
        self.assertEqual("5", answer.headers["Retry-After"])
        self.assertEqual(1, len(self.upstream.take()))

    def test_each_use_is_in_the_trail_with_realm_and_path_but_no_ids(self):
        con = self.connections["9003"]
        self.call("9003", "/v3/company/9003/invoice/4711?secret=x")
        self.call("9003", "/v3/company/9004/invoice")
        entries = self.server.expect(200, "GET", f"/v1/audit?connection={con}")["items"]
        self.assertEqual(["auth_request", "auth_request"], [entry["action"] for entry in entries[:2]])
        self.assertEqual("forbidden", entries[0]["result"])
        self.assertIn("GET /v3/company/{realm}/invoice/*, generation 1", entries[1]["detail"])
        self.assertRegex(entries[1]["fingerprint"], "^[0-9a-f]{12}$")


if __name__ == "__main__":
    unittest.main()
