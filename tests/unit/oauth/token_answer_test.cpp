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

// --- what is an error, and of which class -------------------------------------------------------------------------------

struct ErrorRow {
  std::string_view name;
  int status;
  std::string body;
  std::string content_type;
  Change profile;
  FailureClass failure;
  std::string code;
};

void PrintTo(const ErrorRow& row, std::ostream* out) { *out << row.name; }

class ErrorAnswers : public testing::TestWithParam<ErrorRow> {};

TEST_P(ErrorAnswers, are_classified) {
  const auto& row = GetParam();
  const auto verdict = judge(http_answer(row.status, row.body, row.content_type), row.profile);
  EXPECT_EQ(kind(verdict), to_string(row.failure)) << row.name;
  EXPECT_EQ(verdict.code, row.code) << row.name;
  EXPECT_EQ(verdict.status, row.status);
  EXPECT_TRUE(verdict.sent);
  EXPECT_FALSE(verdict.tokens);
}

const std::string html = "<!doctype html><title>Server Error (500)</title><h1>Server Error</h1>";
const std::string json_type = "application/json";
const Change hubspot = [](Provider& p) { p.errors.terminal = {"BAD_REFRESH_TOKEN"}; };
const Change slack = [](Provider& p) {
  p.token.failure_members = {"ok=false"};
  p.errors.terminal = {"invalid_refresh_token", "token_revoked"};
};
const Change github = [](Provider& p) {
  p.token.response = ResponseFormat::automatic;
  p.errors.terminal = {"bad_refresh_token"};
};
const Change cybersource = [](Provider& p) { p.errors.definite_statuses = {500}; };

INSTANTIATE_TEST_SUITE_P(
    Rfc6749, ErrorAnswers,
    testing::Values(
        ErrorRow{"intuit, stale refresh token", 400,
                 R"({"error":"invalid_grant","error_description":"Incorrect or invalid refresh token"})", json_type,
                 as_it_is, FailureClass::grant, "invalid_grant"},
        ErrorRow{"intuit, 25 bytes", 400, R"({"error":"invalid_grant"})", json_type, as_it_is, FailureClass::grant,
                 "invalid_grant"},
        ErrorRow{"invalid_grant with 401", 401, R"({"error":"invalid_grant"})", json_type, as_it_is, FailureClass::grant,
                 "invalid_grant"},
        ErrorRow{"atlassian, invalid_grant with 403", 403, R"({"error":"invalid_grant"})", json_type, as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"unauthorized_client", 400, R"({"error":"unauthorized_client"})", json_type, as_it_is, FailureClass::grant,
                 "unauthorized_client"},
        ErrorRow{"entra, interaction_required", 400,
                 R"({"error":"interaction_required","error_description":"AADSTS50076: …","error_codes":[50076]})", json_type,
                 as_it_is, FailureClass::grant, "interaction_required"},
        ErrorRow{"consent_required", 400, R"({"error":"consent_required"})", json_type, as_it_is, FailureClass::grant,
                 "consent_required"},
        ErrorRow{"login_required", 400, R"({"error":"login_required"})", json_type, as_it_is, FailureClass::grant,
                 "login_required"},
        ErrorRow{"invalid_client", 401, R"({"error":"invalid_client"})", json_type, as_it_is, FailureClass::registration,
                 "invalid_client"},
        ErrorRow{"unsupported_grant_type", 400, R"({"error":"unsupported_grant_type"})", json_type, as_it_is,
                 FailureClass::registration, "unsupported_grant_type"},
        ErrorRow{"invalid_scope", 400, R"({"error":"invalid_scope"})", json_type, as_it_is, FailureClass::registration,
                 "invalid_scope"},
        ErrorRow{"temporarily_unavailable", 400, R"({"error":"temporarily_unavailable"})", json_type, as_it_is,
                 FailureClass::transient, "temporarily_unavailable"},
        ErrorRow{"slow_down", 400, R"({"error":"slow_down"})", json_type, as_it_is, FailureClass::transient, "slow_down"},
        ErrorRow{"a code nobody knows ends no grant", 400, R"({"error":"flux_compensation"})", json_type, as_it_is,
                 FailureClass::transient, "flux_compensation"},
        ErrorRow{"text/plain JSON", 400, R"({"error":"invalid_grant"})", "text/plain; charset=utf-8", as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"JSON without a content type", 400, R"({"error":"invalid_grant"})", "", as_it_is, FailureClass::grant,
                 "invalid_grant"},
        ErrorRow{"JSON after a byte order mark", 400, "\xEF\xBB\xBF{\"error\":\"invalid_grant\"}", json_type, as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"a form", 400, "error=invalid_grant&error_description=gone", "application/x-www-form-urlencoded", as_it_is,
                 FailureClass::grant, "invalid_grant"}));

