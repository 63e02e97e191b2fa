// Several token pairs in one connection (REF-23), with the shipped profile of Slack: bot and user.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class SlackPairs : public ConnectBench {
 protected:
  SlackPairs() {
    auto profile = load_profile_file(std::string{EVERGRANT_SOURCE_DIR} + "/providers/slack.toml");
    if (!profile) throw std::logic_error(profile.error().message);
    fake_one.provider = profile->front();
    fake_one.scopes = {"chat:write"};
  }

  static std::string bot(int n) {
    const auto number = std::to_string(n);
    return R"("access_token":"xoxb-)" + number + R"(","token_type":"bot","scope":"chat:write","refresh_token":"xoxe-b)" +
           number + R"(","expires_in":43200)";
  }
  static std::string user(int n) {
    const auto number = std::to_string(n);
    return R"("id":"U1","access_token":"xoxp-)" + number +
           R"(","token_type":"user","scope":"users:read","refresh_token":"xoxe-u)" + number + R"(","expires_in":43200)";
  }
  static std::string ok(const std::string& members) { return R"({"ok":true,"team":{"id":"T1"},)" + members + "}"; }
  static std::string bot_and_user(int n) { return ok(bot(n) + R"(,"authed_user":{)" + user(n) + "}"); }

  ConnectResult consent_to(const std::string& answer) {
    fake.answer(200, answer);
    auto result = connect_fake();
    if (!result) throw std::logic_error(result.error().message);
    return std::move(*result);
  }
  ConnectionId connected() {
    const auto result = consent_to(bot_and_user(1));
    if (result.status != "connected") throw std::logic_error(result.message);
    return *result.connection;
  }
  std::vector<Connection> pairs(const ConnectionId& id) { return run(executor, sqlite->pairs_of(id)).value(); }
  Connection user_of(const ConnectionId& id) { return pairs(id).at(0); }
  // How often a refresh token was sent.
  std::ptrdiff_t sent(const std::string& refresh_token) {
    return std::ranges::count_if(fake.requests(), [&](const OutboundRequest& request) {
      return request.body.contains("refresh_token=" + refresh_token);
    });
  }
  struct Reading {
    std::optional<Result<TokenLease>> lease;
  };
  static Task<void> read_into(Task<Result<TokenLease>> task, std::shared_ptr<Reading> into) {
    auto lease = co_await std::move(task);
    into->lease.emplace(std::move(lease));
  }
  std::shared_ptr<Reading> start_reading(const ConnectionId& id) {
    auto reading = std::make_shared<Reading>();
    spawn(executor, read_into(world().tokens.token(id, {}), reading));  // ends with the read
    executor.run_until_idle();
    return reading;
  }
};

TEST_F(SlackPairs, connecting_yields_both_under_one_connection) {
  const auto id = connected();
  const auto users = user_of(id);
  EXPECT_EQ(row(id).realm, RealmId{"T1"});
  EXPECT_EQ(row(id).pair, "");
  EXPECT_EQ(users.pair, "user");
  EXPECT_EQ(users.main, id);
  EXPECT_EQ(users.realm, RealmId{"T1"});
  EXPECT_EQ(users.tenant, row(id).tenant);
  EXPECT_EQ(users.token_type, "user");
  EXPECT_EQ(users.scope, std::vector<std::string>{"users:read"});
  EXPECT_TRUE(users.missing_scope.empty());
  EXPECT_TRUE(users.next_due_at);
  EXPECT_EQ(read(id), "xoxb-1");
  EXPECT_EQ(read(users.id), "xoxp-1");
  EXPECT_EQ(events(), std::vector<std::string>{"connected"});
}

TEST_F(SlackPairs, a_lease_names_the_connection_and_the_pair) {
  const auto id = connected();
  const auto lease = run_through_time(executor, world().tokens.token(user_of(id).id, {}));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->connection, id);
  EXPECT_EQ(lease->pair, "user");
  EXPECT_EQ(read(id), "xoxb-1");
  const auto now = world().tokens.read_now_pair(id, "user", {});
  ASSERT_TRUE(now) << "from memory";
  EXPECT_EQ(now->access_token.reveal(), "xoxp-1");
  EXPECT_FALSE(world().tokens.read_now_pair(id, "admin", {}));
  EXPECT_EQ(world().tokens.read_now_of(RegistrationId{"fake"}, RealmId{"T1"}, {})->access_token.reveal(), "xoxb-1");
}

