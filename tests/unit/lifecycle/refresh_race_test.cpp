// Races that the simulation (tests/sim) found, each reduced to its few steps.
#include <gtest/gtest.h>

#include "lifecycle/revoker.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RefreshRaceTest : public RefreshBench {
 protected:
  RefreshRaceTest() {
    profile(Rotation::always_strict);
    connect("con_1");
    let_pass(10min);
  }

  Engine& other() {
    if (others.empty()) others.push_back(make_engine(&node().executor));
    return *others.front();
  }
  void start_recovery_elsewhere() {
    spawn(other().executor, other().service.run());  // ends with the engine
    node().executor.run_until_idle();
  }
  std::shared_ptr<Reading> start_force(std::optional<Generation> seen = std::nullopt) {
    auto reading = std::make_shared<Reading>();
    spawn(node().executor, read_into(node().service.refresh(ConnectionId{"con_1"}, seen, std::nullopt), reading));
    node().executor.run_until_idle();
    return reading;
  }
  // The customer consents again: a new grant under the same id.
  void reconnect() {
    const Connection before = row("con_1");
    const auto [access, refresh] = provider->grant("again");
    TokenSet tokens;
    tokens.access_token = Secret{access};
    tokens.refresh_token = Secret{refresh};
    tokens.access_expires_at = clock.now() + provider->lifetime;
    auto update = run(node().executor, node().service.seal_tokens(before, before.generation + 1, std::move(tokens)));
    ASSERT_TRUE(update);
    ASSERT_TRUE(run(elsewhere, sqlite->reconnect(before.id, before.generation, *update, std::nullopt, {})));
    node().service.forget(before.id);
  }
  void revoke_here() {
    ASSERT_TRUE(run(elsewhere, sqlite->begin_revocation(ConnectionId{"con_1"}, false, "a test", clock.now(), {})));
  }

  VirtualExecutor elsewhere{clock};
};

TEST_F(RefreshRaceTest, a_report_that_read_the_row_before_another_ones_refresh_ended_is_given_what_that_one_brought) {
  for (const std::optional<Generation> seen : {std::optional<Generation>{1}, std::optional<Generation>{}}) {
    let_pass(1h);
    const Generation before = row("con_1").generation;
    const auto reported = seen ? std::optional{before} : seen;
    const auto commit = node().store.hold_next("commit");
    const auto first = start_force(reported);
    const Completion<bool> read;
    bool held = false;
    node().store.interpose([&, read](std::string operation, FaultyStore::Moment moment) -> Task<FaultyStore::Interference> {
      if (operation == "connection" && moment == FaultyStore::Moment::after && !std::exchange(held, true)) co_await read;
      co_return FaultyStore::Interference::none;
    });
    const auto second = start_force(reported);
    commit.set(true);
    node().executor.run_until_idle();
    ASSERT_TRUE(first->result && *first->result);
    read.set(true);
    node().executor.run_until_idle();
    ASSERT_TRUE(second->result && *second->result) << text(*second->result);
    EXPECT_EQ((*second->result)->generation, before + 1);
    EXPECT_EQ(text(force("con_1", before + 1)), "rate_limited")
        << "about the newer one there was none yet, and it is too soon";
    node().store.interpose({});
  }
}

TEST_F(RefreshRaceTest, a_connection_that_another_process_puts_on_hold_before_the_commit_is_not_served_from_memory) {
  const auto commit = node().store.hold_next("commit");
  const auto refreshing = start_force();
  auto hold = sqlite->change_status(ConnectionId{"con_1"}, Status::active, Status::quarantined, "by an operator", {});
  ASSERT_TRUE(run(elsewhere, std::move(hold)));
  commit.set(true);
  node().executor.run_until_idle();
  EXPECT_EQ(row("con_1").generation, 2) << "the tokens are stored all the same";
  EXPECT_EQ(row("con_1").status, Status::quarantined);
  ASSERT_TRUE(refreshing->result);
  EXPECT_EQ(text(*refreshing->result), "quarantined");
  EXPECT_EQ(text(read("con_1")), "quarantined");
}

