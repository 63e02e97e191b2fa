#include "app/config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "app/config_registrations.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const fs::path source{EVERGRANT_SOURCE_DIR};

// Six lines for a real provider, beside a KEK.
constexpr std::string_view small = R"([keys]
kek = { file = "/etc/evergrant/kek" }
[[registration]]
id = "qb"
provider = "quickbooks"
environment = "sandbox"
client_id = "client"
client_secret = { env = "EVERGRANT_TEST_SECRET" }
)";

std::string complaint(std::string_view text) {
  const auto config = parse_config(text, "e.toml");
  return config ? "" : config.error().message;
}

Config parsed(std::string_view text) {
  auto config = parse_config(text, "/etc/evergrant/e.toml");
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(*config) : Config{};
}

std::string contents(const fs::path& path) {
  std::ifstream in{path};
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

// Sets a variable of the environment for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_{name} { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class SecretFile : public testing::Test {
 protected:
  SecretFile() : path_{fs::path{testing::TempDir()} / ("evergrant_secret_" + std::to_string(::getpid()))} {}
  ~SecretFile() override { fs::remove(path_); }
  void write(std::string_view text, mode_t mode) const {
    std::ofstream{path_} << text;
    ::chmod(path_.c_str(), mode);
  }
  [[nodiscard]] SecretReference reference() const { return {.place = SecretPlace::file, .name = path_.string()}; }
  fs::path path_;
};

TEST(Config, a_small_file_gives_a_whole_configuration) {
  const Config config = parsed(small);
  EXPECT_EQ(config.server.address, "127.0.0.1");
  EXPECT_EQ(config.server.port, default_port);
  EXPECT_EQ(config.public_url, "http://127.0.0.1:9400");
  EXPECT_EQ(config.connect.public_url, config.public_url);
  EXPECT_EQ(config.connect.session_ttl, Duration{10min});
  EXPECT_EQ(config.kek, (SecretReference{.place = SecretPlace::file, .name = "/etc/evergrant/kek"}));
  ASSERT_EQ(config.registrations.size(), 1U);
  EXPECT_EQ(config.registrations[0].client_secret.place, SecretPlace::environment);
  EXPECT_TRUE(config.registrations[0].keepalive);
}

TEST(Config, fields_reach_their_place) {
  const Config config = parsed(R"([server]
address = "0.0.0.0"
port = 443
public_url = "https://tokens.example.com/"
tls_certificate = "tls.crt"
tls_key = "/keys/tls.key"
trusted_proxies = ["10.0.0.0/8"]
threads = 4
limits = { body_bytes = 2048, idle_timeout = "5s" }
[store]
path = "../data/e.db"
[keys]
kek = { credential = "kek" }
previous = [{ env = "OLD" }, { file = "old" }]
[log]
format = "json"
level = "debug"
[providers]
directories = ["mine"]
[http_client]
proxy = "http://proxy:1"
[refresh]
timeout = "5s"
lease = "20s"
concurrency = 7
advisory_margin = "2m"
[connect]
session_ttl = "3m"
[retention]
audit = "forever"
events = "2d"
)");
  EXPECT_EQ(config.server.port, 443);
  EXPECT_EQ(config.public_url, "https://tokens.example.com");
  EXPECT_EQ(config.server.tls_certificate, "/etc/evergrant/tls.crt");
  EXPECT_EQ(config.server.tls_key, "/keys/tls.key");
  EXPECT_EQ(config.server.threads, 4);
  EXPECT_EQ(config.server.limits.body_bytes, 2048U);
  EXPECT_EQ(config.server.limits.idle_timeout, Duration{5s});
  EXPECT_EQ(config.store, "/etc/data/e.db");
  ASSERT_EQ(config.previous_keks.size(), 2U);
  EXPECT_EQ(config.previous_keks[1].name, "/etc/evergrant/old");
  EXPECT_EQ(config.log_style, LogStyle::json);
  EXPECT_EQ(config.log_level, LogLevel::debug);
  EXPECT_EQ(config.provider_directories, std::vector<fs::path>{"/etc/evergrant/mine"});
  EXPECT_EQ(config.http_client.proxy, "http://proxy:1");
  EXPECT_EQ(config.refresh.timeout, Duration{5s});
  EXPECT_EQ(config.refresh.concurrency, 7);
  EXPECT_EQ(config.refresh_defaults.advisory_margin, Duration{2min});
  EXPECT_EQ(config.connect.session_ttl, Duration{3min});
  EXPECT_EQ(config.retention.audit, std::nullopt);
  EXPECT_EQ(config.retention.events, Duration{48h});
}

