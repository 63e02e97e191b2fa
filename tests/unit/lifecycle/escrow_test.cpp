// The store refuses a provider's answer: it waits in the escrow, through crashes, and no connection that has one there is
// refreshed from the old token.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class EscrowTest : public RefreshBench {
 protected:
  // The provider has rotated, and the store is gone when the answer comes in.
  std::shared_ptr<Reading> lose_the_store_while_refreshing(const std::string& id = "con_1") {
    provider->after_acting = [this] { node().store.fail_all(true); };
    auto reading = start_read(id, {.deadline = 1h});
    let_pass(1s);
    provider->after_acting = nullptr;
    return reading;
  }
  std::vector<std::string> event_types(const std::string& id) {
    std::vector<std::string> types;
    const auto events = run(node().executor, sqlite->events({}, ConnectionId{id}, {}, 100)).value();
    for (const auto& event : events.items) types.push_back(event.type);
    return types;
  }
  VirtualExecutor elsewhere{clock};
};

TEST_F(EscrowTest, an_answer_that_the_store_refuses_is_escrowed_at_once_and_leaves_when_it_is_stored) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  const auto reading = lose_the_store_while_refreshing();
  ASSERT_EQ(escrow->answers.size(), 1U);
  EXPECT_EQ(escrow->answers[0].connection, ConnectionId{"con_1"});
  EXPECT_EQ(escrow->answers[0].generation, 1);
  EXPECT_EQ(escrow->answers[0].answer.bytes.find("at-con_1-2"), std::string::npos) << "sealed";
  node().store.fail_all(false);
  let_pass(10s);
  ASSERT_TRUE(reading->result);
  EXPECT_EQ(text(*reading->result), "at-con_1-2");
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_EQ(escrow->reservations, 0U);
}

TEST_F(EscrowTest, a_crash_with_the_store_away_loses_nothing_even_where_refresh_tokens_are_used_once) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  crash();
  ASSERT_EQ(escrow->answers.size(), 1U);
  start_scheduler();
  let_pass(2min);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1) << "nothing was sent from the old token";
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(EscrowTest, a_reader_that_comes_before_the_replay_gets_the_escrowed_tokens) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  let_pass(2min);  // so that the lease of the one that dies has run out
  crash();         // and no scheduler runs in its successor
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_TRUE(escrow->answers.empty());
}

TEST_F(EscrowTest, the_lease_of_a_process_that_is_dead_for_certain_is_not_waited_for) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("commit");
  start_read("con_1");
  node().executor.run_until_idle();
  escrow->dead = {row("con_1").lease.owner};
  crash();
  start_scheduler();
  let_pass(1s);
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_TRUE(escrow->dead.empty());
}

TEST_F(EscrowTest, the_lease_of_the_dead_stays_while_their_request_may_be_on_its_way) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("keep_answer");
  start_read("con_1");
  node().executor.run_until_idle();
  const std::string dead = row("con_1").lease.owner;
  escrow->dead = {dead};
  crash();
  start_scheduler();
  let_pass(50s);
  EXPECT_EQ(row("con_1").lease.owner, dead);
  EXPECT_EQ(provider->token_requests, 1) << "not two at a time";
  EXPECT_TRUE(escrow->dead.empty());
  let_pass(2min);
  EXPECT_EQ(provider->token_requests, 2);
}

TEST_F(EscrowTest, a_full_escrow_refuses_refreshes_and_serves_what_is_valid) {
  profile(Rotation::always_strict);
  connect("con_1");
  connect("con_2");
  escrow->most = 0;
  let_pass(59min + 45s);
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  let_pass(1min);
  const auto refused = read("con_1");
  EXPECT_EQ(text(refused), "store_unavailable");
  EXPECT_NE(refused.error().hint.find("doctor"), std::string::npos);
  EXPECT_EQ(provider->token_requests, 0);
  EXPECT_EQ(open_attempts(), 0U) << "no claim was taken";
  escrow->most = 1;
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(text(read("con_2")), "at-con_2-2");
}

