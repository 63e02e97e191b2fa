#include "oauth/provider_signature.hpp"

#include <algorithm>

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

// The keys could not be had: that says nothing of the token.
Error without_keys(Error why) {
  if (why.code == Errc::invalid_argument) why.code = Errc::provider_rejected;  // an address that is not asked
  return why;
}

template <class T>
Result<T> named(Result<T> checked) {
  if (!checked && checked.error().check.empty()) checked.error().check = check_of(checked.error());
  return checked;
}

bool is_hmac(std::string_view algorithm) { return algorithm.starts_with("HS"); }

// Verified with each of our secrets in turn: the provider may still sign with the older one.
Result<VerifiedJws> verify_with_secrets(const Secret& token, const Registration& registration) {
  Result<VerifiedJws> verified = std::unexpected(
      Error{Errc::invalid_argument, "its alg needs a client secret, and this registration has none", {}, "alg"});
  for (const ClientSecret& secret : registration.client_secrets) {
    verified = verify_jws_hmac(token.reveal(), secret.value, registration.provider.id_token.algorithms);
    if (verified) break;
  }
  return verified;
}

// True where other keys could give another answer: the key is not in the set, or the token does not say which it is.
bool may_be_newer(const Error& error, const JwsHeader& header) {
  return error.code == Errc::not_found || (error.code == Errc::sealed_broken && header.kid.empty());
}

Task<Result<VerifiedJws>> verify_with_keys(Secret token, JwsHeader header, std::vector<std::string> algorithms,
                                           ResolvedProvider resolved, ProviderDirectory& directory) {
  const auto keys = co_await directory.keys(resolved);
  if (!keys) co_return std::unexpected(without_keys(keys.error()));
  auto verified = named(verify_jws(token.reveal(), **keys, algorithms));
  if (verified || !may_be_newer(verified.error(), header)) co_return verified;
  const auto newer = co_await directory.keys(std::move(resolved), true);
  if (!newer || *newer == *keys) co_return verified;
  co_return named(verify_jws(token.reveal(), **newer, algorithms));
}

Task<Result<VerifiedJws>> verify(Secret token, const Registration& registration, ResolvedProvider resolved,
                                 ProviderDirectory& directory) {
  const auto header = named(parse_jws_header(token.reveal()));
  if (!header) co_return std::unexpected(header.error());
  if (is_hmac(header->alg)) co_return named(verify_with_secrets(token, registration));
  co_return co_await verify_with_keys(std::move(token), *header, registration.provider.id_token.algorithms,
                                      std::move(resolved), directory);
}

}  // namespace

Task<Result<VerifiedJws>> verify_provider_signature(Secret token, const Registration& registration,
                                                    ResolvedProvider resolved, ProviderDirectory& directory) {
  if (std::ranges::count(token.reveal(), '.') == encrypted_dots) {
    co_return std::unexpected(
        Error{Errc::unsupported, "it is encrypted", "ask the provider for signed tokens without encryption", "encryption"});
  }
  co_return co_await verify(std::move(token), registration, std::move(resolved), directory);
}

}  // namespace evergrant
