#include "oauth/token_answer.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "support/fake_transport.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;
using test::http_answer;

const Time sent_at = *from_rfc3339("2026-11-23T12:00:00Z");
const Time read_at = sent_at + 2s;
const std::vector<std::string> asked_scope{"read", "write"};

using Change = std::function<void(Provider&)>;
const Change as_it_is = [](Provider&) {};

Verdict judge(const HttpResponse& response, const Change& change = as_it_is) {
  Provider provider;
  change(provider);
  return judge_token_answer(response, provider, {.sent_at = sent_at, .scope = asked_scope}, read_at);
}
Verdict judge(int status, const std::string& body, const Change& change = as_it_is) {
  return judge(http_answer(status, body), change);
}

std::string kind(const Verdict& verdict) { return std::string{to_string(verdict.failure)}; }

TEST(TokenAnswer, an_error_description_is_printable_and_short) {
  const auto verdict = judge(400, R"({"error":"invalid_grant","error_description":"a\u0000\r\nfake log line\u001b[31m )" +
                                      std::string(500, 'x') + "\"}");
  EXPECT_TRUE(verdict.description.starts_with("afake log line[31m"));
  EXPECT_LT(verdict.description.size(), 310U);
}

TEST(TokenAnswer, a_token_that_the_provider_repeats_in_its_error_is_cut_out) {
  const auto verdict = judge(
      400,
      R"({"error":"invalid_grant","error_description":"Token RT1-42-H0-1771234567canary is unknown, see trace 0f8fad5b-d9cb-469f-a165-70867728950e."})");
  EXPECT_EQ(verdict.description, "Token [removed] is unknown, see trace 0f8fad5b-d9cb-469f-a165-70867728950e.");
  const auto code = judge(400, R"({"error":"RT1-42-H0-1771234567canary"})");
  EXPECT_EQ(code.code, "[removed]");
}

// Control characters are dropped when the text is made printable, and must not join two halves of a token after it was
// looked for.
TEST(TokenAnswer, a_token_is_cut_out_though_control_characters_divide_it) {
  const auto verdict =
      judge(400, R"({"error":"RT1-42-H0\u0001-1771234567canary","error_description":"RT1-42-H0-17\u00071234567canary"})");
  EXPECT_EQ(verdict.code, "[removed]");
  EXPECT_EQ(verdict.description, "[removed]");
}

// Nothing of such a code can be shown, so the status has to do.
TEST(TokenAnswer, an_error_code_of_control_characters_alone_is_none) {
  EXPECT_EQ(judge(400, R"({"error":"\u0001\u202e"})").code, "http_400");
  EXPECT_EQ(judge(400, R"({"error":"\u0001","error_code":"invalid_grant"})").code, "invalid_grant");
}

TEST(TokenAnswer, the_correlation_id_is_the_first_header_that_the_profile_lists) {
  auto response = http_answer(400, R"({"error":"invalid_grant"})");
  response.headers.add("X-Request-Id", "second");
  response.headers.add("intuit_tid", "1-abc");
  const Change lists = [](Provider& p) { p.token.correlation_headers = {"intuit_tid", "x-request-id"}; };
  EXPECT_EQ(judge(response, lists).correlation, "1-abc");
  EXPECT_EQ(judge(response).correlation, "");
}

TEST(TokenAnswer, the_correlation_id_of_a_success_is_kept_too) {
  auto response = http_answer(200, R"({"access_token":"a","token_type":"bearer"})");
  response.headers.add("Intuit_Tid", "1-abc\x01");
  const auto verdict = judge(response, [](Provider& p) { p.token.correlation_headers = {"intuit_tid"}; });
  EXPECT_EQ(kind(verdict), "none");
  EXPECT_EQ(verdict.correlation, "1-abc");
}

struct RetryAfterRow {
  std::string_view header;
  std::optional<Duration> expected;
};

TEST(TokenAnswer, retry_after_is_read_as_seconds_or_date_and_bounded_to_a_day) {
  const RetryAfterRow rows[] = {{"120", 120s},
                                {" 5 ", 5s},
                                {"0", 0s},
                                {"86401", 24h},
                                {"99999999999999999999999", 24h},
                                {"9223372036854775807", 24h},
                                {"Mon, 23 Nov 2026 12:01:02 GMT", 60s},
                                {"Mon, 23 Nov 2026 11:00:00 GMT", 0s},
                                {"Mon, 23 Nov 2036 11:00:00 GMT", 24h},
                                {"-5", std::nullopt},
                                {"1.5", std::nullopt},
                                {"soon", std::nullopt},
                                {"", std::nullopt}};
  for (const auto& row : rows) {
    auto response = http_answer(429, "");
    response.headers.add("retry-after", std::string{row.header});
    EXPECT_EQ(judge(response).retry_after, row.expected) << row.header;
  }
  EXPECT_EQ(judge(429, "").retry_after, std::nullopt);
}

// --- no answer ----------------------------------------------------------------------------------------------------------

TEST(TokenAnswer, a_request_that_was_not_sent_is_transient_and_cannot_have_been_acted_upon) {
  const auto verdict = judge_transport_error(test::nothing_was_sent());
  EXPECT_EQ(kind(verdict), "transient");
  EXPECT_FALSE(verdict.sent);
  EXPECT_EQ(verdict.code, "unreachable");
}

TEST(TokenAnswer, a_lost_answer_is_ambiguous) {
  for (const auto code : {Errc::ambiguous, Errc::deadline_exceeded, Errc::too_large, Errc::internal}) {
    const auto verdict = judge_transport_error({code, "no complete answer", {}});
    EXPECT_EQ(kind(verdict), "ambiguous");
    EXPECT_TRUE(verdict.sent);
    EXPECT_EQ(verdict.code, "no_answer");
    EXPECT_EQ(verdict.description, "no complete answer");
  }
}

TEST(TokenAnswer, an_endpoint_that_is_refused_is_a_matter_of_the_registration) {
  const auto verdict = judge_transport_error({Errc::invalid_argument, "http is refused", {}});
  EXPECT_EQ(kind(verdict), "registration");
  EXPECT_FALSE(verdict.sent);
}

}  // namespace
}  // namespace evergrant
