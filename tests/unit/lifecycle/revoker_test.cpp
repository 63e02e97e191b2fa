#include "lifecycle/revoker.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RevokerTest : public ConnectBench {
 protected:
  // What was sent to be revoked, in order.
  std::vector<std::string> told() const {
    std::vector<std::string> tokens;
    for (const auto& request : fake.requests()) {
      if (!request.url.ends_with("/revoke")) continue;
      tokens.push_back(single(form_decode(request.body).value_or(Parameters{}), "token").value_or(""));
    }
    return tokens;
  }
  void provider_is_down() {
    fake.otherwise([](const OutboundRequest&) { return TransportAnswer{std::unexpected(nothing_was_sent())}; });
  }
  void provider_answers(int status, const std::string& body = "") {
    fake.otherwise([=](const OutboundRequest&) { return TransportAnswer{http_answer(status, body)}; });
  }
  Result<OffboardReport> offboard(const std::string& tenant) {
    return run(executor, world().revoker.offboard(TenantId{tenant}));
  }
  std::size_t keys_of(const std::string& tenant) {
    return run(executor, sqlite->tenant_keys(TenantId{tenant})).value().size();
  }
  // Two connections that live on one upstream grant.
  std::pair<ConnectionId, ConnectionId> shared_pair() {
    fake.answer(200, answer_with("at-1", "rt-1", "a-1", R"(,"portal":7)"));
    const auto first = connect_fake();
    fake.answer(200, answer_with("at-2", "rt-2", "a-2", R"(,"portal":7)"));
    const auto second = connect_fake();
    return {first->connection.value(), second->connection.value()};
  }
};

TEST_F(RevokerTest, local_use_stops_before_the_provider_is_asked) {
  const auto id = imported("a-1").id;
  ASSERT_EQ(read(id), "at-a-1");
  fake.hang();
  work_off_outbox();
  const auto begun = revoke(id);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->status, Status::revoking);
  EXPECT_EQ(begun->reason, "a test");
  EXPECT_EQ(read(id), "revoked");
  EXPECT_FALSE(row(id).tokens.refresh_token.empty()) << "kept until the provider was told";
}

TEST_F(RevokerTest, the_refresh_token_is_told_then_the_row_is_shredded) {
  const auto id = imported("a-1").id;
  provider_answers(200);
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.run_until_idle();
  EXPECT_EQ(told(), std::vector<std::string>{"rt-a-1"});
  const auto after = row(id);
  EXPECT_EQ(after.status, Status::revoked);
  EXPECT_EQ(after.reason, "revoked");
  EXPECT_EQ(after.tokens, SealedTokens{});
  EXPECT_TRUE(outbox(id).empty());
  EXPECT_EQ(events(), (std::vector<std::string>{"imported", "revoking", "revoked"}));
}

TEST_F(RevokerTest, where_one_token_ends_only_itself_both_are_told) {
  fake_one.provider.revoke.cascade = Cascade::one;
  const auto id = imported("a-1").id;
  provider_answers(200);
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.run_until_idle();
  EXPECT_EQ(told(), (std::vector<std::string>{"rt-a-1", "at-a-1"}));
}

TEST_F(RevokerTest, asking_again_changes_nothing) {
  const auto id = imported("a-1").id;
  ASSERT_TRUE(revoke(id));
  EXPECT_EQ(revoke(id)->status, Status::revoking);
  EXPECT_EQ(outbox(id).size(), 1U);
  provider_answers(200);
  work_off_outbox();
  EXPECT_EQ(revoke(id)->status, Status::revoked);
  EXPECT_EQ(told().size(), 1U);
  EXPECT_EQ(revoke(ConnectionId{"con_nobody"}).error().code, Errc::not_found);
}

TEST_F(RevokerTest, a_provider_that_is_down_for_a_day_is_told_in_the_end) {
  const auto id = imported("a-1").id;
  provider_is_down();
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.advance(24h);
  EXPECT_EQ(row(id).status, Status::revoking);
  EXPECT_EQ(read(id), "revoked");
  EXPECT_GT(told().size(), 20U) << "at least about once an hour";
  EXPECT_LT(told().size(), 120U) << "the waits grow";
  EXPECT_EQ(outbox(id).front().tries, static_cast<int>(told().size()));
  EXPECT_FALSE(outbox(id).front().last_error.empty());
  provider_answers(200);
  executor.advance(1h + 10s);
  EXPECT_EQ(row(id).status, Status::revoked);
}

