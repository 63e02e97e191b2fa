#include "oauth/id_token.hpp"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "support/fake_transport.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

SigningKey make_key(std::string_view algorithm, std::string kid) {
  return SigningKey::generate(algorithm, std::move(kid)).value();
}

std::string set_of(const SigningKey& key) { return R"({"keys":[)" + key.public_jwk() + "]}"; }

class IdTokenTest : public testing::Test {
 protected:
  IdTokenTest() {
    registration.client_id = "client";
    registration.provider.issuer = "https://id.example";
    registration.provider.endpoints.jwks = "https://id.example/jwks";
    resolved = resolve_provider(registration.provider, nullptr);
  }

  std::string claims() const {
    const std::int64_t now = to_epoch_ms(clock.now()) / 1000;
    return json::serialize(json::object{
        {"iss", "https://id.example"}, {"sub", "user-1"}, {"aud", "client"}, {"iat", now}, {"exp", now + 3600}});
  }
  std::string token(const SigningKey& signer) const { return signer.sign(claims(), "JWT").value(); }
  Result<IdTokenClaims> validate(std::string_view compact) {
    return run(executor, validate_id_token(Secret{compact}, registration, resolved,
                                           id_token_expectation(registration, resolved, clock.now()), directory));
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  FakeTransport transport;
  std::unique_ptr<Log> log = Log::silent();
  Metrics metrics;
  ProviderDirectory directory{transport, clock, *log, metrics};
  Registration registration;
  ResolvedProvider resolved;
};

TEST_F(IdTokenTest, a_token_signed_by_the_provider_is_taken) {
  const SigningKey key = make_key("RS256", "one");
  transport.answer(200, set_of(key));
  const auto validated = validate(token(key));
  ASSERT_TRUE(validated) << validated.error().message;
  EXPECT_EQ(validated->subject, "user-1");
}

// JWT-09: names of keys are their issuer's own.
TEST_F(IdTokenTest, a_key_is_looked_for_among_those_of_its_own_issuer) {
  const SigningKey ours = make_key("RS256", "one");
  const SigningKey theirs = make_key("RS256", "one");
  transport.answer(200, set_of(ours));
  EXPECT_TRUE(validate(token(ours)));
  const ResolvedProvider before = resolved;
  registration.provider.endpoints.jwks = "https://other.example/jwks";
  resolved = resolve_provider(registration.provider, nullptr);
  transport.answer(200, set_of(theirs));
  EXPECT_TRUE(validate(token(theirs)));
  EXPECT_EQ(validate(token(ours)).error().code, Errc::sealed_broken);
  resolved = before;
  EXPECT_TRUE(validate(token(ours)));
  EXPECT_EQ(validate(token(theirs)).error().code, Errc::sealed_broken);
  EXPECT_EQ(transport.requests().size(), 2U);
}

TEST_F(IdTokenTest, a_wrong_signature_is_refused_without_asking_again) {
  const SigningKey key = make_key("RS256", "one");
  transport.answer(200, set_of(key));
  const auto validated = validate(token(make_key("RS256", "one")));
  ASSERT_FALSE(validated);
  EXPECT_EQ(validated.error().code, Errc::sealed_broken);
  EXPECT_TRUE(validated.error().message.starts_with("ID token: "));
  EXPECT_EQ(transport.requests().size(), 1U);
}

TEST_F(IdTokenTest, a_key_set_that_is_not_asked_for_says_nothing_of_the_token) {
  transport.fail(Error{Errc::invalid_argument, "the address 10.0.0.1 is private", {}});
  const auto validated = validate(token(make_key("RS256", "one")));
  ASSERT_FALSE(validated);
  EXPECT_EQ(validated.error().check, "");
  EXPECT_NE(validated.error().code, Errc::invalid_argument);
}

TEST_F(IdTokenTest, a_key_that_the_provider_rotated_in_is_found) {
  const SigningKey old_key = make_key("RS256", "old");
  const SigningKey new_key = make_key("RS256", "new");
  transport.answer(200, set_of(old_key));
  EXPECT_TRUE(validate(token(old_key)));
  transport.answer(200, set_of(new_key));
  EXPECT_TRUE(validate(token(new_key)));
  EXPECT_EQ(transport.requests().size(), 2U);
}

TEST_F(IdTokenTest, tokens_with_unknown_keys_do_not_make_us_ask_without_end) {
  const SigningKey key = make_key("RS256", "known");
  const std::string forged = token(make_key("RS256", "unknown"));
  transport.otherwise([body = set_of(key)](const OutboundRequest&) { return http_answer(200, body); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(validate(forged).error().code, Errc::not_found);
  EXPECT_EQ(transport.requests().size(), 2U);
  clock.advance(1min);
  EXPECT_FALSE(validate(forged));
  EXPECT_EQ(transport.requests().size(), 3U);
}

TEST_F(IdTokenTest, a_rotated_key_without_kid_is_found_too) {
  registration.provider.id_token.algorithms = {"EdDSA"};
  const SigningKey old_key = make_key("EdDSA", "");
  const SigningKey new_key = make_key("EdDSA", "");
  transport.answer(200, set_of(old_key));
  EXPECT_TRUE(validate(token(old_key)));
  transport.answer(200, set_of(new_key));
  EXPECT_TRUE(validate(token(new_key)));
}

TEST_F(IdTokenTest, only_the_registered_algorithms_count) {
  const SigningKey key = make_key("ES256", "one");
  transport.answer(200, set_of(key));
  EXPECT_EQ(validate(token(key)).error().code, Errc::invalid_argument);
  registration.provider.id_token.algorithms = {"ES256"};
  EXPECT_TRUE(validate(token(key)));
}

TEST_F(IdTokenTest, an_unsigned_token_is_refused) {
  transport.otherwise([body = set_of(make_key("RS256", "one"))](const OutboundRequest&) { return http_answer(200, body); });
  registration.provider.id_token.algorithms = {"RS256", "none"};
  for (const auto* alg : {"none", "None", "nOnE"}) {
    const std::string unsigned_token =
        base64url_encode(std::string{R"({"alg":")"} + alg + R"("})") + "." + base64url_encode(claims()) + ".";
    EXPECT_EQ(validate(unsigned_token).error().code, Errc::invalid_argument) << alg;
  }
}

TEST_F(IdTokenTest, an_encrypted_token_is_refused_with_the_reason) {
  const auto validated = validate("eyJhbGciOiJSU0ExXzUifQ.a.b.c.d");
  ASSERT_FALSE(validated);
  EXPECT_EQ(validated.error().code, Errc::unsupported);
  EXPECT_NE(validated.error().message.find("encrypted"), std::string::npos);
  EXPECT_FALSE(validated.error().hint.empty());
}

TEST_F(IdTokenTest, a_shared_secret_counts_only_where_it_is_registered_and_long_enough) {
  const Secret secret{std::string(32, 's')};
  registration.client_secrets.push_back({.value = secret.clone(), .expires_at = {}});
  const std::string compact = sign_jws_hmac("HS256", secret, claims()).value();
  transport.otherwise([body = set_of(make_key("RS256", "one"))](const OutboundRequest&) { return http_answer(200, body); });
  EXPECT_EQ(validate(compact).error().code, Errc::invalid_argument) << "RS256 is registered";
  registration.provider.id_token.algorithms = {"HS256"};
  EXPECT_TRUE(validate(compact));
  registration.client_secrets.insert(registration.client_secrets.begin(),
                                     ClientSecret{.value = Secret{"short"}, .expires_at = {}});
  EXPECT_TRUE(validate(compact)) << "signed with the older secret";
  registration.client_secrets.pop_back();
  EXPECT_EQ(validate(compact).error().code, Errc::invalid_argument);
  registration.client_secrets.clear();
  EXPECT_EQ(validate(compact).error().code, Errc::invalid_argument);
}

TEST_F(IdTokenTest, a_public_key_is_no_shared_secret) {
  const SigningKey key = make_key("RS256", "one");
  transport.answer(200, set_of(key));
  registration.client_secrets.push_back({.value = Secret{std::string(32, 's')}, .expires_at = {}});
  registration.provider.id_token.algorithms = {"RS256", "HS256"};
  const std::string forged = sign_jws_hmac("HS256", Secret{key.public_jwk()}, claims(), "one").value();
  EXPECT_EQ(validate(forged).error().code, Errc::sealed_broken);
}

TEST_F(IdTokenTest, claims_are_checked_after_the_signature) {
  const SigningKey key = make_key("RS256", "one");
  transport.answer(200, set_of(key));
  registration.client_id = "somebody else";
  const auto validated = validate(token(key));
  ASSERT_FALSE(validated);
  EXPECT_EQ(validated.error(), (Error{Errc::forbidden, "ID token: aud: it does not name our client_id", "", "aud"}));
}

TEST_F(IdTokenTest, keys_that_cannot_be_had_are_an_outage_and_not_a_verdict) {
  transport.refuse_connection();
  EXPECT_EQ(validate(token(make_key("RS256", "one"))).error().code, Errc::provider_unavailable);
}

TEST_F(IdTokenTest, the_expectation_says_what_registration_and_profile_ask_for) {
  Provider& provider = registration.provider;
  provider.id_token.required_claims = {"tid"};
  provider.id_token.nonce_returned = false;
  provider.realm.id_token_claim = "realmid";
  provider.realm.field = "realmId";
  const IdTokenExpectation expectation = id_token_expectation(registration, resolved, clock.now());
  EXPECT_EQ(expectation.issuer, "https://id.example");
  EXPECT_EQ(expectation.client_id, "client");
  EXPECT_EQ(expectation.realm_claim, "realmid");
  EXPECT_FALSE(expectation.nonce_returned);
  EXPECT_EQ(expectation.required_claims, std::vector<std::string>{"tid"});
  EXPECT_EQ(expectation.kept_claims, (std::vector<std::string>{"tid", "realmid", "realmId"}));
}

}  // namespace
}  // namespace evergrant::test
