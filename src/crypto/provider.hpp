// OpenSSL's providers at their own interface (provider-cipher(7), provider-digest(7)), for the two operations of the reading
// path: what EVP does around each call costs a quarter of opening a token, and more than the digest of a key. For this
// folder only. No state; thread-safe.
#pragma once

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include <vector>

#include "crypto/evp.hpp"

namespace evergrant::evp {

// What a provider does for one algorithm. It lives as long as the provider, which whatever was fetched from it keeps.
struct Offer {
  std::vector<OSSL_DISPATCH> functions;  // empty: the provider has no such algorithm, or may change its mind
  void* provider = nullptr;              // its own context
};

// `operation`: OSSL_OP_… ; `name`: one of the names that the provider has for the algorithm.
[[nodiscard]] Offer offer_of(const OSSL_PROVIDER* provider, int operation, std::string_view name);

// The function of that number, taken out of the table as OpenSSL's own OSSL_FUNC_… does; null: there is none.
template <auto taken>
[[nodiscard]] auto function_of(const Offer& offer, int number) {
  for (const OSSL_DISPATCH& one : offer.functions) {
    if (one.function_id == number) return taken(&one);
  }
  return decltype(taken(offer.functions.data())){nullptr};
}

}  // namespace evergrant::evp
