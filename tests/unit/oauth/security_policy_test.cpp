#include "oauth/security_policy.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/contains.hpp"
#include "crypto/jose.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant {
namespace {

// One that has all that strict asks for.
Registration sound() {
  Registration registration;
  registration.id = RegistrationId{"corporate"};
  registration.scopes = {"openid", "api"};
  registration.security = SecurityLevel::strict;
  registration.provider.issuer = "https://id.example";
  registration.provider.metadata_mode = MetadataMode::discovery;
  registration.provider.authorize.nonce = Presence::send;
  return registration;
}

void give_key(Registration& registration, std::string_view algorithm, ClientKeyRole role = ClientKeyRole::current) {
  registration.provider.token.client_auth = ClientAuth::private_key_jwt;
  auto pem = SigningKey::generate(algorithm, "").value().to_pem().value();
  registration.client_keys.push_back(read_client_key(role, algorithm, "", std::move(pem)).value());
}

ResolvedProvider sound_provider() {
  ResolvedProvider resolved;
  resolved.documented = true;
  resolved.iss_parameter_supported = true;
  resolved.code_challenge_methods = {"plain", "S256"};
  resolved.id_token_algorithms = {"RS256", "ES256"};
  return resolved;
}

TEST(SecurityPolicy, strict_insists_on_what_baseline_only_sends) {
  Provider provider = sound().provider;
  Provider same = provider;
  tighten(same, SecurityLevel::baseline);
  EXPECT_EQ(same.authorize.pkce, Presence::send);
  EXPECT_EQ(same.authorize.nonce, Presence::send);
  EXPECT_EQ(same.authorize.iss, IssParameter::if_present);
  EXPECT_FALSE(same.holds_endpoints);
  tighten(provider, SecurityLevel::strict);
  EXPECT_EQ(provider.authorize.pkce, Presence::require);
  EXPECT_EQ(provider.authorize.nonce, Presence::require);
  EXPECT_EQ(provider.authorize.iss, IssParameter::enforce);
  EXPECT_TRUE(provider.holds_endpoints);
}

struct Row {
  std::string_view what;  // a part of the sentence
  std::function<void(Registration&)> spoil;
};

TEST(SecurityPolicy, a_registration_falls_short_in_each_of_these_ways) {
  EXPECT_TRUE(shortfalls(sound()).empty());
  const Row rows[] = {
      {"issuer", [](Registration& r) { r.provider.issuer.clear(); }},
      {"authorize.pkce", [](Registration& r) { r.provider.authorize.pkce = Presence::omit; }},
      {"token.client_auth", [](Registration& r) { r.provider.token.client_auth = ClientAuth::none; }},
      {"authorize.nonce", [](Registration& r) { r.provider.authorize.nonce = Presence::omit; }},
      {"id_token.nonce_returned", [](Registration& r) { r.provider.id_token.nonce_returned = false; }},
      {"id_token.algorithms", [](Registration& r) { r.provider.id_token.algorithms = {"HS256", "HS384"}; }},
      {"sends `iss`", [](Registration& r) { r.provider.metadata_mode = MetadataMode::fixed; }},
      {"RS256", [](Registration& r) { give_key(r, "RS256"); }},
      {"RS256",
       [](Registration& r) {
         give_key(r, "ES256");
         give_key(r, "RS256", ClientKeyRole::next);
       }},
      {"token.assertion_audience",
       [](Registration& r) {
         give_key(r, "EdDSA");
         r.provider.token.assertion_audience = AssertionAudience::token_endpoint;
       }},
      {"in the URL", [](Registration& r) { r.provider.revoke.style = RevokeStyle::query; }},
      {"in the URL", [](Registration& r) { r.provider.endpoints.revoke = "https://id.example/tokens/{token}"; }},
  };
  for (const auto& row : rows) {
    Registration registration = sound();
    row.spoil(registration);
    const auto found = shortfalls(registration);
    ASSERT_EQ(found.size(), 1U) << row.what;
    EXPECT_TRUE(to_text(found[0]).contains(row.what)) << to_text(found[0]);
    EXPECT_FALSE(found[0].why.empty());
  }
}

TEST(SecurityPolicy, keys_of_the_better_algorithms_fall_short_of_nothing) {
  for (const std::string_view algorithm : {"PS256", "ES256", "EdDSA"}) {
    Registration registration = sound();
    give_key(registration, algorithm);
    EXPECT_TRUE(shortfalls(registration).empty()) << algorithm;
  }
}

// CA-04, CA-08.
TEST(SecurityPolicy, a_document_is_held_against_how_the_client_proves_itself) {
  struct ProofRow {
    ClientAuth method;
    std::vector<std::string> methods, algorithms;
    std::string_view unlisted;  // empty: listed
    bool could_use_a_key;
  };
  const ProofRow rows[] = {
      {ClientAuth::basic, {"client_secret_basic"}, {}, "", false},
      {ClientAuth::basic, {"client_secret_basic", "private_key_jwt"}, {"ES256"}, "", true},
      {ClientAuth::post, {"client_secret_post", "private_key_jwt"}, {}, "", true},
      {ClientAuth::post, {"client_secret_basic"}, {}, "client_secret_post", false},
      {ClientAuth::secret_jwt, {"client_secret_jwt", "private_key_jwt"}, {"HS256", "RS256"}, "", true},
      {ClientAuth::secret_jwt, {"client_secret_jwt"}, {"RS256", "ES256"}, "HS256", false},
      {ClientAuth::none, {"none", "private_key_jwt"}, {}, "", false},
      {ClientAuth::private_key_jwt, {"private_key_jwt"}, {}, "", false},
      {ClientAuth::private_key_jwt, {"private_key_jwt"}, {"PS256", "ES256"}, "", false},
      {ClientAuth::private_key_jwt, {"private_key_jwt"}, {"PS256", "RS256"}, "ES256", false},
      {ClientAuth::private_key_jwt, {"client_secret_basic"}, {"ES256"}, "private_key_jwt", false},
      {ClientAuth::tls, {}, {}, "", false},
  };
  for (const auto& row : rows) {
    Registration registration = sound();
    if (row.method == ClientAuth::private_key_jwt) give_key(registration, "ES256");
    registration.provider.token.client_auth = row.method;
    ResolvedProvider resolved = sound_provider();
    resolved.token_auth_methods = row.methods;
    resolved.token_auth_algorithms = row.algorithms;
    const auto unlisted = unlisted_proof(registration, resolved);
    EXPECT_EQ(unlisted.has_value(), !row.unlisted.empty()) << method_name(row.method);
    if (unlisted) EXPECT_TRUE(unlisted->what.contains(row.unlisted)) << unlisted->what;
    EXPECT_EQ(could_use_a_key(registration, resolved), row.could_use_a_key) << method_name(row.method);
  }
}

TEST(SecurityPolicy, what_concerns_id_tokens_counts_only_where_one_is_asked_for) {
  Registration registration = sound();
  registration.scopes = {"api"};
  registration.provider.authorize.nonce = Presence::omit;
  registration.provider.id_token.nonce_returned = false;
  registration.provider.id_token.algorithms = {"HS256"};
  EXPECT_TRUE(shortfalls(registration).empty());
}

struct DocumentRow {
  std::string_view what;
  std::function<void(ResolvedProvider&)> spoil;
};

TEST(SecurityPolicy, a_provider_falls_short_by_its_own_document) {
  EXPECT_TRUE(check_provider(sound(), sound_provider()));
  const DocumentRow rows[] = {{"`iss`", [](ResolvedProvider& r) { r.iss_parameter_supported = false; }},
                              {"S256", [](ResolvedProvider& r) { r.code_challenge_methods = {"plain"}; }},
                              {"S256", [](ResolvedProvider& r) { r.code_challenge_methods.clear(); }},
                              {"RS256", [](ResolvedProvider& r) { r.id_token_algorithms = {"ES512"}; }}};
  for (const auto& row : rows) {
    ResolvedProvider resolved = sound_provider();
    row.spoil(resolved);
    ASSERT_EQ(shortfalls(sound(), resolved).size(), 1U) << row.what;
    const auto checked = check_provider(sound(), resolved);
    ASSERT_FALSE(checked) << row.what;
    EXPECT_EQ(checked.error().code, Errc::provider_rejected);
    EXPECT_TRUE(checked.error().message.contains(row.what)) << checked.error().message;
    EXPECT_TRUE(checked.error().message.contains("corporate"));
    Registration baseline = sound();
    baseline.security = SecurityLevel::baseline;
    EXPECT_TRUE(check_provider(baseline, resolved)) << row.what;
  }
}

TEST(SecurityPolicy, a_provider_without_a_document_says_nothing_of_itself) {
  EXPECT_TRUE(check_provider(sound(), ResolvedProvider{}));
  ResolvedProvider silent = sound_provider();
  silent.id_token_algorithms.clear();
  EXPECT_TRUE(check_provider(sound(), silent));
}

TEST(SecurityPolicy, while_the_document_is_away_nobody_is_sent_where_it_decides) {
  ResolvedProvider away;
  away.document_missing = true;
  EXPECT_EQ(check_provider(sound(), away).error().code, Errc::provider_unavailable);
  Registration baseline = sound();
  baseline.security = SecurityLevel::baseline;
  EXPECT_TRUE(check_provider(baseline, away));
  baseline.provider.authorize.pkce = Presence::require;
  EXPECT_EQ(check_provider(baseline, away).error().code, Errc::provider_unavailable);
}

TEST(SecurityPolicy, a_profile_that_insists_on_pkce_is_believed_under_baseline_too) {
  Registration registration = sound();
  registration.security = SecurityLevel::baseline;
  registration.provider.authorize.pkce = Presence::require;
  ResolvedProvider resolved = sound_provider();
  EXPECT_TRUE(check_provider(registration, resolved));
  resolved.code_challenge_methods.clear();
  EXPECT_FALSE(check_provider(registration, resolved));
}

}  // namespace
}  // namespace evergrant