TEST(Config, a_wrong_file_is_refused_with_file_line_and_what_was_expected) {
  const std::string base{small};
  const std::pair<std::string, std::string> table[] = {
      {base + "[sever]\nport = 1", "e.toml:9:2: field 'sever': unknown; did you mean 'server'?"},
      {base + "[server]\nprot = 1", "e.toml:10:1: field 'server.prot': unknown; did you mean 'server.port'?"},
      {base + "[server]\nport = 65536",
       "e.toml:10:1: field 'server.port': found 65536, expected an integer from 0 to 65535"},
      {base + "[server]\naddress = \"example.com\"\npublic_url = \"https://x.example\"",
       "e.toml:10:1: field 'server.address': expected an IP address"},
      {base + "[server]\naddress = \"0.0.0.0\"\npublic_url = \"https://x.example\"",
       "e.toml:10:1: field 'server.address': plain HTTP on 0.0.0.0 would carry tokens in the clear"},
      {base + "[server]\naddress = \"::\"\ntrusted_proxies = [\"10.0.0.1\"]",
       "e.toml:9:2: field 'server.public_url': missing"},
      {base + "[server]\ntrusted_proxies = [\"proxy\"]", "e.toml:10:1: field 'server.trusted_proxies': "},
      {base + "[server]\npublic_url = \"http://x.example\"", "e.toml:10:1: field 'server.public_url': found \"http://x.ex"},
      {base + "[server]\npublic_url = \"https://x.example?a\"", "e.toml:10:1: field 'server.public_url': found \"https://x"},
      {base + "[server]\ntls_key = \"a\"", "e.toml:10:1: field 'server.tls_key': tls_certificate and tls_key go together"},
      {base + "[refresh]\nlease = \"30s\"", "e.toml:10:1: field 'refresh.lease': must be at least twice as long"},
      {base + "[connect]\nsession_ttl = \"0s\"", "e.toml:10:1: field 'connect.session_ttl': must be longer than 0s"},
      {base + "[retention]\naudit = \"always\"", "e.toml:10:1: field 'retention.audit': found \"always\", expected a dur"},
      {base + "return_urls = [\"http://x.example/\"]", "e.toml:9:1: field 'registration.return_urls': found \"http://x"},
      {base + "return_urls = [\"https://x.example/#a\"]", "e.toml:9:1: field 'registration.return_urls': found"},
      {base + "scopes = [\"a b\"]", "e.toml:9:1: field 'registration.scopes': write each scope"},
      {base + "[[registration]]\nid = \"qb\"\nprovider = \"x\"\nclient_id = \"y\"",
       "e.toml:10:1: field 'registration.id': \"qb\" is taken by an earlier registration"},
      {base + "[[registration]]\nid = \"Q B\"\nprovider = \"x\"\nclient_id = \"y\"",
       "e.toml:10:1: field 'registration.id': expected 1 to 64 of a-z"},
      {base + "[[registration]]\nid = \"q\"\nprovider = \"x\"", "e.toml:9:1: field 'registration.client_id': missing; what"},
      {"[server]\nport = 1", "e.toml:1:1: field 'keys.kek': missing; tokens are sealed under a key"},
      {"[keys]\nkek = { file = 1 }", "e.toml:2:1: field 'keys.kek': expected { env = \"NAME\" }"},
      {"[keys]\nkek = { path = \"x\" }", "e.toml:2:1: field 'keys.kek': expected { env = \"NAME\" }"},
  };
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(complaint(text).substr(0, expected.size()), expected) << text;
  }
}

TEST(Config, a_secret_written_into_the_file_is_refused_and_not_repeated) {
  const auto message = complaint(std::string{small} + "previous_client_secret = \"canary-secret\"\n");
  EXPECT_TRUE(message.starts_with("e.toml:9:1: field 'registration.previous_client_secret': found a secret written into"));
  EXPECT_EQ(message.find("canary"), std::string::npos);
}

TEST(Config, a_development_server_needs_no_kek) {
  EXPECT_TRUE(parse_config("", "e.toml", Strictness::development));
  EXPECT_FALSE(parse_config("", "e.toml", Strictness::production));
}

TEST(Config, plain_http_off_loopback_needs_tls_or_a_trusted_proxy) {
  const std::pair<std::string, bool> table[] = {
      {"address = \"127.0.0.1\"", true},
      {"address = \"::1\"", true},
      {"address = \"192.168.1.1\"", false},
      {"address = \"192.168.1.1\"\ntrusted_proxies = [\"192.168.1.2\"]", true},
      {"address = \"192.168.1.1\"\ntls_certificate = \"c\"\ntls_key = \"k\"", true},
      {"address = \"192.168.1.1\"\nunix_socket = \"/run/e.sock\"", true},
  };
  for (const auto& [server, allowed] : table) {
    const std::string text = "[server]\npublic_url = \"https://x.example\"\n" + server + "\n[keys]\nkek = { env = \"K\" }\n";
    EXPECT_EQ(parse_config(text, "e.toml").has_value(), allowed) << server;
  }
}

TEST(Config, the_example_file_loads_as_it_is) {
  const auto config = load_config(source / "evergrant.example.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->registrations.size(), 1U);
}

bool has_path(const TomlNode& node, std::string_view path) {
  if (node.kind == TomlKind::array) {
    return std::ranges::any_of(node.items, [&](const TomlNode& item) { return has_path(item, path); });
  }
  if (path.empty()) return true;
  const auto dot = path.find('.');
  const TomlNode* next = find_member(node, path.substr(0, dot));
  return next != nullptr && has_path(*next, dot == std::string_view::npos ? "" : path.substr(dot + 1));
}

// The example with the '#' taken from every line that shows a field.
std::string all_fields_set(const std::string& example) {
  std::istringstream in{example};
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const bool field = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '#';
    out += (field ? line.substr(1) : line) + '\n';
  }
  return out;
}

