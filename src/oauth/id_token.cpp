#include "oauth/id_token.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "oauth/provider_signature.hpp"

namespace evergrant {
namespace {

// One issuer may write itself in several ways (Google).
bool is_spelling(const Provider& provider, std::string_view issuer) {
  if (provider.id_token.issuer_rule != IssuerRule::alternatives) return false;
  return issuer == provider.issuer ||
         std::ranges::find(provider.id_token.issuer_alternatives, issuer) != provider.id_token.issuer_alternatives.end();
}

}  // namespace

IdTokenExpectation id_token_expectation(const Registration& registration, const ResolvedProvider& resolved, Time now) {
  const Provider& provider = registration.provider;
  IdTokenExpectation expectation;
  expectation.issuer = resolved.issuer;
  expectation.issuer_rule = provider.id_token.issuer_rule;
  expectation.issuer_alternatives = provider.id_token.issuer_alternatives;
  expectation.client_id = registration.client_id;
  expectation.nonce_returned = provider.id_token.nonce_returned || provider.authorize.nonce == Presence::require;
  expectation.now = now;
  expectation.required_claims = provider.id_token.required_claims;
  expectation.required_values = provider.id_token.required_values;
  expectation.realm_claim = provider.realm.id_token_claim;
  expectation.kept_claims = provider.id_token.required_claims;
  for (const std::string& name : {provider.realm.id_token_claim, provider.realm.field}) {
    if (!name.empty()) expectation.kept_claims.push_back(name);
  }
  for (const std::string& name : registration.claims) expectation.kept_claims.push_back(name);
  return expectation;
}

Task<Result<IdTokenClaims>> validate_id_token(Secret id_token, const Registration& registration, ResolvedProvider resolved,
                                              IdTokenExpectation expectation, ProviderDirectory& directory) {
  auto verified = co_await verify_provider_signature(std::move(id_token), registration, std::move(resolved), directory);
  if (!verified) {
    verified.error().message.insert(0, "ID token: ");
    co_return std::unexpected(std::move(verified).error());
  }
  co_return check_id_token_claims(verified->payload, verified->header.alg, verified->header.typ, expectation);
}

Result<> check_refreshed_id_token(const IdTokenClaims& claims, const FirstSignIn& first, const Provider& provider) {
  if (claims.issuer != first.issuer && !(is_spelling(provider, claims.issuer) && is_spelling(provider, first.issuer))) {
    return std::unexpected(Error{Errc::forbidden, "ID token: iss: it names another issuer than the sign-in did", {}, "iss"});
  }
  if (claims.subject != first.subject) {
    return std::unexpected(Error{Errc::forbidden, "ID token: sub: it names another user than the sign-in did", {}, "sub"});
  }
  if (!claims.nonce.empty() && !first.nonce_sha256.empty() && hex_encode(sha256(claims.nonce)) != first.nonce_sha256) {
    return std::unexpected(Error{Errc::forbidden, "ID token: nonce: it is that of another sign-in", {}, "nonce"});
  }
  if (claims.auth_time && first.at && *claims.auth_time != *first.at) {
    return std::unexpected(
        Error{Errc::provider_rejected, "ID token: auth_time: it is not that of the sign-in", {}, "auth_time"});
  }
  return {};
}

}  // namespace evergrant
