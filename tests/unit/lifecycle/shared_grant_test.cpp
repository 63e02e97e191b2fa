// Several connections on one upstream grant (REF-22): one lock, one request, and the new tokens for all.
#include <gtest/gtest.h>

#include "lifecycle/held_grant.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class SharedGrantTest : public RefreshBench {
 protected:
  // Two connections on one grant, each with the pair that is current.
  void connect_both() {
    const auto [access, refresh] = provider->grant("hub");
    store_grant("con_a", "books", "hub", access, refresh);
    store_grant("con_b", "books", "hub", access, refresh);
  }
};

TEST_F(SharedGrantTest, one_refresh_serves_all_who_share_it) {
  profile(Rotation::always_strict);
  connect_both();
  provider->latency = 100ms;
  let_pass(1h);
  const auto a = start_read("con_a");
  const auto b = start_read("con_b");
  let_pass(1s);
  EXPECT_EQ(text(*a->result), "at-hub-2");
  EXPECT_EQ(text(*b->result), "at-hub-2");
  EXPECT_EQ(provider->token_requests, 1);
  for (int i = 3; i < 6; ++i) {
    let_pass(1h);
    EXPECT_EQ(text(read(i % 2 == 0 ? "con_a" : "con_b")), "at-hub-" + std::to_string(i));
  }
  EXPECT_EQ(provider->reuses, 0);
  EXPECT_TRUE(provider->alive("hub"));
}

TEST_F(SharedGrantTest, two_processes_that_ask_for_different_ones_send_one_request) {
  profile(Rotation::always_strict);
  connect_both();
  others.push_back(make_engine(&node().executor));
  provider->latency = 2s;
  let_pass(1h);
  const auto a = start_read("con_a");
  const auto b = std::make_shared<Reading>();
  spawn(node().executor, read_into(others[0]->service.token(ConnectionId{"con_b"}, {}), b));
  let_pass(6s);
  EXPECT_EQ(text(*a->result), "at-hub-2");
  EXPECT_EQ(text(*b->result), "at-hub-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(SharedGrantTest, a_crash_between_the_commits_leaves_none_behind) {
  profile(Rotation::always_strict);
  connect_both();
  let_pass(1h);
  // The sibling's commit comes first; the power goes before the second.
  std::optional<Completion<bool>> held;
  int commits = 0;
  node().store.after("commit", [&] {
    if (++commits == 1) held = node().store.hold_next("commit");
  });
  start_read("con_a");
  node().executor.run_until_idle();
  ASSERT_TRUE(held);
  crash();
  start_scheduler();
  let_pass(2min);
  EXPECT_EQ(text(read("con_a")), "at-hub-2");
  EXPECT_EQ(text(read("con_b")), "at-hub-2");
  EXPECT_EQ(provider->token_requests, 1);
  let_pass(1h);
  EXPECT_TRUE(provider->is_good(text(read("con_b"))));
  EXPECT_EQ(provider->reuses, 0);
}

TEST_F(SharedGrantTest, who_has_older_tokens_takes_over_the_newer_ones_and_sends_nothing) {
  profile(Rotation::always_strict);
  const auto [access, refresh] = provider->grant("hub");
  store_grant("con_a", "books", "hub", access, refresh);
  let_pass(30min);
  const auto [newer_access, newer_refresh] = provider->grant("hub");  // the customer connected a second product
  store_grant("con_b", "books", "hub", newer_access, newer_refresh);
  let_pass(31min);
  EXPECT_EQ(text(read("con_a")), "at-hub-2");
  EXPECT_EQ(provider->token_requests, 0);
}

TEST_F(SharedGrantTest, a_failure_holds_back_all_who_share_it) {
  connect_both();
  let_pass(1h);
  provider->answer_next(429, "{}", "Retry-After", "40");
  read("con_a", {.deadline = 1ms});
  for (int i = 0; i < 30; ++i) {
    read("con_b", {.deadline = 1ms});
    let_pass(1s);
  }
  EXPECT_EQ(provider->token_requests, 1);
}

TEST(SharedGrant, the_lock_is_the_active_one_with_the_smallest_id) {
  const auto sibling = [](const std::string& id, Status status, Time at) {
    Connection row;
    row.id = ConnectionId{id};
    row.status = status;
    row.last_refreshed_at = at;
    return row;
  };
  const Time t{};
  const auto shared = shared_grant_of({sibling("con_c", Status::active, t), sibling("con_a", Status::revoking, t + 2h),
                                       sibling("con_b", Status::active, t - 1h), sibling("con_d", Status::active, t + 1h)});
  ASSERT_TRUE(shared);
  EXPECT_EQ(shared->lock.id.str(), "con_b");
  EXPECT_EQ(shared->newest.id.str(), "con_d");
  EXPECT_FALSE(shared_grant_of({sibling("con_a", Status::revoked, t)}));
}

}  // namespace
}  // namespace evergrant::test
