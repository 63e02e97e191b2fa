// What a successful token answer is read as: the odd ones of real providers.
#include <gtest/gtest.h>

#include <functional>

#include "crypto/strict_json.hpp"
#include "oauth/token_answer.hpp"
#include "support/fake_transport.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;
using test::http_answer;

const Time posted_at = *from_rfc3339("2026-11-23T12:00:00Z");
const std::vector<std::string> wanted_scope{"read", "write"};

using Change = std::function<void(Provider&)>;
const Change unchanged = [](Provider&) {};

Verdict judged(const HttpResponse& response, const Change& change = unchanged) {
  Provider provider;
  change(provider);
  return judge_token_answer(response, provider, {.sent_at = posted_at, .scope = wanted_scope}, posted_at + 5s);
}

// The token set of an answer that must be a success.
TokenSet read(const std::string& body, const Change& change = unchanged) {
  auto verdict = judged(http_answer(200, body), change);
  EXPECT_EQ(to_string(verdict.failure), "none") << verdict.code << " for " << body;
  if (!verdict.tokens) return {};
  return std::move(*verdict.tokens);
}

std::string with(const std::string& members) { return R"({"access_token":"at","token_type":"bearer")" + members + "}"; }

// --- expiry -------------------------------------------------------------------------------------------------------------

struct ExpiryRow {
  std::string_view name;
  std::string members;
  Change profile;
  std::optional<Duration> life;  // from posted_at; nothing: it does not end
};

void PrintTo(const ExpiryRow& row, std::ostream* out) { *out << row.name; }

class Expiries : public testing::TestWithParam<ExpiryRow> {};

TEST_P(Expiries, are_read) {
  const auto& row = GetParam();
  const auto tokens = read(with(row.members), row.profile);
  std::optional<Duration> life;
  if (tokens.access_expires_at) life = *tokens.access_expires_at - posted_at;
  EXPECT_EQ(life, row.life);
}

constexpr Duration ten_years = std::chrono::hours{24} * 3652 + 12h;  // of 365.25 days

const Change default_of_an_hour = [](Provider& p) { p.expiry.default_lifetime = 1h; };
const Change mailchimp = [](Provider& p) { p.expiry.zero_means = ZeroExpiry::never; };
Change absolute(std::string member) {
  return [member](Provider& p) { p.expiry.absolute_members = {"not_there", member}; };
}