TEST_F(SlackPairs, a_record_that_is_moved_to_the_other_row_does_not_open) {
  const auto id = connected();
  const Connection bots = row(id);
  const Connection users = user_of(id);
  ASSERT_EQ(bots.generation, users.generation) << "only the row tells them apart";
  for (const auto* field : {"access_token", "refresh_token"}) {
    const bool access = std::string_view{field} == "access_token";
    const Sealed moved = access ? users.tokens.access_token : users.tokens.refresh_token;
    const auto there = run(executor, world().vault.open(place_of(bots, field, bots.generation), moved));
    ASSERT_FALSE(there) << field;
    EXPECT_EQ(there.error().code, Errc::sealed_broken);
    EXPECT_TRUE(run(executor, world().vault.open(place_of(users, field, users.generation), moved))) << field;
  }
}

TEST_F(SlackPairs, one_that_is_being_refreshed_does_not_hold_up_the_other) {
  const auto id = connected();
  const auto users = user_of(id);
  executor.advance(13h);
  const auto held = fake.answer_when_set();
  const auto bots = start_reading(id);
  ASSERT_EQ(sent("xoxe-b1"), 1);
  ASSERT_FALSE(bots->lease) << "it is on its way";
  fake.answer(200, ok(user(2)));
  EXPECT_EQ(read(users.id), "xoxp-2");
  EXPECT_FALSE(bots->lease);
  held.set(http_answer(200, ok(bot(2))));
  executor.run_until_idle();
  ASSERT_TRUE(bots->lease);
  ASSERT_TRUE(*bots->lease);
  EXPECT_EQ((*bots->lease)->access_token.reveal(), "xoxb-2");
  EXPECT_EQ(row(id).generation, 2);
  EXPECT_EQ(user_of(id).generation, 2);
  EXPECT_EQ(sent("xoxe-b1"), 1);
  EXPECT_EQ(sent("xoxe-u1"), 1);
}

TEST_F(SlackPairs, the_user_dies_and_the_bot_lives_on) {
  const auto id = connected();
  executor.advance(13h);
  fake.answer(200, R"({"ok":false,"error":"invalid_refresh_token"})");
  EXPECT_EQ(read(user_of(id).id), "reauth_required");
  EXPECT_EQ(user_of(id).status, Status::reauth_required);
  EXPECT_EQ(row(id).status, Status::active);
  fake.answer(200, ok(bot(2)));
  EXPECT_EQ(read(id), "xoxb-2");
  const auto told = run(executor, sqlite->events({}, id, "", 100)).value().items;
  const auto dead = std::ranges::find(told, "reauth_required", &Event::type);
  ASSERT_NE(dead, told.end());
  EXPECT_EQ(dead->pair, "user");
}

TEST_F(SlackPairs, revoking_ends_both) {
  const auto id = connected();
  const auto users = user_of(id).id;
  ASSERT_EQ(read(users), "xoxp-1");
  ASSERT_TRUE(revoke(id));
  EXPECT_EQ(row(users).status, Status::revoking);
  EXPECT_EQ(read(users), "revoked") << "not from memory either";
  fake.answer(200, R"({"ok":true,"revoked":true})");
  fake.answer(200, R"({"ok":true,"revoked":true})");
  work_off_outbox();
  for (const auto& one : {id, users}) {
    EXPECT_EQ(row(one).status, Status::revoked);
    EXPECT_TRUE(row(one).tokens.refresh_token.empty());
  }
  std::vector<std::string> bearers;
  for (const auto& request : fake.requests()) {
    if (request.url.ends_with("auth.revoke")) bearers.emplace_back(request.headers.find("Authorization").value_or(""));
  }
  std::ranges::sort(bearers);
  EXPECT_EQ(bearers, (std::vector<std::string>{"Bearer xoxb-1", "Bearer xoxp-1"}));
}

TEST_F(SlackPairs, revoking_by_a_pairs_own_id_ends_the_connection) {
  const auto id = connected();
  const auto begun = revoke(user_of(id).id);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->id, id);
  EXPECT_EQ(row(id).status, Status::revoking);
}

TEST_F(SlackPairs, off_boarding_counts_the_connection_once_and_ends_both) {
  const auto id = connected();
  const auto report = run(executor, world().revoker.offboard(TenantId{"acme"}));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->connections, 1);
  EXPECT_EQ(user_of(id).status, Status::revoking);
  fake.answer(200, R"({"ok":true})");
  fake.answer(200, R"({"ok":true})");
  work_off_outbox();
  EXPECT_TRUE(run(executor, sqlite->tenant_keys(TenantId{"acme"})).value().empty()) << "shredded once both are told";
}

TEST_F(SlackPairs, a_reconnect_replaces_both) {
  const auto id = connected();
  const auto users = user_of(id).id;
  ASSERT_EQ(read(users), "xoxp-1");
  EXPECT_EQ(*consent_to(bot_and_user(2)).connection, id);
  EXPECT_EQ(user_of(id).id, users);
  EXPECT_EQ(row(users).generation, 2);
  EXPECT_EQ(read(id), "xoxb-2");
  EXPECT_EQ(read(users), "xoxp-2");
}

