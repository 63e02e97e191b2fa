// Which rows are read again together, and when.
#include "lifecycle/stale_rows.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class StaleRowsTest : public ::testing::Test {
 protected:
  void start(Duration wait) {
    rows.emplace(executor, wait, [this](const ConnectionId& id) { read.push_back(id.str()); });
  }
  void note(int count, const std::string& name) {
    for (int i = 0; i < count; ++i) rows->note(ConnectionId{name});
  }

  VirtualClock clock{Time{}};
  VirtualExecutor executor{clock};
  std::vector<std::string> read;
  std::optional<StaleRows> rows;
};

TEST_F(StaleRowsTest, they_wait_a_quarter_of_a_second_for_each_other) {
  start(7500ms);
  note(1, "a");
  executor.advance(240ms);
  note(1, "b");
  executor.advance(9ms);
  EXPECT_EQ(read, std::vector<std::string>{});
  executor.advance(1ms);
  EXPECT_EQ(read, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(executor.timers(), 0U);
  note(1, "c");
  executor.advance(249ms);
  EXPECT_EQ(read.size(), 2U);
  executor.advance(1ms);
  EXPECT_EQ(read.size(), 3U);
}

TEST_F(StaleRowsTest, they_wait_less_where_a_shorter_time_is_given) {
  start(100ms);
  note(1, "a");
  executor.advance(99ms);
  EXPECT_EQ(read.size(), 0U);
  executor.advance(1ms);
  EXPECT_EQ(read.size(), 1U);
}

TEST_F(StaleRowsTest, thirty_two_wait_no_longer) {
  start(1s);
  note(31, "a");
  executor.run_until_idle();
  EXPECT_EQ(read.size(), 0U);
  note(2, "b");  // the engine takes all that it finds
  executor.run_until_idle();
  EXPECT_EQ(read.size(), 33U);
  EXPECT_EQ(read.back(), "b");
}

TEST_F(StaleRowsTest, there_is_one_timer_however_many_batches_are_full) {
  start(1s);
  for (int batch = 0; batch < 5; ++batch) {
    note(32, "a");
    executor.run_until_idle();
    note(1, "b");
    EXPECT_EQ(executor.timers(), 1U);
  }
  executor.advance(250ms);
  EXPECT_EQ(read.size(), 5U * 33U);
  EXPECT_EQ(executor.timers(), 0U);
}

TEST_F(StaleRowsTest, nothing_is_read_once_they_are_gone) {
  start(1s);
  note(32, "a");
  rows.reset();
  executor.advance(1s);
  EXPECT_EQ(read.size(), 0U);
}

}  // namespace
}  // namespace evergrant::test
