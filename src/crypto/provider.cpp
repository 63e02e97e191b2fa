#include "crypto/provider.hpp"

#include <algorithm>

namespace evergrant::evp {
namespace {

// Is it one of the names, which colons part?
bool is_named(std::string_view names, std::string_view name) {
  for (std::size_t at = 0; at <= names.size();) {
    const auto end = std::min(names.find(':', at), names.size());
    if (names.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

Offer offer_of(const OSSL_PROVIDER* provider, int operation, std::string_view name) {
  int uncached = 0;
  const OSSL_ALGORITHM* const all = OSSL_PROVIDER_query_operation(provider, operation, &uncached);
  Offer offer;
  for (const OSSL_ALGORITHM* one = all; one != nullptr && one->algorithm_names != nullptr && uncached == 0; ++one) {
    if (!is_named(one->algorithm_names, name)) continue;
    offer.provider = OSSL_PROVIDER_get0_provider_ctx(provider);
    for (const OSSL_DISPATCH* each = one->implementation; each->function_id != 0; ++each) offer.functions.push_back(*each);
    break;
  }
  OSSL_PROVIDER_unquery_operation(provider, operation, all);
  return offer;
}

}  // namespace evergrant::evp
