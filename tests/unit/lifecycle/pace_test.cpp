#include <gtest/gtest.h>

#include "lifecycle/pace.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

TEST(Pace, spaces_requests_evenly) {
  Pace pace{2};
  const Time now = from_epoch_ms(1'000'000);
  EXPECT_EQ(pace.take(now), now);
  EXPECT_EQ(pace.take(now), now + 500ms);
  EXPECT_EQ(pace.next(now), now + 1s);
  EXPECT_EQ(pace.take(now + 10s), now + 10s);  // what was not used is not saved up
}

TEST(Pace, without_a_limit_nothing_waits) {
  Pace pace{0};
  const Time now = from_epoch_ms(1'000'000);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pace.take(now), now);
}

TEST(Pace, a_clock_that_is_set_back_makes_nobody_wait_for_it) {
  Pace pace{2};
  const Time now = from_epoch_ms(10'000'000);
  for (int i = 0; i < 4; ++i) (void)pace.take(now);
  EXPECT_EQ(pace.next(now - 10min), now - 10min + 2s);  // what was planned is still spaced
  EXPECT_EQ(pace.take(now - 9min), now - 9min + 2s);
}

class PacedRefresh : public RefreshBench {};

TEST_F(PacedRefresh, readers_of_many_connections_share_the_registrations_rate) {
  change_profile([](Registration& registration) { registration.provider.refresh.max_rate_per_second = 1; });
  for (int i = 0; i < 4; ++i) connect("con_" + std::to_string(i));
  node().executor.advance(2h);  // all are expired
  std::vector<Completion<bool>> done(4);
  for (int i = 0; i < 4; ++i) {
    spawn(node().executor, [](TokenService& service, ConnectionId id, Completion<bool> over) -> Task<void> {
      auto lease = co_await service.token(id, {});
      over.set(lease.has_value());
    }(node().service, ConnectionId{"con_" + std::to_string(i)}, done.at(static_cast<std::size_t>(i))));
  }
  node().executor.run_until_idle();
  EXPECT_EQ(provider->token_requests, 1);
  node().executor.advance(1s);
  EXPECT_EQ(provider->token_requests, 2);
  node().executor.advance(2s);
  EXPECT_EQ(provider->token_requests, 4);
  for (const auto& over : done) EXPECT_TRUE(over.is_set());
}

}  // namespace
}  // namespace evergrant::test
