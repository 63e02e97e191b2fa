#include "oauth/host_variables.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

// Zoho's data centres, Shopify's shops.
Provider some_provider() {
  Provider provider;
  provider.host_variables = {
      {.name = "accounts",
       .source = "callback",
       .field = "accounts-server",
       .pattern = R"(https://accounts\.zoho\.(com|eu|in))",
       .fallback = "https://accounts.zoho.com"},
      {.name = "shop", .source = "connection", .field = "shop", .pattern = R"([a-z0-9-]+\.shops\.test)"},
      {.name = "api", .source = "token_response", .field = "api_domain", .pattern = "https://.*"}};
  return provider;
}

TEST(HostValues, are_taken_from_their_own_source_under_the_variables_name) {
  const std::map<std::string, std::string> members{
      {"accounts-server", "https://accounts.zoho.eu"}, {"shop", "mine.shops.test"}, {"api_domain", "https://x"}};
  EXPECT_EQ(host_values(some_provider(), "callback", members).value(),
            (HostValues{{"accounts", "https://accounts.zoho.eu"}}));
  EXPECT_EQ(host_values(some_provider(), "connection", members).value(), (HostValues{{"shop", "mine.shops.test"}}));
  EXPECT_TRUE(host_values(some_provider(), "callback", {}).value().empty());
  EXPECT_TRUE(host_values(some_provider(), "callback", {{"accounts-server", ""}}).value().empty());
}

TEST(HostValues, match_their_pattern_as_a_whole_or_are_refused) {
  for (const auto& value : {std::string{"https://accounts.zoho.eu.evil.example"}, std::string{"https://evil.example"},
                            std::string{"xhttps://accounts.zoho.eu"}, std::string{"https://accounts.zoho.eu/"},
                            std::string{"https://accounts.zoho.eu\n"}, std::string{"https://accountsxzoho.eu"},
                            std::string{"HTTPS://accounts.zoho.eu"}}) {
    const auto values = host_values(some_provider(), "callback", {{"accounts-server", value}});
    ASSERT_FALSE(values) << value;
    EXPECT_EQ(values.error().code, Errc::invalid_argument);
    EXPECT_FALSE(values.error().message.contains("evil")) << "what an attacker wrote is not repeated";
  }
}

TEST(HostValues, are_bounded_in_length) {
  EXPECT_FALSE(host_values(some_provider(), "token_response", {{"api_domain", "https://" + std::string(300, 'a')}}));
}

TEST(KeepKnownHosts, lets_no_later_answer_name_a_host_that_the_profile_does_not_allow) {
  Provider provider = some_provider();
  provider.host_variables[2].pattern = R"(https://[a-z]+\.api\.test)";
  const std::pair<HostValues, HostValues> rows[] = {
      {{{"api_domain", "https://eu.api.test"}}, {{"api_domain", "https://eu.api.test"}, {"api", "https://eu.api.test"}}},
      {{{"api_domain", "https://evil.test"}, {"x", "1"}}, {{"x", "1"}}},
      {{{"api", "https://evil.test"}, {"shop", "evil.test"}}, {}}};
  for (const auto& [given, kept] : rows) {
    auto members = given;
    keep_known_hosts(provider, members);
    EXPECT_EQ(members, kept);
  }
}

TEST(FillHosts, takes_the_value_or_the_fallback_and_leaves_other_names_alone) {
  const auto provider = some_provider();
  EXPECT_EQ(fill_hosts("{accounts}/oauth/v2/token?r={realm}", provider, {{"accounts", "https://accounts.zoho.eu"}}).value(),
            "https://accounts.zoho.eu/oauth/v2/token?r={realm}");
  EXPECT_EQ(fill_hosts("{accounts}/t", provider, {}).value(), "https://accounts.zoho.com/t");
  EXPECT_EQ(fill_hosts("https://plain.example/", provider, {}).value(), "https://plain.example/");
}

TEST(FillHosts, a_host_that_is_not_known_is_an_error_that_says_which) {
  const auto filled = fill_hosts("https://{shop}/authorize", some_provider(), {});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, Errc::invalid_argument);
  EXPECT_TRUE(filled.error().message.contains("'shop'"));
  EXPECT_TRUE(filled.error().hint.contains("login_hint"));
  EXPECT_FALSE(fill_hosts("https://{shop", some_provider(), {}));
}

TEST(FillHosts, a_value_is_not_filled_in_again) {
  EXPECT_EQ(fill_hosts("{api}", some_provider(), {{"api", "https://{shop}"}}).value(), "https://{shop}");
}

TEST(FillHosts, fills_every_endpoint) {
  Endpoints endpoints;
  for (auto* text : {&endpoints.authorize, &endpoints.token, &endpoints.refresh, &endpoints.revoke, &endpoints.introspect,
                     &endpoints.userinfo, &endpoints.jwks, &endpoints.device, &endpoints.par}) {
    *text = "https://{shop}/x";
  }
  const auto filled = fill_hosts(endpoints, some_provider(), {{"shop", "mine.shops.test"}});
  ASSERT_TRUE(filled);
  for (const auto* text : {&filled->authorize, &filled->token, &filled->refresh, &filled->revoke, &filled->introspect,
                           &filled->userinfo, &filled->jwks, &filled->device, &filled->par}) {
    EXPECT_EQ(*text, "https://mine.shops.test/x");
  }
  EXPECT_FALSE(fill_hosts(endpoints, some_provider(), {}));
}

}  // namespace
}  // namespace evergrant
