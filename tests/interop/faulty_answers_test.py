"""Real providers behind a proxy that loses, delays, cuts and repeats what passes it. The proxy's account says what evergrant
sent, the provider's own log what came of it."""

import re
import types
import unittest

from django_oauth_toolkit_test import DjangoOauthToolkit
from fault_proxy import FaultProxy
from oidc_provider_test import SECRET, OidcProvider
from real_provider import EvergrantAt, free_port
from whole_life import Crowd, seconds_until, wait_for_expiry

BEFORE_THE_PROVIDER = ("drop_request", "reset_request")
AFTER_THE_PROVIDER = ("drop_answer", "reset_answer", "truncate", "shorten")
READERS = 16


class FaultyAnswers:
    """Mixed into a TestCase that has `registration` and the class methods start_provider(test, redirect_uris), token_path()
    and table(token_url). Provider, proxy and evergrant are one of each for the class; a connection is a test's own."""

    @classmethod
    def setUpClass(cls):
        cls.ends_with_class = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        cls.ports = [free_port(), free_port()]
        cls.provider = cls.start_provider(cls.ends_with_class,
                                          [f"http://127.0.0.1:{port}/callback/{cls.registration}" for port in cls.ports])
        cls.proxy = FaultProxy(cls.ends_with_class, cls.provider.base)
        cls.server = cls.start_server(cls.ports[0])
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def start_server(cls, port, refresh=""):
        return EvergrantAt({cls.registration: cls.table(cls.proxy.base + cls.token_path)}, port, {"CLIENT_SECRET": cls.secret},
                           refresh)

    def setUp(self):
        self.provider.set_access_ttl(3600)
        self.addCleanup(self.proxy.armed.clear)

    def connect(self, person, server=None, access_ttl=3600):
        self.provider.set_access_ttl(access_ttl)
        connection = (server or self.server).connect_as(self.registration, tenant=person, login_hint=person)
        self.provider.set_access_ttl(3600)
        return connection

    def arm(self, name):
        return self.proxy.arm(self.token_path, name)

    def force(self, connection, status=200, server=None):
        return (server or self.server).force(connection, status=status)

    def warm_up(self, connection, server=None):
        """A refresh that nothing happens to. Gives the refresh token that the next one will present."""
        self.force(connection, server=server)
        return self.provider.newest_refresh_token()

    def force_into(self, fault, connection, server=None):
        """The failure that the connection shows afterwards, and the requests that carried its refresh token until then."""
        token = self.warm_up(connection, server)
        self.arm(fault)
        problem = self.force(connection, status=503, server=server)
        self.assertEqual(problem["code"], "provider_unavailable")
        return (server or self.server).connection(connection), self.proxy.presented(token)

    def ask_in_background(self, connection):
        """A forced refresh whose answer is not waited for; gives what waits for it."""
        crowd = Crowd(self.server, 1)
        self.addCleanup(crowd.close)
        crowd.ask("POST", f"/v1/connections/{connection}/refresh", {})
        return crowd.answers

    def many_read(self, connection):
        crowd = Crowd(self.server, READERS)
        self.addCleanup(crowd.close)
        crowd.ask("GET", f"/v1/connections/{connection}/token")
        answers = crowd.answers()
        self.assertEqual({status for status, _ in answers}, {200}, answers[:3])
        return [body for _, body in answers]

    def wait_for_expiry(self, connection):
        self.assertLess(seconds_until(self.server.connection(connection)["access_expires_at"]), 5, self.server.program.log())
        wait_for_expiry(self.server, connection)

    def events(self, connection):
        return self.server.expect(200, "GET", f"/v1/events?connection={connection}&limit=100")["items"]

    def wait_until_refreshed(self, connection, generation):
        self.server.program.wait_for_line(rf'refreshed\b.*{re.escape(connection)}.*\bgeneration"?[=:]\s*{generation}\b')

    def expect_tokens_that_work(self, connection, server=None):
        answer = self.force(connection, server=server)
        self.assertEqual(self.provider.api_status(answer["access_token"]), 200)

    # What every provider shows, whatever it does about refresh tokens.

    def test_a_delayed_answer_delays_no_reader_and_is_one_request(self):
        connection = self.connect("dora")
        token = self.warm_up(connection)
        held = self.arm("delay")
        forced = self.ask_in_background(connection)
        held.wait()
        self.assertEqual({body["generation"] for body in self.many_read(connection)}, {2})
        joined = self.ask_in_background(connection)
        self.assertEqual({body["generation"] for body in self.many_read(connection)}, {2})
        held.release()
        for status, body in forced() + joined():
            self.assertEqual((status, body["generation"]), (200, 3))
        self.assertEqual(len(self.proxy.presented(token)), 1)
        self.expect_tokens_that_work(connection)

    def test_an_answer_that_comes_twice_is_taken_once(self):
        connection = self.connect("emil")
        presented = [self.warm_up(connection)]
        for name in ("duplicate", "duplicate_later") * 2:
            with self.subTest(name):
                repeated = self.arm(name)
                generation = self.force(connection)["generation"]
                presented.append(self.provider.newest_refresh_token())
                repeated.release()
                repeated.wait()
                answer = self.force(connection)
                presented.append(self.provider.newest_refresh_token())
                self.assertEqual(answer["generation"], generation + 1)
                self.assertEqual(self.provider.api_status(answer["access_token"]), 200)
        self.assertEqual(len(set(presented)), 9, "every refresh gave another refresh token")
        self.assertEqual([len(self.proxy.presented(token)) for token in presented], [1] * 8 + [0])
        self.expect_tokens_that_work(connection)

    def test_a_refused_connection_is_no_lost_answer(self):
        connection = self.connect("fred")
        token = self.warm_up(connection)
        self.proxy.stop_listening()
        self.force(connection, status=503)
        failure = self.server.connection(connection)["failure"]
        self.assertEqual((failure["class"], failure["code"]), ("transient", "unreachable"))
        self.assertEqual({body["generation"] for body in self.many_read(connection)}, {2})
        self.proxy.listen()
        self.wait_until_refreshed(connection, 3)
        self.assertEqual(len(self.proxy.presented(token)), 1)
        self.expect_tokens_that_work(connection)


