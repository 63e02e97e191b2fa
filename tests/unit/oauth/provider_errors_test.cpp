// Error answers of real providers' token endpoints, in all their shapes.
#include "unit/oauth/error_rows.hpp"

namespace evergrant::test {
namespace {

class ProviderErrors : public testing::TestWithParam<ErrorRow> {};
TEST_P(ProviderErrors, are_classified) { expect_verdict(GetParam()); }

const Change hubspot = [](Provider& p) { p.errors.terminal = {"BAD_REFRESH_TOKEN"}; };
INSTANTIATE_TEST_SUITE_P(
    OtherShapes, ProviderErrors,
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

// In the order of the survey of providers. Where a profile is shipped, it judges.
INSTANTIATE_TEST_SUITE_P(
    Survey, ProviderErrors,
    testing::Values(
        ErrorRow{"intuit, stale refresh token", 400,
                 R"({"error":"invalid_grant","error_description":"Incorrect or invalid refresh token"})", json_type,
                 shipped("quickbooks"), FailureClass::grant, "invalid_grant"},
        ErrorRow{"intuit, 25 bytes", 400, R"({"error":"invalid_grant"})", json_type, shipped("quickbooks"),
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"intuit, wrong client", 401, R"({"error":"invalid_client"})", json_type, shipped("quickbooks"),
                 FailureClass::registration, "invalid_client"},
        ErrorRow{"intuit, too many requests, empty", 429, "", "", shipped("quickbooks"), FailureClass::transient,
                 "http_429"},
        ErrorRow{
            "intuit, application authentication failed", 401,
            R"({"fault":{"error":[{"message":"message=ApplicationAuthenticationFailed; errorCode=003200; statusCode=401",)"
            R"("detail":"Malformed bearer token: too short or too long","code":"3200"}],"type":"AUTHENTICATION"}})",
            json_type, shipped("quickbooks"), FailureClass::transient, "3200"},
        ErrorRow{"google, the grant has ended", 400,
                 R"({"error":"invalid_grant","error_description":"Token has been expired or revoked."})", json_type,
                 shipped("google"), FailureClass::grant, "invalid_grant"},
        ErrorRow{"google, the subtype alone", 400, R"({"error":"invalid_rapt"})", json_type, shipped("google"),
                 FailureClass::grant, "invalid_rapt"},
        ErrorRow{"entra, idle for too long", 400,
                 R"({"error":"invalid_grant","error_description":"AADSTS700082: expired due to inactivity",)"
                 R"("error_codes":[700082],"timestamp":"2026-11-23 12:00:00Z"})",
                 json_type, shipped("microsoft"), FailureClass::grant, "invalid_grant"},
        ErrorRow{"entra, a policy asks for more, with a claims challenge", 400,
                 R"({"error":"interaction_required","error_description":"AADSTS50158: external security challenge",)"
                 R"("error_codes":[50158],"suberror":"basic_action","claims":"{\"access_token\":{}}"})",
                 json_type, shipped("microsoft"), FailureClass::grant, "interaction_required"},
        ErrorRow{"github app, with HTTP 200", 200, R"({"error":"bad_refresh_token","error_description":"…"})", json_type,
                 shipped("github"), FailureClass::grant, "bad_refresh_token"},
        ErrorRow{"github app, as a form with HTTP 200", 200, "error=bad_refresh_token&error_description=expired",
                 "application/x-www-form-urlencoded; charset=utf-8", shipped("github"), FailureClass::grant,
                 "bad_refresh_token"},
        ErrorRow{"github, our secret with HTTP 200", 200, R"({"error":"incorrect_client_credentials"})", json_type,
                 shipped("github"), FailureClass::registration, "incorrect_client_credentials"},
        ErrorRow{"slack, a refresh token that was used", 200, R"({"ok":false,"error":"invalid_refresh_token"})", json_type,
                 shipped("slack"), FailureClass::grant, "invalid_refresh_token"},
        ErrorRow{"slack, our secret", 200, R"({"ok":false,"error":"bad_client_secret"})", json_type, shipped("slack"),
                 FailureClass::registration, "bad_client_secret"},
        ErrorRow{"slack, throttled", 429, R"({"ok":false,"error":"ratelimited"})", json_type, shipped("slack"),
                 FailureClass::transient, "ratelimited"},
        ErrorRow{"slack, it fell over in the middle, but says so", 200, R"({"ok":false,"error":"fatal_error"})", json_type,
                 shipped("slack"), FailureClass::transient, "fatal_error"},
        ErrorRow{"salesforce, expired", 400,
                 R"({"error":"invalid_grant","error_description":"expired access/refresh token"})", json_type,
                 shipped("salesforce"), FailureClass::grant, "invalid_grant"},
        ErrorRow{"hubspot", 400, R"({"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"})", json_type,
                 shipped("hubspot"), FailureClass::grant, "BAD_REFRESH_TOKEN"},
        ErrorRow{"hubspot, our client", 400, R"({"status":"BAD_CLIENT_ID","message":"…"})", json_type, shipped("hubspot"),
                 FailureClass::registration, "BAD_CLIENT_ID"},
        ErrorRow{"zoho, with HTTP 200", 200, R"({"error":"invalid_code"})", json_type, shipped("zoho"), FailureClass::grant,
                 "invalid_code"},
        ErrorRow{"zoho, more refreshes than it allows", 400,
                 R"({"error":"Access Denied","error_description":"too many requests","status":"failure"})", json_type,
                 shipped("zoho"), FailureClass::transient, "Access Denied"},
        ErrorRow{"zoho, our client with HTTP 200", 200, R"({"error":"invalid_client"})", json_type, shipped("zoho"),
                 FailureClass::registration, "invalid_client"},
        ErrorRow{"atlassian, dead with 403", 403, R"({"error":"unauthorized_client","error_description":"…"})", json_type,
                 shipped("atlassian"), FailureClass::grant, "unauthorized_client"},
        ErrorRow{"facebook, the token is not good", 400,
                 R"({"error":{"message":"…","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A"}})",
                 json_type, shipped("facebook"), FailureClass::grant, "190"},
        ErrorRow{"facebook, any other code", 400, R"({"error":{"message":"…","type":"OAuthException","code":4}})", json_type,
                 shipped("facebook"), FailureClass::transient, "4"},
        ErrorRow{"reddit, a User-Agent that it does not like", 429, R"({"message":"Too Many Requests","error":429})",
                 json_type, as_it_is, FailureClass::transient, "429"},
        ErrorRow{"fitbit, our client", 401,
                 R"({"errors":[{"errorType":"invalid_client","message":"Invalid authorization header"}],"success":false})",
                 json_type, as_it_is, FailureClass::registration, "invalid_client"},
        ErrorRow{"twitch, known by its message", 400, R"({"status":400,"message":"Invalid refresh token"})", json_type,
                 [](Provider& p) {
                   p.errors.code_member = "message";
                   p.errors.terminal = {"Invalid refresh token"};
                 },
                 FailureClass::grant, "Invalid refresh token"},
        ErrorRow{"okta, a nonce for DPoP", 400, R"({"error":"use_dpop_nonce"})", json_type, as_it_is,
                 FailureClass::transient, "use_dpop_nonce"},
        ErrorRow{"cybersource, our client with HTTP 500", 500, R"({"error":"invalid_client"})", json_type, cybersource,
                 FailureClass::registration, "invalid_client"},
        ErrorRow{"coinbase, 402 for a second factor", 402, R"({"errors":[{"id":"two_factor_required","message":"…"}]})",
                 json_type, as_it_is, FailureClass::transient, "two_factor_required"},
        ErrorRow{"shopline, a code that is not 200", 200, R"({"code":401,"message":"…","data":null})", json_type,
                 [](Provider& p) {
                   p.token.failure_members = {"code!=200"};
                   p.token.access_token_member = "data.accessToken";
                   p.errors.terminal = {"401"};
                 },
                 FailureClass::grant, "401"},
        ErrorRow{"error is a list of codes", 400, R"({"error":["invalid_grant"]})", json_type, as_it_is, FailureClass::grant,
                 "invalid_grant"},
        ErrorRow{"error is a list of objects", 400, R"({"error":[{"code":"invalid_grant"}]})", json_type, as_it_is,
                 FailureClass::grant, "invalid_grant"},
        ErrorRow{"errors is a text", 400, R"({"errors":"invalid_grant"})", json_type, as_it_is, FailureClass::grant,
                 "invalid_grant"},
        ErrorRow{"errors is an object", 400, R"({"errors":{"code":"invalid_client"}})", json_type, as_it_is,
                 FailureClass::registration, "invalid_client"}));

}  // namespace
}  // namespace evergrant::test
