#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "oauth/id_token.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::int64_t now_seconds = 1'767'225'600;

class IdTokenClaimsTest : public testing::Test {
 protected:
  IdTokenClaimsTest() {
    expectation.issuer = "https://id.example";
    expectation.client_id = "client";
    expectation.nonce = "n-0S6_WzA2Mj";
    expectation.now = from_epoch_ms(now_seconds * 1000);
    claims = {{"iss", "https://id.example"}, {"sub", "user-1"},           {"aud", "client"},
              {"iat", now_seconds - 5},      {"exp", now_seconds + 3600}, {"nonce", "n-0S6_WzA2Mj"}};
  }

  Result<IdTokenClaims> check(std::string_view alg = "RS256", std::string_view typ = "JWT") const {
    return check_id_token_claims(json::serialize(claims), alg, typ, expectation);
  }
  bool expectation_requires(const std::string& name) const {
    return std::ranges::count(expectation.required_claims, name) > 0;
  }
  // "ok", or the name of the check that failed.
  std::string verdict(std::string_view alg = "RS256", std::string_view typ = "JWT") const {
    const auto checked = check(alg, typ);
    if (checked) return "ok";
    constexpr std::string_view prefix = "ID token: ";
    EXPECT_TRUE(checked.error().message.starts_with(prefix)) << checked.error().message;
    const auto rest = checked.error().message.substr(prefix.size());
    const auto name = rest.substr(0, rest.find(':'));
    static const std::set<std::string> about_somebody_else{"iss", "tid", "aud", "azp", "sub", "nonce", "realmid"};
    const bool mismatch = about_somebody_else.contains(name) && !expectation_requires(name);
    EXPECT_EQ(checked.error().code, mismatch ? Errc::forbidden : Errc::provider_rejected) << checked.error().message;
    return name;
  }
  std::string verdict_with(std::string_view name, std::string_view value) {
    const json::object before = claims;
    claims[name] = json::parse(value);
    std::string found = verdict();
    claims = before;
    return found;
  }
  std::string verdict_without(std::string_view name) {
    const json::object before = claims;
    claims.erase(name);
    std::string found = verdict();
    claims = before;
    return found;
  }

  IdTokenExpectation expectation;
  json::object claims;
};

TEST_F(IdTokenClaimsTest, a_good_token_gives_its_claims) {
  claims["azp"] = "client";
  claims["auth_time"] = now_seconds - 100;
  claims["email"] = "someone@example.com";
  claims["hd"] = "example.com";
  expectation.kept_claims = {"hd", "absent"};
  const auto checked = check();
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->issuer, "https://id.example");
  EXPECT_EQ(checked->subject, "user-1");
  EXPECT_EQ(checked->audience, std::vector<std::string>{"client"});
  EXPECT_EQ(to_epoch_ms(checked->issued_at), (now_seconds - 5) * 1000);
  EXPECT_EQ(to_epoch_ms(checked->expires_at), (now_seconds + 3600) * 1000);
  EXPECT_EQ(to_epoch_ms(checked->auth_time.value()), (now_seconds - 100) * 1000);
  EXPECT_EQ(checked->azp, "client");
  EXPECT_EQ(checked->nonce, "n-0S6_WzA2Mj");
  EXPECT_EQ(checked->others, (std::map<std::string, std::string>{{"hd", "example.com"}}))
      << "no claim that nobody asked for";
}

