#include "proxy/answer_rules.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

using enum AnswerAction;

struct AnswerRow {
  int status = 0;
  std::string_view challenge;
  bool replayable = true;
  bool replayed = false;
  AnswerAction action = pass;
};

TEST(AnswerRulesTest, each_answer_has_one_meaning) {
  constexpr std::string_view stale = R"(Bearer realm="x", error="invalid_token")";
  constexpr std::string_view narrow = R"(Bearer error="insufficient_scope", scope="a b")";
  for (const auto& row : std::initializer_list<AnswerRow>{
           {200, "", true, false, pass},
           {200, stale, true, false, pass},
           {302, "", true, false, pass},
           {400, stale, true, false, pass},
           {401, "", true, false, refresh_and_replay},
           {401, stale, true, false, refresh_and_replay},
           {401, "Bearer", true, false, refresh_and_replay},
           {401, "Basic realm=\"x\"", true, false, refresh_and_replay},
           {401, "Bearer error=\"unterminated", true, false, refresh_and_replay},
           {401, stale, false, false, refresh_and_pass},
           {401, "", false, false, refresh_and_pass},
           {401, stale, true, true, pass},
           {401, "", true, true, pass},
           {401, R"(Bearer error="invalid_request")", true, false, pass},
           {401, narrow, true, false, step_up},
           {401, narrow, true, true, step_up},
           {403, "", true, false, pass},
           {403, stale, true, false, pass},
           {403, narrow, true, false, step_up},
           {403, narrow, false, true, step_up},
           {403, R"(Basic realm="x", Bearer error="insufficient_scope", scope="c")", true, false, step_up},
           {407, stale, true, false, pass},
           {429, "", true, false, pass},
           {500, stale, true, false, pass},
           {502, "", true, false, pass},
           {503, "", true, false, pass},
       }) {
    const auto verdict = judge_answer(
        {.status = row.status, .challenge = row.challenge, .replayable = row.replayable, .replayed = row.replayed});
    EXPECT_EQ(verdict.action, row.action) << row.status << ' ' << row.challenge << ' ' << row.replayable << row.replayed;
  }
}

TEST(AnswerRulesTest, a_step_up_tells_the_scope_that_the_provider_asks_for) {
  const auto verdict = judge_answer(
      {.status = 403,
       .challenge = R"(Bearer error="insufficient_scope", error_description="needs more", scope="files write")"});
  EXPECT_EQ(verdict.scope, "files write");
  EXPECT_EQ(verdict.description, "needs more");
}

struct LostRow {
  std::string_view method;
  LostConnection lost;
  bool again = false;
};

TEST(AnswerRulesTest, a_call_is_sent_again_only_where_the_first_cannot_have_done_anything_twice) {
  for (const auto& row : std::initializer_list<LostRow>{
           {"GET", {.reused = true, .replayable = true}, true},
           {"DELETE", {.reused = true, .replayable = true}, true},
           {"PUT", {.reused = true, .replayable = true}, true},
           {"POST", {.reused = true, .replayable = true}, false},
           {"PATCH", {.reused = true, .replayable = true}, false},
           {"POST", {.reused = true, .nothing_sent = true, .replayable = true}, true},
           {"GET", {.reused = false, .replayable = true}, false},
           {"GET", {.reused = true, .answer_begun = true, .replayable = true}, false},
           {"GET", {.reused = true, .replayable = false}, false},
           {"GET", {.reused = true, .replayable = true, .timed_out = true}, false},
           {"get", {.reused = true, .replayable = true}, false},
       }) {
    EXPECT_EQ(may_send_again(row.method, row.lost), row.again)
        << row.method << ' ' << row.lost.reused << row.lost.answer_begun << row.lost.nothing_sent;
  }
}

}  // namespace
}  // namespace evergrant
