#include "testing/virtual_time.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

Task<int> after(Duration time, int value) {
  co_await delay(time);
  co_return value;
}

Task<int> await_completion(Completion<int> completion) {
  const int value = co_await completion;
  co_return value;
}

struct VirtualTime : ::testing::Test {
  VirtualClock clock;
  VirtualExecutor executor{clock};
};

TEST_F(VirtualTime, timers_fire_in_order_and_the_clock_shows_their_own_instant) {
  const Time start = clock.now();
  std::string order;
  executor.call_after(20ms, [&] { order += "b@" + std::to_string((clock.now() - start).count()) + " "; });
  executor.call_after(10ms, [&] {
    order += "a@" + std::to_string((clock.now() - start).count()) + " ";
    executor.call_after(5ms, [&] { order += "n@" + std::to_string((clock.now() - start).count()) + " "; });
  });
  executor.call_after(31ms, [&] { order += "late "; });
  executor.advance(30ms);
  EXPECT_EQ(order, "a@10 n@15 b@20 ");
  EXPECT_EQ(clock.now(), start + 30ms);
}

TEST_F(VirtualTime, a_cancelled_timer_never_fires) {
  bool fired = false;
  const auto timer = executor.call_after(1ms, [&] { fired = true; });
  executor.cancel(timer);
  executor.advance(1h);
  EXPECT_FALSE(fired);
  EXPECT_EQ(executor.timers(), 0U);
}

TEST_F(VirtualTime, run_blocks_for_other_threads) {
  const Completion<int> completion;
  std::jthread other{[completion] { completion.set(7); }};
  EXPECT_EQ(run(executor, await_completion(completion)), 7);
}

TEST_F(VirtualTime, run_through_time_jumps_over_a_year) {
  const Time start = clock.now();
  EXPECT_EQ(run_through_time(executor, after(std::chrono::hours{24 * 365}, 3)), 3);
  EXPECT_EQ(clock.now(), start + std::chrono::hours{24 * 365});
}

}  // namespace
}  // namespace evergrant::test