INSTANTIATE_TEST_SUITE_P(
    NobodySaidSo, ErrorAnswers,
    testing::Values(
        ErrorRow{"glewlwyd, 400 with an empty body", 400, "", "", as_it_is, FailureClass::transient, "http_400"},
        ErrorRow{"… unless the profile lists it", 400, "", "", [](Provider& p) { p.errors.terminal = {"http_400"}; },
                 FailureClass::grant, "http_400"},
        ErrorRow{"glewlwyd, 403 invalid_code", 403, R"({"error":"invalid_code"})", json_type, as_it_is,
                 FailureClass::transient, "invalid_code"},
        ErrorRow{"401 with an empty body", 401, "", "", as_it_is, FailureClass::transient, "http_401"},
        ErrorRow{"403 page of a firewall", 403, html, "text/html", as_it_is, FailureClass::transient, "http_403"},
        ErrorRow{"404 page", 404, html, "text/html", as_it_is, FailureClass::transient, "http_404"},
        ErrorRow{"django, 500 page: it may have rotated before it fell over", 500, html, "text/html", as_it_is,
                 FailureClass::ambiguous, "http_500"},
        ErrorRow{"intuit overloaded, 500 with an empty body", 500, "", "", as_it_is, FailureClass::ambiguous, "http_500"},
        ErrorRow{"intuit overloaded, 503 with an empty body", 503, "", "", as_it_is, FailureClass::transient, "http_503"},
        ErrorRow{"500 server_error", 500, R"({"error":"server_error"})", json_type, as_it_is, FailureClass::ambiguous,
                 "server_error"},
        ErrorRow{"500 temporarily_unavailable was declined", 500, R"({"error":"temporarily_unavailable"})", json_type,
                 as_it_is, FailureClass::transient, "temporarily_unavailable"},
        ErrorRow{"502 of a gateway", 502, html, "text/html", as_it_is, FailureClass::ambiguous, "http_502"},
        ErrorRow{"504 of a gateway", 504, html, "text/html", as_it_is, FailureClass::ambiguous, "http_504"},
        ErrorRow{"504 that the profile knows as harmless", 504, html, "text/html",
                 [](Provider& p) { p.errors.transient_statuses = {504}; }, FailureClass::transient, "http_504"},
        ErrorRow{"cloudflare, connected and no answer", 524, html, "text/html", as_it_is, FailureClass::ambiguous,
                 "http_524"},
        ErrorRow{"cloudflare, never connected", 522, html, "text/html", as_it_is, FailureClass::transient, "http_522"},
        ErrorRow{"501", 501, html, "text/html", as_it_is, FailureClass::transient, "http_501"},
        ErrorRow{"coinbase, 402 for a second factor", 402, R"({"errors":[{"id":"two_factor_required","message":"…"}]})",
                 json_type, as_it_is, FailureClass::transient, "http_402"},
        ErrorRow{"405 of a moved endpoint", 405, "", "", as_it_is, FailureClass::transient, "http_405"},
        ErrorRow{"410 page", 410, html, "text/html", as_it_is, FailureClass::transient, "http_410"},
        ErrorRow{"intuit's API fault as XML", 401,
                 R"(<?xml version="1.0"?><IntuitResponse><Fault type="AuthenticationFault"/>)", "application/xml", as_it_is,
                 FailureClass::transient, "http_401"},
        ErrorRow{"500 with an OAuth error", 500, R"({"error":"invalid_grant"})", json_type, as_it_is,
                 FailureClass::transient, "invalid_grant"},
        ErrorRow{"503 with invalid_client", 503, R"({"error":"invalid_client"})", json_type, as_it_is,
                 FailureClass::transient, "invalid_client"},
        ErrorRow{"429 with an OAuth error", 429, R"({"error":"invalid_grant"})", json_type, as_it_is,
                 FailureClass::transient, "invalid_grant"},
        ErrorRow{"429 with an empty body", 429, "", "", as_it_is, FailureClass::transient, "http_429"},
        ErrorRow{"408", 408, R"({"error":"invalid_grant"})", json_type, as_it_is, FailureClass::transient, "invalid_grant"},
        ErrorRow{"425", 425, "", "", as_it_is, FailureClass::transient, "http_425"},
        ErrorRow{"cybersource, errors are 500", 500, R"({"error":"invalid_grant"})", json_type, cybersource,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"cybersource, 500 without a code", 500, html, "text/html", cybersource, FailureClass::transient,
                 "http_500"},
        ErrorRow{"cybersource, 503 stays an outage", 503, R"({"error":"invalid_grant"})", json_type, cybersource,
                 FailureClass::transient, "invalid_grant"},
        ErrorRow{"a status that the profile calls transient", 403, R"({"error":"invalid_grant"})", json_type,
                 [](Provider& p) { p.errors.transient_statuses = {403}; }, FailureClass::transient, "invalid_grant"},
        ErrorRow{"a code that the profile calls transient", 400, R"({"error":"invalid_grant"})", json_type,
                 [](Provider& p) { p.errors.transient = {"invalid_grant"}; }, FailureClass::transient, "invalid_grant"},
        ErrorRow{"a code that the profile calls our fault", 400, R"({"error":"app_disabled"})", json_type,
                 [](Provider& p) { p.errors.operator_ = {"app_disabled"}; }, FailureClass::registration, "app_disabled"},
        ErrorRow{"a redirect is not followed", 302, "", "", as_it_is, FailureClass::transient, "http_302"},
        ErrorRow{"a redirect cannot end a grant", 307, R"({"error":"invalid_grant"})", json_type, as_it_is,
                 FailureClass::transient, "invalid_grant"},
        ErrorRow{"400 with a duplicated error", 400, R"({"error":"x","error":"invalid_grant"})", json_type, as_it_is,
                 FailureClass::transient, "http_400"},
        ErrorRow{"400 with half a body", 400, R"({"error":"invalid_gra)", json_type, as_it_is, FailureClass::transient,
                 "http_400"}));

