#include "app/config_registrations.hpp"

#include <gtest/gtest.h>

#include "unit/app/config_fixture.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const fs::path source{EVERGRANT_SOURCE_DIR};

class RegistrationsOfConfig : public testing::Test {
 protected:
  RegistrationsOfConfig() : catalogue_{std::move(*load_profiles({source / "providers"}))} {}
  [[nodiscard]] std::string problem(const std::string& text) const {
    const auto made = make_registrations(parsed_config(text), catalogue_);
    return made ? "" : made.error().message;
  }
  Variable secret_{"EVERGRANT_TEST_SECRET", "hush"};
  ProviderCatalogue catalogue_;
};

TEST_F(RegistrationsOfConfig, six_lines_are_enough_for_a_real_provider) {
  const auto made = make_registrations(parsed_config(small_config), catalogue_);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->size(), 1U);
  const Registration& qb = made->front();
  EXPECT_EQ(qb.id, RegistrationId{"qb"});
  EXPECT_EQ(qb.provider.environment, "sandbox");
  EXPECT_EQ(qb.provider.inject.api_base, "https://sandbox-quickbooks.api.intuit.com");
  EXPECT_EQ(qb.redirect_uri, "http://127.0.0.1:9400/callback/qb");
  EXPECT_EQ(qb.scopes, std::vector<std::string>{"com.intuit.quickbooks.accounting"});
  ASSERT_EQ(qb.client_secrets.size(), 1U);
  EXPECT_EQ(qb.client_secrets[0].value.reveal(), "hush");
}

TEST_F(RegistrationsOfConfig, an_issuer_is_enough_for_generic_openid_connect) {
  const auto made = make_registrations(parsed_config(R"([keys]
kek = { env = "K" }
[[registration]]
id = "corp"
provider = "oidc"
client_id = "c"
client_secret = { env = "EVERGRANT_TEST_SECRET" }
issuer = "http://127.0.0.1:3000"
allow_loopback_http = true
client_auth = "post"
scopes = ["openid"]
[registration.profile.refresh]
rotation = "always_with_grace"
grace = "30s"
)"),
                                       catalogue_);
  ASSERT_TRUE(made) << made.error().message;
  const Provider& provider = made->front().provider;
  EXPECT_FALSE(provider.generic);
  EXPECT_EQ(provider.issuer, "http://127.0.0.1:3000");
  EXPECT_EQ(provider.token.client_auth, ClientAuth::post);
  EXPECT_EQ(provider.refresh.grace, Duration{30s});
  EXPECT_EQ(provider.metadata_mode, MetadataMode::discovery);
}

TEST_F(RegistrationsOfConfig, endpoints_are_enough_for_generic_oauth_and_may_lack_revocation) {
  const auto made = make_registrations(parsed_config(R"([keys]
kek = { env = "K" }
[[registration]]
id = "plain"
provider = "oauth2"
client_id = "c"
client_auth = "none"
[registration.endpoints]
authorize = "https://x.example/a"
token = "https://x.example/t"
)"),
                                       catalogue_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->front().provider.endpoints.token, "https://x.example/t");
  EXPECT_EQ(made->front().provider.revoke.style, RevokeStyle::none);
  EXPECT_TRUE(made->front().client_secrets.empty());
}

TEST_F(RegistrationsOfConfig, two_secrets_are_kept_newest_first_with_the_end_of_the_newest) {
  const Variable old{"EVERGRANT_TEST_OLD", "older"};
  const auto made = make_registrations(
      parsed_config(std::string{small_config} + "previous_client_secret = { env = \"EVERGRANT_TEST_OLD\" }\n"
                                                "client_secret_expires_at = 2027-06-30\n"),
      catalogue_);
  ASSERT_TRUE(made) << made.error().message;
  const auto& secrets = made->front().client_secrets;
  ASSERT_EQ(secrets.size(), 2U);
  EXPECT_EQ(secrets[0].value.reveal(), "hush");
  EXPECT_EQ(secrets[1].value.reveal(), "older");
  ASSERT_TRUE(secrets[0].expires_at);
  EXPECT_EQ(to_rfc3339(*secrets[0].expires_at), "2027-06-30T00:00:00.000Z");
  EXPECT_FALSE(secrets[1].expires_at);
}

