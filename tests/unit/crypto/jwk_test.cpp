#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "crypto/jose.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;

// RFC 7517 appendix A.1.
constexpr std::string_view rsa_key =
    R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})";
constexpr std::string_view ec_key =
    R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"})";
// RFC 8037 appendix A.2.
constexpr std::string_view ed_key = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

json::object object_of(std::string_view text) { return json::parse(text).as_object(); }

JwkSet set_of(std::vector<json::object> keys) {
  json::array list;
  for (auto& key : keys) list.push_back(std::move(key));
  return parse_jwk_set(json::serialize(json::object{{"keys", std::move(list)}})).value();
}

// The reason for which a key was left out; empty if it was taken.
std::string skipped(json::object key) {
  const JwkSet set = set_of({std::move(key)});
  return set.skipped.empty() ? "" : set.skipped.front();
}

template <class T>
json::object with(std::string_view key, std::string_view name, const T& value) {
  json::object changed = object_of(key);
  if constexpr (std::is_convertible_v<T, std::string_view>) {
    changed[name] = std::string_view{value};
  } else {
    changed[name] = value;
  }
  return changed;
}

json::object without(std::string_view key, std::string_view name) {
  json::object changed = object_of(key);
  changed.erase(name);
  return changed;
}

TEST(JwkSet, good_keys_of_every_type_are_taken) {
  const JwkSet set = set_of({object_of(rsa_key), object_of(ec_key), object_of(ed_key)});
  EXPECT_TRUE(set.skipped.empty());
  ASSERT_EQ(set.keys.size(), 3U);
  EXPECT_EQ(set.keys[0].kid(), "2011-04-29");
  EXPECT_EQ(set.keys[0].kty(), "RSA");
  EXPECT_EQ(set.keys[1].curve(), "P-256");
  EXPECT_EQ(set.keys[1].use(), "enc");
  EXPECT_EQ(set.keys[2].alg(), "");
}

TEST(JwkSet, a_key_serves_only_the_algorithms_that_its_members_allow) {
  const JwkSet set = set_of({object_of(rsa_key), without(rsa_key, "alg"), object_of(ec_key), without(ec_key, "use"),
                             object_of(ed_key), with(ed_key, "use", "sig"), with(ed_key, "use", "tls")});
  const auto fitting = [&set](std::size_t index) {
    std::vector<std::string> names;
    for (const auto* name :
         {"RS256", "PS256", "RS512", "ES256", "ES384", "EdDSA", "Ed25519", "Ed448", "HS256", "none", "rs256"}) {
      if (set.keys.at(index).fits(name)) names.emplace_back(name);
    }
    return join(names, " ");
  };
  EXPECT_EQ(fitting(0), "RS256");
  EXPECT_EQ(fitting(1), "RS256 PS256 RS512");
  EXPECT_EQ(fitting(2), "");
  EXPECT_EQ(fitting(3), "ES256");
  EXPECT_EQ(fitting(4), "EdDSA Ed25519");
  EXPECT_EQ(fitting(5), "EdDSA Ed25519");
  EXPECT_EQ(fitting(6), "");
}

TEST(JwkSet, a_bad_key_is_left_out_with_its_reason_and_the_others_serve) {
  const JwkSet set = set_of({with(rsa_key, "e", "AQ"), object_of(ec_key)});
  ASSERT_EQ(set.keys.size(), 1U);
  EXPECT_EQ(set.keys[0].kid(), "1");
  ASSERT_EQ(set.skipped.size(), 1U);
  EXPECT_EQ(set.skipped[0], "key 0: an RSA exponent is odd and at least 3");
}