INSTANTIATE_TEST_SUITE_P(
    TokenAnswer, Expiries,
    testing::Values(
        ExpiryRow{"a number", R"(,"expires_in":3600)", unchanged, 3600s},
        ExpiryRow{"google", R"(,"expires_in":3599)", unchanged, 3599s},
        ExpiryRow{"intuit's samples, a string", R"(,"expires_in":"3600")", unchanged, 3600s},
        ExpiryRow{"a string with blanks", R"(,"expires_in":" 3600 ")", unchanged, 3600s},
        ExpiryRow{"a fraction", R"(,"expires_in":3600.5)", unchanged, 3600500ms},
        ExpiryRow{"an exponent", R"(,"expires_in":3.6e3)", unchanged, 3600s},
        ExpiryRow{"a fraction in a string", R"(,"expires_in":"3600.0")", unchanged, 3600s},
        ExpiryRow{"salesforce, nothing", R"(,"issued_at":"1795348800000","instance_url":"https://na1.example")", unchanged,
                  std::nullopt},
        ExpiryRow{"jobber, nothing, the profile knows", "", default_of_an_hour, 1h},
        ExpiryRow{"null", R"(,"expires_in":null)", default_of_an_hour, 1h},
        ExpiryRow{"words", R"(,"expires_in":"one hour")", default_of_an_hour, 1h},
        ExpiryRow{"an empty string", R"(,"expires_in":"")", default_of_an_hour, 1h},
        ExpiryRow{"the string nan", R"(,"expires_in":"nan")", default_of_an_hour, 1h},
        ExpiryRow{"the string inf", R"(,"expires_in":"inf")", default_of_an_hour, 1h},
        ExpiryRow{"true", R"(,"expires_in":true)", default_of_an_hour, 1h},
        ExpiryRow{"an object", R"(,"expires_in":{})", default_of_an_hour, 1h},
        ExpiryRow{"zero", R"(,"expires_in":0)", unchanged, 0s},
        ExpiryRow{"zero in a string", R"(,"expires_in":"0")", unchanged, 0s},
        ExpiryRow{"mailchimp, zero is never", R"(,"expires_in":0)", mailchimp, std::nullopt},
        ExpiryRow{"mailchimp, zero is never even with a default", R"(,"expires_in":0)",
                  [](Provider& p) {
                    mailchimp(p);
                    default_of_an_hour(p);
                  },
                  std::nullopt},
        ExpiryRow{"negative is over", R"(,"expires_in":-5)", mailchimp, 0s},
        ExpiryRow{"very negative is over", R"(,"expires_in":-1e300)", unchanged, 0s},
        ExpiryRow{"linear's old ten years and more", R"(,"expires_in":315705599)", unchanged, ten_years},
        ExpiryRow{"huge", R"(,"expires_in":1e300)", unchanged, ten_years},
        ExpiryRow{"the largest integer", R"(,"expires_in":18446744073709551615)", unchanged, ten_years},
        ExpiryRow{"more digits than any number has", R"(,"expires_in":99999999999999999999999999999999)", unchanged,
                  ten_years},
        ExpiryRow{"fiserv, milliseconds", R"(,"expires_in":900000)", [](Provider& p) { p.expiry.unit_ms = 1; }, 900s},
        ExpiryRow{"another member", R"(,"life":{"secs":60})", [](Provider& p) { p.token.expires_in_member = "life.secs"; },
                  60s},
        ExpiryRow{"square, RFC 3339", R"(,"expires_at":"2026-12-23T12:00:00Z")", absolute("expires_at"), 24h * 30},
        ExpiryRow{"with an offset", R"(,"expires_at":"2026-11-23T15:00:00+02:00")", absolute("expires_at"), 1h},
        ExpiryRow{"strava, epoch seconds", R"(,"expires_at":1795456800)", absolute("expires_at"), 6h},
        ExpiryRow{"epoch seconds in a string", R"(,"expires_at":"1795456800")", absolute("expires_at"), 6h},
        ExpiryRow{"shopline, epoch milliseconds", R"(,"expireTime":1795456800000)", absolute("expireTime"), 6h},
        ExpiryRow{"lightspeed has both: the relative one is immune to clocks", R"(,"expires":1795999999,"expires_in":60)",
                  absolute("expires"), 60s},
        ExpiryRow{"an instant in the past", R"(,"expires_at":"2020-01-01T00:00:00Z")", absolute("expires_at"), 0s},
        ExpiryRow{"an instant far away", R"(,"expires_at":"9999-12-31T23:59:59Z")", absolute("expires_at"), ten_years},
        ExpiryRow{"instant zero", R"(,"expires_at":0)",
                  [](Provider& p) {
                    absolute("expires_at")(p);
                    mailchimp(p);
                  },
                  std::nullopt},
        ExpiryRow{"not an instant", R"(,"expires_at":"tomorrow")",
                  [](Provider& p) {
                    absolute("expires_at")(p);
                    default_of_an_hour(p);
                  },
                  1h}));

TEST(TokenAnswer, expiry_counts_from_before_the_request_was_sent) {
  EXPECT_EQ(read(with(R"(,"expires_in":60)")).access_expires_at, posted_at + 60s);
}

struct RefreshEndRow {
  std::string members;
  std::optional<Duration> idle, absolute;
};

TEST(TokenAnswer, intuits_two_ends_of_the_refresh_token_are_read) {
  const Change intuit = [](Provider& p) {
    p.expiry.refresh_soft_member = "x_refresh_token_expires_in";
    p.expiry.refresh_hard_member = "x_refresh_token_hard_expires_in";
    p.refresh.idle_window = 100h * 24;
  };
  const RefreshEndRow rows[] = {
      {R"(,"x_refresh_token_expires_in":8726400,"x_refresh_token_hard_expires_in":157680000)", 8726400s, 157680000s},
      {R"(,"x_refresh_token_expires_in":"8721385")", 8721385s, std::nullopt},
      {R"(,"x_refresh_token_expires_in":0,"x_refresh_token_hard_expires_in":0)", 100h * 24, std::nullopt},
      {R"(,"x_refresh_token_expires_in":-1)", 100h * 24, std::nullopt},
      {R"(,"x_refresh_token_expires_in":null)", 100h * 24, std::nullopt},
      {"", 100h * 24, std::nullopt}};
  for (const auto& row : rows) {
    const auto tokens = read(with(row.members), intuit);
    ASSERT_TRUE(tokens.refresh_idle_expires_at) << row.members;
    EXPECT_EQ(*tokens.refresh_idle_expires_at - posted_at, row.idle) << row.members;
    std::optional<Duration> hard;
    if (tokens.refresh_absolute_expires_at) hard = *tokens.refresh_absolute_expires_at - posted_at;
    EXPECT_EQ(hard, row.absolute) << row.members;
  }
}

TEST(TokenAnswer, without_window_and_member_no_end_of_the_refresh_token_is_known) {
  const auto tokens = read(with(R"(,"refresh_token":"rt")"));
  EXPECT_FALSE(tokens.refresh_idle_expires_at);
  EXPECT_FALSE(tokens.refresh_absolute_expires_at);
}

