// How many ID tokens a second of one core's time validates, by algorithm, beside OpenSSL's bare EVP_DigestVerify with the
// same key on the same bytes. "bare EVP": the key is parsed, the signature in OpenSSL's form, and the context set up once;
// each verification copies it, which is the quickest that OpenSSL 3 offers. "with init": each sets its context up, as most
// programs do. "verified": the compact form is taken apart, the header judged, the key found in the set, the signature
// verified (verify_jws). "with claims": the claims are checked too, as for every ID token. All take short turns, many times.
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "crypto/jose.hpp"
#include "oauth/id_token.hpp"

namespace evergrant {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

constexpr int default_turns = 101;
constexpr double length_of_turn = 0.01;  // seconds

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "id-token: " << why << '\n';
  std::exit(1);
}

// The public half alone, as a relying party has it.
Key key_of(const SigningKey& signer) {
  const auto pem = signer.to_pem();
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio{
      BIO_new_mem_buf(pem->reveal().data(), static_cast<int>(pem->reveal().size())), &BIO_free};
  const Key both{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free};
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(both.get(), &encoded);
  const unsigned char* in = encoded;
  Key key{d2i_PUBKEY(nullptr, &in, size), &EVP_PKEY_free};
  OPENSSL_free(encoded);
  return key;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: OpenSSL's type
}

// As OpenSSL takes it: an ECDSA signature in DER, where JOSE has r and s side by side.
std::string as_openssl_has_it(std::string_view alg, const std::string& signature) {
  if (!alg.starts_with("ES")) return signature;
  const unsigned char* bytes = bytes_of(signature);
  const int half = static_cast<int>(signature.size() / 2);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair{ECDSA_SIG_new(), &ECDSA_SIG_free};
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(bytes, half, nullptr), BN_bin2bn(bytes + half, half, nullptr));
  std::string der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair.get(), nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());  // NOLINT: OpenSSL's type
  i2d_ECDSA_SIG(pair.get(), &out);
  return der;
}

// One algorithm's key, and a token as OpenSSL takes it.
struct Bare {
  std::string alg;
  Key key;
  std::string_view signed_part;
  std::string signature;

  [[nodiscard]] Context prepare() const {
    Context context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    EVP_PKEY_CTX* details = nullptr;
    const EVP_MD* digest = alg == "EdDSA" ? nullptr : EVP_sha256();
    if (EVP_DigestVerifyInit(context.get(), &details, digest, nullptr, key.get()) != 1) stop("OpenSSL takes no " + alg);
    if (alg.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST);
    }
    return context;
  }
  [[nodiscard]] bool verify(EVP_MD_CTX* context) const {
    return EVP_DigestVerify(context, bytes_of(signature), signature.size(), bytes_of(signed_part), signed_part.size()) == 1;
  }
  [[nodiscard]] bool verify_with_copy_of(EVP_MD_CTX* prepared) const {
    const Context context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    return EVP_MD_CTX_copy_ex(context.get(), prepared) == 1 && verify(context.get());
  }
};

