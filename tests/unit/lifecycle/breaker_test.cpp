#include "lifecycle/breaker.hpp"

#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class BreakerTest : public ::testing::Test {
 protected:
  void settle(FailureClass kind, std::optional<Duration> retry_after = std::nullopt) {
    Verdict verdict;
    verdict.failure = kind;
    verdict.retry_after = retry_after;
    breaker.settle(verdict, now, random);
  }
  bool passes() { return breaker.admit(now).allowed; }

  SeededRandom random;
  Breaker breaker;
  Time now = from_epoch_ms(1'767'225'600'000);
};

TEST_F(BreakerTest, nine_failures_are_a_blip_and_ten_open_it) {
  for (int i = 0; i < 9; ++i) settle(FailureClass::transient);
  EXPECT_TRUE(passes());
  settle(FailureClass::ambiguous);
  EXPECT_FALSE(passes());
  EXPECT_EQ(breaker.state(), Breaker::State::open);
}

TEST_F(BreakerTest, a_success_between_starts_the_count_anew) {
  for (int i = 0; i < 9; ++i) settle(FailureClass::transient);
  settle(FailureClass::grant);  // the provider answers, and knows us
  for (int i = 0; i < 9; ++i) settle(FailureClass::transient);
  EXPECT_TRUE(passes());
}

TEST_F(BreakerTest, one_probe_goes_through_when_the_wait_is_over) {
  for (int i = 0; i < 10; ++i) settle(FailureClass::transient);
  now = breaker.retry_at();
  EXPECT_TRUE(passes());
  EXPECT_FALSE(passes());
  settle(FailureClass::none);
  EXPECT_TRUE(passes());
  EXPECT_TRUE(passes());
}

TEST_F(BreakerTest, a_probe_that_was_not_sent_leaves_room_for_another) {
  for (int i = 0; i < 10; ++i) settle(FailureClass::transient);
  now = breaker.retry_at();
  EXPECT_TRUE(passes());
  breaker.abandon();
  EXPECT_TRUE(passes());
}

TEST_F(BreakerTest, failing_probes_come_ever_more_seldom) {
  for (int i = 0; i < 10; ++i) settle(FailureClass::transient);
  Duration last{0};
  for (int i = 0; i < 5; ++i) {
    const Duration wait = breaker.retry_at() - now;
    EXPECT_GT(wait, last);
    last = wait;
    now = breaker.retry_at();
    EXPECT_TRUE(passes());
    settle(FailureClass::transient);
  }
  EXPECT_LE(breaker.retry_at() - now, 75s);
}

TEST_F(BreakerTest, an_operator_fault_pauses_until_a_probe_is_accepted) {
  settle(FailureClass::registration);
  EXPECT_EQ(breaker.state(), Breaker::State::paused);
  now += 59s;
  EXPECT_FALSE(passes());
  now += 17s;
  EXPECT_TRUE(passes());
  settle(FailureClass::registration);
  now += 76s;
  EXPECT_FALSE(passes());  // the wait has doubled
  now += 75s;
  EXPECT_TRUE(passes());
  settle(FailureClass::none);
  EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST_F(BreakerTest, an_operator_ends_a_pause_at_once) {
  settle(FailureClass::registration);
  EXPECT_FALSE(passes());
  breaker.release();
  EXPECT_EQ(breaker.state(), Breaker::State::closed);
  EXPECT_TRUE(passes());
}

TEST_F(BreakerTest, an_outage_during_a_pause_does_not_end_it) {
  settle(FailureClass::registration);
  now = breaker.retry_at();
  EXPECT_TRUE(passes());
  settle(FailureClass::transient);
  EXPECT_EQ(breaker.state(), Breaker::State::paused);
  EXPECT_FALSE(passes());
}

TEST_F(BreakerTest, answers_that_were_under_way_when_it_opened_do_not_lengthen_the_wait) {
  for (int i = 0; i < 10; ++i) settle(FailureClass::transient);
  const Time first = breaker.retry_at();
  for (int i = 0; i < 30; ++i) settle(FailureClass::transient);
  EXPECT_EQ(breaker.retry_at(), first);
}

TEST_F(BreakerTest, retry_after_holds_the_registration_but_not_for_long) {
  settle(FailureClass::transient, 30s);
  EXPECT_FALSE(passes());
  now += 30s;
  EXPECT_TRUE(passes());
  settle(FailureClass::transient, 24h);
  now += 60s;
  EXPECT_TRUE(passes());
}

TEST_F(BreakerTest, a_clock_that_is_set_back_keeps_it_neither_shut_nor_open_for_all) {
  for (int i = 0; i < 10; ++i) settle(FailureClass::transient, 30s);
  EXPECT_FALSE(passes());
  now -= 10min;
  EXPECT_TRUE(passes());
  settle(FailureClass::transient, 30s);  // the probe failed: it waits again, by the clock as it is now
  EXPECT_FALSE(passes());
  now += 75s;
  EXPECT_TRUE(passes());
}

}  // namespace
}  // namespace evergrant::test
