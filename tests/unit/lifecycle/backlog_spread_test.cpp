// What is overdue after a long stop gets new times: pure draws in a table and a crowd, then the scheduler in virtual time.
#include "lifecycle/backlog_spread.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "lifecycle/refresh_policy.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration whole_day = 24h;
const Time start = from_epoch_ms(1'767'225'600'000);

Connection overdue(Duration life, Time refreshed, Time due) {
  Connection row;
  row.id = ConnectionId{"con_1"};
  row.last_refreshed_at = row.created_at = refreshed;
  row.access_expires_at = refreshed + life;
  row.refresh_idle_expires_at = refreshed + 100 * whole_day;
  row.next_due_at = due;
  return row;
}

class DrawOverdue : public ::testing::Test {
 protected:
  // The widest of a thousand draws, from `now`; nothing if none is drawn.
  std::optional<Duration> widest(const Connection& row, Time now) {
    std::optional<Duration> most;
    for (int i = 0; i < 1000; ++i) {
      const auto drawn = draw_overdue(row, registration, now, random);
      if (!drawn) return std::nullopt;
      EXPECT_GE(*drawn, now);
      most = std::max(most.value_or(0ms), *drawn - now);
    }
    return most;
  }
  SeededRandom random;
  Registration registration = some_registration();
};

TEST_F(DrawOverdue, an_expired_token_within_three_fifths_of_its_life) {
  const auto width = widest(overdue(1h, start, start + 40min), start + 5h).value();
  EXPECT_LE(width, 36min);
  EXPECT_GT(width, 34min);
}

TEST_F(DrawOverdue, a_token_that_still_lives_before_its_margin) {
  const auto width = widest(overdue(1h, start, start + 32min), start + 44min).value();
  EXPECT_LE(width, 10min);
  EXPECT_GT(width, 9min);
  EXPECT_FALSE(widest(overdue(1h, start, start + 50min), start + 55min)) << "no time to lose";
}

TEST_F(DrawOverdue, a_keep_alive_inside_what_is_left_of_its_window) {
  const auto wide = widest(overdue(1h, start, start + 20 * whole_day), start + 20 * whole_day + 2h).value();
  EXPECT_LE(wide, 20 * whole_day);
  EXPECT_GT(wide, 19 * whole_day);
  EXPECT_LE(widest(overdue(1h, start, start + 20 * whole_day), start + 96 * whole_day).value(), 1 * whole_day);
  EXPECT_FALSE(widest(overdue(1h, start, start + 20 * whole_day), start + 101 * whole_day)) << "its end has passed: at once";
}

TEST_F(DrawOverdue, what_is_hardly_overdue_or_waits_out_a_failure_stays) {
  EXPECT_FALSE(widest(overdue(1h, start, start + 5h), start + 5h + 1min));
  Connection failing = overdue(1h, start, start + 40min);
  failing.failure.kind = FailureClass::ambiguous;
  EXPECT_FALSE(widest(failing, start + 5h)) << "a grace window may be running";
}

// A crowd in its steady state, stopped for a while: refreshes in each slot after the start, over the mean of always.
class Crowd {
 public:
  Crowd(Registration registration, Duration life, bool in_use, Duration slot)
      : registration_{std::move(registration)}, life_{life}, in_use_{in_use}, slot_{slot} {}

  // The highest slot of `watched` after a stop of `stop`, as a multiple of the mean.
  double peak_after(Duration stop, Duration warm_up, Duration watched) {
    std::vector<int> slots(static_cast<std::size_t>(watched / slot_), 0);
    const Time stopped = start + warm_up;
    const Time again = stopped + stop;
    double before = 0;  // refreshes of the second half of the warm-up: the mean
    for (int i = 0; i < count; ++i) {
      Time refreshed = start;
      Time due = draw(start + draw_between(0ms, warm_up / 4, random_));  // spread at first
      while (due < stopped) {
        if (due >= start + warm_up / 2) ++before;
        refreshed = due;
        due = draw(due);
      }
      if (due < again) due = late(refreshed, due, again);
      for (; due < again + watched; due = draw(due)) ++slots[static_cast<std::size_t>((due - again) / slot_)];
    }
    const double mean = before / (static_cast<double>((warm_up / 2).count()) / static_cast<double>(slot_.count()));
    return *std::ranges::max_element(slots) / mean;
  }

 private:
  static constexpr int count = 100'000;

