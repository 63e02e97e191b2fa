#include "app/config_client_keys.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "app/client_key_findings.hpp"
#include "app/config_registrations.hpp"
#include "crypto/jose.hpp"
#include "oauth/client_keys.hpp"
#include "unit/app/config_fixture.hpp"

namespace evergrant::test {
namespace {

const std::filesystem::path profiles = std::filesystem::path{EVERGRANT_SOURCE_DIR} / "providers";

std::string pem_of(std::string_view algorithm) {
  return std::string{SigningKey::generate(algorithm, "").value().to_pem().value().reveal()};
}

// 1024 bits, made for this test and of no other use.
constexpr std::string_view short_rsa = R"(-----BEGIN PRIVATE KEY-----
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAOsAwpsEGxEPAAlJ
CdwmVk7tZ65VEtWBPYuCsOhdUdVP4jCK8zpGt5J8NTuE4VqRU2PPDl07AK+9OJAY
0p5c7YRYz3OgyeD5PGvkztGFjZvLIC7pXslK31+YvXy34CviBxCV53zOtbjbIF8f
rLfc4nd4EyWOrKyYMqrNaSWDFENDAgMBAAECgYEAoboeM2x57B10mu9G99jyYNMF
HXayxXhyEIbalK9UWAbn1RxrE1oDj64nPFTQefG1f+TJL+QhLtB8Er7ig9XUJoUL
nHC2K/5/ZlS1Lh3o+qLSGCEJi59PDE6hYwbixKk7FuEyAf5nIa3r2SNNJPO0iecR
zSq5KVdzSBsBt+G2SjECQQD5MPwmUWdZaMiNot2s4eED7FuHuz17sixvAgEEkur3
gZFbFx71tsybJPODr1Xy6Wsr2MKWC6yj6s7RIW4VZ86PAkEA8WyIL9DqNcpqXS4A
qBm9OzdZzlBX3msmcG9Ee4TbxPV+4zds0ZOWup72mOaBtMqZAjP7kuPXHhBlTz3t
DwfaDQJAdNwiA549R1K6aqGsL30mVv6q1fZbGP0vlUdtTsXPZw7eKcen/zcgsMkd
Ye4B8o7AcamPZ2pGJgDhyHVS+LrbxQJAU58wHL/UIAWYieXhPFiN/vDRHnEdvmCG
0/L2WYJPTQ1rgfA0tPLWBpYA/Dz7OE/kZ6rxvJNGc5diP+xHLCmgEQJBAKnUU0Jb
ureHxGNtuEDwkHHFoGtMLbrHw3U6VMfBXw+JyskTuqRcJeEC3CdwIlm4Q/kDDklQ
iBuBrNoF/HLn3+M=
-----END PRIVATE KEY-----
)";

class ClientKeysOfConfig : public testing::Test {
 protected:
  [[nodiscard]] Result<std::vector<Registration>> made(const std::string& lines) const {
    return make_registrations(parsed_config(start + lines), catalogue_);
  }
  [[nodiscard]] std::string problem(const std::string& lines) const {
    const auto all = made(lines);
    return all ? "" : all.error().message;
  }

  const std::string start = "[keys]\nkek = { env = \"K\" }\n[[registration]]\nid = \"r\"\nclient_id = \"c\"\n";
  const std::string oidc = "provider = \"oidc\"\nissuer = \"https://x.example\"\nclient_auth = \"private_key_jwt\"\n";
  const std::string es = "client_key = { pem = { env = \"EVERGRANT_TEST_ES\" } }\n";
  Variable es_{"EVERGRANT_TEST_ES", pem_of("ES256")};
  Variable other_{"EVERGRANT_TEST_OTHER", pem_of("ES256")};
  Variable ps_{"EVERGRANT_TEST_PS", pem_of("PS256")};
  Variable ed448_{"EVERGRANT_TEST_ED448", pem_of("Ed448")};
  Variable ed_{"EVERGRANT_TEST_ED", pem_of("EdDSA")};
  Variable short_{"EVERGRANT_TEST_SHORT", std::string{short_rsa}};
  Variable secret_{"EVERGRANT_TEST_SECRET", "a-secret-of-thirty-two-characters"};
  ProviderCatalogue catalogue_{std::move(*load_profiles({profiles}))};
};

TEST_F(ClientKeysOfConfig, three_roles_are_read_and_named_by_their_thumbprints) {
  const auto all =
      made(oidc + es +
           "next_client_key = { pem = { env = \"EVERGRANT_TEST_PS\" }, algorithm = \"PS256\", kid = \"next\" }\n"
           "previous_client_key = { pem = { env = \"EVERGRANT_TEST_ED\" }, algorithm = \"EdDSA\" }\n");
  ASSERT_TRUE(all) << all.error().message;
  const auto& keys = all->front().client_keys;
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].role, ClientKeyRole::current);
  EXPECT_EQ(keys[0].algorithm, "ES256");
  EXPECT_EQ(keys[0].kid, jwk_thumbprint(keys[0].public_jwk).value());
  EXPECT_EQ(keys[1].role, ClientKeyRole::next);
  EXPECT_EQ(keys[1].kid, "next");
  EXPECT_EQ(keys[2].role, ClientKeyRole::previous);
  EXPECT_EQ(keys[2].algorithm, "EdDSA");
  EXPECT_EQ(signing_key_of(all->front()), &keys[0]);
}

