// How many ID tokens a second one core validates, by algorithm, beside OpenSSL's bare EVP_DigestVerify with the same key on
// the same bytes. "validates": the compact form is taken apart, the header judged, the key found in the set, the signature
// verified (verify_jws). "with claims": the claims are checked too, as for every ID token. The two sides take turns.
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "crypto/jose.hpp"
#include "oauth/id_token.hpp"

namespace evergrant {
namespace {

using Steady = std::chrono::steady_clock;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr int turns = 7;
constexpr auto length_of_turn = std::chrono::milliseconds{300};

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "id-token: " << why << '\n';
  std::exit(1);
}

Key key_of(const SigningKey& signer) {
  const auto pem = signer.to_pem();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio{
      BIO_new_mem_buf(pem->reveal().data(), static_cast<int>(pem->reveal().size())), &BIO_free};
  return {PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
}

// As OpenSSL takes it: an ECDSA signature in DER, where JOSE has r and s side by side.
std::string as_openssl_has_it(std::string_view alg, const std::string& signature) {
  if (!alg.starts_with("ES")) return signature;
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());  // NOLINT: OpenSSL's type
  const int half = static_cast<int>(signature.size() / 2);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair{ECDSA_SIG_new(), &ECDSA_SIG_free};
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(bytes, half, nullptr), BN_bin2bn(bytes + half, half, nullptr));
  std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());  // NOLINT: OpenSSL's type
  i2d_ECDSA_SIG(pair.get(), &out);
  return der;
}

bool verify_bare(EVP_PKEY* key, std::string_view alg, std::string_view signed_part, const std::string& signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  EVP_PKEY_CTX* details = nullptr;
  const EVP_MD* digest = alg == "EdDSA" ? nullptr : EVP_sha256();
  if (EVP_DigestVerifyInit(context.get(), &details, digest, nullptr, key) != 1) return false;
  if (alg.starts_with("PS")) {
    EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST);
  }
  const auto bytes = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };  // NOLINT
  return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(signed_part), signed_part.size()) == 1;
}

// Calls a second.
template <class Call>
double rate(Call call) {
  constexpr int at_once = 64;
  const auto begun = Steady::now();
  long done = 0;
  while (Steady::now() - begun < length_of_turn) {
    for (int i = 0; i < at_once; ++i) {
      if (!call()) stop("a good token was refused");
    }
    done += at_once;
  }
  return static_cast<double>(done) / std::chrono::duration<double>(Steady::now() - begun).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

IdTokenExpectation expectation_at(Time now) {
  IdTokenExpectation expected;
  expected.issuer = "https://login.example.com/realms/corporate";
  expected.client_id = "evergrant";
  expected.nonce = "qmJzLx2bYm0w1oZPj7mGzvS8s4v2J0b3";
  expected.now = now;
  return expected;
}

std::string payload_at(Time now) {
  const auto seconds = to_epoch_ms(now) / 1000;
  return boost::json::serialize(boost::json::object{{"iss", "https://login.example.com/realms/corporate"},
                                                    {"sub", "8c1f3f7e-1d52-4f0f-9a53-0c1e8f0b7a11"},
                                                    {"aud", "evergrant"},
                                                    {"exp", seconds + 3600},
                                                    {"iat", seconds},
                                                    {"auth_time", seconds - 5},
                                                    {"nonce", "qmJzLx2bYm0w1oZPj7mGzvS8s4v2J0b3"},
                                                    {"email", "administrator@customer.example"},
                                                    {"email_verified", true},
                                                    {"name", "Ada Administrator"}});
}

struct Figures {
  double bare = 0, verified = 0, with_claims = 0;
};

Figures measure(const std::string& alg) {
  const Time now = SystemClock{}.now();
  const auto signer = SigningKey::generate(alg, "key-1");
  if (!signer) stop(signer.error().message);
  const auto token = signer->sign(payload_at(now));
  const auto keys = parse_jwk_set(R"({"keys":[)" + signer->public_jwk() + "]}");
  if (!token || !keys) stop("no token or no key set");
  const std::vector<std::string> allowed{alg};
  const IdTokenExpectation expected = expectation_at(now);
  const Key key = key_of(*signer);
  const auto dot = token->rfind('.');
  const std::string_view signed_part = std::string_view{*token}.substr(0, dot);
  const std::string signature = as_openssl_has_it(alg, base64url_decode(std::string_view{*token}.substr(dot + 1)).value());
  std::vector<double> bare, verified, with_claims;
  for (int turn = 0; turn < turns; ++turn) {
    bare.push_back(rate([&] { return verify_bare(key.get(), alg, signed_part, signature); }));
    verified.push_back(rate([&] { return verify_jws(*token, *keys, allowed).has_value(); }));
    with_claims.push_back(rate([&] {
      const auto jws = verify_jws(*token, *keys, allowed);
      return jws && check_id_token_claims(jws->payload, jws->header.alg, jws->header.typ, expected);
    }));
  }
  return {median(bare), median(verified), median(with_claims)};
}

int run() {
  boost::json::object algorithms;
  Figures first;
  std::cout << "algorithm     bare EVP/s   verified/s  ratio   with claims/s  ratio\n";
  for (const std::string alg : {"RS256", "PS256", "ES256", "EdDSA"}) {
    const Figures figures = measure(alg);
    if (alg == "RS256") first = figures;
    std::printf("%-10s %12.0f %12.0f  %5.2f %15.0f  %5.2f\n", alg.c_str(), figures.bare, figures.verified,
                figures.verified / figures.bare, figures.with_claims, figures.with_claims / figures.bare);
    algorithms[alg] = boost::json::object{{"value", figures.verified},
                                          {"baseline", figures.bare},
                                          {"ratio", figures.verified / figures.bare},
                                          {"with_claims", figures.with_claims}};
  }
  std::cout << boost::json::serialize(boost::json::object{{"name", "id-token"},
                                                          {"unit", "verifications/s"},
                                                          {"value", first.verified},
                                                          {"baseline", first.bare},
                                                          {"ratio", first.verified / first.bare},
                                                          {"baseline_is", "EVP_DigestVerify, RS256, the same key and bytes"},
                                                          {"algorithms", algorithms}})
            << std::endl;
  return 0;
}

}  // namespace
}  // namespace evergrant

int main() { return evergrant::run(); }
