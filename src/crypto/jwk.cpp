#include <openssl/core_names.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "crypto/jwk_material.hpp"
#include "crypto/strict_json.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 8> private_members{"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

constexpr std::size_t max_set_size = 512U * 1024U;
constexpr std::size_t max_set_depth = 8;
constexpr std::size_t max_keys = 100;
constexpr int least_rsa_bits = 2048;
constexpr int most_rsa_bits = 8192;           // beyond, one verification would take a noticeable time
constexpr std::size_t most_rsa_exponent = 8;  // bytes

using KeyResult = Result<evp::Key>;

std::unexpected<Error> unusable(std::string why) { return fail(Errc::invalid_argument, std::move(why)); }

std::optional<std::string> binary_member(const json::object& jwk, std::string_view name) {
  const auto text = string_member(jwk, name);
  if (!text || text->empty()) return std::nullopt;
  return base64url_decode(*text);
}

KeyResult build_key(const char* type, OSSL_PARAM_BLD* builder) {
  const evp::Params params{OSSL_PARAM_BLD_to_param(builder)};
  const evp::KeyContext context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* made = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return unusable("its numbers do not make a key");
  }
  evp::Key key{made};
  const evp::KeyContext check{EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)};
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return unusable("its numbers do not make a valid public key");
  return key;
}

KeyResult parse_rsa(const json::object& jwk) {
  const auto modulus = binary_member(jwk, "n");
  const auto exponent = binary_member(jwk, "e");
  if (!modulus || !exponent) return unusable("n and e of an RSA key are base64url numbers");
  if (modulus->size() > most_rsa_bits || exponent->size() > most_rsa_exponent)
    return unusable("its RSA numbers are too long");
  const evp::Number n{BN_bin2bn(evp::bytes_of(*modulus), static_cast<int>(modulus->size()), nullptr)};
  const evp::Number e{BN_bin2bn(evp::bytes_of(*exponent), static_cast<int>(exponent->size()), nullptr)};
  if (!n || !e) return unusable("its RSA numbers are too long");
  const int bits = BN_num_bits(n.get());
  if (bits < least_rsa_bits || bits > most_rsa_bits) {
    return unusable("RSA keys have 2048 to 8192 bits, this one " + std::to_string(bits));
  }
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1) return unusable("an RSA exponent is odd and at least 3");
  if (BN_is_odd(n.get()) == 0) return unusable("an RSA modulus is odd");
  const evp::ParamBuilder builder{OSSL_PARAM_BLD_new()};
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return unusable("its numbers do not make a key");
  }
  return build_key("RSA", builder.get());
}

KeyResult parse_ec(const json::object& jwk, const JoseCurve& curve) {
  const auto x = binary_member(jwk, "x");
  const auto y = binary_member(jwk, "y");
  if (!x || !y || x->size() != curve.coordinate || y->size() != curve.coordinate) {
    return unusable("x and y of an EC key have exactly the length of its curve (RFC 7518 6.2.1)");
  }
  const std::string point = "\x04" + *x + *y;  // uncompressed (SEC 1 2.3.3)
  const evp::ParamBuilder builder{OSSL_PARAM_BLD_new()};
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return unusable("its numbers do not make a key");
  }
  return build_key("EC", builder.get());
}

KeyResult parse_okp(const json::object& jwk, const JoseCurve& curve) {
  const auto x = binary_member(jwk, "x");
  if (!x || x->size() != curve.coordinate)
    return unusable("x of an OKP key has exactly the length of its curve (RFC 8037 2)");
  if (has_small_order(curve.name, *x)) return unusable("its point has a small order");
  evp::Key key{EVP_PKEY_new_raw_public_key_ex(nullptr, curve.group, nullptr, evp::bytes_of(*x), x->size())};
  if (!key) return unusable("its numbers do not make a key");
  return key;
}

bool has_private_members(const json::object& jwk) {
  return std::ranges::any_of(private_members, [&](std::string_view name) { return jwk.contains(name); });
}

