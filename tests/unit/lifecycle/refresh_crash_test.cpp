// The process dies at each step of a refresh, answers get lost, the store goes away, others take over: no grant is lost by
// it, and none is stuck.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

enum class Cut : std::uint8_t {
  before_claim,
  request_unseen,  // claimed and sent, and the provider has not acted
  answer_unread,   // the provider has acted
  before_keep,     // the answer was read, and is nowhere but in memory
  before_commit,   // the raw answer is durable
};

struct CrashCase {
  Rotation rotation;
  Cut cut;
  bool expired;  // at the moment of the crash; else the refresh was forced
};

std::string name_of(const CrashCase& which) {
  static const std::map<Rotation, std::string> rotations{{Rotation::never, "never"},
                                                         {Rotation::sometimes, "sometimes"},
                                                         {Rotation::always_with_grace, "grace"},
                                                         {Rotation::always_strict, "strict"}};
  static const std::vector<std::string> cuts{"before_claim", "request_unseen", "answer_unread", "before_keep",
                                             "before_commit"};
  return rotations.at(which.rotation) + '_' + cuts.at(static_cast<std::size_t>(which.cut)) +
         (which.expired ? "_expired" : "_valid");
}

class CrashTest : public RefreshBench, public ::testing::WithParamInterface<CrashCase> {
 protected:
  void arm(Cut cut) {
    switch (cut) {
      case Cut::before_claim: held = node().store.hold_next("claim"); break;
      case Cut::request_unseen: held = provider->hold_next_request(); break;
      case Cut::answer_unread: provider->drop_next_response(); break;
      case Cut::before_keep: held = node().store.hold_next("keep_answer"); break;
      case Cut::before_commit: held = node().store.hold_next("commit"); break;
    }
  }
  std::optional<Completion<bool>> held;
};

// True if no engine in the world could save the grant: the new refresh token was in an answer that nobody kept.
bool is_beyond_saving(const CrashCase& which) {
  return which.rotation == Rotation::always_strict && (which.cut == Cut::answer_unread || which.cut == Cut::before_keep);
}

TEST_P(CrashTest, loses_no_grant_and_leaves_none_stuck) {
  const CrashCase which = GetParam();
  profile(which.rotation);
  connect("con_1");
  let_pass(which.expired ? 1h : 10min);
  arm(which.cut);
  const auto reading = std::make_shared<Reading>();
  spawn(node().executor, read_into(node().service.refresh(ConnectionId{"con_1"}, std::nullopt, std::nullopt), reading));
  node().executor.run_until_idle();
  ASSERT_FALSE(reading->result);
  crash();
  start_scheduler();
  if (!which.expired) EXPECT_EQ(text(read("con_1")), "at-con_1-1");  // nothing takes a valid token away
  let_pass(2min);
  const int requests_soon = provider->token_requests;
  let_pass(2h);
  const auto lease = read("con_1");
  EXPECT_EQ(open_attempts(), 0U);
  if (is_beyond_saving(which)) {
    EXPECT_EQ(text(lease), "reauth_required");
    if (!which.expired) EXPECT_EQ(requests_soon, 1) << "asking again could have killed a token in use";
    return;
  }
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_TRUE(provider->is_good(std::string{lease->access_token.reveal()}));
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_EQ(provider->reuses, 0);
  if (which.cut == Cut::before_commit && which.rotation != Rotation::never) {
    EXPECT_EQ(requests_soon, 1) << "the kept answer makes a second request needless";
  }
}

