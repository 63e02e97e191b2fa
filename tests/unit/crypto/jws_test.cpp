#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <thread>

#include "base/encoding.hpp"
#include "base/random.hpp"
#include "crypto/hash.hpp"
#include "crypto/jose.hpp"

namespace evergrant::test {
namespace {

std::string set_text(const std::vector<std::string>& keys) { return R"({"keys":[)" + join(keys, ",") + "]}"; }

JwkSet set_of(const std::vector<std::string>& keys) { return parse_jwk_set(set_text(keys)).value(); }

SigningKey key_for(std::string_view algorithm, std::string kid = "one") {
  return SigningKey::generate(algorithm, std::move(kid)).value();
}

Error refusal(std::string_view compact, const JwkSet& keys, const std::vector<std::string>& allowed) {
  const auto verified = verify_jws(compact, keys, allowed);
  return verified ? Error{} : verified.error();
}

struct Vector {
  const char* name;
  const char* algorithm;
  const char* key;
  const char* compact;
  const char* payload;
};

constexpr const char* rfc_7515_payload =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

class PublishedJws : public testing::TestWithParam<Vector> {};

TEST_P(PublishedJws, verifies_and_stops_verifying_when_changed) {
  const Vector& v = GetParam();
  const JwkSet keys = set_of({v.key});
  const auto verified = verify_jws(v.compact, keys, {v.algorithm});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->payload, v.payload);
  EXPECT_EQ(verified->header.alg, v.algorithm);

  const auto dot = std::string_view{v.compact}.find('.');
  std::string other_payload{v.compact};
  other_payload[dot + 1] = other_payload[dot + 1] == 'f' ? 'e' : 'f';
  EXPECT_EQ(refusal(other_payload, keys, {v.algorithm}).code, Errc::sealed_broken);
}

INSTANTIATE_TEST_SUITE_P(
    Rfc, PublishedJws,
    testing::Values(
        Vector{
            "rfc_7515_a2", "RS256",
            R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})",
            "eyJhbGciOiJSUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
            "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
            "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
            "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_"
            "IoypGlUPQGe77Rw",
            rfc_7515_payload},
        Vector{
            "rfc_7515_a3", "ES256",
            R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
            "eyJhbGciOiJFUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            rfc_7515_payload},
        Vector{"rfc_8037_a4", "EdDSA", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
               "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
               "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
               "Example of Ed25519 signing"}),
    [](const auto& info) { return info.param.name; });

constexpr std::string_view rfc_7515_a1 =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc1"
    "9yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

Secret rfc_7515_a1_key() {
  return Secret{
      base64url_decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow").value()};
}

TEST(JwsHmac, the_example_of_rfc_7515_a1_verifies) {
  const auto verified = verify_jws_hmac(rfc_7515_a1, rfc_7515_a1_key(), {"HS256"});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->payload, rfc_7515_payload);
  EXPECT_EQ(verified->header.typ, "JWT");
  std::string changed{rfc_7515_a1};
  changed[changed.size() - 2] = 'Y';
  EXPECT_EQ(verify_jws_hmac(changed, rfc_7515_a1_key(), {"HS256"}).error().code, Errc::sealed_broken);
}

TEST(JwsHmac, a_secret_shorter_than_the_hash_is_refused_on_both_sides) {
  const Secret exact{std::string(32, 'k')};
  const Secret short_one{std::string(31, 'k')};
  const auto compact = sign_jws_hmac("HS256", exact, "{}", "kid", "JWT");
  ASSERT_TRUE(compact);
  EXPECT_TRUE(verify_jws_hmac(*compact, exact, {"HS256"}));
  EXPECT_EQ(verify_jws_hmac(*compact, exact, {"HS256"})->header.kid, "kid");
  EXPECT_EQ(sign_jws_hmac("HS256", short_one, "{}").error().code, Errc::invalid_argument);
  EXPECT_EQ(sign_jws_hmac("HS384", exact, "{}").error().code, Errc::invalid_argument);
  EXPECT_EQ(sign_jws_hmac("RS256", exact, "{}").error().code, Errc::invalid_argument);
  EXPECT_EQ(verify_jws_hmac(*compact, short_one, {"HS256"}).error().code, Errc::invalid_argument);
  EXPECT_EQ(verify_jws_hmac(*compact, Secret{}, {"HS256"}).error().code, Errc::invalid_argument);
  EXPECT_EQ(verify_jws_hmac(*compact, exact, {"HS512"}).error().code, Errc::invalid_argument);
}