TEST_F(EscrowTest, where_nothing_rotates_nothing_is_reserved) {
  profile(Rotation::never);
  connect("con_1");
  escrow->most = 0;
  let_pass(1h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
}

TEST_F(EscrowTest, a_disk_that_fails_too_leaves_the_answer_in_memory_until_one_of_the_two_is_back) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  escrow->refuses = true;
  const auto reading = lose_the_store_while_refreshing();
  let_pass(1min);
  EXPECT_GT(escrow->puts, 3);
  escrow->refuses = false;
  let_pass(10s);
  ASSERT_EQ(escrow->answers.size(), 1U);
  node().store.fail_all(false);
  let_pass(10s);
  ASSERT_TRUE(reading->result);
  EXPECT_EQ(text(*reading->result), "at-con_1-2");
}

TEST_F(EscrowTest, tokens_of_a_connection_that_was_revoked_meanwhile_are_revoked_too) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  crash();
  ASSERT_TRUE(run(elsewhere, sqlite->begin_revocation(ConnectionId{"con_1"}, true, "asked", clock.now(), {})));
  for (const Attempt& attempt : run(elsewhere, sqlite->unresolved_attempts(10)).value()) {
    ASSERT_TRUE(run(elsewhere, sqlite->end_attempt(attempt.id)));  // as another process does that knows of no answer
  }
  start_scheduler();
  let_pass(1min);
  EXPECT_TRUE(escrow->answers.empty());
  const auto items = outbox("con_1");
  ASSERT_EQ(items.size(), 2U);
  const auto minted = run(node().executor, node().vault.open(place_of(row("con_1"), "refresh_token", items[1].generation),
                                                             items[1].tokens.refresh_token));
  ASSERT_TRUE(minted);
  EXPECT_EQ(minted->reveal(), provider->refresh_token_of("con_1"));
}

TEST_F(EscrowTest, tokens_of_a_grant_that_was_replaced_meanwhile_are_revoked) {
  connect("con_1");
  let_pass(1h);
  provider->after_acting = [this] {  // the customer connects anew while the answer is on its way, and its save fails once
    provider->after_acting = nullptr;
    const auto [access, refresh] = provider->grant("new");
    TokenSet tokens;
    tokens.access_token = Secret{access};
    tokens.refresh_token = Secret{refresh};
    tokens.access_expires_at = clock.now() + 1h;
    auto update =
        run(elsewhere, node().service.seal_tokens(run(elsewhere, sqlite->connection(ConnectionId{"con_1"})).value(), 2,
                                                  std::move(tokens)))
            .value();
    ASSERT_TRUE(run(elsewhere, sqlite->reconnect(ConnectionId{"con_1"}, 1, std::move(update), std::nullopt, {})));
    node().service.forget(ConnectionId{"con_1"});
    node().store.fail_next("keep_answer");
  };
  EXPECT_EQ(text(read("con_1")), "at-new-1");
  EXPECT_EQ(open_attempts(), 1U) << "what the answer holds is still to be revoked";
  start_scheduler();
  let_pass(2min);
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_EQ(open_attempts(), 0U);
  const auto items = outbox("con_1");
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].kind, OutboxKind::revoke_replaced);
}

TEST_F(EscrowTest, a_connection_that_another_process_gave_up_is_brought_back) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  crash();
  const Connection lost = row("con_1");
  const auto claim =
      run(elsewhere, sqlite->claim(lost.id, 1, "other", clock.now() + 2min, clock.now() + 3min, std::nullopt));
  ASSERT_TRUE(claim);
  ASSERT_TRUE(run(elsewhere, sqlite->record_failure(lost.id, claim->connection.lease.fence, {}, Status::reauth_required,
                                                    "the provider said so", std::nullopt, false, {})));
  ASSERT_EQ(open_attempts(), 0U);
  start_scheduler();
  let_pass(1min);
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_EQ(text(read("con_1")), "at-con_1-3") << "from the escrowed refresh token, at once: the other may have rotated it";
  EXPECT_EQ(provider->token_requests, 2);
  EXPECT_EQ(provider->reuses, 0);
  EXPECT_TRUE(escrow->answers.empty());
}