TEST(TokenAnswer, githubs_refresh_token_expires_in_is_read_by_default) {
  EXPECT_EQ(read(with(R"(,"refresh_token_expires_in":15897600)")).refresh_idle_expires_at, posted_at + 15897600s);
}

// --- tokens -------------------------------------------------------------------------------------------------------------

TEST(TokenAnswer, token_type_is_compared_without_case_and_bearer_is_normalised) {
  for (const auto* type : {"Bearer", "bearer", "BEARER", "bEaReR"}) {
    EXPECT_EQ(read(std::string{R"({"access_token":"at","token_type":")"} + type + "\"}").token_type, "Bearer");
  }
}

TEST(TokenAnswer, token_types_and_their_default_come_from_the_profile) {
  const Change profile = [](Provider& p) {
    p.token.token_types = {"bearer", "User Access Token"};
    p.token.default_token_type = "Bearer";
  };
  EXPECT_EQ(read(R"({"access_token":"at","token_type":"User Access Token"})", profile).token_type, "User Access Token");
  EXPECT_EQ(read(R"({"access_token":"at"})", profile).token_type, "Bearer");
  EXPECT_EQ(read(R"({"access_token":"at","token_type":null})", profile).token_type, "Bearer");
}

TEST(TokenAnswer, an_absent_refresh_token_is_nothing_however_it_is_absent) {
  for (const auto* member : {"", R"(,"refresh_token":null)", R"(,"refresh_token":"")", R"(,"refresh_token":false)"}) {
    EXPECT_FALSE(read(with(member)).refresh_token) << member;
  }
  const auto tokens = read(with(R"(,"refresh_token":"rt-1")"));
  ASSERT_TRUE(tokens.refresh_token);
  EXPECT_EQ(tokens.refresh_token->reveal(), "rt-1");
}

TEST(TokenAnswer, an_id_token_is_handed_on_and_kept_nowhere_else) {
  const auto tokens = read(with(R"(,"id_token":"h.p.s")"));
  ASSERT_TRUE(tokens.id_token);
  EXPECT_EQ(tokens.id_token->reveal(), "h.p.s");
  EXPECT_FALSE(tokens.raw_extras.reveal().contains("h.p.s"));
  EXPECT_FALSE(read(with(R"(,"id_token":null)")).id_token);
}

TEST(TokenAnswer, tokens_of_any_length_are_taken) {
  const std::string access(20000, 'a');
  const std::string refresh(20000, 'r');
  const auto tokens =
      read(R"({"access_token":")" + access + R"(","refresh_token":")" + refresh + R"(","token_type":"bearer"})");
  EXPECT_EQ(tokens.access_token.reveal(), access);
  ASSERT_TRUE(tokens.refresh_token);
  EXPECT_EQ(tokens.refresh_token->reveal(), refresh);
}

TEST(TokenAnswer, text_plain_and_a_byte_order_mark_do_not_hide_the_tokens) {
  const auto verdict = judged(http_answer(200, "\xEF\xBB\xBF " + with("") + "\r\n", "text/plain"));
  ASSERT_TRUE(verdict.tokens);
  EXPECT_EQ(verdict.tokens->access_token.reveal(), "at");
}

TEST(TokenAnswer, status_201_is_a_success) { EXPECT_TRUE(judged(http_answer(201, with(""))).tokens); }

TEST(TokenAnswer, githubs_form_is_read_where_it_says_that_it_is_one) {
  const auto type = "application/x-www-form-urlencoded; charset=utf-8";
  const auto body = "access_token=gho_16C7e42F&expires_in=28800&refresh_token=ghr_1B4&scope=repo%2Cgist&token_type=bearer";
  const Change commas = [](Provider& p) { p.token.scope_separators = ","; };
  const auto verdict = judged(http_answer(200, body, type), commas);
  ASSERT_TRUE(verdict.tokens);
  EXPECT_EQ(verdict.tokens->access_token.reveal(), "gho_16C7e42F");
  EXPECT_EQ(verdict.tokens->access_expires_at, posted_at + 8h);
  EXPECT_EQ(verdict.tokens->scope, (std::vector<std::string>{"repo", "gist"}));
}

TEST(TokenAnswer, a_form_labelled_as_text_is_read_where_the_profile_says_automatic) {
  const Change automatic = [](Provider& p) { p.token.response = ResponseFormat::automatic; };
  const auto answer = http_answer(200, "access_token=a%2Bb&token_type=bearer", "text/plain");
  ASSERT_TRUE(judged(answer, automatic).tokens);
  EXPECT_EQ(judged(answer, automatic).tokens->access_token.reveal(), "a+b");
  EXPECT_FALSE(judged(answer).tokens);
}