TEST(JwsHmac, a_public_key_never_becomes_a_shared_secret) {
  const SigningKey key = key_for("RS256");
  const JwkSet keys = set_of({key.public_jwk()});
  const auto forged = sign_jws_hmac("HS256", Secret{key.public_jwk()}, "{}", "one");
  ASSERT_TRUE(forged);
  EXPECT_EQ(refusal(*forged, keys, {"RS256"}).code, Errc::invalid_argument);
  EXPECT_EQ(refusal(*forged, keys, {"RS256", "HS256"}).code, Errc::invalid_argument);
  const auto honest = key.sign("{}");
  EXPECT_EQ(verify_jws_hmac(*honest, Secret{key.public_jwk()}, {"RS256", "HS256"}).error().code, Errc::invalid_argument);
}

class EveryAlgorithm : public testing::TestWithParam<const char*> {};

TEST_P(EveryAlgorithm, what_is_signed_verifies_and_no_flipped_bit_of_the_signature_does) {
  const std::string name = GetParam();
  const SigningKey key = key_for(name);
  const JwkSet keys = set_of({key.public_jwk()});
  ASSERT_EQ(keys.keys.size(), 1U) << key.public_jwk();
  const auto compact = key.sign(R"({"sub":"x"})", "JWT");
  ASSERT_TRUE(compact);
  const auto verified = verify_jws(*compact, keys, {name});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->payload, R"({"sub":"x"})");
  EXPECT_EQ(verified->header.kid, "one");
  EXPECT_EQ(verified->header.typ, "JWT");

  const auto start = compact->rfind('.') + 1;
  const std::string signature = base64url_decode(compact->substr(start)).value();
  for (std::size_t byte = 0; byte < signature.size(); byte += 7) {
    std::string changed = signature;
    changed[byte] = static_cast<char>(changed[byte] ^ (1 << (byte % 8)));
    ASSERT_EQ(refusal(compact->substr(0, start) + base64url_encode(changed), keys, {name}).code, Errc::sealed_broken)
        << byte;
  }
  for (const auto& changed : {signature.substr(1), signature + '\0', std::string{"\0", 1} + signature, std::string{},
                              std::string(signature.size(), '\0')}) {
    ASSERT_EQ(refusal(compact->substr(0, start) + base64url_encode(changed), keys, {name}).code, Errc::sealed_broken);
  }
}

INSTANTIATE_TEST_SUITE_P(Jws, EveryAlgorithm,
                         testing::Values("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
                                         "ES256K", "EdDSA", "Ed25519", "Ed448"),
                         [](const auto& info) { return std::string{info.param}; });

TEST(Jws, a_zero_in_an_ecdsa_signature_is_refused) {
  const SigningKey key = key_for("ES256");
  const JwkSet keys = set_of({key.public_jwk()});
  const std::string compact = key.sign("{}").value();
  const auto start = compact.rfind('.') + 1;
  const std::string good = base64url_decode(compact.substr(start)).value();
  for (const auto& signature : {std::string(32, '\0') + good.substr(32), good.substr(0, 32) + std::string(32, '\0'),
                                std::string(64, '\0'), std::string(64, '\xff')}) {
    EXPECT_EQ(refusal(compact.substr(0, start) + base64url_encode(signature), keys, {"ES256"}).code, Errc::sealed_broken);
  }
}