KeyResult parse_material(const json::object& jwk, std::string_view kty) {
  if (kty == "oct") return unusable("a symmetric key in a public set is everybody's key");
  if (has_private_members(jwk)) return unusable("it has private members: the provider has given its private key away");
  if (kty == "RSA") return parse_rsa(jwk);
  const JoseCurve* curve = find_jose_curve(string_member(jwk, "crv").value_or(""));
  if (curve == nullptr || curve->kty != kty) return unusable("its kty and crv are not supported");
  return kty == "EC" ? parse_ec(jwk, *curve) : parse_okp(jwk, *curve);
}

// A member that is absent, or a string.
Result<std::string> optional_string(const json::object& jwk, std::string_view name) {
  if (!jwk.contains(name)) return std::string{};
  const auto text = string_member(jwk, name);
  if (!text) return unusable(std::string{name} + " is not a string");
  return std::string{*text};
}

// The key of a signer, as others see it, does one thing. Anything else is a mistake, or was published by one (RFC 7517 4.3).
Result<> check_operations(const json::object& jwk) {
  const json::value* operations = jwk.if_contains("key_ops");
  if (operations == nullptr || *operations == json::array{"verify"}) return {};
  return unusable("key_ops is not a list of verify alone");
}

Result<Jwk> parse_jwk(const json::object& jwk) {
  std::array<std::string, 5> texts;
  constexpr std::array<std::string_view, 5> names{"kid", "kty", "alg", "use", "crv"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto text = optional_string(jwk, names[i]);
    if (!text) return std::unexpected(std::move(text).error());
    texts[i] = std::move(*text);
  }
  auto& [kid, kty, alg, use, curve] = texts;
  if ((alg.empty() && jwk.contains("alg")) || (use.empty() && jwk.contains("use"))) return unusable("alg or use is empty");
  if (const auto allowed = check_operations(jwk); !allowed) return std::unexpected(allowed.error());
  auto key = parse_material(jwk, kty);
  if (!key) return std::unexpected(std::move(key).error());
  const auto material = std::make_shared<Jwk::Material>(std::move(*key));
  Jwk parsed{std::move(kid), std::move(kty), std::move(alg), std::move(use), std::move(curve), material};
  for (const JoseAlgorithm& algorithm : jose_algorithms()) {
    if (!parsed.fits(algorithm.name)) continue;
    material->verifications.push_back(prepare_verification(algorithm, material->key.get()));
    if (!material->verifications.back().context) return unusable("OpenSSL verifies nothing with it");
  }
  return parsed;
}

}  // namespace

Jwk::Jwk(std::string kid, std::string kty, std::string alg, std::string use, std::string curve,
         std::shared_ptr<Material> material)
    : kid_{std::move(kid)},
      kty_{std::move(kty)},
      alg_{std::move(alg)},
      use_{std::move(use)},
      curve_{std::move(curve)},
      material_{std::move(material)} {}

bool Jwk::fits(std::string_view algorithm) const {
  const JoseAlgorithm* known = find_jose_algorithm(algorithm);
  if (known == nullptr || kty_of(known->family) != kty_) return false;
  if (!known->curve.empty() && known->curve != curve_) return false;
  if (!use_.empty() && use_ != "sig") return false;
  return alg_.empty() || alg_ == algorithm;
}

Result<JwkSet> parse_jwk_set(std::string_view text) {
  const evp::ErrorScope errors;
  auto document = parse_strict_object(text, max_set_depth, max_set_size);
  if (!document) return std::unexpected(std::move(document).error());
  const json::value* members = document->if_contains("keys");
  if (members == nullptr || !members->is_array()) return unusable("a JWK set has a list named keys (RFC 7517 5)");
  const json::array& list = members->get_array();
  if (list.size() > max_keys) return fail(Errc::too_large, "a JWK set has more than " + std::to_string(max_keys) + " keys");
  JwkSet set;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto key = list[i].is_object() ? parse_jwk(list[i].get_object()) : Result<Jwk>{unusable("it is not an object")};
    if (key) {
      set.keys.push_back(std::move(*key));
    } else {
      set.skipped.push_back("key " + std::to_string(i) + ": " + key.error().message);
      set.has_private_keys = set.has_private_keys || (list[i].is_object() && has_private_members(list[i].get_object()));
    }
  }
  return set;
}

}  // namespace evergrant
