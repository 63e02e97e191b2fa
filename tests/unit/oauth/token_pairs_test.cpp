// Answers with several token pairs (REF-23), as the shipped profile of Slack reads them.
#include <gtest/gtest.h>

#include "oauth/profile.hpp"
#include "oauth/token_endpoint.hpp"
#include "support/fake_transport.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;
using test::http_answer;

const Time pairs_sent_at = *from_rfc3339("2026-11-23T12:00:00Z");

const std::string both =
    R"({"ok":true,"access_token":"xoxb-1","token_type":"bot","scope":"chat:write,commands","refresh_token":"xoxe-b1",)"
    R"("expires_in":43200,"team":{"id":"T1"},"authed_user":{"id":"U1","scope":"users:read","access_token":"xoxp-1",)"
    R"("token_type":"user","refresh_token":"xoxe-u1","expires_in":21600,"id_token":"i.d.t"}})";

Provider slack() {
  auto loaded = load_profile_file(std::string{EVERGRANT_SOURCE_DIR} + "/providers/slack.toml");
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return loaded ? loaded->front() : Provider{};
}

Verdict judge(const std::string& body, const std::string& pair = {}, const Provider& provider = slack()) {
  return judge_token_answer(http_answer(200, body), provider, {.sent_at = pairs_sent_at, .scope = {"asked"}, .pair = pair},
                            pairs_sent_at + 1s);
}

TEST(TokenPairs, a_code_brings_the_bots_and_the_users) {
  const auto verdict = judge(both);
  ASSERT_TRUE(verdict.tokens);
  EXPECT_EQ(verdict.tokens->access_token.reveal(), "xoxb-1");
  EXPECT_EQ(verdict.tokens->refresh_token->reveal(), "xoxe-b1");
  EXPECT_EQ(verdict.tokens->access_expires_at, pairs_sent_at + 12h);
  EXPECT_EQ(verdict.tokens->scope, (std::vector<std::string>{"chat:write", "commands"}));
  EXPECT_EQ(verdict.tokens->extras.at("authed_user.id"), "U1");
  ASSERT_EQ(verdict.pairs.size(), 1U);
  EXPECT_EQ(verdict.pairs[0].pair, "user");
  const TokenSet& user = verdict.pairs[0].tokens;
  EXPECT_EQ(user.access_token.reveal(), "xoxp-1");
  EXPECT_EQ(user.token_type, "user");
  EXPECT_EQ(user.refresh_token->reveal(), "xoxe-u1");
  EXPECT_EQ(user.access_expires_at, pairs_sent_at + 6h);
  EXPECT_EQ(user.scope, std::vector<std::string>{"users:read"});
  EXPECT_EQ(user.extras, (std::map<std::string, std::string>{{"id", "U1"}}));
  EXPECT_FALSE(user.id_token);
}

TEST(TokenPairs, no_token_of_a_pair_stays_among_the_extras_of_another) {
  const auto verdict = judge(both);
  ASSERT_TRUE(verdict.tokens);
  for (const auto* token : {"xoxp-1", "xoxe-u1", "xoxb-1", "xoxe-b1", "i.d.t"}) {
    EXPECT_FALSE(verdict.tokens->raw_extras.reveal().contains(token)) << token;
    EXPECT_FALSE(verdict.pairs.at(0).tokens.raw_extras.reveal().contains(token)) << token;
  }
}

TEST(TokenPairs, a_pair_without_an_access_token_is_none) {
  const std::string start = R"({"ok":true,"access_token":"xoxb-1","token_type":"bot")";
  for (const auto* members : {"}", R"(,"authed_user":{"id":"U1"}})", R"(,"authed_user":null})", R"(,"authed_user":"U1"})",
                              R"(,"authed_user":{"access_token":""}})"}) {
    const auto verdict = judge(start + members);
    ASSERT_TRUE(verdict.tokens) << members;
    EXPECT_TRUE(verdict.pairs.empty()) << members;
  }
}

TEST(TokenPairs, a_pair_that_cannot_be_used_makes_the_answer_unusable) {
  const auto verdict = judge(
      R"({"ok":true,"access_token":"xoxb-1","token_type":"bot","authed_user":{"access_token":"a\nb","token_type":"user"}})");
  EXPECT_EQ(verdict.failure, FailureClass::ambiguous);
  EXPECT_EQ(verdict.code, "malformed_access_token");
  EXPECT_FALSE(verdict.tokens);
}

TEST(TokenPairs, silence_about_a_pairs_scope_is_not_what_was_asked_for_the_main_one) {
  const auto verdict = judge(
      R"({"ok":true,"access_token":"xoxb-1","token_type":"bot","authed_user":{"access_token":"xoxp-1","token_type":"user"}})");
  ASSERT_EQ(verdict.pairs.size(), 1U);
  EXPECT_EQ(verdict.tokens->scope, std::vector<std::string>{"asked"});
  EXPECT_TRUE(verdict.pairs[0].tokens.scope.empty());
}

TEST(TokenPairs, a_refresh_of_the_user_is_read_at_the_top_or_where_the_code_had_it) {
  const std::string top = R"({"ok":true,"access_token":"xoxp-2","token_type":"user","refresh_token":"xoxe-u2"})";
  for (const auto& body : {top, R"({"ok":true,"authed_user":)" + top + "}"}) {
    const auto verdict = judge(body, "user");
    ASSERT_TRUE(verdict.tokens) << body << verdict.code;
    EXPECT_EQ(verdict.tokens->access_token.reveal(), "xoxp-2");
    EXPECT_EQ(verdict.tokens->refresh_token->reveal(), "xoxe-u2");
    EXPECT_TRUE(verdict.pairs.empty());
  }
}

TEST(TokenPairs, a_bots_token_is_not_taken_for_the_users) {
  const auto verdict = judge(R"({"ok":true,"access_token":"xoxb-2","token_type":"bot"})", "user");
  EXPECT_EQ(verdict.failure, FailureClass::ambiguous);
  EXPECT_EQ(verdict.code, "unknown_token_type");
}

TEST(TokenPairs, an_error_answer_to_a_pairs_refresh_is_one) {
  const auto verdict = judge(R"({"ok":false,"error":"invalid_refresh_token"})", "user");
  EXPECT_EQ(verdict.failure, FailureClass::grant);
  EXPECT_EQ(verdict.code, "invalid_refresh_token");
}

TEST(TokenPairs, an_app_that_asks_for_the_users_token_alone_has_it_as_the_main_one) {
  Provider provider = slack();
  provider.token.access_token_member = "authed_user.access_token";
  provider.token.refresh_token_member = "authed_user.refresh_token";
  const auto verdict = judge(both, {}, provider);
  ASSERT_TRUE(verdict.tokens);
  EXPECT_EQ(verdict.tokens->access_token.reveal(), "xoxp-1");
  EXPECT_TRUE(verdict.pairs.empty());
}

TEST(TokenPairs, the_journal_remembers_whose_refresh_it_was) {
  RawTokenAnswer answer{.response = http_answer(200, "{}"), .sent = {.sent_at = pairs_sent_at, .scope = {}, .pair = "user"}};
  EXPECT_EQ(from_journal(to_journal(answer))->sent.pair, "user");
  answer.sent.pair.clear();
  EXPECT_FALSE(to_journal(answer).reveal().contains("pair"));
  EXPECT_EQ(from_journal(to_journal(answer))->sent.pair, "");
}

}  // namespace
}  // namespace evergrant
