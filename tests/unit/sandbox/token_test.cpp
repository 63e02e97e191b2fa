#include <gtest/gtest.h>

#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxToken : ::testing::Test, SandboxBench {};

TEST_F(SandboxToken, a_code_is_answered_with_intuits_members_and_numbers) {
  const HttpResponse response = redeem(code_for());
  const auto body = json(response);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(text(body, "token_type"), "bearer");
  EXPECT_EQ(number(body, "expires_in"), 3600);
  EXPECT_EQ(number(body, "x_refresh_token_expires_in"), 8'726'400);
  EXPECT_FALSE(body.contains("x_refresh_token_hard_expires_in"));
  EXPECT_FALSE(body.contains("id_token"));
  EXPECT_FALSE(body.contains("scope"));
  EXPECT_EQ(body.size(), 5U);
}

TEST_F(SandboxToken, an_answer_may_not_be_stored_and_carries_a_transaction_id) {
  const HttpResponse good = redeem(code_for());
  const HttpResponse bad = refresh("nonsense");
  for (const auto* response : {&good, &bad}) {
    EXPECT_EQ(response->headers.find("cache-control"), "no-cache, no-store");
    EXPECT_EQ(response->headers.find("intuit_tid")->size(), 35U);
  }
  EXPECT_NE(good.headers.find("intuit_tid"), bad.headers.find("intuit_tid"));
}

TEST_F(SandboxToken, tokens_have_the_shapes_of_intuits) {
  const Tokens issued = connect();
  const std::string header = base64url_encode(R"({"enc":"A128CBC-HS256","alg":"dir"})");
  EXPECT_TRUE(issued.access.starts_with(header + "..")) << "a JWE with an empty key";
  EXPECT_EQ(std::ranges::count(issued.access, '.'), 4);
  EXPECT_TRUE(issued.refresh.starts_with("RT1-"));
  EXPECT_NE(issued.refresh.find("-H0-17"), std::string::npos);
}

TEST_F(SandboxToken, the_absolute_end_is_told_only_to_those_who_ask) {
  const Tokens issued = connect();
  Headers headers = basic();
  headers.add("x-include-refresh-token-hard-expires-in", "true");
  const auto body = json(token({{"grant_type", "refresh_token"}, {"refresh_token", issued.refresh}}, headers));
  EXPECT_EQ(number(body, "x_refresh_token_hard_expires_in"), 157'680'000);
  EXPECT_FALSE(json(refresh(issued.refresh)).contains("x_refresh_token_hard_expires_in"));
}

TEST_F(SandboxToken, credentials_are_form_encoded_inside_basic) {
  EXPECT_EQ(
      sandbox.control("POST", "/clients", R"({"client_id":"a b:c","client_secret":"p%+&ü","any_loopback_redirect":true})")
          .status,
      201);
  auto parameters = authorization("realm:1");
  parameters[0].second = "a b:c";
  const std::string code = returned(authorize(parameters), "code");
  const auto form =
      Parameters{{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", std::string{callback}}};
  EXPECT_EQ(token(form, basic("a b:c", "wrong")).status, 401);
  EXPECT_EQ(token(form, basic("a b:c", "p%+&ü")).status, 200);
}

TEST_F(SandboxToken, credentials_in_the_form_are_taken_but_never_beside_basic) {
  Parameters form{{"grant_type", "refresh_token"},
                  {"refresh_token", connect().refresh},
                  {"client_id", "sandbox-client"},
                  {"client_secret", "sandbox-secret"}};
  EXPECT_EQ(token(form, {}).status, 200);
  EXPECT_EQ(token(form, basic()).status, 401);
}

TEST_F(SandboxToken, a_wrong_client_is_invalid_client_with_401) {
  const std::string refresh_token = connect().refresh;
  const Parameters form{{"grant_type", "refresh_token"}, {"refresh_token", refresh_token}};
  for (const auto& headers : {basic("sandbox-client", "wrong"), basic("nobody", "sandbox-secret"), Headers{}}) {
    const HttpResponse response = token(form, headers);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.body, R"({"error":"invalid_client"})");
  }
  EXPECT_EQ(refresh(refresh_token).status, 200) << "the grant is untouched";
}

TEST_F(SandboxToken, a_client_may_not_use_the_refresh_token_of_another) {
  sandbox.control("POST", "/clients", R"({"client_id":"other","client_secret":"s"})");
  const Tokens issued = connect();
  EXPECT_EQ(token({{"grant_type", "refresh_token"}, {"refresh_token", issued.refresh}}, basic("other", "s")).status, 400);
  EXPECT_EQ(refresh(issued.refresh).status, 200);
}

TEST_F(SandboxToken, a_bad_refresh_token_is_answered_word_for_word) {
  const HttpResponse response = refresh("RT1-1-H0-1nonsense");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, R"({"error":"invalid_grant","error_description":"Incorrect or invalid refresh token"})");
  set(R"({"bare_invalid_grant":true})");
  const HttpResponse bare = refresh("RT1-1-H0-1nonsense");
  EXPECT_EQ(bare.body, R"({"error":"invalid_grant"})");
  EXPECT_EQ(bare.body.size(), 25U);
}

