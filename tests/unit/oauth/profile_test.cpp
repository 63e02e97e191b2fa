#include "oauth/profile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "oauth/profile_check.hpp"
#include "oauth/profile_fields.hpp"
#include "oauth/profile_url.hpp"
#include "unit/oauth/profiles.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::string_view minimal = R"(display_name = "X"
[endpoints]
authorize = "https://x.example/authorize"
token = "https://x.example/token"
[revoke]
style = "none"
)";

std::string complaint(std::string_view text) {
  const auto loaded = parse_profile(text, "x.toml");
  return loaded ? "" : loaded.error().message;
}

class Folder {
 public:
  Folder() {
    path_ = fs::path{testing::TempDir()} / ("profiles_" + std::to_string(::getpid()) + "_" + std::to_string(++count_));
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const std::string& name, std::string_view text) const { std::ofstream{path_ / name} << text; }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  static inline int count_ = 0;
  fs::path path_;
};

ProviderCatalogue shipped_catalogue() {
  auto loaded = load_profiles({shipped_profiles});
  EXPECT_TRUE(loaded) << loaded.error().message;
  return loaded ? std::move(*loaded) : ProviderCatalogue{{}};
}

TEST(Profile, every_shipped_profile_loads) {
  const auto catalogue = shipped_catalogue();
  EXPECT_EQ(catalogue.ids(),
            (std::vector<std::string>{"atlassian",  "box",     "docusign",  "dropbox", "facebook", "github", "gitlab",
                                      "google",     "hubspot", "microsoft", "notion",  "oauth2",   "oidc",   "quickbooks",
                                      "salesforce", "sandbox", "shopify",   "slack",   "square",   "xero",   "zoho"}));
  for (const auto& provider : catalogue.all()) {
    EXPECT_FALSE(provider.display_name.empty()) << provider.id.str();
    EXPECT_FALSE(provider.documentation.empty()) << provider.id.str();
  }
}

TEST(Profile, the_facts_of_quickbooks_are_as_intuit_documents_them) {
  const auto catalogue = shipped_catalogue();
  const Provider* p = catalogue.find(ProviderId{"quickbooks"});
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p->issuer, "https://oauth.platform.intuit.com/op/v1");
  EXPECT_EQ(p->metadata_url, "https://developer.api.intuit.com/.well-known/openid_configuration");
  EXPECT_EQ(p->endpoints.authorize, "https://appcenter.intuit.com/connect/oauth2");
  EXPECT_EQ(p->endpoints.token, "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer");
  EXPECT_EQ(p->endpoints.revoke, "https://developer.api.intuit.com/v2/oauth2/tokens/revoke");
  EXPECT_EQ(p->endpoints.userinfo, "https://accounts.platform.intuit.com/v1/openid_connect/userinfo");
  EXPECT_EQ(p->endpoints.jwks, "https://oauth.platform.intuit.com/op/v1/jwks");
  EXPECT_EQ(p->authorize.pkce, Presence::omit);
  EXPECT_EQ(p->authorize.callback_extras, std::vector<std::string>{"realmId"});
  EXPECT_EQ(p->token.client_auth, ClientAuth::basic);
  EXPECT_EQ(p->token.headers.at("x-include-refresh-token-hard-expires-in"), "true");
  EXPECT_EQ(p->token.correlation_headers, std::vector<std::string>{"intuit_tid"});
  EXPECT_EQ(p->expiry.refresh_soft_member, "x_refresh_token_expires_in");
  EXPECT_EQ(p->expiry.refresh_hard_member, "x_refresh_token_hard_expires_in");
  EXPECT_EQ(p->refresh.rotation, Rotation::sometimes);
  EXPECT_EQ(p->refresh.idle_window, Duration{24h * 100});
  EXPECT_EQ(p->refresh.absolute_window, Duration{24h * 365 * 5});
  EXPECT_EQ(p->revoke.style, RevokeStyle::json);
  EXPECT_EQ(p->revoke.order, RevokeOrder::refresh_first);
  EXPECT_EQ(p->revoke.gone_statuses, std::vector<int>{400});
  EXPECT_EQ(p->realm.source, RealmSource::callback);
  EXPECT_EQ(p->realm.field, "realmId");
  EXPECT_EQ(p->realm.id_token_claim, "realmid");
  EXPECT_EQ(p->inject.allowed_hosts, std::vector<std::string>{"quickbooks.api.intuit.com"});
  EXPECT_EQ(p->inject.max_concurrency, 10);
  EXPECT_EQ(p->inject.max_per_minute, 500);
  EXPECT_FALSE(p->id_token.nonce_returned);
}

