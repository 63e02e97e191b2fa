// The scheduler: ahead of expiry while in use, keep-alive while not, one hang delays nobody, nothing spins.
#include <gtest/gtest.h>

#include <utility>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class SchedulerTest : public RefreshBench {};

TEST_F(SchedulerTest, a_used_connection_always_has_a_token_that_lives) {
  options.recheck = 0s;  // nobody else writes: memory is enough between reads ten minutes apart
  connect("con_1");
  start_scheduler();
  for (int i = 0; i < 24 * 6; ++i) {
    let_pass(10min);
    const auto lease = node().service.read_now(ConnectionId{"con_1"}, {});
    if (i > 0) {
      ASSERT_TRUE(lease) << "after " << i << " reads";  // from memory: nobody waited
      EXPECT_GT(*lease->expires_at, clock.now() + 5min);
    } else {
      read("con_1");
    }
  }
  EXPECT_LE(provider->token_requests, 48);
  EXPECT_GE(provider->token_requests, 24);
}

TEST_F(SchedulerTest, an_idle_connection_is_kept_alive_for_a_year_with_few_requests) {
  options.look_every = 1h;
  connect("con_1");
  start_scheduler();
  let_pass(std::chrono::days{365});
  EXPECT_TRUE(provider->alive("con_1"));
  EXPECT_GE(provider->token_requests, 12);
  EXPECT_LE(provider->token_requests, 22);
  for (std::size_t i = 1; i < provider->requested_at.size(); ++i) {
    EXPECT_LT(provider->requested_at[i] - provider->requested_at[i - 1], std::chrono::days{31});
  }
}

TEST_F(SchedulerTest, use_is_written_down_in_batches) {
  connect("con_1");
  for (int i = 0; i < 100; ++i) read("con_1");
  EXPECT_FALSE(row("con_1").last_used_at);
  let_pass(6s);
  EXPECT_TRUE(row("con_1").last_used_at);
  EXPECT_EQ(node().store.calls("touch"), 1);
}

TEST_F(SchedulerTest, what_fails_at_once_does_not_keep_it_from_sleeping) {
  options.concurrency = 1;
  for (int i = 0; i < 10; ++i) connect("con_" + std::to_string(i));
  let_pass(2h);
  node().store.fail_always("claim", true);  // a full disk: nothing can be sent, and nothing be put off
  start_scheduler();
  let_pass(10s);
  EXPECT_LE(node().store.calls("due"), 400) << "four looks a second, of two registrations, and of what comes next";
  EXPECT_EQ(provider->token_requests, 0);
}

TEST_F(SchedulerTest, one_registration_that_hangs_holds_up_no_other) {
  options.concurrency = 2;
  for (int i = 0; i < 60; ++i) connect("con_" + std::to_string(i));
  let_pass(2h);
  provider->hangs = true;
  start_scheduler();
  let_pass(10s);
  provider->hangs = false;  // those under way go on hanging; what comes now is answered
  connect("con_other", "sheets");
  let_pass(1h);
  EXPECT_EQ(row("con_other").generation, 2);
}

TEST_F(SchedulerTest, a_mass_that_falls_due_at_once_is_worked_off_under_the_cap) {
  options.concurrency = 8;
  for (int i = 0; i < 500; ++i) connect("con_" + std::to_string(i));
  let_pass(3h);  // nobody ran meanwhile
  provider->latency = 200ms;
  start_scheduler();
  let_pass(40min);
  EXPECT_EQ(provider->token_requests, 500);
  EXPECT_LE(provider->most_in_flight, 8);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(row("con_" + std::to_string(i)).generation, 2);
}

TEST_F(SchedulerTest, what_cannot_be_sent_yet_waits_where_it_is_and_costs_the_store_nothing) {
  options.concurrency = 4;
  for (int i = 0; i < 1000; ++i) {
    const auto c = connect("con_" + std::to_string(i));
    ASSERT_TRUE(run(node().executor, sqlite->move_due({{c.id, *c.next_due_at, clock.now()}}, clock.now())));
  }
  provider->latency = 100ms;
  start_scheduler();
  let_pass(30s);
  EXPECT_EQ(provider->token_requests, 1000);
  EXPECT_LE(provider->most_in_flight, 4);
  EXPECT_EQ(node().store.calls("claim"), 1000) << "each once, when it was its turn";
  EXPECT_EQ(node().store.calls("move_due"), 0);
}

