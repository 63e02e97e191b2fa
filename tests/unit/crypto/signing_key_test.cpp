#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/encoding.hpp"
#include "crypto/jose.hpp"

namespace evergrant::test {
namespace {

TEST(SigningKey, it_survives_being_written_and_read) {
  for (const auto* algorithm : {"RS256", "PS256", "ES256", "EdDSA", "Ed448"}) {
    const auto key = SigningKey::generate(algorithm, "kid-1");
    ASSERT_TRUE(key) << algorithm;
    const auto pem = key->to_pem();
    ASSERT_TRUE(pem);
    EXPECT_TRUE(pem->reveal().starts_with("-----BEGIN PRIVATE KEY-----"));
    const auto read = SigningKey::from_pem(algorithm, "kid-1", *pem);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->public_jwk(), key->public_jwk());
    EXPECT_EQ(read->algorithm(), algorithm);
    EXPECT_EQ(read->kid(), "kid-1");
  }
}

TEST(SigningKey, the_example_of_rfc_8037_is_signed_as_printed) {
  // Ed25519 is deterministic. PKCS#8 of appendix A.1: a fixed prefix and the 32 bytes of d.
  const std::string der = hex_decode("302e020100300506032b657004220420").value() +
                          base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").value();
  const Secret pem{"-----BEGIN PRIVATE KEY-----\n" + base64_encode(der) + "\n-----END PRIVATE KEY-----\n"};
  const auto key = SigningKey::from_pem("EdDSA", "", pem);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(
      key->sign("Example of Ed25519 signing").value(),
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4"
      "iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

TEST(SigningKey, its_public_half_has_every_member_and_no_private_one) {
  const auto jwk = [](std::string_view algorithm) {
    return boost::json::parse(SigningKey::generate(algorithm, "kid-1")->public_jwk()).as_object();
  };
  const auto rsa = jwk("RS256");
  EXPECT_EQ(rsa.at("kty"), "RSA");
  EXPECT_EQ(rsa.at("e"), "AQAB");
  EXPECT_EQ(rsa.at("use"), "sig");
  EXPECT_EQ(rsa.at("alg"), "RS256");
  EXPECT_EQ(rsa.at("kid"), "kid-1");
  EXPECT_EQ(base64url_decode(std::string_view{rsa.at("n").as_string()}).value().size(), 256U);
  EXPECT_EQ(base64url_decode(std::string_view{jwk("PS256").at("n").as_string()}).value().size(), 384U);
  EXPECT_EQ(jwk("ES256").at("crv"), "P-256");
  EXPECT_EQ(jwk("EdDSA").at("kty"), "OKP");
  for (const auto* algorithm : {"RS256", "ES256", "EdDSA"}) {
    for (const auto* name : {"d", "p", "q", "dp", "dq", "qi", "k"}) EXPECT_FALSE(jwk(algorithm).contains(name)) << name;
  }
}

TEST(SigningKey, coordinates_keep_their_leading_zeros) {
  // One in 128 coordinates starts with a zero byte; all of these must be taken back by the reader.
  for (int i = 0; i < 200; ++i) {
    const auto key = SigningKey::generate("ES256", "k");
    const auto set = parse_jwk_set(R"({"keys":[)" + key->public_jwk() + "]}");
    ASSERT_EQ(set->keys.size(), 1U) << key->public_jwk();
    ASSERT_TRUE(verify_jws(key->sign("{}").value(), *set, {"ES256"}));
  }
}

TEST(SigningKey, what_is_no_private_key_is_refused_without_being_quoted) {
  for (const auto* pem : {"", "canary", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n",
                          "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n-----END ENCRYPTED PRIVATE KEY-----\n"}) {
    const auto key = SigningKey::from_pem("ES256", "", Secret{pem});
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Errc::invalid_argument);
    EXPECT_EQ((key.error().message + key.error().hint).find("canary"), std::string::npos);
  }
}

TEST(SigningKey, a_key_of_another_kind_is_refused) {
  const Secret p256 = SigningKey::generate("ES256", "")->to_pem().value();
  const Secret ed448 = SigningKey::generate("Ed448", "")->to_pem().value();
  for (const auto* algorithm : {"RS256", "PS256", "ES384", "EdDSA"}) {
    EXPECT_EQ(SigningKey::from_pem(algorithm, "", p256).error().code, Errc::invalid_argument) << algorithm;
  }
  EXPECT_EQ(SigningKey::from_pem("Ed25519", "", ed448).error().code, Errc::invalid_argument);
  EXPECT_EQ(SigningKey::from_pem("HS256", "", p256).error().code, Errc::invalid_argument);
  EXPECT_EQ(SigningKey::generate("none", "").error().code, Errc::invalid_argument);
  EXPECT_EQ(SigningKey::generate("HS256", "").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace evergrant::test
