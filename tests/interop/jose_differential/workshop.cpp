#include "interop/jose_differential/workshop.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"

namespace evergrant::differential {
namespace {

constexpr std::array algorithms{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"};
constexpr std::size_t good_tokens = 50;  // of each signer

Signer make_signer(std::string_view alg, const std::string& kid) {
  const SigningKey made = SigningKey::generate(alg, kid).value();
  const Secret pem = made.to_pem().value();
  const evp::Bio in{BIO_new_mem_buf(pem.reveal().data(), static_cast<int>(pem.size()))};
  return {.alg = std::string{alg},
          .kid = kid,
          .jwk = made.public_jwk(),
          .key = evp::Key{PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr)}};
}

}  // namespace

Workshop::Workshop(std::uint64_t seed) : random_{seed} {
  for (int i = 0; i < 32; ++i) secret_ += static_cast<char>(random_());
  std::vector<std::string> everybody;
  for (const std::string_view alg : algorithms) {
    signers_.push_back(make_signer(alg, "key-" + to_lower_ascii(alg)));
    everybody.push_back(signers_.back().jwk);
    unpublished_.push_back(make_signer(alg, signers_.back().kid));
  }
  signers_.push_back({.alg = "HS256", .kid = "key-hs256", .jwk = {}, .key = {}});
  for (const Signer& signer : unpublished_) strangers_.emplace(signer.alg, &signer);
  (void)set_of(everybody);
  (void)shared(secret_);
}

const Signer& Workshop::signer_of(std::string_view alg) const { return *std::ranges::find(signers_, alg, &Signer::alg); }

std::string Workshop::claims() {
  return R"({"iss":"https://op.example","sub":"s)" + std::to_string(random_()) +
         R"(","aud":"client","exp":4102444800,"iat":1700000000,"nonce":"n"})";
}

std::string Workshop::header_of(const Signer& signer) {
  return R"({"alg":")" + signer.alg + R"(","kid":")" + signer.kid + R"(","typ":"JWT"})";
}

std::string Workshop::signature(const Signer& signer, std::string_view input, std::string_view algorithm) const {
  if (!signer.key) return hmac_sha256(Secret{secret_}, input);
  const JoseAlgorithm* known = find_jose_algorithm(algorithm.empty() ? signer.alg : algorithm);
  return make_signature(*known, signer.key.get(), input).value();
}

std::string Workshop::token(const Signer& signer, std::string_view header, std::string_view payload) const {
  const std::string input = base64url_encode(header) + "." + base64url_encode(payload);
  return input + "." + base64url_encode(signature(signer, input));
}

const std::string& Workshop::good_token(const Signer& signer) {
  auto& tokens = good_[&signer];
  while (tokens.size() < good_tokens) tokens.push_back(token(signer, header_of(signer), claims()));
  return tokens[below(tokens.size())];
}

std::string Workshop::assemble(const Parts& parts) {
  return base64url_encode(parts.header) + "." + base64url_encode(parts.payload) + "." + base64url_encode(parts.signature);
}

Parts Workshop::take_apart(std::string_view token) {
  const auto pieces = split(token, '.');
  return {.header = base64url_decode(pieces.at(0)).value(),
          .payload = base64url_decode(pieces.at(1)).value(),
          .signature = base64url_decode(pieces.at(2)).value()};
}

std::size_t Workshop::keep(Keys keys) {
  const auto [place, fresh] = known_.emplace(keys.jwks + "\n" + keys.secret, sets_.size());
  if (fresh) sets_.push_back(std::move(keys));
  return place->second;
}

std::size_t Workshop::set_of(const std::vector<std::string>& jwks) {
  return keep({.jwks = R"({"keys":[)" + join(jwks, ",") + "]}", .secret = {}});
}

std::size_t Workshop::shared(std::string secret) { return keep({.jwks = {}, .secret = std::move(secret)}); }

}  // namespace evergrant::differential
