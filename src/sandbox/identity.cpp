#include "sandbox/identity.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace evergrant {

namespace json = boost::json;

std::string subject_of(std::string_view realm) {
  std::string hex = hex_encode(sha256("sandbox administrator of " + std::string{realm})).substr(0, 32);
  hex[12] = '4';
  hex[16] = 'a';
  for (const std::size_t at : {8U, 13U, 18U, 23U}) hex.insert(at, "-");
  return hex;
}

bool has_scope(const Consent& consent, std::string_view scope) {
  return std::ranges::find(consent.scope, scope) != consent.scope.end();
}

bool has_realm_scope(const std::vector<std::string>& scope) {
  return std::ranges::any_of(scope, [](std::string_view name) {
    return name == "com.intuit.quickbooks.accounting" || name == "com.intuit.quickbooks.payment";
  });
}

json::object id_token_claims(const Consent& consent, const SandboxSettings& settings, std::string_view issuer, Time now) {
  const auto seconds = [](Time time) { return to_epoch_ms(time) / 1000; };
  json::object claims{{"sub", subject_of(consent.realm)},
                      {"aud", json::array{consent.client_id}},
                      {"iss", issuer},
                      {"iat", seconds(now)},
                      {"exp", seconds(now + settings.id_token_lifetime)},
                      {"auth_time", seconds(consent.at)}};
  if (has_realm_scope(consent.scope)) claims["realmid"] = consent.realm;
  if (has_realm_scope(consent.scope) && consent.realm_claim) claims["realmId"] = consent.realm;
  if (settings.nonce_returned && !consent.nonce.empty()) claims["nonce"] = consent.nonce;
  return claims;
}

json::object userinfo_of(const Consent& consent) {
  json::object info{{"sub", subject_of(consent.realm)}};
  if (has_scope(consent, "profile")) {
    info["givenName"] = "Ada";
    info["familyName"] = "Sandbox";
  }
  if (has_scope(consent, "email")) {
    info["email"] = "admin-" + consent.realm + "@example.com";
    info["emailVerified"] = true;
  }
  if (has_scope(consent, "phone")) {
    info["phoneNumber"] = "+1 5555550100";
    info["phoneNumberVerified"] = false;
  }
  if (has_scope(consent, "address")) {
    info["address"] = json::object{{"streetAddress", "1 Example Street"},
                                   {"locality", "Springfield"},
                                   {"region", "CA"},
                                   {"postalCode", "94043"},
                                   {"country", "US"}};
  }
  return info;
}

}  // namespace evergrant
