#include "oauth/client_assertion.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "crypto/jose.hpp"
#include "oauth/client_authentication.hpp"
#include "oauth/client_keys.hpp"
#include "testing/seeded_random.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant {
namespace {

namespace json = boost::json;

const AssertionFacts assertion_facts{
    .token_url = "https://as.example/token", .now = from_epoch_ms(1'700'000'000'999), .jti = "ca_one"};

ClientKey key_of(std::string_view algorithm, std::string kid = "k1", ClientKeyRole role = ClientKeyRole::current) {
  auto pem = SigningKey::generate(algorithm, kid).value().to_pem().value();
  return read_client_key(role, algorithm, std::move(kid), std::move(pem)).value();
}

Registration asserting(std::string_view algorithm = "ES256") {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.client_id = "client \"1\"";
  registration.provider.issuer = "https://as.example/tenant";
  registration.provider.token.client_auth = ClientAuth::private_key_jwt;
  registration.client_keys.push_back(key_of(algorithm));
  return registration;
}

JwkSet published(const Registration& registration) { return parse_jwk_set(public_key_set(registration).value()).value(); }

struct SentProof {
  Headers headers;
  Parameters body;
};

SentProof authenticated(const Registration& registration, std::string_view secret = "") {
  SentProof sent;
  const auto done = authenticate_client(registration, Secret{secret}, assertion_facts, sent.headers, sent.body);
  EXPECT_TRUE(done) << done.error().message;
  return sent;
}

std::string names_of(const Parameters& body) {
  std::string names;
  for (const auto& [name, value] : body) names += name + " ";
  return names;
}

// RFC 7523 3 and OpenID Connect Core 9, member by member.
TEST(ClientAssertion, has_the_members_of_the_standard_and_no_others) {
  const auto registration = asserting();
  const auto compact = make_client_assertion(registration, Secret{}, assertion_facts).value();
  const auto verified = verify_jws(compact, published(registration), {"ES256"});
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->header.typ, "JWT");
  EXPECT_EQ(verified->header.kid, "k1");
  EXPECT_EQ(json::parse(verified->payload), (json::object{{"iss", "client \"1\""},
                                                          {"sub", "client \"1\""},
                                                          {"aud", "https://as.example/tenant"},
                                                          {"jti", "ca_one"},
                                                          {"iat", 1'700'000'000},
                                                          {"exp", 1'700'000'060}}));
}

TEST(ClientAssertion, is_signed_in_the_algorithm_of_its_key) {
  for (const std::string algorithm : {"ES256", "PS256", "EdDSA", "RS256"}) {
    const auto registration = asserting(algorithm);
    const auto compact = make_client_assertion(registration, Secret{}, assertion_facts).value();
    EXPECT_TRUE(verify_jws(compact, published(registration), {algorithm})) << algorithm;
    EXPECT_FALSE(verify_jws(compact, published(asserting(algorithm)), {algorithm})) << algorithm;
  }
}

TEST(ClientAssertion, of_a_secret_is_an_hs256_over_the_same_claims) {
  auto registration = asserting();
  const auto of_key = make_client_assertion(registration, Secret{}, assertion_facts).value();
  const auto by_key = verify_jws(of_key, published(registration), {"ES256"}).value();
  registration.provider.token.client_auth = ClientAuth::secret_jwt;
  const Secret secret{"a-secret-of-thirty-two-characters"};
  const auto compact = make_client_assertion(registration, secret, assertion_facts).value();
  const auto verified = verify_jws_hmac(compact, secret, {"HS256"});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->payload, by_key.payload);
  EXPECT_TRUE(verified->header.kid.empty());
  const auto weak = make_client_assertion(registration, Secret{"a-canary-of-thirty-one-letters-"}, assertion_facts);
  EXPECT_EQ(weak.error().code, Errc::invalid_argument);
  EXPECT_FALSE(weak.error().message.contains("canary"));
}

TEST(ClientAssertion, is_for_the_issuer_or_where_the_profile_says_so_for_the_token_endpoint) {
  struct AudienceRow {
    AssertionAudience audience;
    std::string issuer, token_url, expected;  // empty: refused
  };
  const AudienceRow rows[] = {
      {AssertionAudience::issuer, "https://as.example", "https://as.example/token", "https://as.example"},
      {AssertionAudience::issuer, "https://as.example/", "", "https://as.example/"},
      {AssertionAudience::issuer, "", "https://as.example/token", ""},
      {AssertionAudience::issuer, "https://login.example/{tenantid}/v2.0", "https://as.example/token", ""},
      {AssertionAudience::token_endpoint, "https://as.example", "https://as.example/token", "https://as.example/token"},
      {AssertionAudience::token_endpoint, "", "https://as.example/token", "https://as.example/token"},
      {AssertionAudience::token_endpoint, "https://as.example", "", ""},
  };
  for (const auto& row : rows) {
    auto registration = asserting();
    registration.provider.issuer = row.issuer;
    registration.provider.token.assertion_audience = row.audience;
    const auto audience = audience_of(registration, row.token_url);
    EXPECT_EQ(audience.value_or(""), row.expected) << row.issuer << " " << row.token_url;
    if (audience) continue;
    EXPECT_EQ(audience.error().code, Errc::invalid_argument);
    EXPECT_TRUE(audience.error().message.contains("books"));
    EXPECT_FALSE(audience.error().hint.empty());
  }
}

// CA-02: one way to authenticate, in the body.
TEST(ClientAssertion, comes_with_its_type_and_the_client_id_and_with_nothing_else) {
  auto registration = asserting();
  const auto sent = authenticated(registration, "unused");
  EXPECT_TRUE(sent.headers.all().empty());
  EXPECT_EQ(names_of(sent.body), "client_id client_assertion_type client_assertion ");
  EXPECT_EQ(single(sent.body, "client_id"), "client \"1\"");
  EXPECT_EQ(single(sent.body, "client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  registration.provider.token.client_auth = ClientAuth::secret_jwt;
  registration.provider.token.client_id_parameter = "client_key";
  const auto by_secret = authenticated(registration, "a-secret-of-thirty-two-characters");
  EXPECT_TRUE(by_secret.headers.all().empty());
  EXPECT_EQ(names_of(by_secret.body), "client_key client_assertion_type client_assertion ");
}

TEST(ClientAssertion, without_a_key_says_what_to_do) {
  auto registration = asserting();
  registration.client_keys.front().role = ClientKeyRole::next;
  SentProof sent;
  const auto refused = authenticate_client(registration, Secret{}, assertion_facts, sent.headers, sent.body);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_TRUE(refused.error().message.contains("client_key"));
  EXPECT_TRUE(refused.error().hint.contains("evergrant keys client"));
  EXPECT_TRUE(sent.body.empty());
}

TEST(ClientAssertion, facts_are_another_each_time_and_drawn_only_where_they_are_used) {
  test::VirtualClock clock;
  test::SeededRandom random;
  auto registration = asserting();
  std::set<std::string> jtis;
  for (int i = 0; i < 100; ++i) jtis.insert(fresh_facts(registration, "https://as.example/token", clock, random).jti);
  EXPECT_EQ(jtis.size(), 100U);
  registration.provider.token.client_auth = ClientAuth::basic;
  EXPECT_TRUE(fresh_facts(registration, "https://as.example/token", clock, random).jti.empty());
}

// --- keys -----------------------------------------------------------------------------------------------------------------

TEST(ClientKeys, the_published_set_has_all_of_them_and_no_private_member) {
  auto registration = asserting();
  EXPECT_FALSE(public_key_set(Registration{}));
  registration.client_keys.push_back(key_of("PS256", "k2", ClientKeyRole::next));
  registration.client_keys.push_back(key_of("EdDSA", "k0", ClientKeyRole::previous));
  const auto set = json::parse(public_key_set(registration).value()).as_object();
  std::set<std::string> kids;
  for (const auto& key : set.at("keys").as_array()) {
    kids.emplace(key.at("kid").as_string());
    EXPECT_EQ(key.at("use").as_string(), "sig");
    for (const auto* name : {"d", "p", "q", "dp", "dq", "qi", "k"}) EXPECT_FALSE(key.as_object().contains(name)) << name;
  }
  EXPECT_EQ(kids, (std::set<std::string>{"k0", "k1", "k2"}));
  const auto parsed = published(registration);
  EXPECT_EQ(parsed.keys.size(), 3U);
  EXPECT_FALSE(parsed.has_private_keys);
}

TEST(ClientKeys, only_the_current_one_signs) {
  auto registration = asserting();
  registration.client_keys.insert(registration.client_keys.begin(), key_of("ES256", "k2", ClientKeyRole::next));
  registration.client_keys.push_back(key_of("ES256", "k0", ClientKeyRole::previous));
  EXPECT_EQ(signing_key_of(registration)->kid, "k1");
}

TEST(ClientKeys, a_key_without_a_kid_is_named_by_its_thumbprint) {
  const auto pem = SigningKey::generate("EdDSA", "").value().to_pem().value();
  const auto read = [&pem](std::string_view algorithm, std::string kid) {
    return read_client_key(ClientKeyRole::current, algorithm, std::move(kid), pem.clone());
  };
  const auto unnamed = read("EdDSA", "").value();
  EXPECT_EQ(unnamed.kid, jwk_thumbprint(unnamed.public_jwk).value());
  EXPECT_TRUE(unnamed.public_jwk.contains(unnamed.kid));
  EXPECT_EQ(read("EdDSA", "mine").value().kid, "mine");
  EXPECT_EQ(read("ES256", "").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace evergrant
