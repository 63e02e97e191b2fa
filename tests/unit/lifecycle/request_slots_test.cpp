// How many requests of one registration are under way at once, who goes first, and how many may wait.
#include "lifecycle/request_slots.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

class RequestSlotsTest : public ::testing::Test {
 protected:
  void ask(const std::string& name, bool urgent) {
    spawn(executor, take(name, urgent));  // ends when it has its slot
    executor.run_until_idle();
  }
  Task<void> take(std::string name, bool urgent) {
    RequestSlots::Slot slot = co_await slots.take(urgent);
    got.push_back(std::move(name));
    held.push_back(std::move(slot));
  }
  void end_first() {
    std::optional<RequestSlots::Slot> first{std::move(held.front())};
    held.pop_front();
    first.reset();
    executor.run_until_idle();
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  RequestSlots slots{2};
  std::deque<RequestSlots::Slot> held;
  std::vector<std::string> got;
};

TEST_F(RequestSlotsTest, no_more_are_under_way_than_the_limit_and_callers_go_first) {
  for (const std::string name : {"a", "b", "scheduled"}) ask(name, false);
  ask("caller", true);
  EXPECT_EQ(got, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(slots.taken(), 2);
  end_first();
  EXPECT_EQ(got.back(), "caller");
  EXPECT_EQ(slots.taken(), 2) << "the slot was handed over";
  end_first();
  EXPECT_EQ(got.back(), "scheduled");
  while (!held.empty()) end_first();
  EXPECT_EQ(slots.taken(), 0);
}

TEST_F(RequestSlotsTest, what_may_wait_is_bounded_for_either_kind) {
  for (int i = 0; i < 2; ++i) ask("under way", false);
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(slots.crowded()) << i;
    ask("scheduled", false);
  }
  EXPECT_TRUE(slots.crowded());
  for (int i = 0; i < 64; ++i) {
    EXPECT_FALSE(slots.overcrowded()) << i;
    ask("caller", true);
  }
  EXPECT_TRUE(slots.overcrowded());
  while (!held.empty()) end_first();
}

}  // namespace
}  // namespace evergrant::test
