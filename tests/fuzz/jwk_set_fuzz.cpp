#include "crypto/jose.hpp"
#include "fuzz/fuzz.hpp"

using namespace evergrant;

// A provider's key set.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto set = parse_jwk_set(fuzz::bytes_of(data, size));
  if (!set) {
    fuzz::demand_sound(set.error());
    return 0;
  }
  fuzz::demand(set->keys.size() + set->skipped.size() <= 100, "a set has at most 100 keys");
  for (const Jwk& key : set->keys) {
    fuzz::demand(key.kty() == "RSA" || key.kty() == "EC" || key.kty() == "OKP", "only public keys are taken");
    fuzz::demand(!key.fits("HS256") && !key.fits("none"), "no public key serves a shared secret's algorithm");
    fuzz::demand(!(key.fits("RS256") && key.fits("ES256")), "a key belongs to one family");
    if (!key.use().empty() && key.use() != "sig")
      fuzz::demand(!key.fits("RS256") && !key.fits("EdDSA"), "its use is kept to");
  }
  for (const auto& reason : set->skipped) fuzz::demand_printable(reason, 200, "a reason quotes the document");
  return 0;
}
