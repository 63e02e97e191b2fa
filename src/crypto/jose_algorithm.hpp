// The signature algorithms of RFC 7518, 8037, 8812 and 9864 as a table. For this folder only. No state; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "crypto/hash.hpp"

namespace evergrant {

enum class SignatureFamily : std::uint8_t { rsa_pkcs1, rsa_pss, ecdsa, eddsa, hmac };

struct JoseAlgorithm {
  std::string_view name;
  SignatureFamily family;
  HashKind hash;           // not used by EdDSA
  std::string_view curve;  // of EC and OKP keys; empty: any that the family has
};

// Of an EC or OKP key, by the names of JOSE and of OpenSSL.
struct JoseCurve {
  std::string_view name;
  std::string_view kty;
  const char* group;       // OpenSSL's name
  std::size_t coordinate;  // bytes of x (and y), and of half a signature
};

[[nodiscard]] std::span<const JoseAlgorithm> jose_algorithms() noexcept;
// Nothing (nullptr) for an unknown name; names are case-sensitive.
[[nodiscard]] const JoseAlgorithm* find_jose_algorithm(std::string_view name) noexcept;
[[nodiscard]] const JoseCurve* find_jose_curve(std::string_view name) noexcept;
[[nodiscard]] std::string_view kty_of(SignatureFamily family) noexcept;
[[nodiscard]] const char* openssl_name(HashKind hash) noexcept;

}  // namespace evergrant
