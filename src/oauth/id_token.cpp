#include "oauth/id_token.hpp"

#include <algorithm>

#include "crypto/jose.hpp"

namespace evergrant {
namespace {

constexpr int encrypted_dots = 4;  // of a compact JWE (RFC 7516 7.1)

// Which check of the signature an error is about; "": none of them, the keys could not be had.
std::string_view check_of(const Error& error) {
  switch (error.code) {
    case Errc::invalid_argument:
    case Errc::too_large: return "format";
    case Errc::not_found: return "key";
    case Errc::sealed_broken: return "signature";
    default: return "";
  }
}

Error named(Error error) {
  error.message = "ID token: " + error.message;
  if (error.check.empty()) error.check = check_of(error);
  return error;
}

bool is_hmac(std::string_view algorithm) { return algorithm.starts_with("HS"); }

// Verified with each of our secrets in turn: the provider may still sign with the older one.
Result<VerifiedJws> verify_with_secrets(const Secret& id_token, const Registration& registration) {
  Result<VerifiedJws> verified = std::unexpected(
      Error{Errc::invalid_argument, "its alg needs a client secret, and this registration has none", {}, "alg"});
  for (const ClientSecret& secret : registration.client_secrets) {
    verified = verify_jws_hmac(id_token.reveal(), secret.value, registration.provider.id_token.algorithms);
    if (verified) break;
  }
  return verified;
}

// True where other keys could give another answer: the key is not in the set, or the token does not say which it is.
bool may_be_newer(const Error& error, const JwsHeader& header) {
  return error.code == Errc::not_found || (error.code == Errc::sealed_broken && header.kid.empty());
}

Task<Result<VerifiedJws>> verify_with_keys(Secret id_token, JwsHeader header, std::vector<std::string> algorithms,
                                           ResolvedProvider resolved, ProviderDirectory& directory) {
  const auto keys = co_await directory.keys(resolved);
  if (!keys) co_return std::unexpected(keys.error());
  auto verified = verify_jws(id_token.reveal(), **keys, algorithms);
  if (verified || !may_be_newer(verified.error(), header)) co_return verified;
  const auto newer = co_await directory.keys(std::move(resolved), true);
  if (!newer || *newer == *keys) co_return verified;
  co_return verify_jws(id_token.reveal(), **newer, algorithms);
}

}  // namespace

IdTokenExpectation id_token_expectation(const Registration& registration, const ResolvedProvider& resolved, Time now) {
  const Provider& provider = registration.provider;
  IdTokenExpectation expectation;
  expectation.issuer = resolved.issuer;
  expectation.issuer_rule = provider.id_token.issuer_rule;
  expectation.issuer_alternatives = provider.id_token.issuer_alternatives;
  expectation.client_id = registration.client_id;
  expectation.nonce_returned = provider.id_token.nonce_returned;
  expectation.now = now;
  expectation.required_claims = provider.id_token.required_claims;
  expectation.realm_claim = provider.realm.id_token_claim;
  expectation.kept_claims = provider.id_token.required_claims;
  for (const std::string& name : {provider.realm.id_token_claim, provider.realm.field}) {
    if (!name.empty()) expectation.kept_claims.push_back(name);
  }
  return expectation;
}

Task<Result<IdTokenClaims>> validate_id_token(Secret id_token, const Registration& registration, ResolvedProvider resolved,
                                              IdTokenExpectation expectation, ProviderDirectory& directory) {
  if (std::ranges::count(id_token.reveal(), '.') == encrypted_dots) {
    co_return std::unexpected(Error{Errc::unsupported, "ID token: it is encrypted",
                                    "ask the provider for signed, unencrypted ID tokens (id_token_encrypted_response_alg)",
                                    "encryption"});
  }
  const auto header = parse_jws_header(id_token.reveal());
  if (!header) co_return std::unexpected(named(header.error()));
  const std::vector<std::string>& allowed = registration.provider.id_token.algorithms;
  Result<VerifiedJws> verified = fail(Errc::internal, "not verified");
  if (is_hmac(header->alg)) {
    verified = verify_with_secrets(id_token, registration);
  } else {
    verified = co_await verify_with_keys(id_token.clone(), *header, allowed, std::move(resolved), directory);
  }
  if (!verified) co_return std::unexpected(named(verified.error()));
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