TEST(Profile, the_sandbox_of_quickbooks_shares_the_issuer_and_no_api_host) {
  const auto catalogue = shipped_catalogue();
  const Provider* production = catalogue.find(ProviderId{"quickbooks"});
  const Provider* sandbox = catalogue.find(ProviderId{"quickbooks"}, "sandbox");
  ASSERT_NE(production, nullptr);
  ASSERT_NE(sandbox, nullptr);
  EXPECT_EQ(sandbox->issuer, production->issuer);
  EXPECT_EQ(sandbox->endpoints.token, production->endpoints.token);
  EXPECT_EQ(sandbox->metadata_url, "https://developer.api.intuit.com/.well-known/openid_sandbox_configuration");
  EXPECT_EQ(sandbox->endpoints.userinfo, "https://sandbox-accounts.platform.intuit.com/v1/openid_connect/userinfo");
  EXPECT_EQ(sandbox->inject.allowed_hosts, std::vector<std::string>{"sandbox-quickbooks.api.intuit.com"});
  EXPECT_TRUE(sandbox->realm.verify_url.starts_with("https://sandbox-quickbooks.api.intuit.com/v3/company/{realm}/"));
  EXPECT_EQ(sandbox->refresh.idle_window, Duration{24h * 100});
}

TEST(Profile, an_environment_is_merged_over_the_rest_of_the_file) {
  const auto loaded = parse_profile(std::string{minimal} + R"([token]
headers = { a = "1", b = "2" }
[environment.demo]
endpoints.token = "https://demo.x.example/token"
[environment.demo.token]
client_auth = "post"
headers = { b = "3" }
)",
                                    "folder/x.toml");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->size(), 2U);
  const Provider& production = loaded->at(0);
  const Provider& demo = loaded->at(1);
  EXPECT_EQ(production.id, ProviderId{"x"});
  EXPECT_EQ(production.environment, "production");
  EXPECT_EQ(production.endpoints.token, "https://x.example/token");
  EXPECT_EQ(production.token.client_auth, ClientAuth::basic);
  EXPECT_EQ(demo.environment, "demo");
  EXPECT_EQ(demo.endpoints.authorize, "https://x.example/authorize");
  EXPECT_EQ(demo.endpoints.token, "https://demo.x.example/token");
  EXPECT_EQ(demo.token.client_auth, ClientAuth::post);
  EXPECT_EQ(demo.token.headers, (std::map<std::string, std::string>{{"a", "1"}, {"b", "3"}}));
}