TEST(TokenAnswer, slacks_nested_user_token_is_read_and_the_bot_token_stays_sealed_with_the_extras) {
  const auto body =
      R"({"ok":true,"access_token":"xoxb-bot","token_type":"bot","team":{"id":"T9"},"authed_user":
         {"id":"U1","scope":"chat:write,users:read","access_token":"xoxp-user","refresh_token":"xoxe-1","expires_in":43200,
          "token_type":"user"}})";
  const Change slack = [](Provider& p) {
    p.token.failure_members = {"ok=false"};
    p.token.access_token_member = "authed_user.access_token";
    p.token.refresh_token_member = "authed_user.refresh_token";
    p.token.expires_in_member = "authed_user.expires_in";
    p.token.scope_member = "authed_user.scope";
    p.token.scope_separators = ",";
    p.token.token_types = {"user"};
    p.token.kept_members = {"team.id", "authed_user.access_token", "access_token"};
  };
  const auto tokens = read(body, slack);
  EXPECT_EQ(tokens.access_token.reveal(), "xoxp-user");
  EXPECT_EQ(tokens.token_type, "user");
  ASSERT_TRUE(tokens.refresh_token);
  EXPECT_EQ(tokens.refresh_token->reveal(), "xoxe-1");
  EXPECT_EQ(tokens.access_expires_at, posted_at + 12h);
  EXPECT_EQ(tokens.scope, (std::vector<std::string>{"chat:write", "users:read"}));
  EXPECT_EQ(tokens.extras, (std::map<std::string, std::string>{{"team.id", "T9"}}));
  EXPECT_TRUE(tokens.raw_extras.reveal().contains("xoxb-bot"));
  EXPECT_FALSE(tokens.raw_extras.reveal().contains("xoxp-user"));
  EXPECT_FALSE(tokens.raw_extras.reveal().contains("xoxe-1"));
}

TEST(TokenAnswer, asanas_data_object_is_read) {
  const auto tokens = read(R"({"data":{"access_token":"at","token_type":"bearer","id_token":"i.d.t"}})",
                           [](Provider& p) { p.token.access_token_member = "data.access_token"; });
  EXPECT_EQ(tokens.access_token.reveal(), "at");
  ASSERT_TRUE(tokens.id_token);
  EXPECT_EQ(tokens.id_token->reveal(), "i.d.t");
}

TEST(TokenAnswer, kept_members_are_shown_and_all_others_kept_sealed) {
  const Change salesforce = [](Provider& p) { p.token.kept_members = {"instance_url", "issued_at", "sites", "none"}; };
  const auto tokens = read(
      with(R"(,"instance_url":"https://na1.example","issued_at":"1795348800000","signature":"hmac","sites":{"a":1},"n":7)"),
      salesforce);
  EXPECT_EQ(tokens.extras,
            (std::map<std::string, std::string>{{"instance_url", "https://na1.example"}, {"issued_at", "1795348800000"}}));
  const auto sealed = parse_strict_json(tokens.raw_extras.reveal());
  ASSERT_TRUE(sealed);
  EXPECT_EQ(*sealed, (boost::json::value{{"token_type", "bearer"},
                                         {"instance_url", "https://na1.example"},
                                         {"issued_at", "1795348800000"},
                                         {"signature", "hmac"},
                                         {"sites", {{"a", 1}}},
                                         {"n", 7}}));
}

TEST(TokenAnswer, a_success_beside_an_error_member_that_says_no_error_is_a_success) {
  for (const auto* member : {R"(,"error":null)", R"(,"error":"")", R"(,"error":false)", R"(,"error":0)"}) {
    EXPECT_EQ(read(with(member)).access_token.reveal(), "at") << member;
  }
}

// --- scope --------------------------------------------------------------------------------------------------------------

struct ScopeRow {
  std::string members;
  Change profile;
  std::vector<std::string> expected;
};

TEST(TokenAnswer, scope_is_read_in_every_spelling) {
  const Change commas = [](Provider& p) { p.token.scope_separators = ", "; };
  const Change bitbucket = [](Provider& p) { p.token.scope_member = "scopes"; };
  const ScopeRow rows[] = {{"", unchanged, wanted_scope},
                           {R"(,"scope":null)", unchanged, wanted_scope},
                           {R"(,"scope":7)", unchanged, wanted_scope},
                           {R"(,"scope":"read")", unchanged, {"read"}},
                           {R"(,"scope":"b  a ")", unchanged, {"b", "a"}},
                           {R"(,"scope":"")", unchanged, {}},
                           {R"(,"scope":"read,write, admin")", commas, {"read", "write", "admin"}},
                           {R"(,"scope":["user:read","chat"])", unchanged, {"user:read", "chat"}},
                           {R"(,"scope":[])", unchanged, {}},
                           {R"(,"scopes":"account repository")", bitbucket, {"account", "repository"}}};
  for (const auto& row : rows) EXPECT_EQ(read(with(row.members), row.profile).scope, row.expected) << row.members;
}

}  // namespace
}  // namespace evergrant
