#include "testing/lane.hpp"

#include <gtest/gtest.h>

#include "testing/virtual_time.hpp"

namespace evergrant::testing {
namespace {

using namespace std::chrono_literals;

struct Fallen {
  bool& flag;
  explicit Fallen(bool& target) : flag{target} {}
  Fallen(const Fallen&) = delete;
  Fallen& operator=(const Fallen&) = delete;
  ~Fallen() { flag = true; }
};

Task<void> wait_and_tell(bool& told, bool& dropped) {
  const Fallen fallen{dropped};
  co_await delay(1s);
  told = true;
}

TEST(Lane, what_an_ended_lane_was_to_run_never_runs_and_its_neighbour_goes_on) {
  test::VirtualClock clock;
  test::VirtualExecutor road{clock};
  Lane doomed{road};
  Lane other{road};
  int ran_doomed = 0;
  int ran_other = 0;
  for (auto* lane : {&doomed, &other}) {
    int& ran = lane == &doomed ? ran_doomed : ran_other;
    lane->post([&ran] { ++ran; });
    lane->call_after(1s, [&ran] { ++ran; });
  }
  doomed.end();
  road.advance(2s);
  EXPECT_EQ(ran_doomed, 0);
  EXPECT_EQ(ran_other, 2);
}

TEST(Lane, tasks_of_an_ended_lane_are_dropped_where_they_stand) {
  test::VirtualClock clock;
  test::VirtualExecutor road{clock};
  Lane lane{road};
  bool told = false;
  bool dropped = false;
  spawn(lane, wait_and_tell(told, dropped));  // ends with the lane
  road.run_until_idle();
  lane.end();
  lane.drop_tasks();
  EXPECT_TRUE(dropped);
  road.advance(2s);
  EXPECT_FALSE(told);
}

TEST(Lane, a_timer_can_be_cancelled) {
  test::VirtualClock clock;
  test::VirtualExecutor road{clock};
  Lane lane{road};
  bool rang = false;
  lane.cancel(lane.call_after(1s, [&rang] { rang = true; }));
  road.advance(2s);
  EXPECT_FALSE(rang);
}

}  // namespace
}  // namespace evergrant::testing