TEST_F(SlackPairs, a_reconnect_brings_back_a_dead_pair) {
  const auto id = connected();
  executor.advance(13h);
  fake.answer(200, R"({"ok":false,"error":"invalid_refresh_token"})");
  ASSERT_EQ(read(user_of(id).id), "reauth_required");
  consent_to(bot_and_user(2));
  EXPECT_EQ(read(user_of(id).id), "xoxp-2");
}

TEST_F(SlackPairs, a_reconnect_without_the_user_ends_the_users_pair_and_a_later_one_makes_it_anew) {
  const auto id = connected();
  const auto before = user_of(id).id;
  ASSERT_EQ(read(before), "xoxp-1");
  consent_to(ok(bot(2)));
  EXPECT_EQ(row(before).status, Status::revoking);
  EXPECT_EQ(outbox(before).size(), 1U) << "its token ends only itself, so the provider is told";
  EXPECT_EQ(read(before), "revoked");
  EXPECT_EQ(read(id), "xoxb-2");
  consent_to(bot_and_user(3));
  EXPECT_NE(user_of(id).id, before);
  EXPECT_EQ(read(user_of(id).id), "xoxp-3");
  EXPECT_EQ(row(before).status, Status::revoking) << "the promise to the provider goes on";
}

TEST_F(SlackPairs, consent_that_comes_while_it_is_disconnected_is_undone_with_both_tokens) {
  const auto id = connected();
  ASSERT_TRUE(revoke(id));
  EXPECT_EQ(consent_to(bot_and_user(2)).status, "failed");
  fake.otherwise([](const OutboundRequest&) { return http_answer(200, R"({"ok":true})"); });
  work_off_outbox();
  std::vector<std::string> bearers;
  for (const auto& request : fake.requests()) {
    if (request.url.ends_with("auth.revoke")) bearers.emplace_back(request.headers.find("Authorization").value_or(""));
  }
  std::ranges::sort(bearers);
  EXPECT_EQ(bearers, (std::vector<std::string>{"Bearer xoxb-1", "Bearer xoxb-2", "Bearer xoxp-1", "Bearer xoxp-2"}));
  EXPECT_EQ(row(id).status, Status::revoked);
}

TEST_F(SlackPairs, who_asks_to_reconnect_a_pair_reconnects_its_connection) {
  const auto id = connected();
  auto asked = request("fake");
  asked.connection = user_of(id).id;
  const auto link = start(std::move(asked));
  ASSERT_TRUE(link) << link.error().message;
  EXPECT_EQ(run(executor, sqlite->session(link->id)).value().reconnect, id);
}

TEST_F(SlackPairs, imported_pairs_are_rows_too) {
  auto asked = tokens_of("T1");
  asked.pairs.emplace_back();
  asked.pairs[0].pair = "user";
  asked.pairs[0].refresh_token = Secret{"xoxe-u1"};
  const auto made = import(std::move(asked));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(read(made->id), "at-T1");
  fake.answer(200, ok(user(2)));
  EXPECT_EQ(read(user_of(made->id).id), "xoxp-2");
  EXPECT_EQ(sent("xoxe-u1"), 1);
}

TEST_F(SlackPairs, an_import_that_is_verified_tries_both_and_takes_back_all_of_it) {
  auto asked = tokens_of("T1");
  asked.verify = true;
  asked.pairs.emplace_back();
  asked.pairs[0].pair = "user";
  asked.pairs[0].refresh_token = Secret{"xoxe-u1"};
  fake.answer(200, ok(bot(2)));
  fake.otherwise([](const OutboundRequest&) { return http_answer(200, R"({"ok":false,"error":"invalid_refresh_token"})"); });
  const auto made = import(std::move(asked));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::reauth_required);
  for (const auto& one : rows()) EXPECT_EQ(one.status, Status::revoked) << one.pair;
}

TEST_F(SlackPairs, an_import_names_only_pairs_that_the_profile_has_and_each_once) {
  auto unknown = tokens_of("T1");
  unknown.pairs.emplace_back();
  unknown.pairs[0].pair = "admin";
  unknown.pairs[0].access_token = Secret{"a"};
  EXPECT_EQ(import(std::move(unknown)).error().code, Errc::invalid_argument);
  auto twice = tokens_of("T1");
  for (int i = 0; i < 2; ++i) {
    twice.pairs.emplace_back();
    twice.pairs.back().pair = "user";
    twice.pairs.back().access_token = Secret{"a"};
  }
  EXPECT_EQ(import(std::move(twice)).error().code, Errc::invalid_argument);
  auto empty = tokens_of("T1");
  empty.pairs.emplace_back();
  empty.pairs[0].pair = "user";
  EXPECT_EQ(import(std::move(empty)).error().code, Errc::invalid_argument);
  EXPECT_TRUE(rows().empty());
}

}  // namespace
}  // namespace evergrant::test