// Of this thread alone: what else the machine does counts for neither side.
double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Calls a second.
double rate(const std::function<bool()>& call) {
  constexpr int at_once = 32;
  const double begun = cpu_seconds();
  double used = 0;
  long done = 0;
  for (; used < length_of_turn; used = cpu_seconds() - begun) {
    for (int i = 0; i < at_once; ++i) {
      if (!call()) stop("a good token was refused");
    }
    done += at_once;
  }
  return static_cast<double>(done) / used;
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

// The sides of one algorithm: what each made in each turn.
struct Side {
  std::function<bool()> call;
  std::vector<double> rates = {};
};

// The median of the turns' own ratios: what slows the machine down for a while is on both sides of them.
double ratio(const Side& side, const Side& baseline) {
  std::vector<double> ratios;
  for (std::size_t turn = 0; turn < side.rates.size(); ++turn) ratios.push_back(side.rates[turn] / baseline.rates[turn]);
  return median(std::move(ratios));
}

boost::json::object measure(const std::string& alg, int turns) {
  const Time now = SystemClock{}.now();
  const auto signer = SigningKey::generate(alg, "key-1");
  if (!signer) stop(signer.error().message);
  const auto token = signer->sign(payload_at(now));
  const auto keys = parse_jwk_set(R"({"keys":[)" + signer->public_jwk() + "]}");
  if (!token || !keys) stop("no token or no key set");
  const std::vector<std::string> allowed{alg};
  const IdTokenExpectation expected = expectation_at(now);
  const auto dot = token->rfind('.');
  const Bare bare{alg, key_of(*signer), std::string_view{*token}.substr(0, dot),
                  as_openssl_has_it(alg, base64url_decode(std::string_view{*token}.substr(dot + 1)).value())};
  const Context prepared = bare.prepare();
  Side copied{[&] { return bare.verify_with_copy_of(prepared.get()); }};
  Side with_init{[&] { return bare.verify(bare.prepare().get()); }};
  Side verified{[&] { return verify_jws(*token, *keys, allowed).has_value(); }};
  Side with_claims{[&] {
    const auto jws = verify_jws(*token, *keys, allowed);
    return jws && check_id_token_claims(jws->payload, jws->header.alg, jws->header.typ, expected);
  }};
  for (int turn = 0; turn < turns; ++turn) {
    for (Side* side : {&copied, &verified, &with_init, &with_claims}) side->rates.push_back(rate(side->call));
  }
  return {{"value", median(verified.rates)},
          {"baseline", median(copied.rates)},
          {"ratio", ratio(verified, copied)},
          {"with_init", median(with_init.rates)},
          {"ratio_with_init", ratio(verified, with_init)},
          {"with_claims", median(with_claims.rates)},
          {"ratio_with_claims", ratio(with_claims, copied)}};
}

int run(int turns) {
  boost::json::object algorithms;
  std::cout << "algorithm     bare EVP/s  with init/s   verified/s  ratio   with claims/s  ratio\n";
  for (const std::string alg : {"RS256", "PS256", "ES256", "EdDSA"}) {
    boost::json::object figures = measure(alg, turns);
    const auto figure = [&](const char* name) { return figures.at(name).as_double(); };
    std::printf("%-10s %12.0f %12.0f %12.0f  %5.3f %15.0f  %5.3f\n", alg.c_str(), figure("baseline"), figure("with_init"),
                figure("value"), figure("ratio"), figure("with_claims"), figure("ratio_with_claims"));
    std::fflush(stdout);
    algorithms[alg] = std::move(figures);
  }
  const auto& first = algorithms.at("RS256").as_object();
  std::cout << boost::json::serialize(boost::json::object{
                   {"name", "id-token"},
                   {"unit", "verifications/s"},
                   {"value", first.at("value")},
                   {"baseline", first.at("baseline")},
                   {"ratio", first.at("ratio")},
                   {"baseline_is", "EVP_DigestVerify with a prepared context, RS256, the same key and bytes"},
                   {"turns", turns},
                   {"algorithms", algorithms}})
            << std::endl;
  return 0;
}

int main_with(std::span<char* const> arguments) {
  constexpr std::string_view usage =
      "id-token [--turns N]   turns of 10 ms that each side takes for each algorithm, 1 to 10000 (101)\n";
  const std::vector<std::string_view> words{arguments.begin() + 1, arguments.end()};
  if (words.empty()) return run(default_turns);
  if (words[0] == "--help" || words[0] == "-h") {
    std::cout << usage;
    return 0;
  }
  int turns = 0;
  if (words.size() == 2 && words[0] == "--turns") std::from_chars(words[1].data(), words[1].data() + words[1].size(), turns);
  if (turns < 1 || turns > 10'000) stop(std::string{usage});
  return run(turns);
}

}  // namespace
}  // namespace evergrant

int main(int count, char** arguments) { return evergrant::main_with({arguments, static_cast<std::size_t>(count)}); }
