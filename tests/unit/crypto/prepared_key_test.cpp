#include <gtest/gtest.h>

#include <string>

#include "crypto/aead.hpp"
#include "support/page_flags.hpp"
#include "unit/crypto/counting_random.hpp"

namespace evergrant::test {
namespace {

class PreparedKeyTest : public ::testing::Test {
 protected:
  static Secret filled(char with) { return Secret{std::string(key_bytes, with)}; }
  static Sealed seal_with(const Secret& key, const std::string& text) {
    CountingRandom random;
    return seal(KeyId{"tk_one"}, key, "place", text, random).value();
  }
  // The text, or the name of the error.
  static std::string opened(PreparedKey& prepared, const Secret& key, const Sealed& sealed,
                            std::string_view associated = "place") {
    const Openable openable{associated, sealed};
    std::string out(openable.plain_size(), 'x');
    const auto size = prepared.open_into(key, openable, out);
    return size ? out.substr(0, *size) : std::string{to_string(size.error().code)};
  }

  const Secret key = filled('k');
  const Sealed sealed = seal_with(key, "an access token");
  PreparedKey prepared;
};

TEST_F(PreparedKeyTest, opens_again_and_again_what_its_key_sealed) {
  prepared.set(key);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(opened(prepared, key, sealed), "an access token");
  EXPECT_EQ(opened(prepared, key, seal_with(key, "")), "");
}

TEST_F(PreparedKeyTest, opens_every_length_in_every_place_and_into_more_room_than_it_takes) {
  prepared.set(key);
  CountingRandom random;
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    const std::string place(size, 'p');
    const Sealed made = seal(KeyId{"tk_one"}, key, place, text, random).value();
    const Openable openable{place, made};
    std::string out(size + 50, 'x');
    const auto opened_size = prepared.open_into(key, openable, out);
    ASSERT_TRUE(opened_size) << size;
    EXPECT_EQ(out, text + std::string(50, 'x'));
  }
}

TEST_F(PreparedKeyTest, refuses_what_was_altered_or_moved_and_goes_on_opening) {
  prepared.set(key);
  for (std::size_t i = 0; i < sealed.bytes.size(); ++i) {
    Sealed altered = sealed;
    altered.bytes[i] = static_cast<char>(altered.bytes[i] ^ 1);
    EXPECT_EQ(opened(prepared, key, altered), "sealed_broken") << i;
  }
  EXPECT_EQ(opened(prepared, key, sealed, "elsewhere"), "sealed_broken");
  EXPECT_EQ(opened(prepared, key, sealed), "an access token");
}

TEST_F(PreparedKeyTest, what_does_not_open_leaves_zeros) {
  prepared.set(key);
  Sealed altered = sealed;
  altered.bytes.back() = static_cast<char>(altered.bytes.back() ^ 1);
  const Openable openable{"place", altered};
  std::string out(openable.plain_size(), 'x');
  EXPECT_FALSE(prepared.open_into(key, openable, out));
  EXPECT_EQ(out, std::string(out.size(), '\0'));
}

TEST_F(PreparedKeyTest, another_key_or_none_takes_its_place) {
  const Secret other = filled('o');
  prepared.set(key);
  prepared.set(other);
  EXPECT_EQ(opened(prepared, other, sealed), "sealed_broken");
  EXPECT_EQ(opened(prepared, other, seal_with(other, "another")), "another");
  ASSERT_FALSE(prepared.kept_at().empty());
  prepared.clear();
  EXPECT_EQ(opened(prepared, other, seal_with(other, "another")), "sealed_broken");
}

TEST_F(PreparedKeyTest, a_room_that_is_too_small_is_refused) {
  prepared.set(key);
  const Openable openable{"place", sealed};
  std::string out(openable.plain_size() - 1, 'x');
  EXPECT_EQ(prepared.open_into(key, openable, out).error().code, Errc::invalid_argument);
}

TEST_F(PreparedKeyTest, the_key_schedule_is_left_out_of_core_images) {
  prepared.set(key);
  ASSERT_FALSE(prepared.kept_at().empty());
  for (const std::size_t at : {std::size_t{0}, prepared.kept_at().size() - 1}) {
    EXPECT_NE(page_flags(prepared.kept_at().data() + at).find(" dd"), std::string::npos) << at;
  }
}

// Byte by byte and unseen by the address sanitizer: what else lies in these pages may have been freed.
[[clang::no_sanitize("address")]] bool stands_in(std::span<const char> pages, std::string_view text) {
  for (std::size_t at = 0; at + text.size() <= pages.size(); ++at) {
    std::size_t same = 0;
    while (same < text.size() && pages[at + same] == text[same]) ++same;
    if (same == text.size()) return true;
  }
  return false;
}

// AES-256 expands a key to 240 bytes that begin with the key itself.
TEST_F(PreparedKeyTest, the_key_schedule_lies_where_it_is_said_to_and_is_gone_after_clear) {
  const Secret rare{"a key that stands nowhere else.."};
  prepared.set(rare);
  const auto pages = prepared.kept_at();
  // OpenSSL keeps the first round key as it is: its first half is enough to know it by.
  EXPECT_TRUE(stands_in(pages, rare.reveal().substr(0, 16)));
  prepared.clear();
  EXPECT_FALSE(stands_in(pages, rare.reveal().substr(0, 16)));
}

}  // namespace
}  // namespace evergrant::test
