// A process is slow beyond its lease, with an answer in its hands, while another goes on: what is later is decided by the
// order of the requests, and no answer that reached anybody is lost. The rules are those of the model (docs/model.md).
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class LateAnswerTest : public RefreshBench {
 protected:
  LateAnswerTest() {
    options.lease = 20s;
    options.timeout = 10s;
  }

  Engine& other() {
    if (others.empty()) others.push_back(make_engine(&node().executor));
    return *others.front();
  }
  // The first process has the answer to its request, and no time to keep it; its lease ends.
  Completion<bool> stop_before_keeping() {
    const auto keep = node().store.hold_next("keep_answer");
    node().store.fail_always("renew", true);
    slow = start_read("con_1", {.deadline = 10min});
    node().executor.run_until_idle();
    let_pass(21s);
    return keep;
  }
  std::shared_ptr<Reading> ask_other() {
    auto reading = std::make_shared<Reading>();
    spawn(other().executor, read_into(other().service.refresh(ConnectionId{"con_1"}, std::nullopt, 10min), reading));
    other().executor.run_until_idle();
    return reading;
  }
  void refuse_next() { provider->answer_next(400, R"({"error":"invalid_grant"})"); }
  std::string refresh_token_in_store() {
    const Connection stored = row("con_1");
    const auto opened = run(node().executor, node().vault.open(place_of(stored, "refresh_token", stored.generation),
                                                               stored.tokens.refresh_token));
    return opened ? std::string{opened->reveal()} : "";
  }

  std::shared_ptr<Reading> slow;
};

class RefusedMeanwhileTest : public LateAnswerTest {
 protected:
  RefusedMeanwhileTest() {
    profile(Rotation::always_strict);
    connect("con_1");
    let_pass(1h);
  }
};

TEST_F(RefusedMeanwhileTest, an_answer_that_comes_after_the_refusal_revives_the_connection) {
  const auto keep = stop_before_keeping();
  refuse_next();
  const auto refused = ask_other();
  ASSERT_TRUE(refused->result);
  ASSERT_EQ(text(*refused->result), "reauth_required");
  ASSERT_EQ(row("con_1").status, Status::reauth_required);
  keep.set(true);
  let_pass(1s);
  const Connection revived = row("con_1");
  EXPECT_EQ(revived.status, Status::active);
  EXPECT_EQ(revived.reason, "");
  EXPECT_EQ(revived.generation, 2);
  EXPECT_EQ(refresh_token_in_store(), provider->refresh_token_of("con_1"));
  ASSERT_TRUE(slow->result);
  EXPECT_EQ(text(*slow->result), "at-con_1-2");
  EXPECT_TRUE(escrow->answers.empty());
  ASSERT_TRUE(revived.next_due_at);
  EXPECT_LE(*revived.next_due_at, clock.now()) << "the provider may have acted on the second request too";
}

TEST_F(RefusedMeanwhileTest, an_answer_that_comes_after_the_refusal_outlives_its_process) {
  const auto keep = stop_before_keeping();
  refuse_next();
  ask_other();
  const auto revive = node().store.hold_next("revive");
  keep.set(true);
  let_pass(1s);
  EXPECT_EQ(escrow->answers.size(), 1U);
  crash();
  start_scheduler();
  let_pass(5s);
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_GE(row("con_1").generation, 2);
  EXPECT_TRUE(escrow->answers.empty());
}

