#include "base/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

TEST(Random, a_token_is_32_bytes_for_urls) {
  SystemRandom random;
  const Secret token = random.token();
  EXPECT_EQ(token.size(), 43U);
  const auto bytes = base64url_decode(token.reveal());
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 32U);
}

TEST(Random, a_hundred_thousand_tokens_are_all_different) {
  SystemRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100'000; ++i) seen.emplace(random.token().reveal());
  EXPECT_EQ(seen.size(), 100'000U);
}

TEST(Random, an_id_has_its_prefix_and_26_plain_characters) {
  SystemRandom random;
  const auto id = random.id("con_");
  EXPECT_EQ(id.size(), 30U);
  EXPECT_TRUE(id.starts_with("con_"));
  EXPECT_TRUE(std::ranges::all_of(id.substr(4), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); }));
  EXPECT_NE(random.id("con_"), id);
}

TEST(Random, below_stays_below_and_is_uniform) {
  SystemRandom random;
  std::array<int, 6> seen{};
  for (int i = 0; i < 60'000; ++i) ++seen.at(random.below(6));
  for (const int count : seen) {  // 10 000 expected, standard deviation 91
    EXPECT_GT(count, 9'000);
    EXPECT_LT(count, 11'000);
  }
  EXPECT_EQ(random.below(1), 0U);
}

// Gives the greatest number first, which no bound but a power of two divides evenly.
class ScriptedRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    std::ranges::fill(out, calls_++ == 0 ? static_cast<unsigned char>(0xFF) : static_cast<unsigned char>(0));
  }
  [[nodiscard]] int calls() const { return calls_; }

 private:
  int calls_ = 0;
};

TEST(Random, below_throws_away_what_would_favour_small_numbers) {
  ScriptedRandom random;
  EXPECT_EQ(random.below(10), 0U);
  EXPECT_EQ(random.calls(), 2);
}

TEST(Random, bytes_gives_as_many_as_asked_for) {
  SystemRandom random;
  for (const std::size_t size : {0U, 1U, 300U}) EXPECT_EQ(random.bytes(size).size(), size);
}

}  // namespace
}  // namespace evergrant