INSTANTIATE_TEST_SUITE_P(
    OtherShapes, ErrorAnswers,
    testing::Values(
        ErrorRow{"hubspot", 400, R"({"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"})", json_type,
                 hubspot, FailureClass::grant, "BAD_REFRESH_TOKEN"},
        ErrorRow{"hubspot on 500 stays an outage", 500, R"({"status":"BAD_REFRESH_TOKEN","message":"…"})", json_type,
                 hubspot, FailureClass::transient, "BAD_REFRESH_TOKEN"},
        ErrorRow{"google, an administrator's session policy", 400,
                 R"({"error":"invalid_grant","error_subtype":"invalid_rapt","error_description":"reauth related error"})",
                 json_type, as_it_is, FailureClass::grant, "invalid_grant"},
        ErrorRow{"intuit, bad code, members in another order", 400,
                 R"({"error_description":"Token invalid","error":"invalid_grant"})", json_type, as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"intuit's API fault with a capital", 400,
                 R"({"Fault":{"Error":[{"Message":"m","Detail":"d","code":"2020"}],"type":"ValidationFault"}})", json_type,
                 as_it_is, FailureClass::transient, "2020"},
        ErrorRow{
            "intuit throttles", 429,
            R"({"fault":{"error":[{"message":"message=ThrottleExceeded; errorCode=003001; statusCode=429","code":"3001"}]}})",
            json_type, as_it_is, FailureClass::transient, "3001"},
        ErrorRow{"intuit, wrong realm", 403,
                 R"({"fault":{"error":[{"message":"ApplicationAuthorizationFailed","code":"3100"}]}})", json_type, as_it_is,
                 FailureClass::transient, "3100"},
        ErrorRow{"zoom", 400, R"({"reason":"Invalid Token!","error":"invalid_request"})", json_type, as_it_is,
                 FailureClass::transient, "invalid_request"},
        ErrorRow{"zoom, listed", 400, R"({"reason":"Invalid Token!","error":"invalid_request"})", json_type,
                 [](Provider& p) {
                   p.errors.code_member = "reason";
                   p.errors.terminal = {"Invalid Token!"};
                 },
                 FailureClass::grant, "Invalid Token!"},
        ErrorRow{"strava", 400,
                 R"({"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"code","code":"invalid"}]})",
                 json_type, as_it_is, FailureClass::transient, "invalid"},
        ErrorRow{"twitch", 400, R"({"status":400,"message":"Invalid refresh token"})", json_type, as_it_is,
                 FailureClass::transient, "http_400"},
        ErrorRow{"atlassian, another 403", 403, R"({"error":"access_denied"})", json_type, as_it_is, FailureClass::transient,
                 "access_denied"},
        ErrorRow{"entra, our secret has ended", 401,
                 R"({"error":"invalid_client","error_description":"AADSTS7000222: expired","error_codes":[7000222]})",
                 json_type, as_it_is, FailureClass::registration, "invalid_client"},
        ErrorRow{"hubspot, unlisted", 400, R"({"status":"BAD_HAIR_DAY","message":"…"})", json_type, hubspot,
                 FailureClass::transient, "BAD_HAIR_DAY"},
        ErrorRow{"fitbit", 400,
                 R"({"errors":[{"errorType":"invalid_grant","message":"Refresh token invalid"}],"success":false})",
                 json_type, as_it_is, FailureClass::grant, "invalid_grant"},
        ErrorRow{"facebook", 400,
                 R"({"error":{"message":"expired","type":"OAuthException","code":190,"error_subcode":463}})", json_type,
                 [](Provider& p) { p.errors.terminal = {"190"}; }, FailureClass::grant, "190"},
        ErrorRow{"an error object with only a type", 400, R"({"error":{"type":"invalid_grant"}})", json_type, as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"an array of texts", 400, R"({"errors":["invalid_grant"]})", json_type, as_it_is, FailureClass::grant,
                 "invalid_grant"},
        ErrorRow{"okta", 429, R"({"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"})", json_type,
                 as_it_is, FailureClass::transient, "E0000047"},
        ErrorRow{"intuit's API fault", 401, R"({"fault":{"error":[{"message":"AuthenticationFailed","code":"3200"}]}})",
                 json_type, as_it_is, FailureClass::transient, "3200"},
        ErrorRow{"status that only repeats the status", 400, R"({"status":400,"title":"Bad Request"})", json_type, as_it_is,
                 FailureClass::transient, "http_400"},
        ErrorRow{"a code member of the profile", 400, R"({"data":{"reason":"dead"},"error":"other"})", json_type,
                 [](Provider& p) {
                   p.errors.code_member = "data.reason";
                   p.errors.terminal = {"dead"};
                 },
                 FailureClass::grant, "dead"}));

