#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "crypto/jwk_material.hpp"

namespace evergrant {

struct SigningKey::Impl {
  std::string kid;
  std::string name;
  const JoseAlgorithm* algorithm;
  evp::Key key;
};

namespace {

constexpr int least_rsa_signing_bits = 2048;
constexpr int rsa_bits_pkcs1 = 2048;
constexpr int rsa_bits_pss = 3072;

Result<const JoseAlgorithm*> signing_algorithm(std::string_view name) {
  const JoseAlgorithm* known = find_jose_algorithm(name);
  if (known != nullptr && known->family != SignatureFamily::hmac) return known;
  return fail(Errc::invalid_argument, "cannot sign with " + printable(name, 32), "use RS256, PS256, ES256 or EdDSA");
}

EVP_PKEY* generate_key(const JoseAlgorithm& algorithm) {
  switch (algorithm.family) {
    case SignatureFamily::rsa_pkcs1:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits_pkcs1));
    case SignatureFamily::rsa_pss: return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits_pss));
    case SignatureFamily::ecdsa: return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", find_jose_curve(algorithm.curve)->group);
    case SignatureFamily::eddsa:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, algorithm.curve == "Ed448" ? "ED448" : "ED25519");
    case SignatureFamily::hmac: return nullptr;
  }
  return nullptr;
}

bool key_fits(const JoseAlgorithm& algorithm, EVP_PKEY* key) {
  const std::string_view curve = curve_of(key);
  switch (algorithm.family) {
    case SignatureFamily::rsa_pkcs1:
    case SignatureFamily::rsa_pss: return EVP_PKEY_is_a(key, "RSA") == 1;
    case SignatureFamily::ecdsa: return curve == algorithm.curve;
    case SignatureFamily::eddsa:
      return (curve == "Ed25519" || curve == "Ed448") && (algorithm.curve.empty() || algorithm.curve == curve);
    case SignatureFamily::hmac: return false;
  }
  return false;
}

// OpenSSL would ask at the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) { return -1; }

// A number of the key as base64url, at `size` bytes, or as short as it gets.
std::string number_member(EVP_PKEY* key, const char* name, std::size_t size = 0) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  const evp::Number number{raw};
  std::string bytes(size == 0 ? static_cast<std::size_t>(BN_num_bytes(raw)) : size, '\0');
  if (BN_bn2binpad(raw, evp::bytes_of(bytes), static_cast<int>(bytes.size())) < 0) return {};
  return base64url_encode(bytes);
}

std::string raw_public_key(EVP_PKEY* key) {
  std::size_t size = 0;
  if (EVP_PKEY_get_raw_public_key(key, nullptr, &size) != 1) return {};
  std::string bytes(size, '\0');
  if (EVP_PKEY_get_raw_public_key(key, evp::bytes_of(bytes), &size) != 1) return {};
  return base64url_encode(bytes);
}

void add_numbers(boost::json::object& jwk, const JoseAlgorithm& algorithm, EVP_PKEY* key) {
  jwk["kty"] = kty_of(algorithm.family);
  const std::string_view curve = curve_of(key);
  if (curve.empty()) {
    jwk["n"] = number_member(key, OSSL_PKEY_PARAM_RSA_N);
    jwk["e"] = number_member(key, OSSL_PKEY_PARAM_RSA_E);
    return;
  }
  jwk["crv"] = curve;
  if (algorithm.family == SignatureFamily::eddsa) {
    jwk["x"] = raw_public_key(key);
    return;
  }
  const std::size_t size = find_jose_curve(curve)->coordinate;
  jwk["x"] = number_member(key, OSSL_PKEY_PARAM_EC_PUB_X, size);
  jwk["y"] = number_member(key, OSSL_PKEY_PARAM_EC_PUB_Y, size);
}

}  // namespace

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::generate(std::string_view algorithm, std::string kid) {
  const evp::ErrorScope errors;
  const auto known = signing_algorithm(algorithm);
  if (!known) return std::unexpected(known.error());
  evp::Key key{generate_key(**known)};
  if (!key) return fail(Errc::internal, "making a key for " + std::string{algorithm} + " failed");
  return SigningKey{std::make_unique<Impl>(std::move(kid), std::string{algorithm}, *known, std::move(key))};
}

Result<SigningKey> SigningKey::from_pem(std::string_view algorithm, std::string kid, const Secret& pem) {
  const evp::ErrorScope errors;
  const auto known = signing_algorithm(algorithm);
  if (!known) return std::unexpected(known.error());
  const evp::Bio in{BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size()))};
  evp::Key key{in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr) : nullptr};
  if (!key) {
    return fail(Errc::invalid_argument, "the private key is not an unencrypted PKCS#8 PEM",
                "it starts with -----BEGIN PRIVATE KEY-----");
  }
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1 && EVP_PKEY_get_bits(key.get()) < least_rsa_signing_bits) {
    return fail(Errc::invalid_argument, "the RSA key has " + std::to_string(EVP_PKEY_get_bits(key.get())) + " bits",
                "RFC 7518 3.3 asks for 2048 or more");
  }
  if (!key_fits(**known, key.get())) {
    return fail(Errc::invalid_argument, "the private key does not fit " + std::string{algorithm},
                "RS256 and PS256 take RSA keys of 2048 bits or more, ES256 a P-256 key, EdDSA an Ed25519 key");
  }
  return SigningKey{std::make_unique<Impl>(std::move(kid), std::string{algorithm}, *known, std::move(key))};
}

const std::string& SigningKey::kid() const { return impl_->kid; }

const std::string& SigningKey::algorithm() const { return impl_->name; }

Result<Secret> SigningKey::to_pem() const {
  const evp::Bio out{BIO_new(BIO_s_secmem())};
  char* text = nullptr;
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(Errc::internal, "writing a private key failed");
  }
  const long size = BIO_get_mem_data(out.get(), &text);
  return Secret{std::string_view{text, static_cast<std::size_t>(size)}};
}

std::string SigningKey::public_jwk() const {
  boost::json::object jwk{{"use", "sig"}, {"alg", impl_->algorithm->name}};
  if (!impl_->kid.empty()) jwk["kid"] = impl_->kid;
  add_numbers(jwk, *impl_->algorithm, impl_->key.get());
  return boost::json::serialize(jwk);
}

Result<std::string> SigningKey::sign(std::string_view payload, std::string_view typ) const {
  std::string compact = jws_signing_input(impl_->algorithm->name, impl_->kid, typ, payload);
  const auto signature = make_signature(*impl_->algorithm, impl_->key.get(), compact);
  if (!signature) return std::unexpected(signature.error());
  return compact + "." + base64url_encode(*signature);
}

}  // namespace evergrant