std::vector<CrashCase> all_cases() {
  std::vector<CrashCase> cases;
  for (const auto rotation : {Rotation::never, Rotation::sometimes, Rotation::always_with_grace, Rotation::always_strict}) {
    for (const auto cut :
         {Cut::before_claim, Cut::request_unseen, Cut::answer_unread, Cut::before_keep, Cut::before_commit}) {
      if (rotation == Rotation::never && cut == Cut::before_keep) continue;  // nothing is kept where nothing rotates
      for (const bool expired : {false, true}) cases.push_back({rotation, cut, expired});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, CrashTest, ::testing::ValuesIn(all_cases()),
                         [](const auto& info) { return name_of(info.param); });

class RecoveryTest : public RefreshBench {
 protected:
  VirtualExecutor elsewhere{clock};  // where others work on the same store
};

TEST_F(RecoveryTest, a_lost_response_is_replayed_inside_the_grace_window) {
  connect("con_1");
  let_pass(1h);
  provider->drop_next_response();
  EXPECT_EQ(text(read("con_1", {.deadline = 60s})), "at-con_1-3");
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_EQ(provider->token_requests, 2);
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RecoveryTest, a_strict_provider_is_not_asked_again_while_the_access_token_lives) {
  profile(Rotation::always_strict);
  connect("con_1");
  start_scheduler();
  let_pass(1min);
  provider->drop_next_request();  // lost on the way: nobody knows that the provider never saw it
  force("con_1");
  const int sent = provider->token_requests;
  for (int i = 0; i < 57; ++i) {
    EXPECT_EQ(text(read("con_1")), "at-con_1-1");
    let_pass(1min);
  }
  EXPECT_EQ(provider->token_requests, sent);
  EXPECT_EQ(row("con_1").status, Status::active);
  let_pass(5min);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");  // at the end of its life, asking again was the only chance, and a good one
}

TEST_F(RecoveryTest, where_a_refresh_ends_the_access_token_before_it_a_strict_provider_is_asked_again_at_once) {
  profile(Rotation::always_strict);
  change_profile([](Registration& registration) { registration.provider.refresh.invalidates_old_access_token = true; });
  connect("con_1");
  start_scheduler();
  let_pass(1min);
  provider->drop_next_request();
  force("con_1");
  EXPECT_EQ(text(read("con_1")), "at-con_1-1") << "it may live: it is served meanwhile";
  let_pass(30s);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->reuses, 0);
  const auto events = run(node().executor, sqlite->events({}, ConnectionId{"con_1"}, {}, 100)).value().items;
  const auto told = std::ranges::find(events, "refresh_replayed", &Event::type);
  ASSERT_NE(told, events.end());
  EXPECT_NE(told->detail.find("nothing is gained by waiting"), std::string::npos) << told->detail;
  EXPECT_NE(told->detail.find("must connect again"), std::string::npos) << told->detail;
}

TEST_F(RecoveryTest, an_hour_of_hanging_leaves_no_strict_connection_stuck) {
  profile(Rotation::always_strict);
  connect("con_1");
  start_scheduler();
  provider->hangs = true;
  let_pass(3h);
  EXPECT_EQ(row("con_1").status, Status::active);
  provider->hangs = false;
  let_pass(20min);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RecoveryTest, a_garbled_answer_is_ambiguous_and_never_the_end_of_a_grant) {
  connect("con_1");
  let_pass(1h);
  provider->garble_next_response();
  EXPECT_EQ(text(read("con_1")), "at-con_1-3");
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RecoveryTest, the_store_failing_between_rotation_and_saving_loses_nothing) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  provider->after_acting = [this] { node().store.fail_all(true); };
  const auto reading = start_read("con_1", {.deadline = 30min});
  let_pass(10min);
  EXPECT_FALSE(reading->result);
  provider->after_acting = nullptr;
  node().store.fail_all(false);
  let_pass(10s);
  ASSERT_TRUE(reading->result);
  EXPECT_EQ(text(*reading->result), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_EQ(row("con_1").generation, 2);
  let_pass(1h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-3");
}

TEST_F(RecoveryTest, each_single_write_may_fail_or_lose_its_answer) {
  profile(Rotation::always_strict);
  connect("con_1");
  int generation = 1;
  for (const std::string operation : {"claim", "keep_answer", "commit", "connection", "renew", "release"}) {
    for (const bool lost : {false, true}) {
      if (lost) {
        node().store.lose_next_answer(operation);
      } else {
        node().store.fail_next(operation);
      }
      let_pass(2h);
      read("con_1", {.deadline = 3min});
      let_pass(2min);
      const auto lease = read("con_1");
      ASSERT_TRUE(lease) << operation << lost << lease.error().message;
      EXPECT_TRUE(provider->is_good(std::string{lease->access_token.reveal()})) << operation << lost;
      EXPECT_GT(lease->generation, generation) << operation << lost;
      generation = static_cast<int>(lease->generation);
      node().store.fail_next(operation, 0);
      node().store.lose_next_answer(operation, 0);
    }
  }
  EXPECT_EQ(provider->reuses, 0);
}

TEST_F(RecoveryTest, a_commit_whose_answer_was_lost_is_found_again) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  node().store.lose_next_answer("commit");
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(RecoveryTest, nobody_is_given_a_token_that_is_not_durable) {
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("commit");
  const auto reading = start_read("con_1");
  node().executor.run_until_idle();
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_FALSE(reading->result);
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {}));
  held.set(true);
  node().executor.run_until_idle();
  ASSERT_TRUE(reading->result);
  EXPECT_EQ(text(*reading->result), "at-con_1-2");
}

