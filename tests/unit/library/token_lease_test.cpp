#include "evergrant/token_lease.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <type_traits>

#include "support/page_flags.hpp"

namespace evergrant::inline library {
namespace {

TokenLease some_lease() {
  return TokenLease{TokenLease::Parts{.access_token = "a-token",
                                      .connection = "con_1",
                                      .registration = "books",
                                      .tenant = "acme",
                                      .realm = "r1",
                                      .scope = "a b",
                                      .expires_at = Time{Duration{5}},
                                      .generation = 7}};
}

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(!std::is_copy_constructible_v<TokenLease> && !std::is_copy_assignable_v<TokenLease>);
static_assert(!Printable<TokenLease>);

TEST(TokenLease, tells_what_it_was_made_of) {
  const auto lease = some_lease();
  EXPECT_EQ(lease.reveal(), "a-token");
  EXPECT_EQ(lease.connection(), "con_1");
  EXPECT_EQ(lease.registration(), "books");
  EXPECT_EQ(lease.tenant(), "acme");
  EXPECT_EQ(lease.realm(), "r1");
  EXPECT_EQ(lease.pair(), "");
  EXPECT_EQ(lease.token_type(), "Bearer");
  EXPECT_EQ(lease.scope(), "a b");
  EXPECT_EQ(lease.expires_at(), Time{Duration{5}});
  EXPECT_EQ(lease.generation(), 7);
}

TEST(TokenLease, what_was_moved_from_has_nothing) {
  auto lease = some_lease();
  const TokenLease moved{std::move(lease)};
  EXPECT_EQ(moved.reveal(), "a-token");
  EXPECT_EQ(lease.reveal(), "");  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(lease.connection(), "");
  EXPECT_EQ(lease.generation(), 0);
  lease = some_lease();
  EXPECT_EQ(lease.reveal(), "a-token");
}

TEST(TokenLease, a_clone_is_a_token_of_its_own) {
  auto lease = some_lease();
  const auto other = lease.clone();
  lease = TokenLease{TokenLease::Parts{.access_token = "another"}};
  EXPECT_EQ(other.reveal(), "a-token");
  EXPECT_EQ(other.scope(), "a b");
}

TEST(TokenLease, lies_where_no_core_image_reaches_and_is_wiped_at_its_end) {
  const char* place = nullptr;
  {
    const auto lease = some_lease();
    place = lease.reveal().data();
    EXPECT_NE(test::page_flags(place).find(" dd"), std::string::npos);
  }
  EXPECT_TRUE(std::all_of(place, place + 7, [](char c) { return c == 0; }));
}

}  // namespace
}  // namespace evergrant::inline library
