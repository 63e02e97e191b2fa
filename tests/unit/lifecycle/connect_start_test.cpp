#include <gtest/gtest.h>

#include <set>

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class ConnectStart : public ConnectBench {
 protected:
  Errc refusal(ConnectRequest asked) {
    const auto link = start(std::move(asked));
    EXPECT_FALSE(link);
    if (link) return Errc::internal;
    EXPECT_FALSE(link.error().message.empty());
    return link.error().code;
  }
};

TEST_F(ConnectStart, a_link_leads_to_the_provider_once) {
  const auto link = start(request());
  ASSERT_TRUE(link);
  EXPECT_TRUE(link->url.reveal().starts_with("http://127.0.0.1:8000/connect/"));
  EXPECT_EQ(link->expires_at, clock.now() + 10min);
  const auto step = open(token_of(*link));
  ASSERT_TRUE(step);
  EXPECT_TRUE(step->location.starts_with("http://127.0.0.1:9500/authorize?"));
  EXPECT_EQ(parameter(step->location, "redirect_uri"), "http://127.0.0.1:8000/callback/sandbox");
  EXPECT_EQ(parameter(step->location, "state").size(), 43U);
  EXPECT_EQ(parameter(step->location, "code_challenge_method"), "S256");
  const auto again = open(token_of(*link), step->cookie);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::gone);
}

TEST_F(ConnectStart, a_flow_that_cannot_begin_is_told_with_its_session) {
  const auto link = start(request());
  executor.advance(1s);
  ASSERT_TRUE(run(executor, world().revoker.offboard(TenantId{"acme"})));
  ASSERT_FALSE(open(token_of(*link)));
  const auto at = lines.find("connect_not_begun");
  ASSERT_NE(at, std::string::npos) << lines;
  EXPECT_TRUE(lines.substr(at, lines.find('\n', at) - at).contains(link->id.str())) << lines;
}

TEST_F(ConnectStart, a_link_ends_with_its_session) {
  const auto late = start(request());
  const auto early = start(request());
  executor.advance(10min - 1ms);
  EXPECT_TRUE(open(token_of(*early)));
  executor.advance(1ms);
  const auto step = open(token_of(*late));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Errc::gone);
}

TEST_F(ConnectStart, neither_link_nor_state_nor_cookie_is_stored_in_clear) {
  const Flow flow = begin(request());
  const auto session = run(executor, sqlite->session(flow.session));
  ASSERT_TRUE(session);
  EXPECT_EQ(session->token_hash.size(), 64U);
  EXPECT_EQ(session->state_hash.size(), 64U);
  EXPECT_EQ(session->browser_hash.size(), 64U);
  EXPECT_EQ(session->expected_issuer, "http://127.0.0.1:9500");
  EXPECT_FALSE(session->secrets.empty());
}

TEST_F(ConnectStart, flows_share_nothing_but_the_browsers_cookie) {
  const Flow first = begin(request());
  const Flow second = begin(request(), first.cookie);
  const Flow elsewhere = begin(request());
  EXPECT_EQ(first.cookie, second.cookie) << "two flows in one browser do not undo each other";
  EXPECT_FALSE(first.cookie == elsewhere.cookie);
  EXPECT_NE(first.state(), second.state());
  EXPECT_NE(parameter(first.location, "code_challenge"), parameter(second.location, "code_challenge"));
}

TEST_F(ConnectStart, what_cannot_become_a_connection_is_refused_before_anybody_is_sent_anywhere) {
  EXPECT_EQ(refusal(request("nobody")), Errc::invalid_argument);
  for (const auto& tenant : {std::string{}, std::string{"@evergrant"}, std::string{"a\nb"}, std::string(201, 'a')}) {
    EXPECT_EQ(refusal(request("sandbox", tenant)), Errc::invalid_argument) << tenant;
  }
  auto scope = request();
  scope.scopes = {"com.intuit.quickbooks.payment"};
  EXPECT_EQ(refusal(scope), Errc::invalid_argument);
  auto elsewhere = request();
  elsewhere.return_to = "https://evil.example/back/";
  EXPECT_EQ(refusal(elsewhere), Errc::invalid_argument);
  auto unknown = request();
  unknown.connection = ConnectionId{"con_nobody"};
  EXPECT_EQ(refusal(unknown), Errc::not_found);
  EXPECT_EQ(store.calls("create_session"), 0);
}