TEST_F(RecoveryTest, a_store_that_is_away_keeps_no_valid_token_from_its_reader) {
  connect("con_1");
  read("con_1");
  node().store.fail_all(true);
  for (int i = 0; i < 59; ++i) {
    EXPECT_EQ(text(read("con_1")), "at-con_1-1");
    let_pass(1min);
  }
  EXPECT_EQ(provider->token_requests, 0);  // what could not be stored is not asked for
}

TEST_F(RecoveryTest, a_revocation_during_a_refresh_is_final_and_the_new_tokens_are_revoked_too) {
  connect("con_1");
  let_pass(1h);
  provider->after_acting = [this] {
    ASSERT_TRUE(run(elsewhere, sqlite->begin_revocation(ConnectionId{"con_1"}, true, "asked", clock.now(), {})));
    node().service.forget(ConnectionId{"con_1"});
  };
  EXPECT_EQ(text(read("con_1")), "revoked");
  EXPECT_EQ(row("con_1").status, Status::revoking);
  const auto items = outbox("con_1");
  ASSERT_EQ(items.size(), 2U);
  const auto minted = run(node().executor, node().vault.open(place_of(row("con_1"), "refresh_token", items[1].generation),
                                                             items[1].tokens.refresh_token));
  ASSERT_TRUE(minted);
  EXPECT_EQ(minted->reveal(), provider->refresh_token_of("con_1"));
  EXPECT_EQ(open_attempts(), 0U);
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {}));
}

TEST_F(RecoveryTest, tokens_minted_during_a_revocation_are_revoked_even_after_a_crash) {
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("commit");
  start_read("con_1");
  node().executor.run_until_idle();
  crash();
  ASSERT_TRUE(run(node().executor, sqlite->begin_revocation(ConnectionId{"con_1"}, true, "asked", clock.now(), {})));
  start_scheduler();
  let_pass(1min);
  EXPECT_EQ(outbox("con_1").size(), 2U);
  EXPECT_EQ(open_attempts(), 0U);
}

