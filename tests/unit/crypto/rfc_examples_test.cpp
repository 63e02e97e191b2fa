// Examples from the appendices of the JOSE RFCs and of RFC 9449, beyond those in jws_test.cpp (RFC 7515 A.1 to A.3, RFC 8037
// A.5) and jwk_test.cpp (RFC 7517 A.1).
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/jose.hpp"

namespace evergrant::test {
namespace {

JwkSet set_of(std::string_view key) { return parse_jwk_set(R"({"keys":[)" + std::string{key} + "]}").value(); }

std::string skipped(std::string_view key) {
  const JwkSet set = set_of(key);
  return set.skipped.empty() ? "" : set.skipped.front();
}

constexpr std::string_view es256_key =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr std::string_view claims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr std::string_view es256_signature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

TEST(Rfc7515, a4_es512_verifies) {
  const JwkSet keys = set_of(
      R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})");
  const auto verified = verify_jws(
      "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
      "7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
      keys, {"ES512"});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->payload, "Payload");
}

TEST(Rfc7515, a5_unsecured_is_refused) {
  const std::string token = "eyJhbGciOiJub25lIn0." + std::string{claims} + ".";
  EXPECT_EQ(verify_jws(token, set_of(es256_key), {"ES256", "none"}).error().code, Errc::invalid_argument);
}

// The signature in them is good, as the compact form shows: it is the form that is refused.
TEST(Rfc7515, a6_and_a7_json_serialisations_are_refused) {
  const std::string head = R"({"payload":")" + std::string{claims} + R"(",)";
  const std::string one =
      R"("protected":"eyJhbGciOiJFUzI1NiJ9","header":{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"},"signature":")" +
      std::string{es256_signature} + "\"";
  const JwkSet keys = set_of(es256_key);
  EXPECT_TRUE(
      verify_jws("eyJhbGciOiJFUzI1NiJ9." + std::string{claims} + "." + std::string{es256_signature}, keys, {"ES256"}));
  EXPECT_EQ(verify_jws(head + R"("signatures":[{)" + one + "}]}", keys, {"ES256"}).error().code, Errc::invalid_argument);
  EXPECT_EQ(verify_jws(head + one + "}", keys, {"ES256"}).error().code, Errc::invalid_argument);
}

TEST(Rfc7515, e_an_extension_that_must_be_understood_is_refused) {
  const auto header = parse_jws_header(
      "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklOR"
      "UQiOnRydWUNCn0.RkFJTA.");
  ASSERT_FALSE(header);
  EXPECT_NE(header.error().message.find("crit"), std::string::npos) << header.error().message;
}

TEST(Rfc7515, f_a_detached_payload_is_refused) {
  const std::string token = "eyJhbGciOiJFUzI1NiJ9.." + std::string{es256_signature};
  EXPECT_EQ(verify_jws(token, set_of(es256_key), {"ES256"}).error().code, Errc::sealed_broken);
}

TEST(Rfc7516, an_encrypted_token_is_refused_as_such) {
  for (const auto* token :
       {"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ."
        "OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_"
        "etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_"
        "lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2322i-vDxRfqNzo_"
        "tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_"
        "ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_"
        "EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ",
        "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ."
        "AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ"}) {
    const auto verified = verify_jws(token, set_of(es256_key), {"ES256"});
    EXPECT_EQ(verified.error().code, Errc::invalid_argument);
    EXPECT_NE(verified.error().message.find("encrypted"), std::string::npos) << verified.error().message;
  }
}

TEST(Rfc7517, a2_private_keys_are_left_out_of_a_public_set) {
  constexpr std::string_view key =
      R"({"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"})";
  EXPECT_NE(skipped(key).find("private"), std::string::npos);
}

TEST(Rfc7517, a3_shared_keys_are_left_out_of_a_public_set) {
  for (
      const auto* key :
      {R"({"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"})",
       R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","kid":"HMAC key used in JWS spec Appendix A.1 example"})"}) {
    EXPECT_NE(skipped(key).find("symmetric"), std::string::npos) << key;
  }
}

TEST(Rfc7638, the_thumbprint_of_3_1) {
  constexpr std::string_view key =
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})";
  EXPECT_EQ(jwk_thumbprint(key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST(Rfc7638, what_is_no_public_key_has_no_thumbprint) {
  for (const auto* key : {"", "[]", "{}", R"({"kty":"oct","k":"AAAA"})", R"({"kty":"RSA","n":"AQAB"})",
                          R"({"kty":"RSA","n":1,"e":"AQAB"})", R"({"kty":"OKP","crv":"Ed25519","x":"AA","x":"AB"})"}) {
    EXPECT_EQ(jwk_thumbprint(key).error().code, Errc::invalid_argument) << key;
  }
}

// RFC 8037 A.1 to A.4.
constexpr std::string_view ed25519_public =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
constexpr std::string_view ed25519_private_part = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

TEST(Rfc8037, a1_the_private_key_is_left_out_and_a2_the_public_one_is_taken) {
  auto key = boost::json::parse(ed25519_public).as_object();
  EXPECT_EQ(skipped(ed25519_public), "");
  key["d"] = ed25519_private_part;
  EXPECT_NE(skipped(boost::json::serialize(key)).find("private"), std::string::npos);
}

TEST(Rfc8037, a3_the_thumbprint) {
  EXPECT_EQ(jwk_thumbprint(ed25519_public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(Rfc8037, a4_signing_gives_the_very_token) {
  const std::string pkcs8 =
      hex_decode("302e020100300506032b657004220420").value() + base64url_decode(ed25519_private_part).value();
  const Secret pem{"-----BEGIN PRIVATE KEY-----\n" + base64_encode(pkcs8) + "\n-----END PRIVATE KEY-----\n"};
  const auto key = SigningKey::from_pem("EdDSA", "", pem);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->sign("Example of Ed25519 signing"),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

// RFC 9449 4.1 and 7.1. The key is in the header of a proof, where verify_jws never looks: its caller hands it over.
constexpr std::string_view dpop_key =
    R"({"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"})";

TEST(Rfc9449, the_proofs_verify_with_the_key_that_they_carry_and_only_if_it_is_handed_over) {
  for (const auto* proof :
       {"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQ"
        "yVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
        "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0Ijo"
        "xNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQ"
        "yVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
        "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXN"
        "vdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9."
        "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"}) {
    const auto verified = verify_jws(proof, set_of(dpop_key), {"ES256"});
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(verified->header.typ, "dpop+jwt");
    EXPECT_EQ(verify_jws(proof, set_of(es256_key), {"ES256"}).error().code, Errc::sealed_broken);
  }
}

TEST(Rfc9449, the_thumbprint_of_6_1_and_the_token_hash_of_7_1) {
  EXPECT_EQ(jwk_thumbprint(dpop_key), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
  EXPECT_EQ(base64url_encode(sha256("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")),
            "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

}  // namespace
}  // namespace evergrant::test
