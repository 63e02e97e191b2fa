// JSON Web Keys and Signatures (RFC 7515, 7517, 7518, 8037), as strict as a relying party should be (RFC 8725).
// Verification takes the allowed algorithms from the caller, never from the token. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace evergrant {

// A public key from a JWK set, ready for verification. Refused at parsing: symmetric and private keys in a public set,
// RSA under 2048 bits or with a bad exponent, EC points off the curve.
class Jwk {
 public:
  struct Material;
  Jwk(std::string kid, std::string kty, std::string alg, std::string use, std::string curve,
      std::shared_ptr<Material> material);
  [[nodiscard]] const std::string& kid() const noexcept { return kid_; }
  [[nodiscard]] const std::string& kty() const noexcept { return kty_; }
  [[nodiscard]] const std::string& alg() const noexcept { return alg_; }
  [[nodiscard]] const std::string& use() const noexcept { return use_; }
  [[nodiscard]] const std::string& curve() const noexcept { return curve_; }
  [[nodiscard]] const Material& material() const noexcept { return *material_; }
  // True if a signature of this algorithm could come from this key (kty, crv, use, alg).
  [[nodiscard]] bool fits(std::string_view algorithm) const;

 private:
  std::string kid_, kty_, alg_, use_, curve_;
  std::shared_ptr<Material> material_;
};

struct JwkSet {
  std::vector<Jwk> keys;
  std::vector<std::string> skipped;  // why a member was not taken; the others still serve
  bool has_private_keys = false;     // among those: somebody should be told
};

// Up to 512 KiB and 100 keys. Errors: invalid_argument (not a JWK set), too_large.
[[nodiscard]] Result<JwkSet> parse_jwk_set(std::string_view text);

// The SHA-256 thumbprint (RFC 7638) of a key in JSON, as base64url: one name for a key, however it is written. Members other
// than those that make the key do not matter, and private ones are not looked at. Errors: invalid_argument (not a key of kty
// EC, OKP or RSA), too_large.
[[nodiscard]] Result<std::string> jwk_thumbprint(std::string_view jwk);

struct JwsHeader {
  std::string alg;
  std::string kid;
  std::string typ;
};

struct VerifiedJws {
  JwsHeader header;
  std::string payload;
};

// Compact serialisation only. `none`, unknown `crit`, duplicate members, padding and trailing data are refused;
// jwk, jku, x5u and x5c in the header are never used. Errors: invalid_argument (not a JWS), sealed_broken (signature),
// not_found (no key fits: the caller may fetch the key set again).
[[nodiscard]] Result<JwsHeader> parse_jws_header(std::string_view compact);
[[nodiscard]] Result<VerifiedJws> verify_jws(std::string_view compact, const JwkSet& keys,
                                             const std::vector<std::string>& allowed_algorithms);
// HS256/384/512 with a shared secret of at least the hash's length (RFC 8725 3.5).
[[nodiscard]] Result<VerifiedJws> verify_jws_hmac(std::string_view compact, const Secret& key,
                                                  const std::vector<std::string>& allowed_algorithms);

// The other side of `verify_jws_hmac`, for client assertions (client_secret_jwt). `kid` and `typ` go into the header where
// they are not empty. Errors: invalid_argument (algorithm, key too short).
[[nodiscard]] Result<std::string> sign_jws_hmac(std::string_view algorithm, const Secret& key, std::string_view payload,
                                                std::string_view kid = {}, std::string_view typ = {});

// A private signing key of ours or of the sandbox. Non-copyable.
class SigningKey {
 public:
  // `algorithm`: RS256, PS256, ES256, EdDSA (Ed25519), and their longer kin. RSA keys have 2048 bits for RS*, 3072 for PS*.
  [[nodiscard]] static Result<SigningKey> generate(std::string_view algorithm, std::string kid);
  // PKCS#8 PEM. Errors: invalid_argument.
  [[nodiscard]] static Result<SigningKey> from_pem(std::string_view algorithm, std::string kid, const Secret& pem);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  [[nodiscard]] const std::string& kid() const;
  [[nodiscard]] const std::string& algorithm() const;
  [[nodiscard]] Result<Secret> to_pem() const;
  // The public half as a JWK object, with kid, alg and use.
  [[nodiscard]] std::string public_jwk() const;
  // A compact JWS over `payload`; `typ` goes into the header where it is not empty.
  [[nodiscard]] Result<std::string> sign(std::string_view payload, std::string_view typ = {}) const;

 private:
  struct Impl;
  explicit SigningKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
