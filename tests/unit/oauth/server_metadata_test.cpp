#include "oauth/server_metadata.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace evergrant::test {
namespace {

namespace json = boost::json;

constexpr std::string_view issuer = "https://id.example/tenant";
constexpr std::string_view document = R"({
  "issuer": "https://id.example/tenant",
  "authorization_endpoint": "https://id.example/tenant/auth?a=b",
  "token_endpoint": "https://id.example/tenant/token",
  "jwks_uri": "https://keys.example/tenant/jwks",
  "userinfo_endpoint": "https://id.example/tenant/me",
  "revocation_endpoint": "https://id.example/tenant/revoke",
  "introspection_endpoint": "https://id.example/tenant/introspect",
  "device_authorization_endpoint": "https://id.example/tenant/device",
  "pushed_authorization_request_endpoint": "https://id.example/tenant/par",
  "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.example/tenant/token"},
  "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
  "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"],
  "code_challenge_methods_supported": ["S256"],
  "id_token_signing_alg_values_supported": ["RS256", "ES256"],
  "authorization_response_iss_parameter_supported": true,
  "something_else": [1, {"a": null}]
})";

std::string with(std::string_view name, std::string_view value) {
  json::object changed = json::parse(document).as_object();
  changed[name] = json::parse(value);
  return json::serialize(changed);
}

Error refusal(std::string_view text, bool loopback = false) {
  const auto metadata = parse_metadata(text, issuer, loopback);
  return metadata ? Error{} : metadata.error();
}

TEST(ServerMetadata, a_document_of_the_pinned_issuer_is_read) {
  const auto metadata = parse_metadata(document, issuer, false);
  ASSERT_TRUE(metadata) << metadata.error().message;
  EXPECT_EQ(metadata->endpoints.authorize, "https://id.example/tenant/auth?a=b");
  EXPECT_EQ(metadata->endpoints.token, "https://id.example/tenant/token");
  EXPECT_EQ(metadata->endpoints.jwks, "https://keys.example/tenant/jwks");
  EXPECT_EQ(metadata->endpoints.userinfo, "https://id.example/tenant/me");
  EXPECT_EQ(metadata->endpoints.revoke, "https://id.example/tenant/revoke");
  EXPECT_EQ(metadata->endpoints.introspect, "https://id.example/tenant/introspect");
  EXPECT_EQ(metadata->endpoints.device, "https://id.example/tenant/device");
  EXPECT_EQ(metadata->endpoints.par, "https://id.example/tenant/par");
  EXPECT_EQ(metadata->mtls_endpoints.token, "https://mtls.example/tenant/token");
  EXPECT_EQ(metadata->token_auth_methods, (std::vector<std::string>{"client_secret_post", "private_key_jwt"}));
  EXPECT_EQ(metadata->token_auth_algorithms, (std::vector<std::string>{"PS256", "ES256"}));
  EXPECT_EQ(metadata->code_challenge_methods, std::vector<std::string>{"S256"});
  EXPECT_EQ(metadata->id_token_algorithms, (std::vector<std::string>{"RS256", "ES256"}));
  EXPECT_TRUE(metadata->iss_parameter_supported);
}

TEST(ServerMetadata, silence_means_what_rfc_8414_says) {
  const auto metadata = parse_metadata(R"({"issuer":"https://id.example/tenant"})", issuer, false);
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->token_auth_methods, std::vector<std::string>{"client_secret_basic"});
  EXPECT_EQ(metadata->response_modes, (std::vector<std::string>{"query", "fragment"}));
  EXPECT_EQ(metadata->grant_types, (std::vector<std::string>{"authorization_code", "implicit"}));
  EXPECT_TRUE(metadata->code_challenge_methods.empty());
  EXPECT_FALSE(metadata->iss_parameter_supported);
  EXPECT_EQ(metadata->endpoints, Endpoints{});
}

