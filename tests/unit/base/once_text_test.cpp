#include "base/once_text.hpp"

#include <gtest/gtest.h>

#include <barrier>
#include <thread>
#include <vector>

namespace evergrant::test {
namespace {

TEST(OnceText, is_made_by_whoever_asks_first) {
  const OnceText text;
  EXPECT_EQ(text.get([] { return std::string(300, 'a'); }), std::string(300, 'a'));
  EXPECT_EQ(text.get([] { return std::string{"b"}; }), std::string(300, 'a'));
}

TEST(OnceText, an_empty_one_counts_as_made) {
  const OnceText text;
  EXPECT_EQ(text.get([] { return std::string{}; }), "");
  EXPECT_EQ(text.get([] { return std::string{"b"}; }), "");
}

TEST(OnceText, all_who_ask_at_once_are_told_the_same) {
  constexpr int threads = 4;
  for (int round = 0; round < 200; ++round) {
    const OnceText text;
    std::barrier together{threads};
    std::vector<std::string> told(threads);
    std::vector<std::jthread> asking;
    for (int i = 0; i < threads; ++i) {
      asking.emplace_back([&, i] {
        together.arrive_and_wait();
        told[static_cast<std::size_t>(i)] = text.get([&] { return "made by " + std::to_string(i); });
      });
    }
    asking.clear();
    for (const std::string& one : told) EXPECT_EQ(one, told.front());
  }
}

}  // namespace
}  // namespace evergrant::test