class Strict(FaultyAnswers):
    """No second use of a refresh token: evergrant asks again only where nothing can be lost by it."""

    def test_a_request_that_the_provider_never_saw_costs_nothing(self):
        complaints = self.provider.complaints()
        for fault in BEFORE_THE_PROVIDER:
            with self.subTest(fault):
                connection = self.connect(f"ida-{fault}", access_ttl=1)
                token = self.provider.newest_refresh_token()
                self.arm(fault)
                self.wait_for_expiry(connection)
                self.assertEqual(self.server.read(connection)["generation"], 2)
                self.assertEqual([(seen.fault, seen.status) for seen in self.proxy.presented(token)], [(fault, 0), ("", 200)])
                self.assertIsNone(self.server.connection(connection)["failure"])
                self.expect_tokens_that_work(connection)
        self.assertEqual(self.provider.complaints(), complaints)

    def test_an_answer_that_is_lost_for_good_asks_for_the_customer_and_says_why(self):
        for fault in AFTER_THE_PROVIDER:
            with self.subTest(fault):
                connection = self.connect(f"jack-{fault}", access_ttl=1)
                token = self.provider.newest_refresh_token()
                self.arm(fault)
                self.wait_for_expiry(connection)
                self.assertEqual(self.server.read(connection, status=409)["code"], "reauth_required")
                answered, *refused = [seen.status for seen in self.proxy.presented(token)]
                self.assertEqual((answered, set(refused)), (200, {400}))
                self.assertLessEqual(len(refused), 3, "the refusal, and two confirmations where the token still lives")
                state = self.server.connection(connection)
                self.assertEqual((state["status"], state["failure"]["code"]), ("reauth_required", "invalid_grant"))
                self.assertIn("invalid_grant", state["reason"])
                self.assertIn("was lost", state["reason"])
                self.expect_the_story(connection, "malformed_answer" if fault == "shorten" else "no_answer")

    def expect_the_story(self, connection, code):
        """The events name the lost answer, the risk that was taken, and the provider's refusal."""
        told = [(event["type"], event["code"]) for event in self.events(connection) if event["code"]]
        story = [what for what in told if what != ("refresh_failed", "answer_lost")]  # a look meanwhile: it goes on waiting
        self.assertEqual(story[:2], [("refresh_failed", code), ("refresh_replayed", "answer_lost")])
        self.assertEqual(story[-1], ("reauth_required", "invalid_grant"))