TEST_F(RevokerTest, it_survives_a_restart) {
  const auto id = imported("a-1").id;
  provider_is_down();
  ASSERT_TRUE(revoke(id));
  executor.advance(1h);
  EXPECT_TRUE(told().empty()) << "nobody works the outbox off";
  provider_answers(200);
  work_off_outbox();
  EXPECT_EQ(row(id).status, Status::revoked);
}

TEST_F(RevokerTest, a_wait_that_the_provider_asks_for_is_honoured_up_to_a_day) {
  const auto id = imported("a-1").id;
  auto busy = http_answer(503, "");
  busy.headers.add("Retry-After", "600");
  fake.answer(busy);
  provider_answers(200);
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.advance(599s);
  EXPECT_EQ(told().size(), 1U);
  executor.advance(10s);
  EXPECT_EQ(told().size(), 2U);
  const auto other = imported("a-2").id;
  busy.headers.set("Retry-After", "99999999");
  fake.answer(busy);
  ASSERT_TRUE(revoke(other));
  executor.advance(24h + 10s);
  EXPECT_EQ(row(other).status, Status::revoked);
}

TEST_F(RevokerTest, a_token_that_is_dead_already_counts_as_revoked) {
  const auto id = imported("a-1").id;
  provider_answers(400);
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.run_until_idle();
  EXPECT_EQ(row(id).status, Status::revoked);
  EXPECT_EQ(row(id).reason, "assumed");
}

TEST_F(RevokerTest, our_own_refused_client_is_no_proof) {
  const auto id = imported("a-1").id;
  provider_answers(401, R"({"error":"invalid_client"})");
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.advance(1h);
  EXPECT_EQ(row(id).status, Status::revoking);
}

TEST_F(RevokerTest, a_provider_without_revocation_has_nothing_to_be_told) {
  fake_one.provider.revoke.style = RevokeStyle::none;
  const auto id = imported("a-1").id;
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.run_until_idle();
  EXPECT_EQ(row(id).status, Status::revoked);
  EXPECT_EQ(row(id).reason, "unsupported");
  EXPECT_EQ(row(id).tokens, SealedTokens{});
}

class RevokeShared : public RevokerTest {
 protected:
  RevokeShared() { fake_one.provider.revoke.shared_grant_key = "portal"; }
};

TEST_F(RevokeShared, the_provider_keeps_a_grant_that_another_connection_lives_on) {
  const auto [first, second] = shared_pair();
  work_off_outbox();
  const auto revoked = revoke(first);
  ASSERT_TRUE(revoked);
  EXPECT_EQ(revoked->status, Status::revoked);
  EXPECT_TRUE(revoked->reason.contains("another connection lives on it"));
  EXPECT_TRUE(told().empty());
  EXPECT_EQ(read(second), "at-2");
  provider_answers(200);
  ASSERT_TRUE(revoke(second));
  executor.run_until_idle();
  EXPECT_EQ(told(), std::vector<std::string>{"rt-2"}) << "the last one ends it";
}

TEST_F(RevokeShared, force_ends_it_anyway) {
  const auto [first, second] = shared_pair();
  provider_answers(200);
  work_off_outbox();
  ASSERT_TRUE(revoke(first, true));
  executor.run_until_idle();
  EXPECT_EQ(told(), std::vector<std::string>{"rt-1"});
}

TEST_F(RevokerTest, off_boarding_shreds_the_keys_when_nothing_waits_any_more) {
  const auto first = imported("a-1").id;
  const auto second = imported("a-2").id;
  auto rival = tokens_of("a-3");
  rival.tenant = TenantId{"rival"};
  const auto rivals = import(std::move(rival))->id;
  provider_is_down();
  work_off_outbox();
  auto report = offboard("acme");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->connections, 2);
  EXPECT_EQ(report->waiting, 2);
  EXPECT_FALSE(report->keys_shredded);
  EXPECT_GT(keys_of("acme"), 0U) << "the provider can still be told";
  EXPECT_EQ(read(first), "revoked");
  provider_answers(200);
  executor.advance(2h);
  EXPECT_EQ(row(second).status, Status::revoked);
  EXPECT_EQ(keys_of("acme"), 0U) << "by itself, once the last one was told";
  report = offboard("acme");
  EXPECT_EQ(report->connections, 0);
  EXPECT_EQ(report->already_revoked, 2);
  EXPECT_EQ(report->waiting, 0);
  EXPECT_TRUE(report->keys_shredded);
  EXPECT_EQ(read(rivals), "at-a-3") << "other tenants are not concerned";
}