TEST(Profile, a_wrong_file_is_refused_with_file_line_and_what_was_expected) {
  const std::string base{minimal};
  const std::pair<std::string, std::string> table[] = {
      {base + "[authorize]\nresponse_type = \"token\"", "x.toml:8:1: field 'authorize.response_type': only \"code\" is"},
      {base + "[authorize]\npkce = \"maybe\"",
       "x.toml:8:1: field 'authorize.pkce': found \"maybe\", expected one of require"},
      {base + "[authorize]\npkse = \"send\"", "x.toml:8:1: field 'authorize.pkse': unknown; did you mean 'authorize.pkce'?"},
      {base + "[refresh]\ngrace = \"30m\"", "x.toml:8:1: field 'refresh.grace': only with rotation = \"always_with_grace\""},
      {base + "[refresh]\nidle_window = \"0s\"", "x.toml:8:1: field 'refresh.idle_window': must be longer than 0s"},
      {base + "[refresh]\nidle_window = 100", "x.toml:8:1: field 'refresh.idle_window': found an integer, expected a dur"},
      {base + "[token]\nheaders = { \"bad header\" = \"1\" }", "x.toml:8:1: field 'token.headers': \"bad header\" is not a"},
      {base + "[token]\nheaders = { Authorization = \"1\" }",
       "x.toml:8:1: field 'token.headers': the header \"Authorizatio"},
      {base + "[environment.demo]\nendpoints.token = \"http://x.example\"",
       "x.toml:8:11: field 'endpoints.token': found \"http://x.example\", expected https"},
      {base + "[environment]\nDEMO = {}", "x.toml:8:1: field 'environment.DEMO': expected a table with a lower-case name"},
      {"[endpoints]\ntoken = \"https://x.example/token\"\n[revoke]\nstyle = \"none\"",
       "x.toml:1:1: field 'display_name': missing; the provider's name for people is required"},
      {"display_name = \"X\"\n[endpoints]\nauthorize = \"javascript:alert(1)\"\ntoken = \"https://x.example/token\"\n"
       "[revoke]\nstyle = \"none\"",
       "x.toml:3:1: field 'endpoints.authorize': found \"javascript:alert(1)\", expected an absolute https URL"},
      {"display_name = \"X\"\n[endpoints]\nauthorize = \"https://x.example\"\n[revoke]\nstyle = \"none\"",
       "x.toml:2:2: field 'endpoints.token': missing; required where metadata_mode is fixed"},
      {base + "[refresh]\ngrant_type = \"password\"", "x.toml:8:1: field 'refresh.grant_type': must not be the password gr"},
      {base + "[id_token]\nalgorithms = [\"RS256\", \"HS256\"]",
       "x.toml:8:1: field 'id_token.algorithms': holds both shared secrets (HS*) and public keys"},
      {"display_name = X", "x.toml:1:16:"},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(complaint(text).substr(0, expected.size()), expected) << text;
  }
}

TEST(Profile, problems_of_several_environments_are_told_once_each) {
  const auto text = std::string{minimal} + "[refresh]\ngrace = \"1m\"\n[environment.a]\n[environment.b]\n";
  EXPECT_EQ(complaint(text), "x.toml:8:1: field 'refresh.grace': only with rotation = \"always_with_grace\"");
}

TEST(Profile, a_file_name_that_cannot_be_an_id_is_refused) {
  const auto loaded = parse_profile(minimal, "My Provider.toml");
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().message.starts_with("My Provider.toml: the file's name is the provider's id"));
}

TEST(Profile, a_users_directory_adds_profiles_and_overrides_shipped_ones) {
  const Folder user;
  user.write("acme.toml", minimal);
  user.write("github.toml", minimal);
  user.write("notes.txt", "not a profile");
  const auto catalogue = load_profiles({shipped_profiles, user.path()});
  ASSERT_TRUE(catalogue) << catalogue.error().message;
  EXPECT_NE(catalogue->find(ProviderId{"acme"}), nullptr);
  ASSERT_NE(catalogue->find(ProviderId{"github"}), nullptr);
  EXPECT_EQ(catalogue->find(ProviderId{"github"})->endpoints.token, "https://x.example/token");
  EXPECT_NE(catalogue->find(ProviderId{"gitlab"}), nullptr);
  EXPECT_EQ(catalogue->find(ProviderId{"github"}, "sandbox"), nullptr);
}

TEST(Profile, problems_of_several_files_are_told_together) {
  const Folder user;
  user.write("a.toml", "display_name = 1");
  user.write("b.toml", "display_name = 2");
  const auto catalogue = load_profiles({user.path()});
  ASSERT_FALSE(catalogue);
  EXPECT_NE(catalogue.error().message.find("a.toml:1:1: field 'display_name'"), std::string::npos);
  EXPECT_NE(catalogue.error().message.find("b.toml:1:1: field 'display_name'"), std::string::npos);
  EXPECT_EQ(load_profiles({user.path() / "absent"}).error().code, Errc::not_found);
}