TEST_F(ClientKeysOfConfig, a_secret_may_sign_in_place_of_a_key) {
  const auto all = made(
      "provider = \"oidc\"\nissuer = \"https://x.example\"\nclient_auth = \"secret_jwt\"\nclient_secret = { env = "
      "\"EVERGRANT_TEST_SECRET\" }\n");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(all->front().client_keys.empty());
}

// Every row is refused, and by this message.
TEST_F(ClientKeysOfConfig, what_cannot_be_is_told_at_its_place) {
  const std::string secret = "client_secret = { env = \"EVERGRANT_TEST_SECRET\" }\n";
  const std::string next = "next_client_key = { pem = { env = \"EVERGRANT_TEST_OTHER\" } }\n";
  const auto key = [](const std::string& env, const std::string& more) {
    return "client_key = { pem = { env = \"EVERGRANT_TEST_" + env + "\" }" + more + " }\n";
  };
  const std::pair<std::string, std::string> rows[] = {
      {oidc, "registration.client_key': missing; client_auth = \"private_key_jwt\" signs with it. Make one with `evergrant"},
      {oidc + next, "registration.client_key': missing"},
      {oidc + es + secret, "registration.client_secret': given, but client_auth is \"private_key_jwt\""},
      {oidc + key("UNSET", ""), "registration.client_key': environment variable EVERGRANT_TEST_UNSET is not set"},
      {oidc + key("SECRET", ""),
       "registration.client_key': { env = \"EVERGRANT_TEST_SECRET\" }: the private key is not an "
       "unencrypted PKCS#8 PEM"},
      {oidc + key("PS", ""), "the private key does not fit ES256"},
      {oidc + key("ES", ", algorithm = \"PS256\""), "the private key does not fit PS256"},
      {oidc + key("ES", ", algorithm = \"EdDSA\""), "the private key does not fit EdDSA"},
      {oidc + key("SHORT", ", algorithm = \"PS256\""), "the RSA key has 1024 bits (RFC 7518 3.3 asks for 2048 or more)"},
      {oidc + key("ED448", ", algorithm = \"EdDSA\""), "the private key is an Ed448 key (EdDSA takes an Ed25519 key"},
      {oidc + es + "[refresh]\ntimeout = \"61s\"\nlease = \"130s\"\n",
       "registration.client_auth': signs assertions that live for 60s, but refresh.timeout is longer"},
      {"provider = \"oidc\"\nissuer = \"https://x.example\"\nclient_auth = \"secret_jwt\"\n" + secret +
           "[refresh]\ntimeout = \"61s\"\nlease = \"130s\"\n",
       "registration.client_auth': signs assertions that live for 60s"},
      {oidc + key("ES", ", kid = \"a\\u0007b\""), "registration.client_key': its kid is longer than 200"},
      {oidc + key("ES", ", kid = \"one\"") +
           "next_client_key = { pem = { env = \"EVERGRANT_TEST_OTHER\" }, kid = \"one\" }\n",
       "registration.next_client_key': has the kid of client_key, \"one\""},
      {oidc + es + "next_client_key = { pem = { env = \"EVERGRANT_TEST_ES\" }, kid = \"two\" }\n",
       "registration.next_client_key': is the same key as client_key"},
      {oidc + es + next + "previous_client_key = { pem = { env = \"EVERGRANT_TEST_OTHER\" } }\n",
       "registration.previous_client_key': is the same key as next_client_key"},
      {"provider = \"oidc\"\nissuer = \"https://x.example\"\n" + secret + es,
       "registration.client_key': given, but client_auth is not \"private_key_jwt\""},
      {"provider = \"oidc\"\nissuer = \"https://x.example\"\nclient_auth = \"none\"\n" + next,
       "registration.next_client_key': given, but client_auth is not"},
      {"provider = \"oauth2\"\nclient_auth = \"private_key_jwt\"\n" + es +
           "endpoints = { authorize = \"https://x.example/a\", token = \"https://x.example/t\" }\n",
       "registration.client_auth': registration 'r': nobody knows the provider's issuer"},
      {"provider = \"microsoft\"\nclient_auth = \"private_key_jwt\"\n" + es, "nobody knows the provider's issuer"},
      {"provider = \"square\"\nclient_auth = \"private_key_jwt\"\nprofile.token.assertion_audience = \"token_endpoint\"\n" +
           es,
       "registration.client_auth': the provider's revoke.authorization needs a client_secret"},
      {oidc + es + "profile.revoke.style = \"query\"\n", "the provider takes revocations without a body"},
      {oidc + "security = \"strict\"\n" + key("PS", ", algorithm = \"RS256\""),
       "\"strict\" cannot be had here: a client_key is for RS256"},
  };
  for (const auto& [lines, expected] : rows) {
    const auto text = problem(lines);
    EXPECT_TRUE(text.contains(expected)) << lines << "\n" << text;
    EXPECT_FALSE(text.contains("PRIVATE KEY-----\nM")) << text;
  }
}