class StrictAndPatient(Strict):
    """A refresh leaves the access token before it alone: evergrant waits until that is at its end."""

    def expect_held_back(self, state, presented, fault):
        self.assertEqual((state["status"], state["failure"]["class"]), ("active", "ambiguous"))
        self.assertEqual(state["failure"]["code"], "malformed_answer" if fault == "shorten" else "no_answer")
        self.assertGreater(seconds_until(state["next_due_at"]), 3000, "the next try is at the access token's end")
        self.assertEqual([(seen.fault, seen.reused) for seen in presented], [(fault, False)])

    def test_a_lost_answer_is_not_asked_for_again_while_the_access_token_lives(self):
        for fault in BEFORE_THE_PROVIDER + AFTER_THE_PROVIDER:
            with self.subTest(fault):
                connection = self.connect(f"gina-{fault}")
                asked = self.provider.refreshes()
                state, presented = self.force_into(fault, connection)
                self.expect_held_back(state, presented, fault)
                answers = self.many_read(connection)
                self.assertEqual({body["generation"] for body in answers}, {2})
                self.assertEqual(self.api_status_of_superseded(fault), self.provider.api_status(answers[0]["access_token"]))
                self.assertEqual(self.provider.refreshes() - asked, 2 if fault in AFTER_THE_PROVIDER else 1)
                self.assertEqual(self.provider.complaints(), [])

    def test_an_answer_that_comes_when_nobody_waits_any_more_is_a_lost_answer(self):
        server = self.start_server(self.ports[1], 'timeout = "3s"')
        self.addCleanup(server.close)
        connection = self.connect("hugo", server)
        state, presented = self.force_into("answer_late", connection, server)
        self.expect_held_back(state, presented, "answer_late")
        self.assertEqual(server.read(connection)["generation"], 2)


class OidcProviderFaultsTest(StrictAndPatient, unittest.TestCase):
    """Rotates at every refresh; a refresh token that comes twice kills the grant."""

    registration, secret, token_path = "basic", SECRET, "/token"

    @classmethod
    def start_provider(cls, test, redirect_uris):
        return OidcProvider(test, redirect_uris)

    @classmethod
    def table(cls, token_url):
        return f"""
provider = "oidc"
issuer = "{cls.provider.base}"
client_id = "basic"
client_secret = {{ env = "CLIENT_SECRET" }}
allow_loopback_http = true
endpoints = {{ token = "{token_url}" }}
profile.metadata_mode = "hybrid"
"""

    def api_status_of_superseded(self, _):
        return 200  # a refresh leaves the access token before it alone


class DjangoFaults(FaultyAnswers):
    registration, secret, token_path = "django", "app-secret", "/o/token/"

    @classmethod
    def start_provider(cls, test, redirect_uris):
        return DjangoOauthToolkit(test, " ".join(redirect_uris), cls.grace)

    @classmethod
    def table(cls, token_url):
        base = f"{cls.provider.base}/o"
        return f"""
provider = "oauth2"
client_id = "app"
client_secret = {{ env = "CLIENT_SECRET" }}
scopes = ["read"]
allow_loopback_http = true
endpoints = {{ authorize = "{base}/authorize/", token = "{token_url}", revoke = "{base}/revoke_token/" }}
{cls.profile}
"""