TEST(JwkSet, weak_and_malformed_rsa_keys_are_left_out) {
  const std::string even = base64url_encode(std::string(255, '\xff') + '\xfe');
  const std::string bits_2047 = base64url_encode("\x7f" + std::string(255, '\xff'));
  const std::string bits_8200 = base64url_encode(std::string(1025, '\xff'));
  for (const auto& key :
       {with(rsa_key, "n", bits_2047), with(rsa_key, "n", even), with(rsa_key, "n", bits_8200), with(rsa_key, "n", "AQAB"),
        with(rsa_key, "n", ""), with(rsa_key, "n", "AA=="), with(rsa_key, "n", 5), without(rsa_key, "n"),
        with(rsa_key, "e", "AQ"), with(rsa_key, "e", "Ag"), with(rsa_key, "e", "AA"), with(rsa_key, "e", "AQAA"),
        with(rsa_key, "e", "AQAAAAAAAAAB"), without(rsa_key, "e"), with(rsa_key, "n", std::string(100'000, 'A'))}) {
    EXPECT_NE(skipped(key), "") << json::serialize(key).substr(0, 200);
  }
}

TEST(JwkSet, points_off_their_curve_or_of_another_length_are_left_out) {
  const std::string zeros = base64url_encode(std::string(32, '\0'));
  json::object origin = with(ec_key, "x", zeros);
  origin["y"] = std::string_view{zeros};
  for (const auto& key :
       {with(ec_key, "x", zeros), origin, with(ec_key, "crv", "P-384"), with(ec_key, "crv", "secp256k1"),
        with(ec_key, "crv", "P-999"), with(ec_key, "crv", "Ed25519"), without(ec_key, "y"), without(ec_key, "crv"),
        with(ec_key, "x", base64url_encode(std::string(33, '\0'))),
        with(ec_key, "x", base64url_encode(std::string(31, 'x'))), with(ed_key, "x", base64url_encode("short")),
        with(ed_key, "crv", "X25519"), with(ed_key, "kty", "EC")}) {
    EXPECT_NE(skipped(key), "") << json::serialize(key);
  }
}

TEST(JwkSet, edwards_points_of_small_order_are_left_out) {
  const auto ed25519 = [](std::string bytes) { return skipped(with(ed_key, "x", base64url_encode(bytes))); };
  const auto ed448 = [](std::string bytes) {
    json::object key = with(ed_key, "crv", "Ed448");
    key["x"] = std::string_view{base64url_encode(bytes)};
    return skipped(key);
  };
  const std::string small = "key 0: its point has a small order";
  EXPECT_EQ(ed25519(std::string(32, '\0')), small);
  EXPECT_EQ(ed25519(std::string(31, '\0') + '\x80'), small);
  EXPECT_EQ(ed25519("\x01" + std::string(31, '\0')), small);
  EXPECT_EQ(ed25519("\xec" + std::string(30, '\xff') + "\x7f"), small);
  EXPECT_EQ(ed25519("\xee" + std::string(31, '\xff')), small);
  EXPECT_EQ(ed25519(hex_decode("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a").value()), small);
  const std::string upper = "\xfe" + std::string(27, '\xff');
  EXPECT_EQ(ed448(std::string(57, '\0')), small);
  EXPECT_EQ(ed448("\x01" + std::string(55, '\0') + "\x80"), small);
  EXPECT_EQ(ed448("\xfe" + std::string(27, '\xff') + upper + '\0'), small);
  EXPECT_EQ(ed448(std::string(28, '\xff') + upper + '\0'), small);
  EXPECT_EQ(ed448(std::string(28, '\0') + std::string(28, '\xff') + '\0'), small);
  EXPECT_EQ(ed448("\x05" + std::string(56, '\0')), "");
}

TEST(JwkSet, private_and_symmetric_keys_have_no_place_in_a_public_set) {
  EXPECT_NE(skipped(object_of(R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"})")), "");
  for (const auto* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    EXPECT_NE(skipped(with(rsa_key, name, "AQAB")).find("private"), std::string::npos) << name;
  }
  EXPECT_NE(skipped(with(ec_key, "d", "AQAB")).find("private"), std::string::npos);
  EXPECT_NE(skipped(with(ed_key, "d", "AQAB")).find("private"), std::string::npos);
  EXPECT_FALSE(parse_jwk_set(R"({"keys":[{"kty":"strange"}]})")->has_private_keys);
  EXPECT_TRUE(parse_jwk_set(R"({"keys":[{"kty":"strange","d":"AQAB"}]})")->has_private_keys);
}

TEST(JwkSet, operations_and_types_of_members_are_looked_at) {
  EXPECT_EQ(skipped(with(rsa_key, "key_ops", json::array{"verify"})), "");
  for (const auto& operations : {json::array{}, json::array{"encrypt"}, json::array{"sign", "verify"},
                                 json::array{"verify", "verify"}, json::array{"verify", 1}}) {
    EXPECT_NE(skipped(with(rsa_key, "key_ops", operations)), "") << json::serialize(operations);
  }
  EXPECT_NE(skipped(with(rsa_key, "alg", "")), "");
  EXPECT_NE(skipped(with(rsa_key, "use", "")), "");
  EXPECT_NE(skipped(with(rsa_key, "key_ops", "verify")), "");
  EXPECT_NE(skipped(with(rsa_key, "kid", 7)), "");
  EXPECT_NE(skipped(with(rsa_key, "use", json::array{})), "");
  EXPECT_NE(skipped(with(rsa_key, "kty", "rsa")), "");
  EXPECT_NE(skipped(without(rsa_key, "kty")), "");
}

TEST(JwkSet, what_is_not_a_set_is_refused) {
  for (const auto* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[],"keys":[]})", R"({"keys":[)",
                           R"({"keys":[{"kty":"RSA","kty":"EC"}]})"}) {
    EXPECT_EQ(parse_jwk_set(text).error().code, Errc::invalid_argument) << text;
  }
  EXPECT_TRUE(parse_jwk_set(R"({"keys":[]})"));
  EXPECT_EQ(parse_jwk_set(R"({"keys":[1]})").value().skipped.size(), 1U);
}

TEST(JwkSet, its_size_is_bounded) {
  std::string many = R"({"keys":[)";
  for (int i = 0; i < 101; ++i) many += i == 0 ? "{}" : ",{}";
  EXPECT_EQ(parse_jwk_set(many + "]}").error().code, Errc::too_large);
  EXPECT_EQ(parse_jwk_set(R"({"keys":[],"x":")" + std::string(600'000, 'x') + "\"}").error().code, Errc::too_large);
  EXPECT_EQ(parse_jwk_set(R"({"keys":[)" + std::string(50, '[') + std::string(50, ']') + "]}").error().code,
            Errc::too_large);
}

}  // namespace
}  // namespace evergrant::test
