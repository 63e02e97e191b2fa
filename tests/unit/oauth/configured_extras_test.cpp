#include "oauth/configured_extras.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

using Extras = std::map<std::string, std::string>;

TEST(ConfiguredExtrasTest, what_is_not_configured_any_more_is_dropped) {
  Registration registration;
  registration.claims = {"email"};
  registration.provider.token.kept_members = {"team.id"};
  registration.provider.token.pairs = {PairProfile{.name = "user", .kept_members = {"id"}}};
  registration.provider.host_variables = {
      {.name = "dc", .source = "token_response", .field = "api_domain", .pattern = ".*", .fallback = ""}};
  const Extras stored{{"email", "a@b"}, {"phone", "1"}, {"team.id", "T"},   {"team.name", "N"},
                      {"id", "U"},      {"dc", "x"},    {"api_domain", "x"}};
  Extras main = stored;
  keep_configured_extras(registration, "", main);
  EXPECT_EQ(main, (Extras{{"email", "a@b"}, {"team.id", "T"}, {"dc", "x"}, {"api_domain", "x"}}));
  Extras user = stored;
  keep_configured_extras(registration, "user", user);
  EXPECT_EQ(user, (Extras{{"id", "U"}, {"dc", "x"}, {"api_domain", "x"}}));
  Extras gone = stored;
  keep_configured_extras(registration, "bot", gone);
  EXPECT_EQ(gone, (Extras{{"dc", "x"}, {"api_domain", "x"}}));
}

}  // namespace
}  // namespace evergrant