TEST_F(ConnectStart, a_reconnect_is_of_this_tenants_live_connection) {
  const auto mine = imported("a-1");
  auto asked = request("fake", "other");
  asked.connection = mine.id;
  EXPECT_EQ(refusal(asked), Errc::not_found) << "of another tenant";
  asked = request("other");
  asked.connection = mine.id;
  EXPECT_EQ(refusal(asked), Errc::not_found) << "of another registration";
  asked = request("fake");
  asked.connection = mine.id;
  EXPECT_TRUE(start(asked));
  ASSERT_TRUE(revoke(mine.id));
  EXPECT_EQ(refusal(asked), Errc::conflict);
}

TEST_F(ConnectStart, a_paused_registration_takes_no_flows_until_it_is_resumed) {
  ASSERT_TRUE(run(executor, sqlite->pause({RegistrationId{"sandbox"}, "invalid_client", "401", clock.now()})));
  EXPECT_EQ(refusal(request()), Errc::registration_paused);
  EXPECT_TRUE(start(request("fake"))) << "the others are not concerned";
  ASSERT_TRUE(run(executor, sqlite->resume(RegistrationId{"sandbox"})));
  EXPECT_TRUE(start(request()));
}

TEST_F(ConnectStart, pending_flows_of_a_tenant_are_bounded) {
  options.max_pending_per_tenant = 3;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(start(request()));
  EXPECT_EQ(refusal(request()), Errc::rate_limited);
  EXPECT_TRUE(start(request("sandbox", "another"))) << "another tenant has its own";
  executor.advance(10min);
  EXPECT_TRUE(start(request())) << "expired flows do not count";
}

TEST_F(ConnectStart, ten_thousand_attempts_leave_no_more_than_the_bound) {
  options.max_pending_per_tenant = 50;
  int made = 0;
  for (int i = 0; i < 10'000; ++i) made += start(request()).has_value() ? 1 : 0;
  EXPECT_EQ(made, 50);
}

TEST_F(ConnectStart, a_finished_flow_makes_room) {
  options.max_pending_per_tenant = 1;
  auto asked = request();
  asked.login_hint = "deny";
  const Flow flow = begin(asked);
  EXPECT_EQ(refusal(request()), Errc::rate_limited);
  ASSERT_TRUE(callback("sandbox", consent(flow.location), flow.cookie));
  EXPECT_TRUE(start(request()));
}

class ConnectToShops : public ConnectStart {
 protected:
  ConnectToShops() {
    fake_one.provider.host_variables = {
        {.name = "shop", .source = "connection", .field = "shop", .pattern = R"([a-z0-9-]+\.shops\.test)", .fallback = {}}};
    fake_one.provider.endpoints.authorize = "https://{shop}/authorize";
    fake_one.provider.endpoints.token = "https://{shop}/token";
  }
};

TEST_F(ConnectToShops, the_hint_names_the_host_and_is_no_login_hint_then) {
  auto asked = request("fake");
  asked.login_hint = "mine.shops.test";
  const Flow flow = begin(asked);
  EXPECT_TRUE(flow.location.starts_with("https://mine.shops.test/authorize?"));
  EXPECT_EQ(parameter(flow.location, "login_hint"), "");
  fake.answer(200, answer_with("at", "rt"));
  const auto result = callback("fake", "code=c&state=" + flow.state(), flow.cookie);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, "connected");
  EXPECT_EQ(fake.last().url, "https://mine.shops.test/token");
  EXPECT_EQ(row(*result->connection).extras.at("shop"), "mine.shops.test") << "refresh and revoke go there too";
}

TEST_F(ConnectToShops, a_missing_or_foreign_host_is_refused_at_once) {
  EXPECT_EQ(refusal(request("fake")), Errc::invalid_argument);
  for (const auto* hint : {"evil.example", "mine.shops.test.evil.example", "mine.shops.test/", "a@mine.shops.test"}) {
    auto asked = request("fake");
    asked.login_hint = hint;
    EXPECT_EQ(refusal(asked), Errc::invalid_argument) << hint;
  }
}

}  // namespace
}  // namespace evergrant::test