INSTANTIATE_TEST_SUITE_P(
    WithStatus200, ErrorAnswers,
    testing::Values(
        ErrorRow{"github, JSON", 200, R"({"error":"bad_refresh_token","error_description":"…"})", json_type, github,
                 FailureClass::grant, "bad_refresh_token"},
        ErrorRow{"github, form", 200, "error=bad_refresh_token&error_description=The+refresh+token+is+invalid",
                 "application/x-www-form-urlencoded; charset=utf-8", github, FailureClass::grant, "bad_refresh_token"},
        ErrorRow{"github, our secret is wrong", 200, R"({"error":"incorrect_client_credentials"})", json_type,
                 [](Provider& p) { p.errors.operator_ = {"incorrect_client_credentials"}; }, FailureClass::registration,
                 "incorrect_client_credentials"},
        ErrorRow{"slack", 200, R"({"ok":false,"error":"invalid_refresh_token"})", json_type, slack, FailureClass::grant,
                 "invalid_refresh_token"},
        ErrorRow{"slack, an error beside an old token is still an error", 200,
                 R"({"ok":false,"error":"token_revoked","access_token":"xoxb","token_type":"bearer"})", json_type, slack,
                 FailureClass::grant, "token_revoked"},
        ErrorRow{"slack, no reason given", 200, R"({"ok":false})", json_type, slack, FailureClass::transient,
                 "unnamed_error"},
        ErrorRow{"zoho", 200, R"({"error":"invalid_code"})", json_type,
                 [](Provider& p) { p.errors.terminal = {"invalid_code"}; }, FailureClass::grant, "invalid_code"},
        ErrorRow{"tiktok ads, code is not 0", 200, R"({"code":40105,"message":"expired","data":{}})", json_type,
                 [](Provider& p) {
                   p.token.failure_members = {"code!=0"};
                   p.token.access_token_member = "data.access_token";
                   p.errors.terminal = {"40105"};
                 },
                 FailureClass::grant, "40105"},
        ErrorRow{"tiktok", 200, R"({"error":"invalid_grant","error_description":"…","log_id":"2026"})", json_type, as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"an empty body", 200, "", "", as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"blank", 200, " \r\n", json_type, as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"a page", 200, html, "text/html", as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"half an answer", 200, R"({"access_token":"at","token_ty)", json_type, as_it_is, FailureClass::ambiguous,
                 "malformed_answer"},
        ErrorRow{"something after the answer", 200, R"({"access_token":"at","token_type":"bearer"} {})", json_type, as_it_is,
                 FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"a name twice", 200, R"({"access_token":"a","access_token":"b","token_type":"bearer"})", json_type,
                 as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"a name twice in a form", 200, "access_token=a&access_token=b&token_type=bearer",
                 "application/x-www-form-urlencoded", as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"not UTF-8", 200, "{\"access_token\":\"a\xFF\",\"token_type\":\"bearer\"}", json_type, as_it_is,
                 FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"a list", 200, "[]", json_type, as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"null", 200, "null", json_type, as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"nested too deep", 200,
                 R"({"access_token":"a","token_type":"bearer","x":)" + std::string(40, '[') + std::string(40, ']') + "}",
                 json_type, as_it_is, FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"NaN", 200, R"({"access_token":"a","token_type":"bearer","expires_in":NaN})", json_type, as_it_is,
                 FailureClass::ambiguous, "malformed_answer"},
        ErrorRow{"no token and no error", 200, "{}", json_type, as_it_is, FailureClass::ambiguous, "no_access_token"},
        ErrorRow{"an empty token", 200, R"({"access_token":"","token_type":"bearer"})", json_type, as_it_is,
                 FailureClass::ambiguous, "no_access_token"},
        ErrorRow{"a token that is a number", 200, R"({"access_token":12345,"token_type":"bearer"})", json_type, as_it_is,
                 FailureClass::ambiguous, "no_access_token"},
        ErrorRow{"a token that would split a header", 200, R"({"access_token":"a\r\nX-Evil: 1","token_type":"bearer"})",
                 json_type, as_it_is, FailureClass::ambiguous, "malformed_access_token"},
        ErrorRow{"error is null", 200, R"({"error":null,"token_type":"bearer"})", json_type, as_it_is,
                 FailureClass::ambiguous, "no_access_token"},
        ErrorRow{"a status member is no error on 200", 200, R"({"status":"ok"})", json_type, as_it_is,
                 FailureClass::ambiguous, "no_access_token"},
        ErrorRow{"no token_type", 200, R"({"access_token":"a"})", json_type, as_it_is, FailureClass::ambiguous,
                 "no_token_type"},
        ErrorRow{"token_type mac", 200, R"({"access_token":"a","token_type":"mac"})", json_type, as_it_is,
                 FailureClass::ambiguous, "unknown_token_type"},
        ErrorRow{"a 2xx that is not a token status", 202, R"({"access_token":"a","token_type":"bearer"})", json_type,
                 as_it_is, FailureClass::ambiguous, "http_202"},
        ErrorRow{"204", 204, "", "", as_it_is, FailureClass::ambiguous, "malformed_answer"}));

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
