// What a Jwk and a SigningKey hold, and the operations on it. For this folder only. Thread-safe: keys are immutable.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "crypto/evp.hpp"
#include "crypto/jose.hpp"
#include "crypto/jose_algorithm.hpp"

namespace evergrant {

struct Jwk::Material {
  evp::Key key;
};

// `signature` is in the form of JWS (for ECDSA: r and s, each as long as the curve's coordinate).
[[nodiscard]] bool signature_is_good(const JoseAlgorithm& algorithm, EVP_PKEY* key, std::string_view message,
                                     std::string_view signature);
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