TEST_F(ClientKeysOfConfig, what_the_file_itself_gets_wrong_is_told_when_it_is_read) {
  const std::pair<std::string, std::string> rows[] = {
      {"client_key = { kid = \"a\" }\n", "registration.client_key.pem': missing"},
      {"client_key = { pem = \"-----BEGIN PRIVATE KEY-----\" }\n", "found a secret written into the file"},
      {"client_key = { pem = { env = \"EVERGRANT_TEST_ES\" }, algorithm = \"HS256\" }\n", "client_key.algorithm"},
      {"client_key = { pem = { env = \"EVERGRANT_TEST_ES\" }, alg = \"ES256\" }\n", "client_key.alg"},
  };
  for (const auto& [lines, expected] : rows) {
    const auto parsed = parse_config(start + oidc + lines, "/etc/evergrant/e.toml");
    ASSERT_FALSE(parsed) << lines;
    EXPECT_TRUE(parsed.error().message.contains(expected)) << parsed.error().message;
  }
}

TEST_F(ClientKeysOfConfig, a_minute_for_a_refresh_is_as_long_as_an_assertion_lives) {
  EXPECT_EQ(problem(oidc + es + "[refresh]\ntimeout = \"60s\"\nlease = \"130s\"\n"), "");
}

TEST_F(ClientKeysOfConfig, rs256_is_to_be_had_where_nothing_strict_is_asked_for) {
  const auto all = made(oidc + "client_key = { pem = { env = \"EVERGRANT_TEST_PS\" }, algorithm = \"RS256\" }\n");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->front().client_keys[0].algorithm, "RS256");
}

// --- doctor ---------------------------------------------------------------------------------------------------------------

std::string told(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) {
    text += (finding.health == Health::good ? "+" : "!") + finding.text +
            (finding.mend.empty() ? "\n" : " -> " + finding.mend + "\n");
  }
  return text;
}

TEST_F(ClientKeysOfConfig, a_doctor_sees_the_key_that_signs_a_rotation_and_rs256) {
  EXPECT_TRUE(client_key_findings(Registration{}, "https://t.example").empty());
  const auto quiet = client_key_findings(made(oidc + es).value().front(), "https://t.example");
  ASSERT_EQ(quiet.size(), 1U);
  EXPECT_EQ(quiet[0].health, Health::good);
  EXPECT_TRUE(quiet[0].text.contains("https://t.example/jwks/r"));
  const auto all =
      made(oidc + es +
           "next_client_key = { pem = { env = \"EVERGRANT_TEST_PS\" }, algorithm = \"RS256\", kid = \"two\" }\n"
           "previous_client_key = { pem = { env = \"EVERGRANT_TEST_ED\" }, algorithm = \"EdDSA\", kid = \"zero\" }\n")
          .value();
  const auto text = told(client_key_findings(all.front(), "https://t.example"));
  EXPECT_TRUE(text.contains("!a rotation is in progress: two (RS256) is published and not used yet")) << text;
  EXPECT_TRUE(text.contains("!two signs with RS256 -> use PS256")) << text;
  EXPECT_TRUE(text.contains("!a rotation is in progress: zero (EdDSA) is published still and signs no more")) << text;
}

}  // namespace
}  // namespace evergrant::test