TEST_F(EscrowTest, an_answer_whose_tokens_were_stored_after_all_does_not_revoke_them) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  const std::vector<EscrowedAnswer> written = escrow->answers;
  node().store.fail_all(false);
  let_pass(10s);
  ASSERT_EQ(row("con_1").generation, 2);
  crash();
  escrow->answers = written;  // its removal was not durable
  start_scheduler();
  let_pass(1min);
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_TRUE(outbox("con_1").empty());
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(EscrowTest, a_key_that_was_replaced_meanwhile_does_not_lock_an_answer_out) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  crash();
  node().store.fail_next("keep_answer", 1, Errc::key_unavailable);
  start_scheduler();
  let_pass(2min);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_TRUE(escrow->answers.empty());
}

TEST_F(EscrowTest, an_answer_that_does_not_open_is_set_aside_and_its_connection_is_recovered) {
  profile(Rotation::always_with_grace);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  crash();
  ASSERT_EQ(escrow->answers.size(), 1U);
  escrow->answers[0].answer.bytes = "broken";
  node().store.fail_next("keep_answer", 1, Errc::key_unavailable);
  start_scheduler();
  let_pass(5min);
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_EQ(escrow->aside.size(), 1U);
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_EQ(provider->token_requests, 2) << "as the profile allows";
}

TEST_F(EscrowTest, an_answer_whose_key_is_gone_does_not_hold_up_a_connection_that_has_newer_tokens) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  node().store.fail_all(false);
  const std::vector<EscrowedAnswer> written = escrow->answers;
  let_pass(10s);
  ASSERT_EQ(row("con_1").generation, 2);
  crash();
  escrow->answers = written;
  escrow->answers[0].answer.bytes = "broken";
  node().store.fail_next("keep_answer", 1, Errc::key_unavailable);
  start_scheduler();
  let_pass(1h);
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_EQ(escrow->aside.size(), 1U);
  EXPECT_EQ(text(read("con_1")), "at-con_1-3");
}

TEST_F(EscrowTest, an_answer_for_a_connection_that_the_store_does_not_know_is_not_thrown_away) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  lose_the_store_while_refreshing();
  crash();
  escrow->answers[0].connection = ConnectionId{"con_of_another_store"};
  start_scheduler();
  let_pass(10s);
  EXPECT_TRUE(escrow->answers.empty());
  ASSERT_EQ(escrow->aside.size(), 1U);
  EXPECT_EQ(escrow->aside[0].connection, ConnectionId{"con_of_another_store"});
}

TEST_F(EscrowTest, what_comes_in_is_sealed_though_the_tenants_key_cannot_be_read_any_more) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  provider->latency = 10min;  // far longer than a key is believed without asking the store
  options.timeout = 20min;
  options.lease = 1h;
  crash();
  const auto reading = start_read("con_1", {.deadline = 1h});
  let_pass(9min);
  node().store.fail_all(true);
  let_pass(2min);
  EXPECT_EQ(escrow->answers.size(), 1U);
}

TEST_F(EscrowTest, a_hundred_readers_of_a_store_that_went_away_are_not_given_what_is_not_stored) {
  connect("con_1");
  let_pass(1h);
  const auto reading = lose_the_store_while_refreshing();
  EXPECT_FALSE(reading->result);
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {}));
}

TEST_F(EscrowTest, a_replay_of_a_lost_answer_is_told_with_its_risk) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  provider->drop_next_request();
  start_scheduler();
  read("con_1", {.deadline = 2min});
  let_pass(5min);
  EXPECT_EQ(row("con_1").generation, 2);
  const auto events = run(node().executor, sqlite->events({}, ConnectionId{"con_1"}, {}, 100)).value().items;
  const auto told = std::ranges::find(events, "refresh_replayed", &Event::type);
  ASSERT_NE(told, events.end());
  EXPECT_NE(told->detail.find("only chance left"), std::string::npos) << told->detail;
}

TEST_F(EscrowTest, a_grant_that_was_lost_with_its_answer_says_so) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  provider->drop_next_response();
  start_scheduler();
  read("con_1", {.deadline = 2min});
  let_pass(5min);
  const Connection lost = row("con_1");
  EXPECT_EQ(lost.status, Status::reauth_required);
  EXPECT_NE(lost.reason.find("was lost"), std::string::npos) << lost.reason;
}

}  // namespace
}  // namespace evergrant::test