TEST(Jws, an_ecdsa_signature_verifies_whatever_its_numbers_begin_with) {
  for (const auto* name : {"ES256", "ES512"}) {  // r and s in DER are as short as they get, and never look negative
    const SigningKey key = key_for(name);
    const JwkSet keys = set_of({key.public_jwk()});
    bool short_r = false, short_s = false, high_r = false, high_s = false;
    while (!(short_r && short_s && high_r && high_s)) {
      const std::string compact = key.sign("{}").value();
      const std::string pair = base64url_decode(compact.substr(compact.rfind('.') + 1)).value();
      const std::string r = pair.substr(0, pair.size() / 2);
      const std::string s = pair.substr(pair.size() / 2);
      const auto is_high = [](const std::string& number) { return (number[number.find_first_not_of('\0')] & 0x80) != 0; };
      short_r |= r.front() == '\0';
      short_s |= s.front() == '\0';
      high_r |= is_high(r);
      high_s |= is_high(s);
      ASSERT_TRUE(verify_jws(compact, keys, {name})) << compact;
    }
  }
}

TEST(Jws, one_key_set_serves_many_threads_at_once) {
  const SigningKey rsa = key_for("PS256", "rsa");
  const SigningKey ec = key_for("ES256", "ec");
  const SigningKey ed = key_for("EdDSA", "ed");
  const JwkSet keys = set_of({rsa.public_jwk(), ec.public_jwk(), ed.public_jwk()});
  const std::vector<std::string> good{rsa.sign("{}").value(), ec.sign("{}").value(), ed.sign("{}").value()};
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int round = 0; round < 50; ++round) {
          for (const std::string& compact : good) {
            wrong += verify_jws(compact, keys, {"PS256", "ES256", "EdDSA"}) ? 0 : 1;
            std::string forged = compact;
            forged[forged.find('.') + 1] = 'f';
            wrong += verify_jws(forged, keys, {"PS256", "ES256", "EdDSA"}) ? 1 : 0;
          }
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Jws, the_caller_and_the_key_decide_about_the_algorithm_and_never_the_token) {
  const SigningKey key = key_for("RS256");
  const JwkSet keys = set_of({key.public_jwk()});
  const std::string compact = key.sign("{}").value();
  EXPECT_TRUE(verify_jws(compact, keys, {"ES256", "RS256"}));
  EXPECT_EQ(refusal(compact, keys, {"ES256"}).code, Errc::invalid_argument);
  EXPECT_EQ(refusal(compact, keys, {}).code, Errc::invalid_argument);
  EXPECT_EQ(refusal(compact, keys, {"rs256"}).code, Errc::invalid_argument);

  // The same RSA numbers, declared for PS256, do not verify RS256.
  auto jwk = boost::json::parse(key.public_jwk()).as_object();
  jwk["alg"] = "PS256";
  EXPECT_EQ(refusal(compact, set_of({boost::json::serialize(jwk)}), {"RS256"}).code, Errc::not_found);
}

