// Token answers of real providers as they are read, with the profile that each needs: in the order of the survey of
// providers.
#include "unit/oauth/error_rows.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

struct TokenRow {
  std::string_view name;
  int status;
  std::string body;
  Change profile;
  std::string access, refresh;  // no refresh token: ""
  std::string type = "Bearer";
  std::optional<Duration> life = std::nullopt;          // of the access token; nothing: it does not end
  std::optional<Duration> refresh_life = std::nullopt;  // idle end
  std::vector<std::string> scope = {"read", "write"};   // as asked for
};
void PrintTo(const TokenRow& row, std::ostream* out) { *out << row.name; }

const Time asked_at = *from_rfc3339("2026-11-23T12:00:00Z");

std::optional<Duration> since_sent(std::optional<Time> time) {
  return time ? std::optional<Duration>{*time - asked_at} : std::nullopt;
}

class ProviderTokens : public testing::TestWithParam<TokenRow> {};
TEST_P(ProviderTokens, are_read) {
  const auto& row = GetParam();
  const auto verdict = judge_answer(http_answer(row.status, row.body), row.profile);
  ASSERT_TRUE(verdict.tokens) << row.name << ": " << verdict.code;
  EXPECT_EQ(verdict.tokens->access_token.reveal(), row.access);
  EXPECT_EQ(verdict.tokens->refresh_token ? std::string{verdict.tokens->refresh_token->reveal()} : "", row.refresh);
  EXPECT_EQ(verdict.tokens->token_type, row.type);
  EXPECT_EQ(since_sent(verdict.tokens->access_expires_at), row.life);
  EXPECT_EQ(since_sent(verdict.tokens->refresh_idle_expires_at), row.refresh_life);
  EXPECT_EQ(verdict.tokens->scope, row.scope);
}

Change untyped(std::string access_member = "access_token") {
  return [access_member](Provider& p) {
    p.token.default_token_type = "bearer";
    p.token.access_token_member = access_member;
  };
}