TEST_F(RefusedMeanwhileTest, a_revival_whose_answer_was_lost_is_found_again) {
  const auto keep = stop_before_keeping();
  refuse_next();
  ask_other();
  node().store.lose_next_answer("revive");
  keep.set(true);
  let_pass(5s);
  EXPECT_EQ(text(*slow->result), "at-con_1-2");
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(RefusedMeanwhileTest, a_refusal_ends_no_answer_that_was_kept_before_it_was_recorded) {
  const auto keep = stop_before_keeping();
  refuse_next();
  const auto record = other().store.hold_next("record_failure");
  const auto asked = ask_other();
  ASSERT_EQ(provider->token_requests, 2);
  const auto commit = node().store.hold_next("commit");
  keep.set(true);
  node().executor.run_until_idle();
  record.set(true);
  let_pass(1s);
  ASSERT_TRUE(asked->result);
  EXPECT_EQ(text(*asked->result), "at-con_1-2") << "committed by the one that was refused";
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_EQ(open_attempts(), 0U);
  EXPECT_EQ(provider->token_requests, 2);
  commit.set(true);
  let_pass(1s);
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(RefusedMeanwhileTest, a_kept_answer_that_holds_no_tokens_outweighs_no_refusal) {
  provider->garble_next_response();
  refuse_next();
  start_scheduler();
  slow = start_read("con_1");
  let_pass(5min);
  EXPECT_EQ(provider->token_requests, 2);
  EXPECT_EQ(row("con_1").status, Status::reauth_required);
  EXPECT_EQ(open_attempts(), 0U);
}

class AnsweredMeanwhileTest : public LateAnswerTest {
 protected:
  AnsweredMeanwhileTest() {
    profile(Rotation::always_with_grace);
    connect("con_1");
    let_pass(1h);
  }
};

TEST_F(AnsweredMeanwhileTest, the_answer_to_the_earlier_request_changes_nothing_once_the_later_is_stored) {
  const auto keep = stop_before_keeping();
  const auto asked = ask_other();
  ASSERT_TRUE(asked->result);
  ASSERT_EQ(text(*asked->result), "at-con_1-3");
  const Connection stored = row("con_1");
  keep.set(true);
  let_pass(1s);
  EXPECT_EQ(text(*slow->result), "at-con_1-3");
  EXPECT_EQ(row("con_1").tokens, stored.tokens);
  EXPECT_TRUE(escrow->answers.empty());
  EXPECT_TRUE(outbox("con_1").empty());
}

TEST_F(AnsweredMeanwhileTest, the_answer_to_the_later_request_is_stored_over_that_to_the_earlier) {
  const auto keep = stop_before_keeping();
  const auto keep_later = other().store.hold_next("keep_answer");
  other().store.fail_always("renew", true);
  const auto asked = ask_other();
  ASSERT_EQ(provider->token_requests, 2);
  keep.set(true);
  let_pass(30s);  // the lease of the second is over
  const Connection older = row("con_1");
  ASSERT_EQ(older.generation, 2);
  EXPECT_EQ(text(*slow->result), "at-con_1-2");
  EXPECT_EQ(open_attempts(), 1U) << "the later request has no outcome yet";
  ASSERT_TRUE(older.next_due_at);
  EXPECT_LE(*older.next_due_at, clock.now()) << "these tokens are good for the grace window only";
  keep_later.set(true);
  let_pass(10s);
  EXPECT_EQ(row("con_1").generation, 3);
  EXPECT_EQ(refresh_token_in_store(), provider->refresh_token_of("con_1"));
  EXPECT_EQ(text(*asked->result), "at-con_1-3");
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(AnsweredMeanwhileTest, nobody_who_shares_the_grant_is_given_the_answer_to_the_earlier_request) {
  const auto [access, refresh] = provider->grant("hub");
  store_grant("con_a", "books", "hub", access, refresh);
  store_grant("con_b", "books", "hub", access, refresh);
  let_pass(1h);
  const auto keep = node().store.hold_next("keep_answer");
  node().store.fail_always("renew", true);
  const auto late = start_read("con_a", {.deadline = 10min});
  let_pass(21s);
  const auto there = run_through_time(other().executor, other().service.token(ConnectionId{"con_b"}, {}));
  ASSERT_EQ(text(there), "at-hub-3");
  const SealedTokens stored = row("con_b").tokens;
  keep.set(true);
  let_pass(1s);
  EXPECT_EQ(row("con_b").tokens, stored);
  EXPECT_EQ(text(*late->result), "at-hub-3");
}

// A grant's tokens need not be asked for again where nobody else can have sent a request.
TEST_F(AnsweredMeanwhileTest, an_answer_that_the_next_holder_of_the_lease_finds_is_the_last_word) {
  const auto commit = node().store.hold_next("commit");
  start_read("con_1");
  node().executor.run_until_idle();
  crash();
  let_pass(21s);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_GT(*row("con_1").next_due_at, clock.now() + 1min);
  EXPECT_EQ(provider->token_requests, 1);
}

}  // namespace
}  // namespace evergrant::test
