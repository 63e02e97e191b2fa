#include "crypto/kek.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"

namespace evergrant::test {
namespace {

std::string counted_bytes() {
  std::string bytes;
  for (char c = 0; c < 32; ++c) bytes.push_back(c);
  return bytes;
}

class Kek : public testing::Test {
 protected:
  std::unique_ptr<KekSource> make(std::string_view text) { return make_local_kek(Secret{text}, random_).value(); }
  SystemRandom random_;
};

TEST_F(Kek, its_name_depends_on_the_key_alone_and_does_not_hold_it) {
  // From another implementation of HKDF.
  EXPECT_EQ(make(counted_bytes())->id(), "local:a1add64b735e019a");
}

TEST_F(Kek, all_spellings_of_a_key_are_the_same_key) {
  const std::string raw = counted_bytes();
  const std::string id = make(raw)->id();
  EXPECT_EQ(make(hex_encode(raw))->id(), id);
  EXPECT_EQ(make(hex_encode(raw) + "\n")->id(), id);
  EXPECT_EQ(make(base64url_encode(raw))->id(), id);
  EXPECT_EQ(make(base64url_encode(raw) + "\r\n")->id(), id);
  EXPECT_EQ(make(base64url_encode(raw) + "=")->id(), id);
  EXPECT_EQ(make(base64_encode(raw))->id(), id);
  const std::string high(32, '\xff');  // has '/' and '_' in the two alphabets
  EXPECT_EQ(make(base64_encode(high))->id(), make(base64url_encode(high))->id());
}

TEST_F(Kek, what_is_not_a_key_is_refused_without_being_quoted) {
  for (const std::string& text : {std::string{}, std::string{"hunter2"}, std::string(31, 'k'), std::string(33, 'k'),
                                  std::string(42, 'A'), std::string(44, 'A'), std::string(64, 'z'), std::string(65, 'a'),
                                  std::string(42, 'A') + "!", std::string(42, 'A') + "B"}) {
    const auto kek = make_local_kek(Secret{text}, random_);
    ASSERT_FALSE(kek) << text;
    EXPECT_EQ(kek.error().code, Errc::invalid_argument);
    EXPECT_FALSE(kek.error().hint.empty());
    if (!text.empty()) {
      EXPECT_EQ((kek.error().message + kek.error().hint).find(text), std::string::npos);
    }
  }
}

TEST_F(Kek, what_it_wrapped_it_unwraps_in_the_same_context_only) {
  const auto kek = make(counted_bytes());
  const Secret key{"a root key of any size"};
  const auto wrapped = kek->wrap(key, "rk_one");
  ASSERT_TRUE(wrapped);
  EXPECT_EQ(wrapped->find(key.reveal()), std::string::npos);
  EXPECT_EQ(kek->unwrap(*wrapped, "rk_one").value(), key);
  EXPECT_EQ(kek->unwrap(*wrapped, "rk_two").error().code, Errc::sealed_broken);
  EXPECT_EQ(kek->unwrap("", "rk_one").error().code, Errc::sealed_broken);
}

TEST_F(Kek, another_kek_unwraps_nothing) {
  const auto kek = make(counted_bytes());
  const auto other = make(generate_kek_text(random_).reveal());
  EXPECT_NE(kek->id(), other->id());
  EXPECT_EQ(other->unwrap(kek->wrap(Secret{"key"}, "c").value(), "c").error().code, Errc::sealed_broken);
}

TEST_F(Kek, a_generated_text_is_accepted) { EXPECT_TRUE(make_local_kek(generate_kek_text(random_), random_)); }

}  // namespace
}  // namespace evergrant::test
