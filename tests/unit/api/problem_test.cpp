#include "api/problem.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace evergrant {
namespace {

boost::json::object body_of(const HttpResponse& response) { return boost::json::parse(response.body).as_object(); }

TEST(Problem, every_code_has_a_status_of_its_kind) {
  const std::vector<std::pair<Errc, int>> cases{{Errc::invalid_argument, 400},
                                                {Errc::unauthenticated, 401},
                                                {Errc::forbidden, 403},
                                                {Errc::not_found, 404},
                                                {Errc::conflict, 409},
                                                {Errc::gone, 410},
                                                {Errc::too_large, 413},
                                                {Errc::rate_limited, 429},
                                                {Errc::reauth_required, 409},
                                                {Errc::revoked, 410},
                                                {Errc::quarantined, 409},
                                                {Errc::registration_paused, 503},
                                                {Errc::provider_unavailable, 503},
                                                {Errc::provider_rejected, 502},
                                                {Errc::ambiguous, 503},
                                                {Errc::stale, 409},
                                                {Errc::busy, 503},
                                                {Errc::deadline_exceeded, 504},
                                                {Errc::sealed_broken, 500},
                                                {Errc::key_unavailable, 503},
                                                {Errc::store_unavailable, 503},
                                                {Errc::unsupported, 501},
                                                {Errc::internal, 500}};
  for (const auto& [code, status] : cases) {
    const auto response = to_response(Error{code, "what is wrong", "how to mend it"});
    EXPECT_EQ(response.status, status) << to_string(code);
    const auto body = body_of(response);
    EXPECT_EQ(body.at("status").as_int64(), status) << to_string(code);
    EXPECT_EQ(body.at("code").as_string(), to_string(code));
    EXPECT_FALSE(body.at("title").as_string().empty());
    EXPECT_EQ(body.at("detail").as_string(), "what is wrong");
    EXPECT_EQ(body.at("hint").as_string(), "how to mend it");
    EXPECT_EQ(response.headers.find("Content-Type"), "application/problem+json");
    EXPECT_EQ(response.headers.find("Cache-Control"), "no-store");
  }
}

TEST(Problem, says_how_to_authenticate) {
  EXPECT_TRUE(to_response(Error{Errc::unauthenticated, "no", {}}).headers.find("WWW-Authenticate"));
  EXPECT_FALSE(to_response(Error{Errc::forbidden, "no", {}}).headers.find("WWW-Authenticate"));
}

TEST(Problem, rounds_the_wait_up_to_whole_seconds) {
  const auto response =
      to_response(Problem{.error = {Errc::busy, "busy", {}}, .members = {}, .retry_after = Duration{1001}});
  EXPECT_EQ(response.headers.find("Retry-After"), "2");
  EXPECT_FALSE(to_response(Error{Errc::busy, "busy", {}}).headers.find("Retry-After"));
}

TEST(Problem, carries_members_and_no_empty_hint) {
  const auto body = body_of(to_response(Problem{
      .error = {Errc::reauth_required, "again", {}}, .members = {{"connection", "con_\"1"}}, .retry_after = std::nullopt}));
  EXPECT_EQ(body.at("connection").as_string(), "con_\"1");
  EXPECT_FALSE(body.contains("hint"));
}

TEST(Problem, text_from_outside_is_printable_and_cut) {
  const auto body = body_of(to_response(Error{Errc::not_found, std::string(2000, 'x') + "\x1B\n\xFF", {}}));
  EXPECT_LT(body.at("detail").as_string().size(), 520U);
  const auto other = body_of(to_response(Error{Errc::not_found, "a\x1B[2Jb\xFF", {}}));
  EXPECT_EQ(other.at("detail").as_string(), "a[2Jb?");
}

TEST(Problem, a_wrong_method_names_the_right_ones) {
  const auto response = method_not_allowed("PUT\n", "GET, DELETE");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(body_of(response).at("status").as_int64(), 405);
  EXPECT_EQ(response.headers.find("Allow"), "GET, DELETE");
}

}  // namespace
}  // namespace evergrant
