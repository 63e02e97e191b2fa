"""One module's bench: the misbehaving provider, an evergrant server of its own that is registered there, and what is
demanded of it. A demand that is not met is a line in `problems`."""

import dataclasses
import pathlib
import sys
import urllib.parse

import checks
from provider import Provider

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

from real_provider import EvergrantAt, free_port, request, walk  # noqa: E402

CLIENT_ID = "evergrant conformance"
SECRET = "a client's secret: 32 characters & more +/=%"  # what Basic must encode; long enough for HS256
SCOPES = ("openid", "profile", "email", "offline_access")
CLAIMS = {"email": "jane@example.com", "name": "Jane Doe"}
LOG_SECONDS = 10


@dataclasses.dataclass
class Flow:
    """How a connect flow ended: the session's status, its connection, and the page that the browser saw last."""
    status: str
    connection: str
    url: str
    page: object


class Bench:
    def __init__(self, module, manners=None):
        """`manners`: others than the module's own, to see the module fail."""
        self.module, self.problems = module, []
        port = free_port()
        client = checks.Client(CLIENT_ID, SECRET, (f"http://127.0.0.1:{port}/callback/op",), SCOPES)
        self.provider = Provider((manners or module.manners)(), client)
        try:
            self.server = EvergrantAt({"op": self.registration()}, port, {"CLIENT_SECRET": SECRET})
        except BaseException:
            self.provider.close()
            raise

    def registration(self):
        module = self.module
        quoted = ", ".join(f'"{name}"' for name in SCOPES)
        lines = [f'provider = "oidc"\nissuer = "{self.provider.issuer}"\nallow_loopback_http = true\nclient_id = "{CLIENT_ID}"',
                 f'client_secret = {{ env = "CLIENT_SECRET" }}\nscopes = [{quoted}]',
                 f'profile.id_token.algorithms = ["{self.provider.manners.alg}"]', *module.registration]
        lines += [f'security = "{module.security}"', f"claims = {[*CLAIMS]}".replace("'", '"')]
        return "\n".join(lines)

    def close(self):
        self.server.close()
        self.provider.close()

    def run(self):
        """What is wrong: demands of the module that were not met, and rules that were broken in any request."""
        try:
            self.module.drive(self)
        finally:
            self.close()
        return self.problems + self.provider.violations

    def demand(self, holds, text):
        if not holds:
            self.problems.append(text)
        return bool(holds)

    def demand_count(self, endpoint, expected):
        seen = self.provider.count(endpoint)
        self.demand(seen == expected, f"{seen} requests to {endpoint}, and {expected} are due")

    # --- steps of the client's life ---

    def connect(self):
        """The connect flow, walked as a browser would."""
        created = self.server.expect(201, "POST", "/v1/connect-sessions", {"registration": "op", "tenant": "acme"})
        url, page = walk(created["url"], self.server.base)
        state = self.server.expect(200, "GET", f"/v1/connect-sessions/{created['id']}")
        return Flow(state["status"], state["connection"], url, page)

    def call(self, method, path, body=None):
        return self.server.call(method, path, body)

    def use(self, access_token):
        """The status that the resource answers an application with."""
        parts = urllib.parse.urlsplit(self.provider.url("resource"))
        return request(f"{parts.scheme}://{parts.netloc}", "GET", parts.path,
                       headers={"Authorization": f"Bearer {access_token}"}).status

    def read_token(self, connection):
        answer = self.call("GET", f"/v1/connections/{connection}/token")
        self.demand(answer.status == 200, f"reading the token: {answer}")
        return answer.json() if answer.status == 200 else {}

    def user_info(self, connection):
        """The claims of the account, as the provider gives them now."""
        answer = self.call("GET", f"/v1/connections/{connection}/userinfo")
        return answer.json()["claims"] if self.demand(answer.status == 200, f"UserInfo: {answer}") else {}

    # --- what is demanded ---

    def connected(self):
        """A flow that must succeed: one code, the right account, checked claims, a token that works. The connection's id."""
        already = len(self.connections())
        flow = self.connect()
        if not self.demand(flow.status == "connected", f"the flow ended as {flow.status}: {self.server.program.log()[-600:]}"):
            return None
        shown = self.server.connection(flow.connection)
        identity = (shown["subject"], shown["issuer"], shown["status"])
        self.demand(identity == (self.provider.subject, self.provider.issuer, "active"), f"the connection is {identity}")
        self.demand(len(self.connections()) == max(already, 1), "the same account has become another connection")
        for name, value in CLAIMS.items():
            self.demand(shown["extras"].get(name) == value, f"the claim {name} is not in the connection's extras")
        return flow.connection if self.works(flow.connection) else None

    def works(self, connection):
        token = self.read_token(connection).get("access_token", "")
        return self.demand(self.use(token) == 200, "the access token does not open the resource")

    def connections(self):
        return self.server.expect(200, "GET", "/v1/connections")["items"]

    def refused(self, code, reason, userinfo=0):
        """A flow that must end after the token answer: for this reason, with nothing stored and no further request."""
        flow = self.connect()
        if self.demand(flow.status == code, f"the flow ended as {flow.status}, and {code} is due"):
            self.logged(reason)
        self.nothing_stored(flow)
        self.demand_count("token", 1)
        self.demand_count("userinfo", userinfo)

    def stopped(self, status, reason=""):
        """A flow that must end at the authorization response: no token request, nothing stored."""
        flow = self.connect()
        self.demand_count("authorize", 1)
        if self.demand(flow.status == status, f"the flow ended as {flow.status}, and {status} is due") and reason:
            self.logged(reason)
        self.nothing_stored(flow)
        self.demand_count("token", 0)
        self.demand_count("userinfo", 0)
        return flow

    def logged(self, reason):
        try:
            self.server.program.wait_for_line(reason, LOG_SECONDS)
        except TimeoutError:
            self.demand(False, f"the refusal's reason is not {reason!r}: {self.server.program.log()[-600:]}")

    def nothing_stored(self, flow):
        self.demand(flow.connection is None, "the session names a connection")
        self.demand(self.connections() == [], "a connection was stored")
        self.demand(flow.url.startswith(self.server.base), f"the browser was left at {flow.url}")
        text = flow.page.body.decode()
        self.demand("Not connected" in text or flow.page.status >= 400, f"the person is not told: {text[:200]}")