TEST(ServerMetadata, the_issuer_is_compared_character_by_character) {
  for (const auto* other : {R"("https://id.example/tenant/")", R"("https://ID.example/tenant")", R"("https://id.example")",
                            R"("http://id.example/tenant")", R"("https://id.example:443/tenant")", R"("")", "null", "7",
                            R"(["https://id.example/tenant"])"}) {
    EXPECT_EQ(refusal(with("issuer", other)).code, Errc::provider_rejected) << other;
  }
  EXPECT_EQ(refusal("{}").code, Errc::provider_rejected);
}

TEST(ServerMetadata, an_endpoint_that_is_no_https_url_spoils_the_document) {
  for (const auto* url :
       {R"("http://id.example/token")", R"("/token")", R"("https://id.example/token#x")", R"("https:///token")",
        R"("data:text/plain,x")", R"("https://user:pw@id.example/")", R"("http://127.0.0.1/token")", "7", R"("")"}) {
    for (const auto* member : {"token_endpoint", "jwks_uri", "revocation_endpoint"}) {
      const Error error = refusal(with(member, url));
      EXPECT_EQ(error.code, Errc::provider_rejected) << member << ' ' << url;
      EXPECT_NE(error.message.find(member), std::string::npos) << error.message;
    }
  }
  EXPECT_EQ(refusal(with("mtls_endpoint_aliases", R"({"token_endpoint":"http://x.example/"})")).code,
            Errc::provider_rejected);
  EXPECT_EQ(refusal(with("mtls_endpoint_aliases", "[]")).code, Errc::provider_rejected);
}

TEST(ServerMetadata, plain_http_is_for_loopback_where_it_is_allowed) {
  EXPECT_EQ(refusal(with("token_endpoint", R"("http://127.0.0.1:9000/token")"), true), Error{});
  EXPECT_EQ(refusal(with("token_endpoint", R"("http://id.example/token")"), true).code, Errc::provider_rejected);
}

TEST(ServerMetadata, what_is_not_one_json_object_is_refused) {
  for (const auto* text :
       {"", "[]", "<html>", R"({"issuer":"https://id.example/tenant","issuer":"https://id.example/tenant"})",
        R"({"issuer":"https://id.example/tenant"} x)"}) {
    EXPECT_EQ(refusal(text).code, Errc::provider_rejected) << text;
  }
  EXPECT_EQ(refusal(with("code_challenge_methods_supported", R"("S256")")).code, Errc::provider_rejected);
  EXPECT_EQ(refusal(with("code_challenge_methods_supported", "[1]")).code, Errc::provider_rejected);
}

TEST(WellKnownUrls, are_built_by_inserting_and_by_appending) {
  struct Row {
    const char* issuer;
    const char* oauth_inserted;
    const char* oidc_inserted;
    const char* oidc_appended;
  };
  for (const Row& row : {
           Row{"https://h.example", "https://h.example/.well-known/oauth-authorization-server",
               "https://h.example/.well-known/openid-configuration", "https://h.example/.well-known/openid-configuration"},
           Row{"https://h.example/", "https://h.example/.well-known/oauth-authorization-server",
               "https://h.example/.well-known/openid-configuration", "https://h.example/.well-known/openid-configuration"},
           Row{"https://h.example/a/b", "https://h.example/.well-known/oauth-authorization-server/a/b",
               "https://h.example/.well-known/openid-configuration/a/b",
               "https://h.example/a/b/.well-known/openid-configuration"},
           Row{"https://h.example:8443/a/", "https://h.example:8443/.well-known/oauth-authorization-server/a",
               "https://h.example:8443/.well-known/openid-configuration/a",
               "https://h.example:8443/a/.well-known/openid-configuration"},
       }) {
    const WellKnownUrls urls = well_known_urls(row.issuer);
    EXPECT_EQ(urls.oauth_inserted, row.oauth_inserted);
    EXPECT_EQ(urls.oidc_inserted, row.oidc_inserted);
    EXPECT_EQ(urls.oidc_appended, row.oidc_appended);
  }
}

TEST(MetadataUrls, the_profiles_own_url_takes_the_place_of_all_others) {
  Provider provider;
  provider.issuer = issuer;
  EXPECT_EQ(metadata_urls(provider),
            (std::vector<std::string>{"https://id.example/tenant/.well-known/openid-configuration",
                                      "https://id.example/.well-known/oauth-authorization-server/tenant",
                                      "https://id.example/.well-known/openid-configuration/tenant"}));
  provider.issuer = "https://id.example";
  EXPECT_EQ(metadata_urls(provider).size(), 2U);
  provider.metadata_url = "https://other.example/openid_configuration";
  EXPECT_EQ(metadata_urls(provider), std::vector<std::string>{"https://other.example/openid_configuration"});
}

class ResolveProvider : public testing::Test {
 protected:
  ResolveProvider() {
    provider.issuer = issuer;
    provider.endpoints.token = "https://profile.example/token";
  }
  Provider provider;
  ServerMetadata metadata = parse_metadata(document, issuer, false).value();
};

TEST_F(ResolveProvider, fixed_is_the_profile_alone) {
  provider.metadata_mode = MetadataMode::fixed;
  const ResolvedProvider resolved = resolve_provider(provider, &metadata);
  EXPECT_EQ(resolved.endpoints, provider.endpoints);
  EXPECT_EQ(resolved.issuer, issuer);
  EXPECT_FALSE(resolved.iss_parameter_supported);
}

TEST_F(ResolveProvider, discovery_is_the_document_alone) {
  provider.metadata_mode = MetadataMode::discovery;
  const ResolvedProvider resolved = resolve_provider(provider, &metadata);
  EXPECT_EQ(resolved.endpoints, metadata.endpoints);
  EXPECT_TRUE(resolved.iss_parameter_supported);
  EXPECT_EQ(resolved.code_challenge_methods, std::vector<std::string>{"S256"});
}

TEST_F(ResolveProvider, hybrid_is_the_document_under_the_profile) {
  provider.metadata_mode = MetadataMode::hybrid;
  const ResolvedProvider resolved = resolve_provider(provider, &metadata);
  EXPECT_EQ(resolved.endpoints.token, "https://profile.example/token");
  EXPECT_EQ(resolved.endpoints.revoke, "https://id.example/tenant/revoke");
  EXPECT_EQ(resolve_provider(provider, nullptr).endpoints, provider.endpoints);
}

TEST_F(ResolveProvider, a_client_with_a_certificate_goes_to_the_aliases_and_no_other_does) {
  provider.metadata_mode = MetadataMode::discovery;
  provider.token.client_auth = ClientAuth::tls;
  EXPECT_EQ(resolve_provider(provider, &metadata).endpoints.token, "https://mtls.example/tenant/token");
  EXPECT_EQ(resolve_provider(provider, &metadata).endpoints.revoke, "https://id.example/tenant/revoke");
  provider.token.client_auth = ClientAuth::private_key_jwt;
  EXPECT_EQ(resolve_provider(provider, &metadata).endpoints.token, "https://id.example/tenant/token");
}

TEST_F(ResolveProvider, a_key_set_on_an_origin_that_the_configuration_does_not_name_is_a_strangers) {
  provider.metadata_mode = MetadataMode::discovery;
  EXPECT_EQ(resolve_provider(provider, &metadata).jwks_rule, AddressRule::remote);
  metadata.endpoints.jwks = "https://id.example/elsewhere";
  EXPECT_EQ(resolve_provider(provider, &metadata).jwks_rule, AddressRule::configured);
  metadata.endpoints.jwks = "https://id.example:8443/elsewhere";
  EXPECT_EQ(resolve_provider(provider, &metadata).jwks_rule, AddressRule::remote);
  provider.metadata_url = "https://id.example:8443/metadata";
  EXPECT_EQ(resolve_provider(provider, &metadata).jwks_rule, AddressRule::configured);
}

TEST_F(ResolveProvider, any_endpoint_that_only_a_document_names_may_not_lead_into_a_private_network) {
  provider.metadata_mode = MetadataMode::hybrid;
  provider.endpoints.token = "https://token.example/token";
  EXPECT_EQ(address_rule_for(provider, "https://token.example/revoke"), AddressRule::configured);
  EXPECT_EQ(address_rule_for(provider, "https://id.example/me"), AddressRule::configured) << "beside the issuer";
  EXPECT_EQ(address_rule_for(provider, "https://token.example:8443/token"), AddressRule::remote);
  EXPECT_EQ(address_rule_for(provider, "https://10.0.0.5/token"), AddressRule::remote);
  provider.metadata_mode = MetadataMode::fixed;
  EXPECT_EQ(address_rule_for(provider, "https://10.0.0.5/token"), AddressRule::configured);
}

TEST(MovedEndpoints, are_those_whose_origin_differs) {
  ServerMetadata before;
  before.endpoints.token = "https://id.example/token";
  before.endpoints.revoke = "https://id.example/revoke";
  before.last_named = before.endpoints;
  ServerMetadata now = before;
  now.endpoints.token = "https://id.example/v2/token";
  now.endpoints.userinfo = "https://new.example/me";
  EXPECT_TRUE(moved_endpoints(before, now).empty());
  now.endpoints.token = "https://evil.example/token";
  const auto moved = moved_endpoints(before, now);
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_EQ(moved[0].name, "token_endpoint");
  EXPECT_EQ(moved[0].from, "https://id.example");
  EXPECT_EQ(moved[0].to, "https://evil.example");
}

}  // namespace
}  // namespace evergrant::test
