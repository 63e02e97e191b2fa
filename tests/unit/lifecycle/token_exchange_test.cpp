// Providers without refresh tokens whose access token is exchanged for the next one (requirement archetype "self refresh"):
// the engine, and the shipped profile of Facebook.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/connect_bench.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

class TokenExchange : public RefreshBench {
 protected:
  TokenExchange() {
    provider->rotation = Rotation::self_refresh;
    provider->lifetime = days{60};
    options.look_every = 6h;  // a year passes in these tests
    change_profile([](Registration& registration) {
      registration.provider.refresh.mode = RefreshMode::access_token_exchange;
      registration.provider.refresh.rotation = Rotation::self_refresh;
      registration.provider.refresh.grace = 0ms;
      registration.provider.refresh.idle_window.reset();
    });
  }
  Connection connected() {
    const auto [access, same] = provider->grant("con_1");
    return store_grant("con_1", "books", {}, access, "");
  }
};

TEST_F(TokenExchange, the_answer_takes_the_place_of_the_token_that_was_sent) {
  const auto before = connected();
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  const auto after = force("con_1", before.generation);
  EXPECT_EQ(text(after), "at-con_1-2");
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_TRUE(row("con_1").tokens.refresh_token.empty());
  EXPECT_EQ(open_attempts(), 0U);
  EXPECT_EQ(text(force("con_1", 2)), "rate_limited");
}

TEST_F(TokenExchange, its_end_is_the_grants_end_and_it_is_due_long_before) {
  const auto before = connected();
  EXPECT_EQ(before.refresh_idle_expires_at, before.access_expires_at);
  ASSERT_TRUE(before.next_due_at);
  EXPECT_GE(*before.next_due_at - clock.now(), days{9});
  EXPECT_LE(*before.next_due_at - clock.now(), days{18});
  EXPECT_TRUE(is_renewable(before));
}

TEST_F(TokenExchange, nobody_reads_for_a_year_and_it_lives) {
  connected();
  start_scheduler();
  let_pass(days{365});
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_GT(provider->token_requests, 15);
  EXPECT_LT(provider->token_requests, 50);
  EXPECT_TRUE(provider->is_good(text(read("con_1"))));
}