TEST(Profile, overriding_checks_the_result_and_points_at_the_field) {
  const auto catalogue = shipped_catalogue();
  Provider provider = *catalogue.find(ProviderId{"oidc"});
  const auto node = parse_toml("generic = false\nissuer = \"https://login.example.com\"\n", "c.toml");
  TomlReading good{"c.toml"};
  override_profile(good, *node, "registration.profile", provider);
  EXPECT_TRUE(good.result()) << good.result().error().message;
  EXPECT_EQ(provider.issuer, "https://login.example.com");
  const auto wrong = parse_toml("\nissuer = \"https://login.example.com?x=1\"\n", "c.toml");
  TomlReading bad{"c.toml"};
  override_profile(bad, *wrong, "registration.profile", provider);
  ASSERT_FALSE(bad.result());
  EXPECT_TRUE(bad.result().error().message.starts_with("c.toml:2:1: field 'registration.profile.issuer': found"));
}

TEST(Profile, the_schema_names_every_group_of_fields) {
  const auto schema = profile_schema();
  for (const auto* path : {"issuer", "endpoints.token", "host_variable.pattern", "authorize.pkce", "token.client_auth",
                           "expiry.unit_ms", "refresh.rotation", "errors.operator", "revoke.style", "realm.verify_url",
                           "inject.allowed_hosts", "id_token.algorithms", "signals.liveness_url"}) {
    EXPECT_TRUE(std::ranges::any_of(schema, [&](const TomlField& f) { return f.path == path; })) << path;
  }
}

TEST(ProfileCheck, a_sound_profile_has_no_problem) { EXPECT_TRUE(check_profile(sound_profile()).empty()); }

TEST(ProfileCheck, what_cannot_be_together_is_found) {
  struct Row {
    std::string field;
    void (*spoil)(Provider&);
  };
  const Row table[] = {
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "data:text/plain,x"; }},
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "https://user:pw@x.example/t"; }},
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "https://x.example/t#f"; }},
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "/relative"; }},
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "http://127.0.0.1/t"; }},
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "https://{shop}.x.example/t"; }},
      {"endpoints.token", [](Provider& p) { p.endpoints.token = "https://x.example/{t"; }},
      {"endpoints.revoke", [](Provider& p) { p.endpoints.revoke = ""; }},
      {"endpoints.revoke", [](Provider& p) { p.revoke.style = RevokeStyle::none; }},
      {"endpoints.revoke", [](Provider& p) { p.endpoints.revoke = "https://x.example/{token}"; }},
      {"issuer", [](Provider& p) { p.issuer = "https://x.example?a=1"; }},
      {"issuer", [](Provider& p) { p.metadata_mode = MetadataMode::discovery; }},
      {"issuer", [](Provider& p) { p.id_token.issuer_rule = IssuerRule::tenant_template; }},
      {"authorize.extra_parameters", [](Provider& p) { p.authorize.extra_parameters["state"] = "1"; }},
      {"authorize.extra_parameters", [](Provider& p) { p.authorize.extra_parameters["response_type"] = "token"; }},
      {"authorize.extra_parameters", [](Provider& p) { p.authorize.extra_parameters["prompt"] = "none login"; }},
      {"authorize.default_scopes", [](Provider& p) { p.authorize.default_scopes = {"a b"}; }},
      {"authorize.callback_extras", [](Provider& p) { p.authorize.callback_extras = {"state"}; }},
      {"token.failure_members", [](Provider& p) { p.token.failure_members = {"ok"}; }},
      {"token.extra_parameters", [](Provider& p) { p.token.extra_parameters["client_secret"] = "x"; }},
      {"expiry.unit_ms", [](Provider& p) { p.expiry.unit_ms = 60; }},
      {"refresh.grace", [](Provider& p) { p.refresh.grace = 5s; }},
      {"refresh.grace", [](Provider& p) { p.refresh.rotation = Rotation::always_with_grace; }},
      {"refresh.rotation", [](Provider& p) { p.refresh.rotation = Rotation::self_refresh; }},
      {"refresh.keepalive_every",
       [](Provider& p) {
         p.refresh.idle_window = 24h;
         p.refresh.keepalive_every = 24h;
       }},
      {"realm.field", [](Provider& p) { p.realm.source = RealmSource::id_token; }},
      {"realm.source",
       [](Provider& p) {  // an unsigned, unproven callback parameter (CB-11)
         p.authorize.callback_extras = {"realmId"};
         p.realm.source = RealmSource::callback;
         p.realm.field = "realmId";
       }},
      {"realm.verify_url",
       [](Provider& p) {
         p.realm.source = RealmSource::token_response;
         p.realm.field = "shop";
         p.realm.verify_url = "https://{realm}/me";
       }},
      {"realm.list_url", [](Provider& p) { p.realm.source = RealmSource::api; }},
      {"inject.format", [](Provider& p) { p.inject.format = "Bearer"; }},
      {"inject.allowed_hosts", [](Provider& p) { p.inject.allowed_hosts = {"*.com"}; }},
      {"inject.realm_path", [](Provider& p) { p.inject.api_base = "https://api.example.com/v1/{realm}"; }},
      {"inject.realm_path", [](Provider& p) { p.inject.realm_path = "/v1/accounts/"; }},
      {"inject.allowed_hosts", [](Provider& p) { p.inject.allowed_hosts = {"https://x.example"}; }},
      {"id_token.algorithms", [](Provider& p) { p.id_token.algorithms = {"none"}; }},
      {"id_token.issuer_alternatives", [](Provider& p) { p.id_token.issuer_alternatives = {"x"}; }},
  };
  for (const auto& row : table) {
    Provider provider = sound_profile();
    row.spoil(provider);
    const auto problems = check_profile(provider);
    EXPECT_TRUE(std::ranges::any_of(problems, [&](const ProfileProblem& p) { return p.field == row.field; }))
        << row.field << " in row " << &row - table;
  }
}