  Time draw(Time now) {
    TokenSet tokens;
    tokens.refresh_token = Secret{"r"};
    tokens.access_expires_at = now + life_;
    return draw_next_due(registration_, tokens, in_use_ ? std::optional{now} : std::nullopt, now, random_).value();
  }
  Time late(Time refreshed, Time due, Time now) {
    return draw_overdue(overdue(life_, refreshed, due), registration_, now, random_).value_or(now);
  }

  SeededRandom random_;
  Registration registration_;
  Duration life_;
  bool in_use_;
  Duration slot_;
};

TEST(AfterALongStop, a_hundred_thousand_in_use_come_at_no_more_than_twice_the_mean) {
  for (const Duration stop : {Duration{1h}, Duration{3h}, Duration{48h}}) {
    EXPECT_LE((Crowd{some_registration(), 1h, true, 1min}.peak_after(stop, 4h, 2h)), 2.0) << stop;
  }
}

TEST(AfterALongStop, a_hundred_thousand_idle_ones_come_at_no_more_than_twice_the_mean) {
  for (const Duration stop : {1 * whole_day, 5 * whole_day, 15 * whole_day, 30 * whole_day}) {
    EXPECT_LE((Crowd{some_registration(), 1h, false, 12h}.peak_after(stop, 120 * whole_day, 50 * whole_day)), 2.0) << stop;
  }
}

class BacklogTest : public RefreshBench {};

TEST_F(BacklogTest, everything_overdue_at_the_start_is_moved_once_and_in_batches) {
  for (int i = 0; i < 2500; ++i) connect("con_" + std::to_string(i));
  let_pass(3h);
  start_scheduler();
  let_pass(1min);
  EXPECT_EQ(node().store.calls("move_due"), 3);
  EXPECT_LT(provider->token_requests, 2 * 2500 / 42) << "twice the mean: a cycle is 42 minutes";
  int most = 0;
  for (int minute = 1, before = provider->token_requests; minute < 37; ++minute) {
    let_pass(1min);
    most = std::max(most, provider->token_requests - std::exchange(before, provider->token_requests));
  }
  EXPECT_LT(most, 2 * 2500 / 42);
  EXPECT_EQ(node().store.calls("move_due"), 3);
  for (int i = 0; i < 2500; ++i) EXPECT_GE(row("con_" + std::to_string(i)).generation, 2) << i;
}

TEST_F(BacklogTest, a_few_are_not_worth_the_wait) {
  for (int i = 0; i < 100; ++i) connect("con_" + std::to_string(i));
  let_pass(3h);
  start_scheduler();
  let_pass(1min);
  EXPECT_EQ(provider->token_requests, 100);
}

TEST_F(BacklogTest, a_reader_does_not_wait_for_what_was_spread) {
  for (int i = 0; i < 150; ++i) connect("con_" + std::to_string(i));
  let_pass(3h);
  start_scheduler();
  EXPECT_EQ(node().store.calls("move_due"), 1);
  EXPECT_EQ(text(read("con_7")), "at-con_7-2");
}

TEST_F(BacklogTest, a_sleep_of_the_machine_is_a_stop_too) {
  for (int i = 0; i < 500; ++i) connect("con_" + std::to_string(i));
  start_scheduler();
  let_pass(1min);
  clock.advance(5h);  // the timers stood still
  let_pass(2min);
  EXPECT_LT(provider->token_requests, 4 * 500 / 42);
  let_pass(40min);
  for (int i = 0; i < 500; ++i) EXPECT_GE(row("con_" + std::to_string(i)).generation, 2) << i;
}

TEST_F(BacklogTest, a_store_that_fails_meanwhile_is_asked_again) {
  for (int i = 0; i < 150; ++i) connect("con_" + std::to_string(i));
  let_pass(3h);
  node().store.fail_next("move_due");
  start_scheduler();
  EXPECT_EQ(provider->token_requests, 0);
  let_pass(2s);
  EXPECT_EQ(node().store.calls("move_due"), 2);
  EXPECT_LT(provider->token_requests, 10);
}

TEST_F(BacklogTest, a_clock_that_jumps_ten_minutes_either_way_every_hour_costs_no_reader_a_wait) {
  options.recheck = 0s;
  connect("con_1");
  start_scheduler();
  read("con_1");
  for (int i = 0; i < 24 * 14; ++i) {
    if (i % 6 == 5) clock.advance(i % 12 == 5 ? 10min : -10min);
    let_pass(10min);
    ASSERT_TRUE(node().service.read_now(ConnectionId{"con_1"}, {})) << "after " << i << " reads";
  }
  EXPECT_LE(provider->token_requests, 2 * 56);
}

}  // namespace
}  // namespace evergrant::test