// Nothing is queued for it, so nothing says that it is over.
TEST_F(RevokeShared, off_boarding_ends_behind_a_refresh_whose_answer_was_kept) {
  fake.answer(200, answer_with("at-1", "rt-1", "a-1", R"(,"portal":7)"));
  const auto first = connect_fake();
  fake.answer(200, answer_with("at-2", "rt-2", "a-2", R"(,"portal":7)"));
  const auto second = connect_fake(request("fake", "rival"));
  work_off_outbox();
  const auto commits = store.hold_next("commit");
  fake.answer(200, answer_with("at-3", "rt-3", "a-1", R"(,"portal":7)"));
  spawn(executor, [](TokenService& tokens, ConnectionId connection) -> Task<void> {  // ends with the commit
    const auto lease = co_await tokens.refresh(connection, 1, std::nullopt);
    static_cast<void>(lease);  // of the one that is revoked there is none
  }(world().tokens, *first->connection));
  executor.run_until_idle();
  const auto attempts = run(executor, sqlite->unresolved_attempts(10)).value();
  ASSERT_EQ(attempts.size(), 1U);
  const Connection refreshed = row(attempts[0].connection);  // whichever holds the lease of both
  const std::string tenant = refreshed.tenant.str();
  const auto report = offboard(tenant);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->keys_shredded) << "the kept answer is sealed with them";
  executor.advance(10s);
  EXPECT_GT(keys_of(tenant), 0U);
  commits.set(true);
  executor.run_until_idle();
  EXPECT_EQ(row(refreshed.id).status, Status::revoked);
  executor.advance(10s);
  EXPECT_EQ(keys_of(tenant), 0U);
  EXPECT_EQ(read(refreshed.id == *first->connection ? *second->connection : *first->connection), "at-3");
  const auto told_at = lines.find("offboarding_waits");
  ASSERT_NE(told_at, std::string::npos);
  EXPECT_EQ(lines.find("offboarding_waits", told_at + 1), std::string::npos) << "told once";
}

TEST_F(RevokerTest, our_own_keys_cannot_be_off_boarded) {
  const auto report = offboard("@evergrant");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::invalid_argument);
}

TEST_F(RevokerTest, a_token_that_was_minted_while_the_revocation_began_is_revoked_too) {
  const auto id = imported("a-1").id;
  const auto minted = fake.answer_when_set();
  spawn(executor, [](TokenService& tokens, ConnectionId connection) -> Task<void> {  // ends with the answer
    const auto lease = co_await tokens.refresh(connection, 1, std::nullopt);
    EXPECT_FALSE(lease) << "no token of a revoked connection";
  }(world().tokens, id));
  executor.run_until_idle();
  ASSERT_EQ(fake.requests().size(), 1U);
  ASSERT_TRUE(revoke(id));
  minted.set(http_answer(200, answer_with("at-2", "rt-2")));
  executor.run_until_idle();
  EXPECT_EQ(row(id).status, Status::revoking);
  provider_answers(200);
  work_off_outbox();
  executor.advance(10s);
  EXPECT_EQ(row(id).status, Status::revoked);
  const auto tokens = told();
  EXPECT_TRUE(std::ranges::count(tokens, "rt-2") == 1);
  EXPECT_TRUE(std::ranges::count(tokens, "rt-a-1") == 1);
}

TEST_F(RevokerTest, it_is_given_up_after_a_month_and_says_so) {
  const auto id = imported("a-1").id;
  provider_is_down();
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.advance(24h * 30);
  EXPECT_EQ(row(id).status, Status::revoking);
  executor.advance(2h);
  EXPECT_EQ(row(id).status, Status::revoked);
  EXPECT_EQ(row(id).reason, "given_up");
  EXPECT_TRUE(lines.contains("revocation_given_up"));
}