// Found by the simulation: a store that would not say the key was taken for an answer that nobody can read.
TEST_F(RecoveryTest, a_kept_answer_outlives_a_store_that_will_not_give_its_key) {
  profile(Rotation::always_strict);
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("commit");
  start_read("con_1");
  node().executor.run_until_idle();
  crash();
  node().store.fail_next("tenant_keys", 5);
  start_scheduler();
  let_pass(10min);
  const auto lease = read("con_1");
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_TRUE(provider->is_good(std::string{lease->access_token.reveal()}));
  EXPECT_EQ(provider->reuses, 0);
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RecoveryTest, tokens_minted_during_a_revocation_are_revoked_once_their_key_can_be_had) {
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("commit");
  start_read("con_1");
  node().executor.run_until_idle();
  crash();
  ASSERT_TRUE(run(node().executor, sqlite->begin_revocation(ConnectionId{"con_1"}, true, "asked", clock.now(), {})));
  node().store.fail_next("tenant_keys", 5);
  start_scheduler();
  let_pass(10min);
  EXPECT_EQ(outbox("con_1").size(), 2U);
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RecoveryTest, a_reconnect_during_a_refresh_wins) {
  connect("con_1");
  let_pass(1h);
  provider->after_acting = [this] {
    provider->after_acting = nullptr;
    TokenSet tokens;
    const auto [access, refresh] = provider->grant("new");
    tokens.access_token = Secret{access};
    tokens.refresh_token = Secret{refresh};
    tokens.access_expires_at = clock.now() + 1h;
    const Connection old = run(elsewhere, sqlite->connection(ConnectionId{"con_1"})).value();
    auto update = run(elsewhere, node().service.seal_tokens(old, 2, std::move(tokens))).value();
    ASSERT_TRUE(run(elsewhere, sqlite->reconnect(ConnectionId{"con_1"}, 1, std::move(update), std::nullopt, {})));
    node().service.forget(ConnectionId{"con_1"});
  };
  EXPECT_EQ(text(read("con_1")), "at-new-1");
  EXPECT_EQ(row("con_1").generation, 2);
  start_scheduler();
  let_pass(1min);
  const auto items = outbox("con_1");  // the old grant's last pair must not stay alive
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].kind, OutboxKind::revoke_replaced);
}

class TwoEnginesTest : public RefreshBench {};

TEST_F(TwoEnginesTest, on_one_store_send_one_request) {
  connect("con_1");
  others.push_back(make_engine(&node().executor));
  provider->latency = 2s;
  let_pass(1h);
  const auto here = start_read("con_1");
  auto there = std::make_shared<Reading>();
  spawn(node().executor, read_into(others[0]->service.token(ConnectionId{"con_1"}, {}), there));
  let_pass(5s);
  ASSERT_TRUE(here->result && there->result);
  EXPECT_EQ(text(*here->result), "at-con_1-2");
  EXPECT_EQ(text(*there->result), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(TwoEnginesTest, the_lease_outlives_a_slow_answer_because_it_is_renewed) {
  options.lease = 9s;
  options.timeout = 60s;
  connect("con_1");
  others.push_back(make_engine(&node().executor));
  provider->latency = 40s;
  let_pass(1h);
  start_read("con_1");
  node().executor.run_until_idle();
  auto there = std::make_shared<Reading>();
  spawn(node().executor, read_into(others[0]->service.token(ConnectionId{"con_1"}, {.deadline = 60s}), there));
  let_pass(45s);
  ASSERT_TRUE(there->result);
  EXPECT_EQ(text(*there->result), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(TwoEnginesTest, who_lost_the_lease_overwrites_nothing) {
  options.lease = 10s;
  options.timeout = 8s;
  connect("con_1");
  let_pass(1h);
  const auto held = node().store.hold_next("commit");
  node().store.fail_always("renew", true);
  start_read("con_1");
  node().executor.run_until_idle();
  others.push_back(make_engine(&node().executor));
  let_pass(11s);  // the lease has run out; the other finds the kept answer
  const auto there = run_through_time(node().executor, others[0]->service.token(ConnectionId{"con_1"}, {}));
  EXPECT_EQ(text(there), "at-con_1-2");
  const Connection stored = row("con_1");
  held.set(true);
  let_pass(10s);
  EXPECT_EQ(row("con_1").generation, stored.generation);
  EXPECT_EQ(row("con_1").tokens, stored.tokens);
  EXPECT_EQ(provider->token_requests, 1);
}

}  // namespace
}  // namespace evergrant::test
