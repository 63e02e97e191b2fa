#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <array>
#include <climits>

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

// RFC 7518 3.4 gives r and s at fixed length; OpenSSL takes DER. Nothing for another length or a zero in either.
std::string ecdsa_to_der(std::string_view raw, std::size_t coordinate) {
  if (raw.size() != 2 * coordinate) return {};
  const int half = static_cast<int>(coordinate);
  evp::Number r{BN_bin2bn(evp::bytes_of(raw), half, nullptr)};
  evp::Number s{BN_bin2bn(evp::bytes_of(raw) + coordinate, half, nullptr)};
  const evp::EcdsaSignature signature{ECDSA_SIG_new()};
  if (!r || !s || !signature || BN_is_zero(r.get()) != 0 || BN_is_zero(s.get()) != 0) return {};
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();
  (void)s.release();
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  unsigned char* out = evp::bytes_of(der);
  return i2d_ECDSA_SIG(signature.get(), &out) == size ? der : std::string{};
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

// The signature as OpenSSL takes it; empty if its shape alone makes it wrong.
std::string openssl_form(const JoseAlgorithm& algorithm, EVP_PKEY* key, std::string_view signature) {
  switch (algorithm.family) {
    case SignatureFamily::rsa_pkcs1:
    case SignatureFamily::rsa_pss:
    case SignatureFamily::eddsa:
      return signature.size() == static_cast<std::size_t>(EVP_PKEY_get_size(key)) ? std::string{signature} : std::string{};
    case SignatureFamily::ecdsa: {
      const JoseCurve* curve = find_jose_curve(curve_of(key));
      return curve == nullptr ? std::string{} : ecdsa_to_der(signature, curve->coordinate);
    }
    case SignatureFamily::hmac: return {};
  }
  return {};
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

bool signature_is_good(const JoseAlgorithm& algorithm, EVP_PKEY* key, std::string_view message, std::string_view signature) {
  const evp::ErrorScope errors;
  const std::string form = openssl_form(algorithm, key, signature);
  const evp::DigestContext context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* details = nullptr;
  if (form.empty() || !context) return false;
  return EVP_DigestVerifyInit_ex(context.get(), &details, digest_name(algorithm), nullptr, nullptr, key, nullptr) == 1 &&
         set_padding(algorithm, details) &&
         EVP_DigestVerify(context.get(), evp::bytes_of(form), form.size(), evp::bytes_of(message), message.size()) == 1;
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