TEST_F(IdTokenClaimsTest, the_issuer_is_the_pinned_one_exactly) {
  EXPECT_EQ(verdict_without("iss"), "iss");
  for (const auto* value : {R"("https://id.example/")", R"("https://ID.example")", R"("https://evil.example")", R"("")", "7",
                            "null", R"(["https://id.example"])"}) {
    EXPECT_EQ(verdict_with("iss", value), "iss") << value;
  }
  expectation.issuer.clear();
  EXPECT_EQ(verdict_with("iss", R"("")"), "iss");
  EXPECT_EQ(verdict(), "iss");
}

TEST_F(IdTokenClaimsTest, other_spellings_count_only_where_the_rule_allows_them) {
  expectation.issuer_alternatives = {"id.example"};
  EXPECT_EQ(verdict_with("iss", R"("id.example")"), "iss");
  expectation.issuer_rule = IssuerRule::alternatives;
  EXPECT_EQ(verdict_with("iss", R"("id.example")"), "ok");
  EXPECT_EQ(verdict(), "ok");
  EXPECT_EQ(verdict_with("iss", R"("evil.example")"), "iss");
}

TEST_F(IdTokenClaimsTest, a_template_issuer_is_filled_with_the_tokens_tenant) {
  expectation.issuer = "https://login.example/{tenantid}/v2.0";
  expectation.issuer_rule = IssuerRule::tenant_template;
  claims["iss"] = "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
  EXPECT_EQ(verdict(), "tid");
  claims["tid"] = "9188040d-6c67-4c5b-b112-36a304b66dad";
  EXPECT_EQ(verdict(), "ok");
  EXPECT_EQ(verdict_with("tid", R"("another")"), "iss");
  EXPECT_EQ(verdict_with("iss", R"("https://login.example/{tenantid}/v2.0")"), "iss");
  EXPECT_EQ(verdict_with("tid", "7"), "tid");
  claims["iss"] = "https://login.example/../evil/v2.0";
  claims["tid"] = "../evil";
  EXPECT_EQ(verdict(), "tid");
}

TEST_F(IdTokenClaimsTest, the_audience_is_us_and_nobody_untrusted) {
  EXPECT_EQ(verdict_without("aud"), "aud");
  EXPECT_EQ(verdict_with("aud", R"(["client"])"), "ok");
  for (const auto* value : {R"("other")", R"("")", "[]", R"(["other"])", R"(["client","other"])", R"(["client",7])", "null",
                            "7", R"({"client":1})", R"("client2")"}) {
    EXPECT_EQ(verdict_with("aud", value), "aud") << value;
  }
}

TEST_F(IdTokenClaimsTest, several_audiences_need_an_authorized_party_and_it_is_us) {
  expectation.trusted_audiences = {"friend"};
  claims["aud"] = json::array{"client", "friend"};
  EXPECT_EQ(verdict(), "azp");
  EXPECT_EQ(verdict_with("azp", R"("client")"), "ok");
  EXPECT_EQ(verdict_with("azp", R"("friend")"), "azp");
  claims["aud"] = "client";
  EXPECT_EQ(verdict_with("azp", R"("friend")"), "azp");
  EXPECT_EQ(verdict_with("azp", R"("")"), "azp");
  EXPECT_EQ(verdict_with("azp", "7"), "azp");
}

TEST_F(IdTokenClaimsTest, an_expired_token_is_refused_with_a_minute_of_leeway) {
  EXPECT_EQ(verdict_without("exp"), "exp");
  EXPECT_EQ(verdict_with("exp", std::to_string(now_seconds - 59)), "exp") << "before iat";
  claims["iat"] = now_seconds - 1000;
  EXPECT_EQ(verdict_with("exp", std::to_string(now_seconds - 59)), "ok");
  EXPECT_EQ(verdict_with("exp", std::to_string(now_seconds - 60)), "exp");
  EXPECT_EQ(verdict_with("exp", std::to_string(now_seconds - 301)), "exp");
  EXPECT_EQ(verdict_with("exp", std::to_string(now_seconds + 1) + ".75"), "ok");
  EXPECT_EQ(verdict_with("exp", "253402300799"), "ok") << "the year 9999";
}

TEST_F(IdTokenClaimsTest, dates_are_numbers_within_reason) {
  for (const auto* value : {R"("1767229200")", "null", "true", "[]", "-1", "1e300", "253402300800", "9223372036854775807",
                            "18446744073709551615", R"("NaN")"}) {
    for (const auto* name : {"exp", "iat", "nbf", "auth_time"}) EXPECT_EQ(verdict_with(name, value), name) << value;
  }
}

TEST_F(IdTokenClaimsTest, the_time_of_issue_is_there_not_ahead_and_not_too_old) {
  EXPECT_EQ(verdict_without("iat"), "iat");
  EXPECT_EQ(verdict_with("iat", std::to_string(now_seconds + 60)), "ok");
  EXPECT_EQ(verdict_with("iat", std::to_string(now_seconds + 61)), "iat");
  EXPECT_EQ(verdict_with("iat", "0"), "ok");
  expectation.oldest = 10min;
  EXPECT_EQ(verdict_with("iat", std::to_string(now_seconds - 660)), "ok");
  EXPECT_EQ(verdict_with("iat", std::to_string(now_seconds - 661)), "iat");
}

TEST_F(IdTokenClaimsTest, not_before_is_honoured) {
  EXPECT_EQ(verdict_with("nbf", std::to_string(now_seconds + 60)), "ok");
  EXPECT_EQ(verdict_with("nbf", std::to_string(now_seconds + 61)), "nbf");
}

TEST_F(IdTokenClaimsTest, the_sign_in_is_as_fresh_as_was_asked) {
  EXPECT_EQ(verdict_with("auth_time", std::to_string(now_seconds + 61)), "auth_time");
  expectation.max_age = 5min;
  EXPECT_EQ(verdict(), "auth_time");
  EXPECT_EQ(verdict_with("auth_time", std::to_string(now_seconds - 360)), "ok");
  EXPECT_EQ(verdict_with("auth_time", std::to_string(now_seconds - 361)), "auth_time");
}

TEST_F(IdTokenClaimsTest, the_subject_is_1_to_255_ascii_characters) {
  EXPECT_EQ(verdict_without("sub"), "sub");
  EXPECT_EQ(verdict_with("sub", "\"" + std::string(255, 's') + "\""), "ok");
  EXPECT_EQ(verdict_with("sub", "\"" + std::string(256, 's') + "\""), "sub");
  for (const auto* value : {R"("")", "7", "null", "\"\u00e9\"", R"("a\u0000b")", R"("a\nb")"}) {
    EXPECT_EQ(verdict_with("sub", value), "sub") << value;
  }
}

TEST_F(IdTokenClaimsTest, the_nonce_that_was_sent_comes_back) {
  EXPECT_EQ(verdict_without("nonce"), "nonce");
  EXPECT_EQ(verdict_with("nonce", R"("n-0S6_WzA2MJ")"), "nonce");
  EXPECT_EQ(verdict_with("nonce", R"("")"), "nonce");
  EXPECT_EQ(verdict_with("nonce", "7"), "nonce");
  expectation.nonce_returned = false;
  EXPECT_EQ(verdict_without("nonce"), "ok");
  EXPECT_EQ(verdict_with("nonce", R"("another")"), "nonce");
  expectation.nonce.clear();
  EXPECT_EQ(verdict_with("nonce", R"("another")"), "ok") << "none was sent";
}

TEST_F(IdTokenClaimsTest, the_access_token_belongs_to_the_id_token) {
  // OpenID Connect Core A.3: the hash of this access token by SHA-256.
  expectation.access_token = Secret{"jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"};
  EXPECT_EQ(verdict_with("at_hash", R"("77QmUPtjPfzWtF2AnpK9RQ")"), "ok");
  EXPECT_EQ(verdict_with("at_hash", R"("77QmUPtjPfzWtF2AnpK9RA")"), "at_hash");
  EXPECT_EQ(verdict_with("at_hash", R"("")"), "at_hash");
  EXPECT_EQ(verdict_with("at_hash", "7"), "at_hash");
  EXPECT_EQ(verdict(), "ok") << "optional in the code flow";

  const std::string token{expectation.access_token.reveal()};
  claims["at_hash"] = std::string_view{base64url_encode(sha384(token).substr(0, 24))};
  EXPECT_EQ(verdict("ES384"), "ok");
  EXPECT_EQ(verdict("RS256"), "at_hash");
  claims["at_hash"] = std::string_view{base64url_encode(sha512(token).substr(0, 32))};
  EXPECT_EQ(verdict("PS512"), "ok");
  EXPECT_EQ(verdict("EdDSA"), "ok");
}

TEST_F(IdTokenClaimsTest, other_kinds_of_token_are_refused) {
  for (const auto* typ : {"at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt",
                          "oauth-authz-req+jwt", "token-introspection+jwt", "JWT "}) {
    EXPECT_EQ(verdict("RS256", typ), "typ") << typ;
  }
  for (const auto* typ : {"", "JWT", "jwt", "application/jwt"}) EXPECT_EQ(verdict("RS256", typ), "ok") << typ;
  EXPECT_EQ(verdict_with("events", R"({"http://schemas.openid.net/event/backchannel-logout":{}})"), "events");
}

TEST_F(IdTokenClaimsTest, claims_that_the_profile_requires_are_there) {
  expectation.required_claims = {"tid"};
  EXPECT_EQ(verdict(), "tid");
  EXPECT_EQ(verdict_with("tid", "null"), "tid");
  EXPECT_EQ(verdict_with("tid", R"("")"), "tid");
  EXPECT_EQ(verdict_with("tid", R"("t")"), "ok");
}

TEST_F(IdTokenClaimsTest, the_authentication_context_is_one_of_those_asked_for) {
  expectation.acr_values = {"gold", "silver"};
  EXPECT_EQ(verdict(), "acr");
  EXPECT_EQ(verdict_with("acr", R"("bronze")"), "acr");
  EXPECT_EQ(verdict_with("acr", R"("silver")"), "ok");
}

TEST_F(IdTokenClaimsTest, claims_whose_value_the_profile_fixes_have_that_value) {
  expectation.required_values = {{"hd", "example.com"}};
  EXPECT_EQ(verdict(), "hd");
  EXPECT_EQ(verdict_with("hd", R"("evil.example")"), "hd");
  EXPECT_EQ(verdict_with("hd", R"(["example.com"])"), "hd");
  EXPECT_EQ(verdict_with("hd", R"("example.com")"), "ok");
  expectation.required_values = {{"email_verified", "true"}};
  EXPECT_EQ(verdict_with("email_verified", "false"), "email_verified");
  EXPECT_EQ(verdict_with("email_verified", "true"), "ok");
}

TEST_F(IdTokenClaimsTest, a_realm_in_the_token_is_the_connections_own) {
  expectation.realm_claim = "realmid";
  expectation.realm = "4620816365";
  EXPECT_EQ(verdict(), "ok") << "compared only where the token has it";
  EXPECT_FALSE(check()->realm);
  EXPECT_EQ(verdict_with("realmid", R"("4620816365")"), "ok");
  EXPECT_EQ(verdict_with("realmid", "4620816365"), "ok");
  EXPECT_EQ(verdict_with("realmid", R"("4620816366")"), "realmid");
  expectation.realm.reset();
  claims["realmid"] = "4620816366";
  EXPECT_EQ(check()->realm, "4620816366");
}

TEST_F(IdTokenClaimsTest, a_claim_may_have_dots_in_its_name_or_stand_in_an_object) {
  claims["https://slack.com/team_id"] = "T1";
  claims["team"] = json::object{{"id", 42}};
  claims["long"] = std::string(2000, 'x');
  expectation.kept_claims = {"https://slack.com/team_id", "team.id", "team", "long"};
  EXPECT_EQ(check()->others, (std::map<std::string, std::string>{{"https://slack.com/team_id", "T1"}, {"team.id", "42"}}));
}

TEST_F(IdTokenClaimsTest, claims_that_are_no_single_json_object_are_refused) {
  const std::string good = json::serialize(claims);
  for (const auto& payload :
       {std::string{}, std::string{"[]"}, good + "x", good + good, good.substr(0, good.size() - 1) + R"(,"sub":"user-2"})",
        std::string{"{\"sub\":\"\xff\"}"}, R"({"a":)" + std::string(50, '[') + std::string(50, ']') + "}",
        R"({"a":")" + std::string(200'000, 'x') + "\"}"}) {
    const auto checked = check_id_token_claims(payload, "RS256", "", expectation);
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().message.starts_with("ID token: claims: ")) << checked.error().message;
  }
}

TEST(RefreshedIdToken, is_about_the_same_sign_in) {
  const Time signed_in = from_epoch_ms(1'700'000'000'000);
  const std::string hashed = hex_encode(sha256("n-1"));
  const FirstSignIn first{"https://id.example", "user-1", hashed, signed_in};
  Provider provider;
  provider.issuer = "https://id.example";
  struct Row {
    std::string issuer, subject, nonce;
    std::optional<Time> at;
    std::string check;  // empty: it is
    Errc code = Errc::forbidden;
  };
  for (const Row& row :
       {Row{"https://id.example", "user-1", "n-1", signed_in, ""}, Row{"https://id.example", "user-1", "", {}, ""},
        Row{"https://id.example/", "user-1", "n-1", signed_in, "iss"},
        Row{"https://id.example", "user-2", "n-1", signed_in, "sub"},
        Row{"https://id.example", "user-1", "n-2", signed_in, "nonce"},
        Row{"https://id.example", "user-1", hashed, signed_in, "nonce"},
        Row{"https://id.example", "user-1", "n-1", signed_in + std::chrono::seconds{1}, "auth_time",
            Errc::provider_rejected}}) {
    IdTokenClaims claims;
    claims.issuer = row.issuer;
    claims.subject = row.subject;
    claims.nonce = row.nonce;
    claims.auth_time = row.at;
    const auto same = check_refreshed_id_token(claims, first, provider);
    EXPECT_EQ(same.has_value(), row.check.empty()) << row.check;
    if (same) continue;
    EXPECT_EQ(same.error().check, row.check);
    EXPECT_EQ(same.error().code, row.code);
  }
  // Of a connection from before these were kept, nothing is known of them.
  IdTokenClaims claims;
  claims.issuer = "https://id.example";
  claims.subject = "user-1";
  claims.nonce = "n-2";
  claims.auth_time = signed_in;
  EXPECT_TRUE(check_refreshed_id_token(claims, {first.issuer, first.subject, {}, {}}, provider));
  // One issuer with two spellings is one, where the profile says so.
  claims = {};
  claims.issuer = "id.example";
  claims.subject = "user-1";
  EXPECT_FALSE(check_refreshed_id_token(claims, first, provider));
  provider.id_token.issuer_rule = IssuerRule::alternatives;
  provider.id_token.issuer_alternatives = {"id.example"};
  EXPECT_TRUE(check_refreshed_id_token(claims, first, provider));
}

}  // namespace
}  // namespace evergrant::test
