#include "api/route.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

std::string action_of(std::string_view method, std::string_view path) {
  const auto match = match_route(method, path);
  return match.route == nullptr ? "" : std::string{match.route->action};
}

TEST(RouteTable, no_two_rows_are_the_same_operation) {
  std::set<std::string> operations;
  std::set<std::string_view> actions;
  for (const auto& route : routes()) {
    EXPECT_TRUE(operations.insert(std::string{route.method} + ' ' + std::string{route.pattern}).second) << route.pattern;
    EXPECT_TRUE(actions.insert(route.action).second) << route.action;
    EXPECT_NE(route.handler, nullptr) << route.pattern;
    EXPECT_FALSE(route.summary.empty()) << route.pattern;
  }
}

TEST(RouteTable, everything_under_v1_needs_a_verb_or_at_least_a_key) {
  const std::set<std::string_view> open{"/connect/{token}",
                                        "/callback/{registration}",
                                        "/connect-result/{session}",
                                        "/jwks/{registration}",
                                        "/healthz",
                                        "/readyz",
                                        "/openapi.json",
                                        "/"};
  for (const auto& route : routes()) {
    EXPECT_FALSE(route.verb && route.any_caller) << route.pattern;
    EXPECT_EQ(!route.verb && !route.any_caller, open.contains(route.pattern))
        << route.pattern << " must be public only if it is listed here";
  }
}

TEST(RouteTable, what_concerns_the_whole_installation_says_so) {
  for (const auto& route : routes()) {
    const bool whole = route.pattern.starts_with("/v1/callers") || route.pattern.starts_with("/v1/audit") ||
                       route.pattern.starts_with("/v1/keys");
    if (whole && !route.any_caller) EXPECT_TRUE(route.whole) << route.pattern;
    if (route.whole) EXPECT_EQ(route.verb, Verb::admin) << route.pattern;
  }
}

TEST(RouteTable, idempotency_is_for_posts) {
  for (const auto& route : routes()) {
    if (route.idempotent) EXPECT_EQ(route.method, "POST") << route.pattern;
  }
}

TEST(MatchRoute, paths_lead_to_their_operation) {
  EXPECT_EQ(action_of("GET", "/v1/connections"), "connection.list");
  EXPECT_EQ(action_of("POST", "/v1/callers/derive"), "caller.derive");
  EXPECT_EQ(action_of("DELETE", "/v1/callers/derive"), "") << "a word is no id";
  EXPECT_EQ(match_route("DELETE", "/v1/callers/derive").allowed_methods, "POST");
  EXPECT_EQ(action_of("POST", "/v1/connections"), "connection.import");
  EXPECT_EQ(action_of("GET", "/v1/connections/con_1"), "connection.show");
  EXPECT_EQ(action_of("GET", "/v1/connections/con_1/token"), "token.read");
  EXPECT_EQ(action_of("HEAD", "/healthz"), "health");
  EXPECT_EQ(action_of("GET", "/"), "front_page");
}

TEST(MatchRoute, what_only_looks_like_a_path_leads_nowhere) {
  for (const auto* path :
       {"", "v1/connections", "/v1/connections/", "/v1//connections", "//v1/connections", "/V1/connections",
        "/v1/connections/con_1/token/", "/v1/connections/con_1/tokens", "/v1/connections//token", "/v1/connections/%/token",
        "/v1/connections/%ff/token", "/v1/%63onnections", "/v1", "*"}) {
    EXPECT_EQ(action_of("GET", path), "") << path;
  }
}

TEST(MatchRoute, parameters_are_decoded_after_the_path_was_cut) {
  const auto match = match_route("GET", "/v1/registrations/books/realms/a%2Fb%20c/token");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.parameters, (std::vector<std::string>{"books", "a/b c"}));
}

TEST(MatchRoute, a_wrong_method_learns_the_right_ones) {
  const auto match = match_route("PUT", "/v1/connections/con_1");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed_methods, "GET, DELETE");
  EXPECT_EQ(match_route("PUT", "/nowhere").allowed_methods, "");
  EXPECT_EQ(match_route("get", "/healthz").route, nullptr) << "methods have a case";
}

TEST(MatchRoute, looking_at_a_link_does_not_use_it_up) {
  for (const auto* path : {"/connect/token", "/callback/sandbox"}) {
    EXPECT_NE(match_route("GET", path).route, nullptr);
    const auto match = match_route("HEAD", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allowed_methods, "GET") << path;
  }
}

}  // namespace
}  // namespace evergrant