TEST_F(SandboxToken, a_bad_code_is_answered_word_for_word) {
  const HttpResponse response = redeem("XAB1nonsense");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, R"({"error_description":"Token invalid","error":"invalid_grant"})");
}

TEST_F(SandboxToken, a_code_works_once_and_its_second_use_ends_the_grant) {
  const std::string code = code_for();
  const Tokens issued = tokens(redeem(code));
  EXPECT_EQ(redeem(code).status, 400);
  EXPECT_EQ(refresh(issued.refresh).status, 400);
  EXPECT_EQ(company_info(issued.access).status, 401);
  EXPECT_EQ(text(grant(), "ended_by"), "code_replay");
}

TEST_F(SandboxToken, a_code_lives_five_minutes) {
  const std::string in_time = code_for();
  const std::string late = code_for();
  clock.advance(299s);
  EXPECT_EQ(redeem(in_time).status, 200);
  clock.advance(1s);
  EXPECT_EQ(redeem(late).status, 400);
}

TEST_F(SandboxToken, a_code_is_bound_to_its_redirect_uri) {
  const Parameters form{
      {"grant_type", "authorization_code"}, {"code", code_for()}, {"redirect_uri", "http://127.0.0.1:8000/other"}};
  EXPECT_EQ(token(form).status, 400);
}

TEST_F(SandboxToken, requests_of_another_kind_are_refused_by_name) {
  struct Case {
    Parameters form;
    std::string_view error;
  };
  for (const auto& [form, error] :
       {Case{{{"grant_type", "password"}}, "unsupported_grant_type"}, Case{{{"a", "b"}}, "invalid_request"},
        Case{{{"grant_type", "refresh_token"}}, "invalid_request"},
        Case{{{"grant_type", "authorization_code"}}, "invalid_request"},
        Case{{{"grant_type", "refresh_token"}, {"grant_type", "refresh_token"}}, "invalid_request"}}) {
    const HttpResponse response = token(form);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(text(json(response), "error"), error);
  }
  EXPECT_EQ(get("/token").status, 405);
  Headers headers = basic();
  headers.add("Content-Type", "application/json");
  EXPECT_EQ(post("/token", "{}", headers).status, 400);
}

TEST_F(SandboxToken, pkce_is_checked_where_a_challenge_was_sent) {
  const std::string verifier(43, 'v');
  auto parameters = authorization("realm:1");
  parameters.emplace_back("code_challenge", "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM");
  parameters.emplace_back("code_challenge_method", "S256");
  const auto redeem_with = [&](const Parameters& extra) {
    Parameters form{{"grant_type", "authorization_code"},
                    {"code", returned(authorize(parameters), "code")},
                    {"redirect_uri", std::string{callback}}};
    form.insert(form.end(), extra.begin(), extra.end());
    return token(form).status;
  };
  EXPECT_EQ(redeem_with({}), 400);
  EXPECT_EQ(redeem_with({{"code_verifier", "wrong"}}), 400);
  EXPECT_EQ(redeem_with({{"code_verifier", verifier}}), 200);
}

TEST_F(SandboxToken, a_verifier_without_a_challenge_is_refused) {
  const Parameters form{{"grant_type", "authorization_code"},
                        {"code", code_for()},
                        {"redirect_uri", std::string{callback}},
                        {"code_verifier", std::string(43, 'v')}};
  EXPECT_EQ(token(form).status, 400);
}

TEST_F(SandboxToken, a_marker_is_put_before_everything_that_is_secret) {
  SandboxOptions options;
  options.marker = "CANARY";
  SandboxBench marked{options};
  const std::string code = marked.code_for();
  const Tokens issued = tokens(marked.redeem(code));
  EXPECT_TRUE(code.starts_with("CANARY"));
  EXPECT_TRUE(issued.access.starts_with("CANARY"));
  EXPECT_TRUE(issued.refresh.starts_with("CANARY"));
}

}  // namespace
}  // namespace evergrant::test
