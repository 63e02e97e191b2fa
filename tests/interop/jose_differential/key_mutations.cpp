// Good tokens, and forged ones, with the sets and secrets that a careless or a hostile provider could have.
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "interop/jose_differential/workshop.hpp"

namespace evergrant::differential {
namespace {

namespace json = boost::json;

std::string changed(const std::string& jwk, std::string_view name, const json::value& value) {
  json::object key = json::parse(jwk).as_object();
  key[name] = value;
  return json::serialize(key);
}
std::string lacking(const std::string& jwk, std::string_view name) {
  json::object key = json::parse(jwk).as_object();
  key.erase(name);
  return json::serialize(key);
}

// A good token with these keys in place of the set.
void with_keys(std::vector<Mutation>& all, std::string what,
               std::function<std::vector<std::string>(Workshop&, const Signer&)> keys, bool kid = true) {
  all.push_back({"keys: " + std::move(what), [keys = std::move(keys), kid](Workshop& shop) {
                   const Signer& signer = shop.any_public_signer();
                   const std::string header = kid ? Workshop::header_of(signer) : R"({"alg":")" + signer.alg + "\"}";
                   return Item{.what = {},
                               .token = shop.token(signer, header, shop.claims()),
                               .keys = shop.set_of(keys(shop, signer)),
                               .allowed = {signer.alg}};
                 }});
}
// The same where only one member of the signer's key is another.
void with_member(std::vector<Mutation>& all, std::string what, std::string_view name, const json::value& value) {
  with_keys(all, std::move(what), [name = std::string{name}, value](Workshop&, const Signer& signer) {
    return std::vector{changed(signer.jwk, name, value)};
  });
}

std::vector<std::string> decoys(Workshop& shop, const Signer& signer) {
  std::vector<std::string> keys;
  for (const auto* alg : {"RS256", "ES256", "ES384", "ES512", "EdDSA"}) {
    if (signer.alg != alg) keys.push_back(changed(shop.signer_of(alg).jwk, "kid", json::value(signer.kid)));
  }
  keys.push_back(changed(shop.stranger(signer.alg).jwk, "use", "enc"));
  keys.push_back(signer.jwk);
  return keys;
}

void add_choices(std::vector<Mutation>& all) {
  with_keys(all, "decoys of the same kid", decoys);
  with_keys(all, "decoys of the same kid, and the token has none", decoys, false);
  with_keys(all, "two of the same kid, the right one last",
            [](Workshop& shop, const Signer& signer) { return std::vector{shop.stranger(signer.alg).jwk, signer.jwk}; });
  with_keys(
      all, "nine without a kid, the right one last",
      [](Workshop& shop, const Signer& signer) {
        std::vector<std::string> keys(8, lacking(shop.stranger(signer.alg).jwk, "kid"));
        keys.push_back(lacking(signer.jwk, "kid"));
        return keys;
      },
      false);
  with_keys(all, "one without a kid",
            [](Workshop&, const Signer& signer) { return std::vector{lacking(signer.jwk, "kid")}; });
  with_keys(
      all, "one without a kid, and the token has none",
      [](Workshop&, const Signer& signer) { return std::vector{lacking(signer.jwk, "kid")}; }, false);
  with_keys(all, "none", [](Workshop&, const Signer&) { return std::vector<std::string>{}; });
  with_keys(all, "one beside useless ones", [](Workshop&, const Signer& signer) {
    return std::vector<std::string>{R"({"kty":"XX"})", R"({"kty":"oct","k":"AAAA"})", "{}",
                                    R"({"kty":"RSA","n":"AQAB","e":"AQ"})", signer.jwk};
  });
  with_keys(all, "another type under the kid", [](Workshop& shop, const Signer& signer) {
    return std::vector{
        changed(shop.signer_of(signer.alg == "EdDSA" ? "ES256" : "EdDSA").jwk, "kid", json::value(signer.kid))};
  });
}

void add_members(std::vector<Mutation>& all) {
  with_keys(all, "no alg", [](Workshop&, const Signer& signer) { return std::vector{lacking(signer.jwk, "alg")}; });
  with_keys(all, "no use", [](Workshop&, const Signer& signer) { return std::vector{lacking(signer.jwk, "use")}; });
  with_member(all, "alg of another", "alg", "ES256K");
  with_member(all, "alg null", "alg", nullptr);
  with_member(all, "use enc", "use", "enc");
  with_member(all, "use null", "use", nullptr);
  with_member(all, "use empty", "use", "");
  with_member(all, "alg empty", "alg", "");
  with_member(all, "kid a number", "kid", 1);
  with_member(all, "key_ops verify", "key_ops", json::array{"verify"});
  with_member(all, "key_ops sign and verify", "key_ops", json::array{"sign", "verify"});
  with_member(all, "key_ops sign", "key_ops", json::array{"sign"});
  with_member(all, "key_ops empty", "key_ops", json::array{});
  with_member(all, "key_ops verify twice", "key_ops", json::array{"verify", "verify"});
  with_member(all, "key_ops with a number", "key_ops", json::array{"verify", 1});
  with_member(all, "key_ops no list", "key_ops", "verify");
  with_member(all, "crv of another", "crv", "P-999");
  with_member(all, "kty in other case", "kty", "rsa");
  with_member(all, "unknown members", "x5t", "AA");
  for (const auto* name : {"n", "x", "y", "e"}) {
    const std::string text = name;
    const auto with = [&all, text](const std::string& what, std::function<std::string(std::string)> change) {
      with_keys(all, text + " " + what, [text, change](Workshop&, const Signer& signer) {
        const json::object key = json::parse(signer.jwk).as_object();
        if (!key.contains(text)) return std::vector{signer.jwk};
        return std::vector{
            changed(signer.jwk, text, json::value(change(std::string{std::string_view{key.at(text).as_string()}})))};
      });
    };
    with("padded", [](const std::string& member) { return member + "="; });
    with("with a zero in front", [](const std::string& member) {
      return base64url_encode(std::string(1, '\0') + base64url_decode(member).value());
    });
    with("with its last bit flipped", [](const std::string& member) {
      std::string bytes = base64url_decode(member).value();
      bytes.back() = static_cast<char>(bytes.back() ^ 1);
      return base64url_encode(bytes);
    });
    with("empty", [](const std::string&) { return std::string{}; });
  }
}

// Keys with which anybody can sign: whoever takes them takes every token.
Item forged(Workshop& shop, std::string_view alg, const std::string& jwk,
            const std::function<std::string(const std::string&)>& sign) {
  const std::string input =
      base64url_encode(R"({"alg":")" + std::string{alg} + R"(","kid":"weak"})") + "." + base64url_encode(shop.claims());
  return {.what = {},
          .token = input + "." + base64url_encode(sign(input)),
          .keys = shop.set_of({jwk}),
          .allowed = {std::string{alg}}};
}

std::string padded_digest(const std::string& input) {  // RFC 8017 9.2, for 2048 bits
  const std::string info = hex_decode("3031300d060960864801650304020105000420").value() + sha256(input);
  return std::string("\x00\x01", 2) + std::string(256 - 3 - info.size(), '\xff') + '\0' + info;
}

void add_weak_keys(std::vector<Mutation>& all) {
  all.push_back({"weak: RSA with exponent 1", [](Workshop& shop) {
                   json::object key = json::parse(shop.signer_of("RS256").jwk).as_object();
                   key["e"] = "AQ";
                   key["kid"] = "weak";
                   return forged(shop, "RS256", json::serialize(key), padded_digest);
                 }});
  all.push_back({"weak: Ed25519 with the neutral point", [](Workshop& shop) {
                   const std::string neutral = "\x01" + std::string(31, '\0');
                   return forged(shop, "EdDSA",
                                 R"({"kty":"OKP","crv":"Ed25519","kid":"weak","x":")" + base64url_encode(neutral) + "\"}",
                                 [neutral](const std::string&) { return neutral + std::string(32, '\0'); });
                 }});
  all.push_back({"weak: RSA of 1024 bits", [](Workshop& shop) {
                   static const evp::Key key{EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024})};
                   BIGNUM* raw = nullptr;
                   EVP_PKEY_get_bn_param(key.get(), "n", &raw);
                   const evp::Number number{raw};
                   std::string n(128, '\0');
                   BN_bn2binpad(raw, evp::bytes_of(n), 128);
                   return forged(shop, "RS256",
                                 R"({"kty":"RSA","e":"AQAB","kid":"weak","n":")" + base64url_encode(n) + "\"}",
                                 [](const std::string& input) {
                                   return make_signature(*find_jose_algorithm("RS256"), key.get(), input).value();
                                 });
                 }});
  for (const std::size_t size : {1U, 16U, 31U, 32U, 64U, 65U, 200U}) {
    all.push_back({"secret: " + std::string{size < 32 ? "short" : "long enough"}, [size](Workshop& shop) {
                     const std::string secret(size, 's');
                     const std::string input =
                         base64url_encode(R"({"alg":"HS256"})") + "." + base64url_encode(shop.claims());
                     return Item{.what = {},
                                 .token = input + "." + base64url_encode(hmac_sha256(Secret{secret}, input)),
                                 .keys = shop.shared(secret),
                                 .allowed = {"HS256"}};
                   }});
  }
  all.push_back({"secret: another", [](Workshop& shop) {
                   return Item{.what = {},
                               .token = shop.token(shop.signer_of("HS256"), R"({"alg":"HS256"})", shop.claims()),
                               .keys = shop.shared(std::string(32, 'x')),
                               .allowed = {"HS256"}};
                 }});
}

}  // namespace

void add_key_mutations(std::vector<Mutation>& all) {
  add_choices(all);
  add_members(all);
  add_weak_keys(all);
}

}  // namespace evergrant::differential
