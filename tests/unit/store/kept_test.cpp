// What stays in memory where there is room for a few only.
#include "store/kept.hpp"

#include <gtest/gtest.h>

#include <string>

namespace evergrant::test {
namespace {

constexpr std::size_t most = 10;

TEST(Kept, gives_what_was_put_and_the_later_of_two) {
  Kept<std::string, int> kept;
  EXPECT_EQ(kept.find("a"), nullptr);
  kept.put("a", 1, most);
  kept.put("a", 2, most);
  ASSERT_NE(kept.find("a"), nullptr);
  EXPECT_EQ(*kept.find("a"), 2);
  EXPECT_EQ(kept.size(), 1U);
}

TEST(Kept, never_holds_more_than_it_may) {
  Kept<int, int> kept;
  for (int i = 0; i < 1000; ++i) {
    kept.put(i, i, most);
    EXPECT_LE(kept.size(), most);
    EXPECT_NE(kept.find(i), nullptr) << "what is new is there";
  }
}

TEST(Kept, what_is_used_stays_while_what_is_not_goes) {
  Kept<int, int> kept;
  kept.put(-1, 0, most);
  for (int i = 0; i < 1000; ++i) {
    kept.put(i, i, most);
    EXPECT_NE(kept.find(-1), nullptr) << "after " << i;
  }
}

TEST(Kept, what_comes_back_after_it_was_erased_stays) {
  Kept<int, int> kept;
  kept.put(0, 0, most);
  kept.erase(0);
  for (int i = 1; i < static_cast<int>(most); ++i) kept.put(i, i, most);
  kept.put(0, 0, most);  // the place that it had is the oldest
  EXPECT_NE(kept.find(0), nullptr);
}

TEST(Kept, what_was_erased_leaves_nothing_behind) {
  Kept<int, int> kept;
  for (int i = 0; i < 1000; ++i) {
    kept.put(i, i, most);
    kept.erase(i);
    EXPECT_EQ(kept.find(i), nullptr);
  }
  for (int i = 0; i < 5; ++i) kept.put(i, i, most);
  kept.erase_if([](int value) { return value % 2 == 0; });
  EXPECT_EQ(kept.size(), 2U);
}

}  // namespace
}  // namespace evergrant::test