class DjangoOauthToolkitWithGraceFaultsTest(DjangoFaults, unittest.TestCase):
    """Inside the grace period the same answer is given again."""

    grace = 120
    profile = 'profile.refresh.rotation = "always_with_grace"\nprofile.refresh.grace = "120s"'

    def test_every_lost_answer_is_asked_for_again_and_nothing_is_lost(self):
        connection = self.connect("kate")
        for fault in BEFORE_THE_PROVIDER + AFTER_THE_PROVIDER:
            with self.subTest(fault):
                self.lose_and_recover(connection, fault)
        self.expect_tokens_that_work(connection)
        self.assertEqual(self.provider.complaints(), [])

    def lose_and_recover(self, connection, fault):
        generation, asked = self.server.read(connection)["generation"], self.provider.refreshes()
        token = self.provider.newest_refresh_token()
        self.arm(fault)
        held = self.arm("delay")  # what is asked again, so that there is a time between
        self.force(connection, status=503)
        failure = self.server.connection(connection)["failure"]
        self.assertEqual((failure["class"], failure["code"]), ("ambiguous", "malformed_answer" if fault == "shorten" else "no_answer"))
        held.wait()
        self.assertEqual({body["generation"] for body in self.many_read(connection)}, {generation})
        held.release()
        self.wait_until_refreshed(connection, generation + 1)
        self.assertEqual(self.provider.api_status(self.server.read(connection)["access_token"]), 200)
        seen = 200 if fault in AFTER_THE_PROVIDER else 0
        self.assertEqual([(one.fault, one.status) for one in self.proxy.presented(token)], [(fault, seen), ("delay", 200)])
        self.assertEqual(self.provider.refreshes() - asked, 2 if seen else 1)


class DjangoOauthToolkitWithoutGraceFaultsTest(Strict, DjangoFaults, unittest.TestCase):
    """A superseded refresh token is refused, and no more: the new one lives on at the provider, and nobody has it. A refresh
    ends the access token before it at once, which no clock tells (REF-16): nothing is gained by waiting."""

    grace = 0
    profile = 'profile.refresh.rotation = "always_strict"\nprofile.refresh.invalidates_old_access_token = true'

    def test_a_request_that_the_provider_never_saw_is_sent_again_though_the_access_token_lives(self):
        complaints = self.provider.complaints()
        for fault in BEFORE_THE_PROVIDER:
            with self.subTest(fault):
                connection = self.connect(f"gina-{fault}")
                token = self.warm_up(connection)
                self.arm(fault)
                self.force(connection, status=503)
                self.wait_until_refreshed(connection, 3)
                self.assertEqual([(seen.fault, seen.status) for seen in self.proxy.presented(token)], [(fault, 0), ("", 200)])
                self.expect_tokens_that_work(connection)
        self.assertEqual(self.provider.complaints(), complaints)

    def test_a_lost_answer_is_asked_for_once_more_and_readers_are_served_meanwhile(self):
        for fault in AFTER_THE_PROVIDER:
            with self.subTest(fault):
                connection = self.connect(f"hugo-{fault}")
                token = self.warm_up(connection)
                self.arm(fault)
                self.force(connection, status=503)
                self.server.program.wait_for_line(rf"refresh_failed\b.*{re.escape(connection)}.*invalid_grant")
                answers = self.many_read(connection)
                self.assertEqual({body["generation"] for body in answers}, {2})
                self.assertEqual(self.provider.api_status(answers[0]["access_token"]), 403)
                self.assertEqual([seen.status for seen in self.proxy.presented(token)][:2], [200, 400])
                code = "malformed_answer" if fault == "shorten" else "no_answer"
                story = [(event["type"], event["code"]) for event in self.events(connection) if event["code"]]
                self.assertEqual(story[:3], [("refresh_failed", code), ("refresh_replayed", "answer_lost"),
                                             ("refresh_failed", "invalid_grant")])


if __name__ == "__main__":
    unittest.main()
