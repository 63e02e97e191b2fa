#include "oauth/id_token.hpp"

#include "oauth/provider_signature.hpp"

namespace evergrant {
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

Result<> check_refreshed_id_token(const IdTokenClaims& claims, std::string_view original_issuer,
                                  std::string_view original_subject) {
  if (claims.issuer != original_issuer) {
    return std::unexpected(Error{Errc::forbidden, "ID token: iss: it names another issuer than the sign-in did", {}, "iss"});
  }
  if (claims.subject != original_subject) {
    return std::unexpected(Error{Errc::forbidden, "ID token: sub: it names another user than the sign-in did", {}, "sub"});
  }
  return {};
}

}  // namespace evergrant