TEST(Config, the_example_file_shows_every_field_and_only_fields_that_exist) {
  const auto text = all_fields_set(contents(source / "evergrant.example.toml"));
  const auto root = parse_toml(text, "example");
  ASSERT_TRUE(root) << root.error().message;
  for (const auto& field : config_schema())
    EXPECT_TRUE(has_path(*root, field.path)) << field.path << " is not in the example";
  const auto config = parse_config(text, "example");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(Config, the_example_file_shows_the_true_defaults) {
  const auto root = parse_toml(all_fields_set(contents(source / "evergrant.example.toml")), "example");
  ASSERT_TRUE(root);
  int compared = 0;
  for (const auto& field : config_schema()) {
    const TomlNode& node = locate(*root, field.path);
    const bool duration = field.type.starts_with("a duration");
    if (node.kind == TomlKind::integer) EXPECT_EQ(std::to_string(node.integer), field.fallback) << field.path;
    if (duration && !field.fallback.empty())
      EXPECT_EQ(parse_duration(node.text), parse_duration(field.fallback)) << field.path;
    compared += duration || node.kind == TomlKind::integer ? 1 : 0;
  }
  EXPECT_GE(compared, 20);
}

TEST_F(SecretFile, a_private_file_gives_its_contents_without_the_newline) {
  write("s3cret\n", 0600);
  const auto secret = resolve(reference());
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->reveal(), "s3cret");
}

TEST_F(SecretFile, a_file_that_others_may_open_is_refused_with_the_command_that_mends_it) {
  for (const mode_t mode : {0640, 0604, 0620, 0660, 0644}) {
    write("s3cret", mode);
    const auto secret = resolve(reference());
    ASSERT_FALSE(secret) << mode;
    EXPECT_NE(secret.error().message.find(path_.string()), std::string::npos);
    EXPECT_EQ(secret.error().hint, "chmod 600 " + path_.string());
  }
}

TEST_F(SecretFile, an_empty_missing_or_odd_place_is_refused_by_name) {
  write("\n", 0600);
  EXPECT_NE(resolve(reference()).error().message.find("is empty"), std::string::npos);
  EXPECT_NE(resolve({SecretPlace::file, "/nowhere/kek"}).error().message.find("/nowhere/kek"), std::string::npos);
  EXPECT_NE(resolve({SecretPlace::file, testing::TempDir()}).error().message.find("not a regular file"), std::string::npos);
  const auto unset = resolve({SecretPlace::environment, "EVERGRANT_TEST_UNSET"});
  EXPECT_EQ(unset.error().message, "environment variable EVERGRANT_TEST_UNSET is not set");
  const Variable empty{"EVERGRANT_TEST_EMPTY", ""};
  EXPECT_FALSE(resolve({SecretPlace::environment, "EVERGRANT_TEST_EMPTY"}));
}

TEST_F(SecretFile, a_systemd_credential_is_read_from_its_directory) {
  const SecretReference credential{.place = SecretPlace::credential, .name = path_.filename().string()};
  EXPECT_NE(resolve(credential).error().message.find("CREDENTIALS_DIRECTORY is not set"), std::string::npos);
  write("from systemd\n", 0440);
  const Variable directory{"CREDENTIALS_DIRECTORY", path_.parent_path().string()};
  const auto secret = resolve(credential);
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->reveal(), "from systemd");
  EXPECT_FALSE(resolve({SecretPlace::credential, "../" + credential.name}));
}

class RegistrationsOfConfig : public testing::Test {
 protected:
  RegistrationsOfConfig() : catalogue_{std::move(*load_profiles({source / "providers"}))} {}
  [[nodiscard]] std::string problem(const std::string& text) const {
    const auto made = make_registrations(parsed(text), catalogue_);
    return made ? "" : made.error().message;
  }
  Variable secret_{"EVERGRANT_TEST_SECRET", "hush"};
  ProviderCatalogue catalogue_;
};

TEST_F(RegistrationsOfConfig, six_lines_are_enough_for_a_real_provider) {
  const auto made = make_registrations(parsed(small), catalogue_);
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
  const auto made = make_registrations(parsed(R"([keys]
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
  const auto made = make_registrations(parsed(R"([keys]
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
  const auto made =
      make_registrations(parsed(std::string{small} + "previous_client_secret = { env = \"EVERGRANT_TEST_OLD\" }\n"
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
  const auto made = make_registrations(parsed(std::string{small} + "[refresh]\nadvisory_margin = \"7m\"\n"), catalogue_);
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
      {start + secret + "provider = \"xero\"\nclient_auth = \"private_key_jwt\"",
       "8:1: field 'registration.client_auth': needs a key"},
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