TEST_F(TokenExchange, a_lost_answer_is_asked_for_again) {
  const auto before = connected();
  provider->drop_next_response();
  EXPECT_EQ(text(force("con_1", before.generation)), "deadline_exceeded");
  EXPECT_EQ(open_attempts(), 1U);
  start_scheduler();
  let_pass(1h);
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_EQ(text(read("con_1")), "at-con_1-3") << "the second one that was minted";
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(TokenExchange, a_crash_with_the_answer_on_its_way_loses_nothing) {
  const auto before = connected();
  const auto held = provider->hold_next_request();
  spawn(node().executor, [](TokenService& service, Generation seen) -> Task<void> {
    const auto ignored = co_await service.refresh(ConnectionId{"con_1"}, seen, std::nullopt);
    static_cast<void>(ignored);
  }(node().service, before.generation));  // dies with its engine
  node().executor.run_until_idle();
  ASSERT_EQ(open_attempts(), 1U);
  crash();
  held.set(true);
  start_scheduler();
  let_pass(1h);
  EXPECT_EQ(open_attempts(), 0U);
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_GE(row("con_1").generation, 2);
  EXPECT_TRUE(provider->is_good(text(read("con_1"))));
}

TEST_F(TokenExchange, an_answer_that_the_store_refuses_waits_in_the_escrow) {
  const auto before = connected();
  provider->after_acting = [&] { node().store.fail_all(true); };
  const auto reading = force("con_1", before.generation);
  EXPECT_FALSE(reading);
  provider->after_acting = {};
  EXPECT_TRUE(escrow->holds(ConnectionId{"con_1"}));
  node().store.fail_all(false);
  start_scheduler();
  let_pass(5min);
  EXPECT_FALSE(escrow->holds(ConnectionId{"con_1"}));
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
}

TEST_F(TokenExchange, a_token_that_is_dead_at_the_provider_needs_the_customer) {
  connected();
  provider->kill("con_1");
  start_scheduler();
  let_pass(days{20});
  EXPECT_EQ(row("con_1").status, Status::reauth_required);
}

TEST_F(TokenExchange, one_that_is_released_from_hold_is_tried_and_goes_on) {
  const auto before = connected();
  ASSERT_TRUE(run(node().executor, sqlite->change_status(before.id, Status::active, Status::quarantined, "restored", {})));
  Event event;
  event.at = clock.now();
  ASSERT_TRUE(run(node().executor, sqlite->change_status(before.id, Status::quarantined, Status::active, "", event)));
  EXPECT_EQ(row("con_1").next_due_at, clock.now());
  EXPECT_EQ(row("con_1").access_expires_at, before.access_expires_at) << "it is still what is exchanged";
  start_scheduler();
  let_pass(1min);
  EXPECT_EQ(row("con_1").generation, 2);
}

class Facebook : public ConnectBench {
 protected:
  Facebook() {
    auto profile = load_profile_file(std::string{EVERGRANT_SOURCE_DIR} + "/providers/facebook.toml");
    if (!profile) throw std::logic_error(profile.error().message);
    fake_one.provider = profile->front();
    fake_one.scopes = {"public_profile"};
  }
  ConnectionId connected() {
    fake.answer(200, R"({"access_token":"EAA-short","token_type":"bearer","expires_in":5400})");
    fake.answer(200, R"({"id":"1001"})");  // whose it is
    const auto result = connect_fake();
    if (!result || result->status != "connected") throw std::logic_error(result ? result->message : result.error().message);
    return *result->connection;
  }
};

TEST_F(Facebook, the_short_token_is_exchanged_for_the_long_one_before_it_ends) {
  const auto id = connected();
  EXPECT_EQ(row(id).realm, RealmId{"1001"});
  EXPECT_EQ(row(id).reason, "") << "it does not end with its access token";
  ASSERT_TRUE(row(id).next_due_at);
  EXPECT_LE(*row(id).next_due_at, clock.now() + 30min);
  fake.answer(200, R"({"access_token":"EAA-long","token_type":"bearer","expires_in":5183944})");
  spawn(executor, world().tokens.run());  // ends with the fixture
  executor.advance(40min);
  EXPECT_EQ(read(id), "EAA-long");
  const auto form = form_decode(fake.last().body).value_or(Parameters{});
  EXPECT_EQ(fake.last().method, "POST");
  EXPECT_EQ(single(form, "grant_type"), "fb_exchange_token");
  EXPECT_EQ(single(form, "fb_exchange_token"), "EAA-short");
  EXPECT_EQ(single(form, "client_id"), "client");
  EXPECT_FALSE(single(form, "refresh_token"));
  EXPECT_FALSE(fake.last().url.contains("client-secret")) << "no secret is in a URL";
  EXPECT_EQ(row(id).access_expires_at, row(id).refresh_idle_expires_at);
}

TEST_F(Facebook, a_dead_token_is_known_by_its_code) {
  const auto id = connected();
  executor.advance(2h);
  fake.answer(400, R"({"error":{"message":"Session has expired","type":"OAuthException","code":190,"error_subcode":463}})");
  EXPECT_EQ(read(id), "reauth_required");
  EXPECT_EQ(row(id).failure.code, "190");
}

TEST_F(Facebook, revoking_deletes_the_apps_permissions) {
  const auto id = connected();
  ASSERT_TRUE(revoke(id));
  fake.answer(200, R"({"success":true})");
  work_off_outbox();
  EXPECT_EQ(fake.last().method, "DELETE");
  EXPECT_TRUE(fake.last().url.ends_with("/me/permissions"));
  EXPECT_EQ(fake.last().headers.find("Authorization"), "Bearer EAA-short");
  EXPECT_EQ(row(id).status, Status::revoked);
}

TEST_F(Facebook, an_import_needs_the_access_token) {
  auto asked = tokens_of("1001");
  asked.access_token = {};
  EXPECT_EQ(import(std::move(asked)).error().code, Errc::invalid_argument);
  auto good = tokens_of("1001");
  good.refresh_token = {};
  good.access_expires_at = clock.now() + days{30};
  good.verify = true;
  fake.answer(200, R"({"access_token":"EAA-next","token_type":"bearer","expires_in":5183944})");
  const auto made = import(std::move(good));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(read(made->id), "EAA-next");
}

// The sandbox's own self_refresh, from consent to the third token.
class SandboxExchange : public ConnectBench {
 protected:
  SandboxExchange() {
    RefreshProfile& refresh = sandbox_one.provider.refresh;
    refresh.mode = RefreshMode::access_token_exchange;
    refresh.rotation = Rotation::self_refresh;
    refresh.idle_window.reset();
    refresh.absolute_window.reset();
    refresh.keepalive_every.reset();
  }
};

TEST_F(SandboxExchange, a_real_server_renews_it_again_and_again) {
  ASSERT_EQ(sandbox.control("POST", "/settings", R"({"rotation":"self_refresh"})").status, 200);
  const auto result = connect("1");
  ASSERT_EQ(result->status, "connected") << result->message;
  const auto id = *result->connection;
  std::vector<std::string> seen{read(id)};
  for (Generation generation = 1; generation <= 2; ++generation) {
    executor.advance(1min);
    const auto lease = run_through_time(executor, world().tokens.refresh(id, generation, std::nullopt));
    ASSERT_TRUE(lease) << lease.error().message;
    seen.emplace_back(lease->access_token.reveal());
  }
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::unique(seen).size(), 0U) << "three different tokens";
  EXPECT_EQ(row(id).generation, 3);
}

}  // namespace
}  // namespace evergrant::test
