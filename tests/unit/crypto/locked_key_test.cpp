#include "crypto/locked_key.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace evergrant::test {
namespace {

Secret key_of(char fill) { return Secret{std::string(key_bytes, fill)}; }

bool holds(const LockedKey& key, char fill) {
  const auto bytes = key.reveal_bytes();
  return bytes.size() == key_bytes && std::ranges::all_of(bytes, [fill](unsigned char b) { return b == fill; });
}

// The VmFlags line of the mapping that holds `address` (proc(5)): "lo" is locked, "dd" is left out of core dumps.
std::string memory_flags_of(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps{"/proc/self/smaps"};
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    const auto dash = line.find('-');
    if (dash != std::string::npos && line.find(':') > line.find(' ')) {
      const auto begin = std::stoull(line.substr(0, dash), nullptr, 16);
      const auto end = std::stoull(line.substr(dash + 1), nullptr, 16);
      inside = begin <= wanted && wanted < end;
    }
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

TEST(LockedKey, it_holds_the_key_and_only_its_last_owner_has_it) {
  LockedKey first{key_of('a')};
  LockedKey second{std::move(first)};
  EXPECT_TRUE(holds(second, 'a'));
  EXPECT_TRUE(first.reveal_bytes().empty());  // NOLINT(bugprone-use-after-move): what is left behind is the point
  LockedKey third{key_of('b')};
  third = std::move(second);
  EXPECT_TRUE(holds(third, 'a'));
}

TEST(LockedKey, a_key_of_another_size_is_a_bug) {
  EXPECT_THROW(LockedKey{Secret{"short"}}, std::invalid_argument);
  EXPECT_THROW(LockedKey{Secret{std::string(33, 'k')}}, std::invalid_argument);
}

TEST(LockedKey, its_memory_is_left_out_of_core_dumps_and_locked_where_allowed) {
  const LockedKey key{key_of('a')};
  const std::string flags = memory_flags_of(key.reveal_bytes().data());
  ASSERT_FALSE(flags.empty());
  EXPECT_NE(flags.find(" dd "), std::string::npos) << flags;
  EXPECT_EQ(flags.find(" lo ") != std::string::npos, key.is_locked()) << flags;
}

TEST(LockedKey, many_keys_stay_apart_and_their_places_are_wiped_and_used_again) {
  std::vector<LockedKey> keys;
  for (int i = 0; i < 1000; ++i) keys.emplace_back(key_of(static_cast<char>('a' + (i % 26))));
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(holds(keys[static_cast<std::size_t>(i)], static_cast<char>('a' + (i % 26)))) << i;
  const auto place = keys.back().reveal_bytes();
  keys.pop_back();
  // The page stays mapped, so that what is left in it can be looked at.
  EXPECT_TRUE(std::ranges::all_of(place, [](unsigned char b) { return b == 0; }));
  const LockedKey next{key_of('z')};
  EXPECT_EQ(next.reveal_bytes().data(), place.data());
}

}  // namespace
}  // namespace evergrant::test