TEST_F(SchedulerTest, the_next_are_started_as_soon_as_there_is_room) {
  options.concurrency = 100;
  for (int i = 0; i < 2000; ++i) {
    const auto c = connect("con_" + std::to_string(i));
    ASSERT_TRUE(run(node().executor, sqlite->move_due({{c.id, *c.next_due_at, clock.now()}}, clock.now())));
  }
  provider->latency = 10ms;
  start_scheduler();
  let_pass(300ms);  // twenty rounds of a hundred take 200
  EXPECT_EQ(provider->token_requests, 2000);
}

TEST_F(SchedulerTest, an_outage_costs_few_requests_and_ends_by_itself) {
  for (int i = 0; i < 100; ++i) connect("con_" + std::to_string(i));
  let_pass(3h);
  provider->always = HttpResponse{503, {}, "down"};
  start_scheduler();
  let_pass(1h);
  EXPECT_LT(provider->token_requests, 250);  // the breaker lets a probe a minute through
  provider->always.reset();
  let_pass(1h);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(row("con_" + std::to_string(i)).generation, 2);
    EXPECT_EQ(row("con_" + std::to_string(i)).status, Status::active);
  }
}

TEST_F(SchedulerTest, a_lost_answer_is_asked_for_again_at_once_though_nobody_reads) {
  connect("con_1");
  start_scheduler();
  let_pass(1min + 1s);  // asleep until the next regular look
  provider->garble_next_response();
  force("con_1");
  let_pass(5s);
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_EQ(provider->token_requests, 2);
  EXPECT_TRUE(provider->alive("con_1"));
}

TEST_F(SchedulerTest, what_cannot_be_sent_does_not_stay_at_the_head_of_what_is_due) {
  for (int i = 0; i < 30; ++i) connect("con_" + std::to_string(i));
  let_pass(2h);
  connect("con_other", "sheets");
  ASSERT_TRUE(run(node().executor, sqlite->pause({RegistrationId{"books"}, "invalid_client", "", clock.now()})));
  provider->answer_next(401, R"({"error":"invalid_client"})");
  start_scheduler();
  let_pass(55min);
  EXPECT_EQ(row("con_other").generation, 2);
}

TEST_F(SchedulerTest, a_tenant_whose_key_is_away_does_not_stay_at_the_head_of_what_is_due) {
  options.concurrency = 1;
  for (int i = 0; i < 5; ++i) connect("con_" + std::to_string(i));
  let_pass(2h);
  crash();  // another process: it has no key of the tenant yet
  node().store.fail_always("tenant_keys", true);
  start_scheduler();
  let_pass(20s);
  for (int i = 0; i < 5; ++i) EXPECT_GT(row("con_" + std::to_string(i)).next_due_at, clock.now()) << i;
  EXPECT_EQ(provider->token_requests, 0);
  node().store.fail_always("tenant_keys", false);
  let_pass(2min);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(row("con_" + std::to_string(i)).generation, 2) << i;
}

TEST_F(SchedulerTest, a_failure_that_another_process_records_after_the_listing_is_not_skipped) {
  const Connection listed = connect("con_1");
  const Time pause = *listed.next_due_at + 5min;
  VirtualExecutor elsewhere{clock};
  bool done = false;
  start_scheduler();
  node().store.after("due", [&] {
    const Time now = clock.now();
    if (now < *listed.next_due_at || std::exchange(done, true)) return;
    const auto claim = run(elsewhere, sqlite->claim(listed.id, listed.generation, "other", now, now + 1min, std::nullopt));
    ASSERT_TRUE(claim);
    const Failure failure{FailureClass::transient, 3, now, "http_503", {}};
    ASSERT_TRUE(run(elsewhere, sqlite->record_failure(listed.id, claim->connection.lease.fence, failure, Status::active, {},
                                                      pause, false, Event{})));
  });
  let_pass(pause - clock.now() - 1s);
  EXPECT_TRUE(done);
  EXPECT_EQ(provider->token_requests, 0);
  EXPECT_EQ(row("con_1").next_due_at, pause);
  let_pass(1min);
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(SchedulerTest, a_store_that_is_away_stops_nothing_for_good) {
  connect("con_1");
  node().store.fail_all(true);
  start_scheduler();
  let_pass(2h);
  EXPECT_EQ(provider->token_requests, 0);
  node().store.fail_all(false);
  let_pass(2min);
  EXPECT_EQ(row("con_1").generation, 2);
}

}  // namespace
}  // namespace evergrant::test