TEST(ProfileCheck, a_host_variable_must_not_lead_to_another_host) {
  const std::pair<std::string, bool> table[] = {
      {"^[a-z0-9-]+$", true}, {"[a-z0-9-]+", false}, {"^.+$", false},         {"^[a-z/]+$", false},
      {"^[^/]+$", false},     {"^[a-z", false},      {"^[a-z0-9-]*$", false}, {"^(eu|us)\\.x\\.example$", true},
  };
  for (const auto& [pattern, fits] : table) {
    Provider provider = sound_profile();
    provider.host_variables = {{.name = "shop", .source = "callback", .field = "shop", .pattern = pattern, .fallback = ""}};
    provider.endpoints.token = "https://{shop}.x.example/t";
    EXPECT_EQ(check_profile(provider).empty(), fits) << pattern;
  }
}

TEST(ProfileUrl, only_https_or_loopback_passes) {
  const std::pair<std::string, bool> table[] = {
      {"https://x.example", true},
      {"https://x.example:8443/a?b=c", true},
      {"http://127.0.0.1:9500/a", true},
      {"http://localhost/a", true},
      {"http://[::1]:80/", true},
      {"http://127.8.9.1/", true},
      {"http://x.example", false},
      {"http://localhost.x.example", false},
      {"http://128.0.0.1", false},
      {"ftp://x.example", false},
      {"https:///a", false},
      {"https:x.example", false},
      {"//x.example", false},
      {"", false},
      {"https://x.example#", false},
      {"https://a@x.example", false},
      {"https://x.example/a b", false},
      {"javascript://x.example/%0aalert(1)", false},
      {"http://127.0.0.1.x.example", false},
      {"http://127.0.0.1.x.example/a", false},
  };
  for (const auto& [url, fits] : table) EXPECT_EQ(!url_problem(url, true), fits) << url;
  EXPECT_TRUE(url_problem("http://127.0.0.1/", false));
  EXPECT_TRUE(issuer_problem("https://x.example?a", false));
  EXPECT_EQ(origin_of("HTTPS://X.example:8443/Path"), "https://x.example:8443");
}

}  // namespace
}  // namespace evergrant::test
