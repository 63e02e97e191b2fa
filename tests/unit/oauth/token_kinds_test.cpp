// JWT-13: what else the same keys may have signed is no ID token, with its typ and, where an issuer leaves that out, by what
// it holds.
#include <gtest/gtest.h>

#include "oauth/id_token.hpp"

namespace evergrant::test {
namespace {

struct Kind {
  std::string name, typ, claims;
  std::string check;  // that refuses it without its typ; empty: nothing could tell it from an ID token
};

const std::string common = R"("iss":"https://id.example","aud":"client","exp":1700003600,"iat":1700000000)";

const Kind kinds[] = {
    {"an ID token", "JWT", "{" + common + R"(,"sub":"user-1"})", ""},
    {"a logout token", "logout+jwt",
     "{" + common + R"(,"sub":"user-1","jti":"1","events":{"http://schemas.openid.net/event/backchannel-logout":{}}})",
     "events"},
    {"a security event", "secevent+jwt",
     "{" + common + R"(,"jti":"1","events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}})",
     "events"},
    {"an access token", "at+jwt",
     R"({"iss":"https://id.example","aud":"https://api.example","exp":1700003600,"iat":1700000000,"sub":"user-1","jti":"1",)"
     R"("client_id":"client"})",
     "aud"},
    {"a client assertion", "JWT",
     R"({"iss":"client","sub":"client","aud":"https://id.example","exp":1700003600,"iat":1700000000,"jti":"1"})", "iss"},
    {"a DPoP proof", "dpop+jwt", R"({"jti":"1","htm":"POST","htu":"https://id.example/token","iat":1700000000})", "iss"},
    {"a request object", "oauth-authz-req+jwt",
     R"({"iss":"client","aud":"https://id.example","client_id":"client","response_type":"code","exp":1700003600})", "iss"},
    {"an authorization response", "JWT",
     R"({"iss":"https://id.example","aud":"client","exp":1700003600,"code":"c","state":"s"})", "sub"},
    {"UserInfo", "JWT", R"({"iss":"https://id.example","aud":"client","sub":"user-1","email":"a@example.com"})", "exp"},
};

std::string refused_by(const std::string& claims, std::string_view typ) {
  IdTokenExpectation expectation;
  expectation.issuer = "https://id.example";
  expectation.client_id = "client";
  expectation.now = from_epoch_ms(1'700'000'010'000);
  const auto checked = check_id_token_claims(claims, "RS256", typ, expectation);
  return checked ? "" : checked.error().check;
}

TEST(TokenKinds, only_an_id_token_passes_for_one) {
  for (const Kind& kind : kinds) {
    const bool typed = kind.typ != "JWT";
    EXPECT_EQ(refused_by(kind.claims, ""), kind.check) << kind.name;
    EXPECT_EQ(refused_by(kind.claims, kind.typ), typed ? "typ" : kind.check) << kind.name;
  }
}

}  // namespace
}  // namespace evergrant::test