TEST(Jws, none_is_refused_however_it_is_spelt_even_if_allowed) {
  const JwkSet keys = set_of({key_for("RS256").public_jwk()});
  for (const auto* name : {"none", "None", "NONE", "nOnE"}) {
    const std::string header = base64url_encode(std::string{R"({"alg":")"} + name + R"("})");
    EXPECT_EQ(refusal(header + ".e30.", keys, {"RS256", name}).code, Errc::invalid_argument) << name;
    EXPECT_EQ(verify_jws_hmac(header + ".e30.", Secret{std::string(64, 'k')}, {"HS256", name}).error().code,
              Errc::invalid_argument);
  }
}

TEST(Jws, malformed_tokens_are_refused) {
  const SigningKey key = key_for("ES256");
  const JwkSet keys = set_of({key.public_jwk()});
  const std::string good = key.sign("{}").value();
  const auto first = good.find('.');
  const std::string rest = good.substr(first);
  const auto headed = [&rest](std::string_view header) { return base64url_encode(header) + rest; };
  const std::vector<std::string> malformed{"",
                                           ".",
                                           "..",
                                           good.substr(0, good.rfind('.')),
                                           good + ".",
                                           good + "=",
                                           good + " ",
                                           " " + good,
                                           good + "\n",
                                           "." + good,
                                           good.substr(0, first) + "=" + rest,
                                           good.substr(0, first) + "." +
                                               good.substr(first + 1, good.rfind('.') - first - 1) +
                                               "==" + good.substr(good.rfind('.')),
                                           "{\"payload\":\"e30\"}",
                                           headed("[]"),
                                           headed("{}"),
                                           headed("nonsense"),
                                           headed(R"({"alg":"ES256"} )") + "x.",
                                           headed(R"({"alg":"ES256","alg":"ES256"})"),
                                           headed(R"({"alg":1})"),
                                           headed(R"({"alg":null})"),
                                           headed(R"({"alg":""})"),
                                           headed(R"({"alg":"ES256","kid":1})"),
                                           headed(R"({"alg":"ES256","kid":""})"),
                                           headed(R"({"alg":"ES256","typ":["JWT"]})"),
                                           headed(R"({"alg":"ES256","crit":["exp"],"exp":1})"),
                                           headed(R"({"alg":"ES256","crit":[]})"),
                                           headed(R"({"alg":"ES256","b64":false,"crit":["b64"]})"),
                                           headed(R"({"alg":"ES256","b64":true})"),
                                           headed("{\"alg\":\"ES256\",\"kid\":\"\xc0\xaf\"}")};
  for (const auto& compact : malformed) {
    EXPECT_EQ(refusal(compact, keys, {"ES256"}).code, Errc::invalid_argument) << compact;
  }
  EXPECT_EQ(refusal(std::string(300'000, 'a'), keys, {"ES256"}).code, Errc::too_large);
}

TEST(Jws, keys_that_the_token_brings_along_are_never_used) {
  const SigningKey ours = key_for("ES256", "ours");
  const SigningKey theirs = key_for("ES256", "ours");
  // Signed by another key, which the header offers in every way there is.
  const std::string header =
      base64url_encode(R"({"alg":"ES256","kid":"ours","jwk":)" + theirs.public_jwk() +
                       R"(,"jku":"https://evil.example/k","x5u":"https://evil.example/c","x5c":["AA"]})");
  const std::string compact = theirs.sign("{}").value();
  const std::string forged = header + compact.substr(compact.find('.'));
  EXPECT_EQ(refusal(forged, set_of({ours.public_jwk()}), {"ES256"}).code, Errc::sealed_broken);
}

TEST(Jws, a_kid_is_opaque_and_an_unknown_one_is_said_to_be_missing) {
  const SigningKey key = key_for("ES256", "../../dev/null' OR 1=1 |id");
  EXPECT_TRUE(verify_jws(key.sign("{}").value(), set_of({key.public_jwk()}), {"ES256"}));
  const SigningKey other = key_for("ES256", "other");
  EXPECT_EQ(refusal(other.sign("{}").value(), set_of({key.public_jwk()}), {"ES256"}).code, Errc::not_found);
  EXPECT_EQ(refusal(other.sign("{}").value(), JwkSet{}, {"ES256"}).code, Errc::not_found);
}

TEST(Jws, decoys_with_the_same_kid_do_not_confuse) {
  const SigningKey key = key_for("ES256", "same");
  auto encryption = boost::json::parse(key_for("ES256", "same").public_jwk()).as_object();
  encryption["use"] = "enc";
  const JwkSet keys = set_of({key_for("RS256", "same").public_jwk(), key_for("EdDSA", "same").public_jwk(),
                              boost::json::serialize(encryption), key_for("ES256", "same").public_jwk(), key.public_jwk()});
  EXPECT_TRUE(verify_jws(key.sign("{}").value(), keys, {"ES256"}));
}

TEST(Jws, without_a_kid_all_fitting_keys_are_tried_up_to_eight) {
  const SigningKey key = key_for("EdDSA", "");
  std::vector<std::string> keys;
  for (int i = 0; i < 7; ++i) keys.push_back(key_for("EdDSA", std::to_string(i)).public_jwk());
  keys.push_back(key.public_jwk());
  EXPECT_TRUE(verify_jws(key.sign("{}").value(), set_of(keys), {"EdDSA"}));
  keys.insert(keys.begin(), key_for("EdDSA", "7").public_jwk());
  EXPECT_EQ(refusal(key.sign("{}").value(), set_of(keys), {"EdDSA"}).code, Errc::sealed_broken);
}

TEST(Jws, a_header_can_be_read_before_anything_is_verified) {
  const auto header = parse_jws_header(rfc_7515_a1);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->alg, "HS256");
  EXPECT_EQ(header->typ, "JWT");
  EXPECT_EQ(header->kid, "");
}

}  // namespace
}  // namespace evergrant::test