TEST_F(RegistrationsOfConfig, margins_of_the_configuration_hold_where_the_profile_is_silent) {
  const auto made =
      make_registrations(parsed_config(std::string{small_config} + "[refresh]\nadvisory_margin = \"7m\"\n"), catalogue_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->front().provider.refresh.advisory_margin, Duration{7min});
}

TEST_F(RegistrationsOfConfig, what_a_registration_gets_wrong_is_told_at_its_place) {
  const std::string start = "[keys]\nkek = { env = \"K\" }\n[[registration]]\nid = \"r\"\nclient_id = \"c\"\n";
  const std::string secret = "client_secret = { env = \"EVERGRANT_TEST_SECRET\" }\n";
  const std::string file = "/etc/evergrant/e.toml:";
  const std::pair<std::string, std::string> table[] = {
      {start + secret + "provider = \"quickboks\"",
       "7:1: field 'registration.provider': \"quickboks\" is not known; did you mean \"quickbooks\"?"},
      {start + secret + "provider = \"quickbooks\"\nenvironment = \"demo\"",
       "8:1: field 'registration.environment': \"demo\" is not an environment of quickbooks, expected production or "
       "sandbox"},
      {start + "provider = \"xero\"", "3:1: field 'registration.client_secret': missing; give a reference to it"},
      {start + "client_secret = { env = \"EVERGRANT_TEST_UNSET\" }\nprovider = \"xero\"",
       "6:1: field 'registration.client_secret': environment variable EVERGRANT_TEST_UNSET is not set"},
      {start + secret + "provider = \"xero\"\nclient_auth = \"none\"",
       "6:1: field 'registration.client_secret': given, but client_auth is \"none\""},
      {start + secret + "provider = \"xero\"\nclient_auth = \"tls\"",
       "8:1: field 'registration.client_auth': this way to authenticate the client is not offered"},
      {start + secret + "provider = \"xero\"\nclient_auth = \"secret_jwt\"",
       "6:1: field 'registration.client_secret': it is the key of HS256 and has 4 bytes, which is short of 32; have the "
       "provider make a new one, or use another client_auth"},
      {start + "provider = \"xero\"\nclient_auth = \"secret_jwt\"", "3:1: field 'registration.client_secret': missing"},
      {start + secret + "provider = \"xero\"\n[registration.profile.authorize]\nresponse_mode = \"form_post\"",
       "3:1: field 'registration.profile.authorize.response_mode': the answer cannot be taken by form_post"},
      {start + secret + "provider = \"oidc\"\nissuer = \"https://x.example\"\n[registration.profile.id_token]\n" +
           "algorithms = [\"HS256\"]",
       "6:1: field 'registration.client_secret': it is the key of HS256 and has 4 bytes, which is short of 32"},
      {start + secret + "provider = \"oidc\"", "3:1: field 'registration.issuer': missing"},
      {start + secret + "provider = \"oidc\"\nissuer = \"http://x.example\"",
       "8:1: field 'registration.issuer': found \"http://x.example\", expected https"},
      {start + secret + "provider = \"oauth2\"\n[registration.endpoints]\ntoken = \"https://x.example/t\"",
       "8:15: field 'registration.endpoints.authorize': missing"},
      {start + secret + "provider = \"xero\"\n[registration.profile.token]\nbdy = \"json\"",
       "9:1: field 'registration.profile.token.bdy': unknown; did you mean 'registration.profile.token.body'?"},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(problem(text).substr(0, file.size() + expected.size()), file + expected) << text;
  }
}

}  // namespace
}  // namespace evergrant::test
