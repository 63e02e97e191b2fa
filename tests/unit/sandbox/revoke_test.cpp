#include <gtest/gtest.h>

#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxRevoke : ::testing::Test, SandboxBench {
  void expect_dead(const Tokens& issued) {
    EXPECT_EQ(refresh(issued.refresh).status, 400);
    EXPECT_EQ(company_info(issued.access).status, 401);
    EXPECT_EQ(text(grant(), "ended_by"), "revoked");
  }
};

TEST_F(SandboxRevoke, the_refresh_token_ends_the_whole_grant_with_an_empty_200) {
  const Tokens issued = connect();
  const HttpResponse response = revoke(issued.refresh);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  expect_dead(issued);
}

TEST_F(SandboxRevoke, the_access_token_ends_the_whole_grant) {
  const Tokens issued = connect();
  EXPECT_EQ(revoke(issued.access).status, 200);
  expect_dead(issued);
}

TEST_F(SandboxRevoke, a_dead_or_unknown_token_is_an_empty_400) {
  const Tokens issued = connect();
  EXPECT_EQ(revoke(issued.refresh).status, 200);
  for (const auto& dead : {issued.refresh, issued.access, std::string{"never issued"}}) {
    const HttpResponse response = revoke(dead);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, "");
    EXPECT_TRUE(response.headers.find("intuit_tid"));
  }
}

TEST_F(SandboxRevoke, an_expired_access_token_is_an_empty_400_and_the_grant_lives_on) {
  const Tokens issued = connect();
  clock.advance(1h);
  EXPECT_EQ(revoke(issued.access).status, 400);
  EXPECT_EQ(refresh(issued.refresh).status, 200);
}

TEST_F(SandboxRevoke, a_form_is_tolerated) {
  const Tokens issued = connect();
  Headers headers = basic();
  headers.add("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(post("/v2/oauth2/tokens/revoke", form_encode({{"token", issued.refresh}}), headers).status, 200);
  expect_dead(issued);
}

TEST_F(SandboxRevoke, a_wrong_client_revokes_nothing) {
  const Tokens issued = connect();
  Headers wrong = basic("sandbox-client", "wrong");
  wrong.add("Content-Type", "application/json");
  EXPECT_EQ(post("/revoke", R"({"token":")" + issued.refresh + "\"}", wrong).status, 401);
  sandbox.control("POST", "/clients", R"({"client_id":"other","client_secret":"s"})");
  Headers other = basic("other", "s");
  other.add("Content-Type", "application/json");
  EXPECT_EQ(post("/revoke", R"({"token":")" + issued.refresh + "\"}", other).status, 400);
  EXPECT_EQ(refresh(issued.refresh).status, 200);
}

TEST_F(SandboxRevoke, a_body_without_a_token_is_invalid_request) {
  Headers headers = basic();
  headers.add("Content-Type", "application/json");
  for (const auto* body : {"", "{", "[]", "{}", R"({"token":1})"}) EXPECT_EQ(post("/revoke", body, headers).status, 400);
}

TEST_F(SandboxRevoke, other_grants_of_the_same_client_and_realm_end_with_it_unless_switched_off) {
  const Tokens a = connect();
  const Tokens b = connect();
  const Tokens elsewhere = connect("77");
  EXPECT_EQ(revoke(a.refresh).status, 200);
  EXPECT_EQ(refresh(b.refresh).status, 400);
  EXPECT_EQ(refresh(elsewhere.refresh).status, 200);
  set(R"({"revocation_ends_realm":false})");
  const Tokens c = connect();
  const Tokens d = connect();
  EXPECT_EQ(revoke(c.refresh).status, 200);
  EXPECT_EQ(refresh(d.refresh).status, 200);
}

}  // namespace
}  // namespace evergrant::test
