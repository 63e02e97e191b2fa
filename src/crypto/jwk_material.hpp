// What a Jwk and a SigningKey hold, and the operations on it. For this folder only. Thread-safe: keys are immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "crypto/evp.hpp"
#include "crypto/jose.hpp"
#include "crypto/jose_algorithm.hpp"

namespace evergrant {

// A context that has its key, digest and padding. OpenSSL looks all of them up by name each time it sets one up, which takes
// longer than to copy one: a tenth of an RSA verification. It is never changed, so that many threads may copy it at once.
struct Verification {
  const JoseAlgorithm* algorithm;
  evp::DigestContext context;
};

struct Jwk::Material {
  evp::Key key;
  std::vector<Verification> verifications;  // one for each algorithm that the key fits
  // Nothing (nullptr) if the key does not fit the algorithm.
  [[nodiscard]] const Verification* find(const JoseAlgorithm& algorithm) const noexcept;
};

// Without a context if OpenSSL does not offer it.
[[nodiscard]] Verification prepare_verification(const JoseAlgorithm& algorithm, EVP_PKEY* key);
// `signature` is in the form of JWS (for ECDSA: r and s, each as long as the curve's coordinate).
[[nodiscard]] bool signature_is_good(const Verification& verification, std::string_view message, std::string_view signature);
// Errors: internal.
[[nodiscard]] Result<std::string> make_signature(const JoseAlgorithm& algorithm, EVP_PKEY* key, std::string_view message);
// Header and payload as they are signed.
[[nodiscard]] std::string jws_signing_input(std::string_view algorithm, std::string_view kid, std::string_view typ,
                                            std::string_view payload);
// The JOSE name of the key's curve; empty for RSA.
[[nodiscard]] std::string_view curve_of(EVP_PKEY* key);
// True for an Ed25519 or Ed448 public key of small order: with it, one signature fits many messages.
[[nodiscard]] bool has_small_order(std::string_view curve, std::string_view x);

}  // namespace evergrant
