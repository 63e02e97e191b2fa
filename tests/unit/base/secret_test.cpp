#include "base/secret.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <type_traits>
#include <utility>

namespace evergrant {
namespace {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>, "what is secret is said");

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<Secret>);
static_assert(Printable<std::string>);

TEST(Secret, holds_what_it_was_given_until_it_moves) {
  Secret secret{"canary"};
  EXPECT_EQ(secret.reveal(), "canary");
  EXPECT_EQ(secret.size(), 6U);
  const Secret moved = std::move(secret);
  EXPECT_EQ(moved.reveal(), "canary");
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): that is the question
}

TEST(Secret, taking_over_wipes_the_source) {
  std::string source(100, 'x');
  const Secret secret = Secret::take(std::move(source));
  EXPECT_EQ(secret.reveal(), std::string(100, 'x'));
  EXPECT_TRUE(source.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, an_assignment_replaces_and_survives_itself) {
  Secret secret{"first"};
  secret = Secret{"second"};
  EXPECT_EQ(secret.reveal(), "second");
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.reveal(), "second");
}

TEST(Secret, a_clone_is_a_second_owner) {
  Secret secret{"canary"};
  const Secret copy = secret.clone();
  secret = {};
  EXPECT_EQ(copy.reveal(), "canary");
}

TEST(Secret, can_be_filled_in_place) {
  Secret secret = Secret::of_size(3);
  EXPECT_EQ(secret.reveal(), std::string_view("\0\0\0", 3));
  secret.bytes()[1] = 'b';
  EXPECT_EQ(secret.reveal_bytes()[1], 'b');
  EXPECT_TRUE(Secret::of_size(0).empty());
}

TEST(Secret, compares_by_content) {
  EXPECT_EQ(Secret{"abc"}, Secret{"abc"});
  EXPECT_FALSE(Secret{"abc"} == Secret{"abd"});
  EXPECT_FALSE(Secret{"abc"} == Secret{"xbc"});
  EXPECT_FALSE(Secret{"abc"} == Secret{"ab"});
  EXPECT_EQ(Secret{}, Secret{""});
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("a", ""));
}

TEST(Wipe, leaves_nothing_of_a_text_in_its_memory) {
  std::string text(64, 'x');
  const char* memory = text.data();
  const std::size_t room = text.capacity();
  wipe(text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), memory);
  EXPECT_EQ((std::string_view{memory, room}.find('x')), std::string_view::npos);
}

}  // namespace
}  // namespace evergrant