TEST_F(RefreshRaceTest, a_commit_that_overtakes_the_recovery_pass_of_another_process_is_not_taken_for_a_replaced_grant) {
  const auto commit = node().store.hold_next("commit");
  const auto refreshing = start_force();
  const auto look = other().store.hold_next("connection");
  start_recovery_elsewhere();  // has listed the attempt with its kept answer, and is about to read the row
  commit.set(true);
  node().executor.run_until_idle();
  ASSERT_TRUE(refreshing->result && *refreshing->result);
  look.set(true);
  let_pass(2min);
  EXPECT_TRUE(outbox("con_1").empty()) << "the connection's own tokens would be revoked";
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RefreshRaceTest, a_failure_that_comes_after_a_revocation_brings_no_token_back) {
  ASSERT_TRUE(read("con_1"));
  const auto request = provider->hold_next_request();
  const auto refreshing = start_force();
  revoke_here();
  node().service.forget(ConnectionId{"con_1"});
  HttpResponse trouble;
  trouble.status = 503;
  provider->always = trouble;
  request.set(true);
  let_pass(5s);
  ASSERT_TRUE(refreshing->result);
  EXPECT_EQ(text(read("con_1")), "revoked");
}

TEST_F(RefreshRaceTest, tokens_that_come_after_a_reconnect_are_revoked_though_another_process_has_looked_meanwhile) {
  const auto request = provider->hold_next_request();
  start_force();
  reconnect();
  start_recovery_elsewhere();
  request.set(true);
  node().executor.run_until_idle();
  let_pass(2min);
  const auto waiting = outbox("con_1");
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting.front().kind, OutboxKind::revoke_replaced);
}

TEST_F(RefreshRaceTest, tokens_that_come_after_a_reconnect_are_revoked_though_the_new_grant_was_refreshed_since) {
  const auto request = provider->hold_next_request();
  start_force();
  reconnect();
  request.set(true);
  node().executor.run_until_idle();
  let_pass(31s);
  ASSERT_TRUE(force("con_1", 2));
  ASSERT_EQ(row("con_1").generation, 3);
  start_recovery_elsewhere();
  let_pass(2min);
  EXPECT_EQ(outbox("con_1").size(), 1U);
}

TEST_F(RefreshRaceTest, a_refusal_that_comes_after_a_reconnect_is_told_to_nobody) {
  let_pass(2h);  // nothing is left to confirm it for
  provider->kill("con_1");
  const auto record = node().store.hold_next("record_failure");
  const auto asked = start_force();
  reconnect();
  record.set(true);
  let_pass(5s);
  ASSERT_TRUE(asked->result);
  EXPECT_EQ(text(*asked->result), "at-again-1");
  EXPECT_EQ(row("con_1").status, Status::active);
}

TEST_F(RefreshRaceTest, a_process_that_was_stopped_past_its_lease_sends_nothing_once_another_has_taken_over) {
  node().store.after("claim", [this] {
    clock.advance(2min);  // it was stopped: its timers have not seen that time
    const Time now = clock.now();
    ASSERT_TRUE(run(elsewhere, sqlite->claim(ConnectionId{"con_1"}, 1, "another", now, now + 1min, std::nullopt)));
  });
  start_force();
  EXPECT_EQ(provider->token_requests, 0);
  EXPECT_EQ(row("con_1").lease.owner, "another");
  EXPECT_EQ(open_attempts(), 0U) << "what was not sent needs no resolution";
}

TEST_F(RefreshRaceTest, a_process_that_was_stopped_renews_its_lease_before_it_sends) {
  node().store.after("claim", [this] { clock.advance(2min); });
  const auto request = provider->hold_next_request();
  start_force();
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_GT(row("con_1").lease.until, clock.now() + 30s);
  request.set(true);
  node().executor.run_until_idle();
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(RefreshRaceTest, a_row_that_is_read_while_the_process_is_stopped_is_as_old_as_the_question) {
  node().store.after("connection", [this] { clock.advance(5min); });
  ASSERT_TRUE(read("con_1"));
  node().store.after("connection", nullptr);
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {})) << "it may have been revoked meanwhile";
}

TEST_F(RefreshRaceTest, revoking_what_another_process_has_revoked_ends_local_use_too) {
  ASSERT_TRUE(read("con_1"));
  ASSERT_TRUE(node().service.read_now(ConnectionId{"con_1"}, {}));
  revoke_here();
  Revoker revoker{{node().executor, node().store, node().vault, node().directory, *provider, *registrations, clock, random,
                   node().metrics, *log},
                  node().service};
  const auto revoked = run(node().executor, revoker.revoke({ConnectionId{"con_1"}, "a test", false}));
  ASSERT_TRUE(revoked);
  EXPECT_EQ(revoked->status, Status::revoked);
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {}));
}

}  // namespace
}  // namespace evergrant::test
