#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "crypto/jwk_material.hpp"

namespace evergrant {
namespace {

bool set_padding(const JoseAlgorithm& algorithm, EVP_PKEY_CTX* context) {
  if (algorithm.family == SignatureFamily::rsa_pkcs1) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  }
  if (algorithm.family == SignatureFamily::rsa_pss) {  // RFC 7518 3.5: the salt is as long as the hash, MGF1 with the same
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  return true;
}

const char* digest_name(const JoseAlgorithm& algorithm) {
  return algorithm.family == SignatureFamily::eddsa ? nullptr : openssl_name(algorithm.hash);
}

// A positive number, big-endian, as an INTEGER of DER: without zeros in front, but for one where it would look negative.
std::string der_integer(std::string_view number) {
  number.remove_prefix(std::min(number.find_first_not_of('\0'), number.size()));
  if (number.empty()) return {};
  const std::string sign(static_cast<unsigned char>(number.front()) >= 0x80 ? 1 : 0, '\0');
  return std::string{'\x02', static_cast<char>(sign.size() + number.size())} + sign + std::string{number};
}

// RFC 7518 3.4 gives r and s at fixed length; OpenSSL takes DER. Nothing for another length or a zero in either.
std::string ecdsa_to_der(std::string_view raw, std::size_t coordinate) {
  if (raw.size() != 2 * coordinate) return {};
  const std::string r = der_integer(raw.substr(0, coordinate));
  const std::string s = der_integer(raw.substr(coordinate));
  if (r.empty() || s.empty()) return {};
  const std::size_t size = r.size() + s.size();  // of P-521 at most 138
  std::string der{'\x30'};
  if (size >= 0x80) der += '\x81';  // the length has a byte of its own
  der += static_cast<char>(size);
  return der + r + s;
}

// Of any but ECDSA, where it is a bound only.
std::size_t signature_size(EVP_MD_CTX* context) {
  return static_cast<std::size_t>(EVP_PKEY_get_size(EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(context))));
}

std::string ecdsa_from_der(std::string_view der, std::size_t coordinate) {
  const unsigned char* in = evp::bytes_of(der);
  const evp::EcdsaSignature signature{d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size()))};
  if (!signature) return {};
  std::string raw(2 * coordinate, '\0');
  const int half = static_cast<int>(coordinate);
  const bool good = BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), evp::bytes_of(raw), half) == half &&
                    BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), evp::bytes_of(raw) + coordinate, half) == half;
  return good ? raw : std::string{};
}

}  // namespace

std::string_view curve_of(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return "Ed25519";
  if (EVP_PKEY_is_a(key, "ED448") == 1) return "Ed448";
  if (EVP_PKEY_is_a(key, "EC") != 1) return {};
  std::array<char, 64> group{};
  if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return {};
  for (const std::string_view name : {"P-256", "P-384", "P-521", "secp256k1"}) {
    if (std::string_view{find_jose_curve(name)->group} == group.data()) return name;
  }
  return {};
}

const Verification* Jwk::Material::find(const JoseAlgorithm& algorithm) const noexcept {
  const auto found = std::ranges::find(verifications, &algorithm, &Verification::algorithm);
  return found == verifications.end() ? nullptr : &*found;
}

Verification prepare_verification(const JoseAlgorithm& algorithm, EVP_PKEY* key) {
  const evp::ErrorScope errors;
  evp::DigestContext context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* details = nullptr;
  const bool ready =
      context &&
      EVP_DigestVerifyInit_ex(context.get(), &details, digest_name(algorithm), nullptr, nullptr, key, nullptr) == 1 &&
      set_padding(algorithm, details);
  if (!ready) context.reset();
  return {&algorithm, std::move(context)};
}

bool signature_is_good(const Verification& verification, std::string_view message, std::string_view signature) {
  const evp::ErrorScope errors;
  const evp::DigestContext context{EVP_MD_CTX_new()};
  if (!context || EVP_MD_CTX_copy_ex(context.get(), verification.context.get()) != 1) return false;
  const JoseAlgorithm& algorithm = *verification.algorithm;
  std::string der;
  if (algorithm.family == SignatureFamily::ecdsa) {
    der = ecdsa_to_der(signature, find_jose_curve(algorithm.curve)->coordinate);
    if (der.empty()) return false;
    signature = der;
  } else if (signature.size() != signature_size(context.get())) {
    return false;
  }
  return EVP_DigestVerify(context.get(), evp::bytes_of(signature), signature.size(), evp::bytes_of(message),
                          message.size()) == 1;
}

Result<std::string> make_signature(const JoseAlgorithm& algorithm, EVP_PKEY* key, std::string_view message) {
  const evp::ErrorScope errors;
  const evp::DigestContext context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* details = nullptr;
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), &details, digest_name(algorithm), nullptr, nullptr, key, nullptr) != 1 ||
      !set_padding(algorithm, details) ||
      EVP_DigestSign(context.get(), evp::bytes_of(signature), &size, evp::bytes_of(message), message.size()) != 1) {
    return fail(Errc::internal, "signing with " + std::string{algorithm.name} + " failed");
  }
  signature.resize(size);
  if (algorithm.family != SignatureFamily::ecdsa) return signature;
  std::string raw = ecdsa_from_der(signature, find_jose_curve(curve_of(key))->coordinate);
  if (raw.empty()) return fail(Errc::internal, "signing with " + std::string{algorithm.name} + " gave no signature");
  return raw;
}

}  // namespace evergrant