TEST_F(RevokerTest, one_token_that_opens_is_enough) {
  auto made = imported("a-1");
  SealedTokens broken = row(made.id).tokens;
  broken.access_token.bytes.back() = static_cast<char>(broken.access_token.bytes.back() ^ 1);
  OutboxItem item{.kind = OutboxKind::revoke_replaced,
                  .connection = made.id,
                  .registration = made.registration,
                  .tenant = made.tenant,
                  .realm = made.realm,
                  .generation = 1,
                  .tokens = broken,
                  .next_try_at = clock.now(),
                  .created_at = clock.now()};
  ASSERT_TRUE(run(executor, sqlite->enqueue(item)));
  provider_answers(200);
  work_off_outbox();
  EXPECT_EQ(told(), std::vector<std::string>{"rt-a-1"});
  EXPECT_TRUE(outbox(made.id).empty());
}

TEST_F(RevokerTest, tokens_that_do_not_open_are_reported_and_let_go) {
  auto made = imported("a-1");
  SealedTokens broken = row(made.id).tokens;
  for (auto* sealed : {&broken.access_token, &broken.refresh_token}) {
    sealed->bytes.back() = static_cast<char>(sealed->bytes.back() ^ 1);
  }
  OutboxItem item{.kind = OutboxKind::revoke_replaced,
                  .connection = made.id,
                  .registration = made.registration,
                  .tenant = made.tenant,
                  .realm = made.realm,
                  .generation = 1,
                  .tokens = broken,
                  .next_try_at = clock.now(),
                  .created_at = clock.now()};
  ASSERT_TRUE(run(executor, sqlite->enqueue(item)));
  work_off_outbox();
  EXPECT_TRUE(told().empty());
  EXPECT_TRUE(outbox(made.id).empty());
  EXPECT_TRUE(lines.contains("revocation_unreadable"));
}

TEST_F(RevokerTest, a_provider_that_hangs_holds_nobody_elses_revocations) {
  std::vector<ConnectionId> hanging;
  for (int i = 0; i < 150; ++i) hanging.push_back(imported("a-" + std::to_string(i)).id);
  const auto other = imported("b", "other").id;
  for (const auto& id : hanging) ASSERT_TRUE(revoke(id));
  ASSERT_TRUE(revoke(other));
  for (int i = 0; i < 8; ++i) fake.hang();
  provider_answers(200);
  work_off_outbox();
  executor.advance(10s);
  EXPECT_EQ(row(other).status, Status::revoked);
  EXPECT_EQ(row(hanging.front()).status, Status::revoking);
  EXPECT_LE(fake.most_in_flight(), 9);
  executor.advance(2min);
  for (const auto& id : hanging) EXPECT_EQ(row(id).status, Status::revoked);
}

TEST_F(RevokerTest, a_store_that_does_not_take_the_outcome_makes_no_storm_of_requests) {
  const auto id = imported("a-1").id;
  provider_answers(200);
  store.fail_always("outbox_done", true);
  work_off_outbox();
  ASSERT_TRUE(revoke(id));
  executor.advance(1min);
  EXPECT_GE(told().size(), 2U) << "told twice rather than never";
  EXPECT_LE(told().size(), 14U);
  store.fail_always("outbox_done", false);
  executor.advance(6s);
  EXPECT_EQ(row(id).status, Status::revoked);
}

TEST_F(RevokerTest, a_registration_that_is_gone_from_the_configuration_is_waited_for) {
  auto made = imported("a-1");
  OutboxItem item{.kind = OutboxKind::revoke_replaced,
                  .connection = made.id,
                  .registration = RegistrationId{"removed"},
                  .tenant = made.tenant,
                  .realm = made.realm,
                  .generation = 1,
                  .tokens = made.tokens,
                  .next_try_at = clock.now(),
                  .created_at = clock.now()};
  ASSERT_TRUE(run(executor, sqlite->enqueue(item)));
  work_off_outbox();
  ASSERT_EQ(outbox(made.id).size(), 1U);
  EXPECT_TRUE(outbox(made.id).front().last_error.contains("not configured any more"));
}

}  // namespace
}  // namespace evergrant::test
