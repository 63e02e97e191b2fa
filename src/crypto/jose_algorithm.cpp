#include "crypto/jose_algorithm.hpp"

#include <algorithm>
#include <array>

namespace evergrant {
namespace {

using Family = SignatureFamily;

constexpr std::array<JoseAlgorithm, 16> algorithms{{{"RS256", Family::rsa_pkcs1, HashKind::sha256, ""},
                                                    {"RS384", Family::rsa_pkcs1, HashKind::sha384, ""},
                                                    {"RS512", Family::rsa_pkcs1, HashKind::sha512, ""},
                                                    {"PS256", Family::rsa_pss, HashKind::sha256, ""},
                                                    {"PS384", Family::rsa_pss, HashKind::sha384, ""},
                                                    {"PS512", Family::rsa_pss, HashKind::sha512, ""},
                                                    {"ES256", Family::ecdsa, HashKind::sha256, "P-256"},
                                                    {"ES384", Family::ecdsa, HashKind::sha384, "P-384"},
                                                    {"ES512", Family::ecdsa, HashKind::sha512, "P-521"},
                                                    {"ES256K", Family::ecdsa, HashKind::sha256, "secp256k1"},
                                                    {"EdDSA", Family::eddsa, HashKind::sha512, ""},
                                                    {"Ed25519", Family::eddsa, HashKind::sha512, "Ed25519"},
                                                    {"Ed448", Family::eddsa, HashKind::sha512, "Ed448"},
                                                    {"HS256", Family::hmac, HashKind::sha256, ""},
                                                    {"HS384", Family::hmac, HashKind::sha384, ""},
                                                    {"HS512", Family::hmac, HashKind::sha512, ""}}};

constexpr std::array<JoseCurve, 6> curves{{{"P-256", "EC", "prime256v1", 32},
                                           {"P-384", "EC", "secp384r1", 48},
                                           {"P-521", "EC", "secp521r1", 66},
                                           {"secp256k1", "EC", "secp256k1", 32},
                                           {"Ed25519", "OKP", "ED25519", 32},
                                           {"Ed448", "OKP", "ED448", 57}}};

}  // namespace

std::span<const JoseAlgorithm> jose_algorithms() noexcept { return algorithms; }

const JoseAlgorithm* find_jose_algorithm(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(algorithms, name, &JoseAlgorithm::name);
  return found == algorithms.end() ? nullptr : found;
}

const JoseCurve* find_jose_curve(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(curves, name, &JoseCurve::name);
  return found == curves.end() ? nullptr : found;
}

std::string_view kty_of(SignatureFamily family) noexcept {
  switch (family) {
    case Family::rsa_pkcs1:
    case Family::rsa_pss: return "RSA";
    case Family::ecdsa: return "EC";
    case Family::eddsa: return "OKP";
    case Family::hmac: return "oct";
  }
  return {};
}

const char* openssl_name(HashKind hash) noexcept {
  switch (hash) {
    case HashKind::sha256: return "SHA256";
    case HashKind::sha384: return "SHA384";
    case HashKind::sha512: return "SHA512";
  }
  return "";
}

}  // namespace evergrant
