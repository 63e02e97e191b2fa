#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "oauth/id_token.hpp"

using namespace evergrant;

namespace {

constexpr Time now{Duration{1'767'225'600'000}};

IdTokenExpectation expectation_of(std::size_t kind) {
  IdTokenExpectation expected;
  expected.issuer = "https://id.example";
  expected.client_id = "client";
  expected.trusted_audiences = {"partner"};
  expected.nonce = "n-0S6_WzA2Mj";
  expected.now = now;
  expected.kept_claims = {"email", "org.id"};
  if (kind == 1) {
    expected.issuer = "https://login.example/{tenantid}/v2.0";
    expected.issuer_rule = IssuerRule::tenant_template;
    expected.nonce.clear();
  }
  if (kind == 2) {
    expected.issuer_rule = IssuerRule::alternatives;
    expected.issuer_alternatives = {"id.example"};
    expected.access_token = Secret{std::string_view{"at"}};
    expected.required_claims = {"email"};
  }
  if (kind == 3) {
    expected.realm_claim = "realmid";
    expected.realm = "42";
    expected.oldest = std::chrono::hours{1};
    expected.max_age = std::chrono::minutes{5};
    expected.acr_values = {"gold"};
  }
  return expected;
}

void demand_as_expected(const IdTokenClaims& claims, const IdTokenExpectation& expected) {
  fuzz::demand(expected.issuer_rule != IssuerRule::exact || claims.issuer == expected.issuer,
               "the issuer is the expected one");
  fuzz::demand(expected.issuer_rule != IssuerRule::tenant_template ||
                   (claims.issuer.starts_with("https://login.example/") && claims.issuer.ends_with("/v2.0") &&
                    std::ranges::count(claims.issuer, '/') == 4),
               "a tenant fills one segment of the issuer");
  fuzz::demand(std::ranges::find(claims.audience, "client") != claims.audience.end(), "it is for us");
  fuzz::demand(claims.expires_at + expected.leeway > now && claims.issued_at <= now + expected.leeway, "it is valid now");
  fuzz::demand(!claims.subject.empty() && claims.subject.size() <= 255, "it has a subject");
  fuzz::demand(expected.nonce.empty() || claims.nonce == expected.nonce, "its nonce is the one that was sent");
  fuzz::demand(!expected.realm || !claims.realm || *claims.realm == *expected.realm, "its realm is the connection's");
  fuzz::demand(!expected.max_age || claims.auth_time.has_value(), "it says when the user signed in");
  for (const auto& [name, value] : claims.others) fuzz::demand(value.size() <= 1024, "a kept claim is short");
}

}  // namespace

// The claims of a signed ID token. First letter: what is expected; second: the algorithm that its header names.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array expectations{expectation_of(0), expectation_of(1), expectation_of(2), expectation_of(3)};
  auto payload = fuzz::bytes_of(data, size);
  const auto& expected = fuzz::pick(payload, expectations);
  const auto alg = fuzz::pick(payload, std::array<std::string_view, 4>{"RS256", "ES384", "EdDSA", ""});
  fuzz::skip_newline(payload);
  const auto claims = check_id_token_claims(payload, alg, "JWT", expected);
  if (claims) {
    demand_as_expected(*claims, expected);
    return 0;
  }
  fuzz::demand(claims.error().code == Errc::forbidden || claims.error().code == Errc::provider_rejected,
               "a refusal is one of two");
  fuzz::demand(claims.error().message.starts_with("ID token: "), "a refusal names its check");
  fuzz::demand_sound(claims.error());
  return 0;
}