INSTANTIATE_TEST_SUITE_P(
    Survey, ProviderTokens,
    testing::Values(
        TokenRow{"intuit, numbers as texts", 200,
                 R"({"token_type":"bearer","access_token":"e..A","expires_in":"3600","refresh_token":"RT1-1-H0-1",)"
                 R"("x_refresh_token_expires_in":"8726400"})",
                 shipped("quickbooks"), "e..A", "RT1-1-H0-1", "Bearer", 1h, 8726400s},
        TokenRow{"google, a refresh says nothing of the refresh token",
                 200,
                 R"({"access_token":"ya29.a","expires_in":3599,"scope":"openid","token_type":"Bearer"})",
                 shipped("google"),
                 "ya29.a",
                 "",
                 "Bearer",
                 3599s,
                 days{180},
                 {"openid"}},
        TokenRow{"google, access for a time", 200,
                 R"({"access_token":"ya29.a","expires_in":3599,"refresh_token":"1//r","refresh_token_expires_in":86400,)"
                 R"("token_type":"Bearer"})",
                 shipped("google"), "ya29.a", "1//r", "Bearer", 3599s, 24h},
        TokenRow{"entra's older endpoint, numbers as texts and an instant beside them", 200,
                 R"({"token_type":"Bearer","expires_in":"3599","ext_expires_in":"7199","expires_on":"1795435199",)"
                 R"("access_token":"eyJ","refresh_token":"0.A"})",
                 as_it_is, "eyJ", "0.A", "Bearer", 3599s},
        TokenRow{"github, a token without end",
                 200,
                 R"({"access_token":"gho_1","scope":"repo,gist","token_type":"bearer"})",
                 [](Provider& p) { p.token.scope_separators = ", "; },
                 "gho_1",
                 "",
                 "Bearer",
                 std::nullopt,
                 std::nullopt,
                 {"repo", "gist"}},
        TokenRow{
            "gitlab, created_at is not an end", 200,
            R"({"access_token":"a","token_type":"Bearer","expires_in":7200,"refresh_token":"r","created_at":1795434000})",
            shipped("gitlab"), "a", "r", "Bearer", 2h},
        TokenRow{"bitbucket, scopes",
                 200,
                 R"({"access_token":"a","token_type":"bearer","expires_in":7200,"refresh_token":"r","scopes":"account"})",
                 [](Provider& p) { p.token.scope_member = "scopes"; },
                 "a",
                 "r",
                 "Bearer",
                 2h,
                 std::nullopt,
                 {"account"}},
        TokenRow{
            "slack, without rotation",
            200,
            R"({"ok":true,"access_token":"xoxb-1","token_type":"bot","scope":"chat:write,commands","team":{"id":"T1"}})",
            shipped("slack"),
            "xoxb-1",
            "",
            "bot",
            std::nullopt,
            std::nullopt,
            {"chat:write", "commands"}},
        TokenRow{"slack's configuration tokens, exp", 200,
                 R"({"ok":true,"token":"xoxe.xoxp-1","refresh_token":"xoxe-1","iat":1795435200,"exp":1795478400})",
                 [](Provider& p) {
                   untyped("token")(p);
                   p.expiry.absolute_members = {"exp"};
                 },
                 "xoxe.xoxp-1", "xoxe-1", "Bearer", 12h},
        TokenRow{"xero", 200,
                 R"({"id_token":"i.d.t","access_token":"a","expires_in":1800,"token_type":"Bearer","refresh_token":"r"})",
                 shipped("xero"), "a", "r", "Bearer", 30min, days{60}},
        TokenRow{"shopify, no type",
                 200,
                 R"({"access_token":"shpat_1","scope":"read_products,write_orders","expires_in":3600,)"
                 R"("refresh_token":"shprt_1","refresh_token_expires_in":7776000})",
                 shipped("shopify"),
                 "shpat_1",
                 "shprt_1",
                 "Bearer",
                 1h,
                 days{90},
                 {"read_products", "write_orders"}},
        TokenRow{"stripe connect, no end", 200,
                 R"({"access_token":"sk","refresh_token":"rt","token_type":"bearer","stripe_user_id":"acct_1"})", as_it_is,
                 "sk", "rt"},
        TokenRow{"stripe apps, an hour that is not said", 200,
                 R"({"access_token":"sk","refresh_token":"rt","token_type":"bearer"})",
                 [](Provider& p) { p.expiry.default_lifetime = 1h; }, "sk", "rt", "Bearer", 1h},
        TokenRow{"notion, an older integration", 200,
                 R"({"access_token":"secret_1","token_type":"bearer","refresh_token":null,"bot_id":"b","workspace_id":"w"})",
                 shipped("notion"), "secret_1", ""},
        TokenRow{"linear's old ten years", 200, R"({"access_token":"a","token_type":"Bearer","expires_in":315705599})",
                 as_it_is, "a", "", "Bearer", days{3652} + 12h},
        TokenRow{"facebook, without an end", 200, R"({"access_token":"EAA","token_type":"bearer"})", shipped("facebook"),
                 "EAA", ""},
        TokenRow{"facebook, the end of data access is not the token's", 200,
                 R"({"access_token":"EAA","token_type":"bearer","expires_in":5183944,"data_access_expires_at":1803211200})",
                 shipped("facebook"), "EAA", "", "Bearer", 5183944s, 5183944s},
        TokenRow{"tiktok, refresh_expires_in",
                 200,
                 R"({"access_token":"act.1","expires_in":86400,"open_id":"o","refresh_expires_in":31536000,)"
                 R"("refresh_token":"rft.1","scope":"user.info.basic,video.list","token_type":"Bearer"})",
                 [](Provider& p) {
                   p.expiry.refresh_soft_member = "refresh_expires_in";
                   p.token.scope_separators = ",";
                 },
                 "act.1",
                 "rft.1",
                 "Bearer",
                 24h,
                 days{365},
                 {"user.info.basic", "video.list"}},
        TokenRow{"tiktok ads, under data", 200,
                 R"({"code":0,"message":"OK","request_id":"1","data":{"access_token":"a","advertiser_ids":["1"]}})",
                 [](Provider& p) {
                   untyped("data.access_token")(p);
                   p.token.failure_members = {"code!=0"};
                 },
                 "a", ""},
        TokenRow{"square, an instant", 200,
                 R"({"access_token":"EAAA","token_type":"bearer","expires_at":"2026-12-23T12:00:00Z","merchant_id":"M",)"
                 R"("refresh_token":"EQAA"})",
                 shipped("square"), "EAAA", "EQAA", "Bearer", days{30}},
        TokenRow{"mailchimp, zero is never and no scope", 200, R"({"access_token":"a","expires_in":0,"scope":null})",
                 [](Provider& p) {
                   untyped()(p);
                   p.expiry.zero_means = ZeroExpiry::never;
                 },
                 "a", ""},
        TokenRow{
            "strava, both kinds of end", 200,
            R"({"token_type":"Bearer","expires_at":1795456800,"expires_in":21600,"refresh_token":"r","access_token":"a"})",
            as_it_is, "a", "r", "Bearer", 6h},
        TokenRow{
            "twitch, a list of scopes",
            200,
            R"({"access_token":"a","expires_in":14124,"refresh_token":"r","scope":["chat:read"],"token_type":"bearer"})",
            as_it_is,
            "a",
            "r",
            "Bearer",
            14124s,
            std::nullopt,
            {"chat:read"}},
        TokenRow{
            "airtable", 200,
            R"({"access_token":"oaa","refresh_token":"oar","token_type":"Bearer","scope":"read write","expires_in":3600,)"
            R"("refresh_expires_in":5184000})",
            [](Provider& p) { p.expiry.refresh_soft_member = "refresh_expires_in"; }, "oaa", "oar", "Bearer", 1h, days{60}},
        TokenRow{"asana, data is about the user", 200,
                 R"({"access_token":"a","expires_in":3600,"token_type":"bearer","data":{"id":"7"},"refresh_token":"r"})",
                 as_it_is, "a", "r", "Bearer", 1h},
        TokenRow{"exact online, ten minutes as a text", 200,
                 R"({"access_token":"a","token_type":"bearer","expires_in":"600","refresh_token":"r"})", as_it_is, "a", "r",
                 "Bearer", 10min},
        TokenRow{"clover, instants for both ends", 200,
                 R"({"access_token":"a","access_token_expiration":1795437000,"refresh_token":"r",)"
                 R"("refresh_token_expiration":1826971200})",
                 [](Provider& p) {
                   untyped()(p);
                   p.expiry.absolute_members = {"access_token_expiration"};
                   p.expiry.refresh_soft_member = "";
                   p.expiry.refresh_instant_member = "refresh_token_expiration";
                 },
                 "a", "r", "Bearer", 30min, days{365}},
        TokenRow{"wise, twenty years", 200,
                 R"({"access_token":"a","token_type":"bearer","refresh_token":"r","expires_in":43199,)"
                 R"("refresh_token_expires_in":630720000})",
                 as_it_is, "a", "r", "Bearer", 43199s, 630720000s},
        TokenRow{"ebay, a type of its own", 200,
                 R"({"access_token":"v^1.1#i","expires_in":7200,"refresh_token":"r","refresh_token_expires_in":47304000,)"
                 R"("token_type":"User Access Token"})",
                 [](Provider& p) { p.token.token_types = {"User Access Token"}; }, "v^1.1#i", "r", "User Access Token", 2h,
                 47304000s},
        TokenRow{"etsy, a user id in front", 200,
                 R"({"access_token":"12345.a","token_type":"Bearer","expires_in":3600,"refresh_token":"12345.r"})", as_it_is,
                 "12345.a", "12345.r", "Bearer", 1h},
        TokenRow{"sentry, 201 and camels", 201,
                 R"({"id":"1","token":"a","refreshToken":"r","expiresAt":"2026-11-23T20:00:00.000000Z"})",
                 [](Provider& p) {
                   untyped("token")(p);
                   p.token.refresh_token_member = "refreshToken";
                   p.expiry.absolute_members = {"expiresAt"};
                 },
                 "a", "r", "Bearer", 8h},
        TokenRow{"braintree, nested credentials",
                 200,
                 R"({"credentials":{"access_token":"a","refresh_token":"r","expires_at":"2026-11-24T12:00:00Z",)"
                 R"("token_type":"bearer","scope":"shared_vault"}})",
                 [](Provider& p) {
                   p.token.access_token_member = "credentials.access_token";
                   p.token.refresh_token_member = "credentials.refresh_token";
                   p.token.scope_member = "credentials.scope";
                   p.expiry.absolute_members = {"credentials.expires_at"};
                 },
                 "a",
                 "r",
                 "Bearer",
                 24h,
                 std::nullopt,
                 {"shared_vault"}},
        TokenRow{"fiserv, milliseconds", 200, R"({"access_token":"a","token_type":"Bearer","expires_in":900000})",
                 [](Provider& p) { p.expiry.unit_ms = 1; }, "a", "", "Bearer", 15min},
        TokenRow{"shopline, nested camels and an instant",
                 200,
                 R"({"code":200,"data":{"accessToken":"a","expireTime":"2026-11-23T22:00:00Z","scope":"r,w"}})",
                 [](Provider& p) {
                   untyped("data.accessToken")(p);
                   p.token.failure_members = {"code!=200"};
                   p.token.scope_member = "data.scope";
                   p.token.scope_separators = ",";
                   p.expiry.absolute_members = {"data.expireTime"};
                 },
                 "a",
                 "",
                 "Bearer",
                 10h,
                 std::nullopt,
                 {"r", "w"}},
        TokenRow{"intercom and monday, nothing but a token", 200,
                 R"({"token":"a","access_token":"a","token_type":"Bearer"})", as_it_is, "a", ""},
        TokenRow{"clickup, not even a type", 200, R"({"access_token":"a"})", untyped(), "a", ""}));

}  // namespace
}  // namespace evergrant::test
