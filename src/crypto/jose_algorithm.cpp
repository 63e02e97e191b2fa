#include "crypto/jose_algorithm.hpp"

#include <algorithm>
#include <array>

namespace evergrant {
namespace {

using enum SignatureFamily;

constexpr std::array<JoseAlgorithm, 16> algorithms{{{"RS256", rsa_pkcs1, HashKind::sha256, ""},
                                                    {"RS384", rsa_pkcs1, HashKind::sha384, ""},
                                                    {"RS512", rsa_pkcs1, HashKind::sha512, ""},
                                                    {"PS256", rsa_pss, HashKind::sha256, ""},
                                                    {"PS384", rsa_pss, HashKind::sha384, ""},
                                                    {"PS512", rsa_pss, HashKind::sha512, ""},
                                                    {"ES256", ecdsa, HashKind::sha256, "P-256"},
                                                    {"ES384", ecdsa, HashKind::sha384, "P-384"},
                                                    {"ES512", ecdsa, HashKind::sha512, "P-521"},
                                                    {"ES256K", ecdsa, HashKind::sha256, "secp256k1"},
                                                    {"EdDSA", eddsa, HashKind::sha512, ""},
                                                    {"Ed25519", eddsa, HashKind::sha512, "Ed25519"},
                                                    {"Ed448", eddsa, HashKind::sha512, "Ed448"},
                                                    {"HS256", hmac, HashKind::sha256, ""},
                                                    {"HS384", hmac, HashKind::sha384, ""},
                                                    {"HS512", hmac, HashKind::sha512, ""}}};

constexpr std::array<JoseCurve, 6> curves{{{"P-256", "EC", "prime256v1", 32},
                                           {"P-384", "EC", "secp384r1", 48},
                                           {"P-521", "EC", "secp521r1", 66},
                                           {"secp256k1", "EC", "secp256k1", 32},
                                           {"Ed25519", "OKP", "ED25519", 32},
                                           {"Ed448", "OKP", "ED448", 57}}};

}  // namespace

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
    case rsa_pkcs1:
    case rsa_pss: return "RSA";
    case ecdsa: return "EC";
    case eddsa: return "OKP";
    case SignatureFamily::hmac: return "oct";
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
