#include "app/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "unit/app/config_fixture.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

const fs::path example = fs::path{EVERGRANT_SOURCE_DIR} / "evergrant.example.toml";

std::string complaint(std::string_view text) {
  const auto config = parse_config(text, "e.toml");
  return config ? "" : config.error().message;
}

std::string contents(const fs::path& path) {
  std::ifstream in{path};
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

TEST(Config, a_small_file_gives_a_whole_configuration) {
  const Config config = parsed_config(small_config);
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

TEST(Config, the_escrow_is_never_a_file_of_the_store_or_of_a_secret) {
  for (const std::string path : {"/data/e.db", "/data/x/../e.db", "/data/e.db-wal", "/data/e.db-shm", "/data/e.db.mark",
                                 "/etc/evergrant/kek", "/etc/evergrant/old"}) {
    const auto refused = complaint("[store]\npath = \"/data/e.db\"\nescrow = \"" + path +
                                   "\"\n[keys]\nkek = { file = \"/etc/evergrant/kek\" }\n"
                                   "previous = [{ file = \"/etc/evergrant/old\" }]\n");
    EXPECT_NE(refused.find("store.escrow"), std::string::npos) << path << ": " << refused;
  }
  const auto fine =
      complaint("[store]\npath = \"/data/e.db\"\nescrow = \"/data/e.escrow\"\n[keys]\nkek = { file = \"/k\" }\n");
  EXPECT_EQ(fine, "");
}

TEST(Config, fields_reach_their_place) {
  const Config config = parsed_config(R"([server]
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
  const std::string base{small_config};
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
      {base + "[proxy]\nprivate_hosts = [\"https://x.example\"]",
       "e.toml:10:1: field 'proxy.private_hosts': found \"https://x"},
      {base + "[server]\npublic_url = \"http://x.example\"", "e.toml:10:1: field 'server.public_url': found \"http://x.ex"},
      {base + "[server]\npublic_url = \"https://x.example?a\"", "e.toml:10:1: field 'server.public_url': found \"https://x"},
      {base + "[server]\ntls_key = \"a\"", "e.toml:10:1: field 'server.tls_key': tls_certificate and tls_key go together"},
      {base + "[refresh]\nlease = \"30s\"", "e.toml:10:1: field 'refresh.lease': must be at least twice as long"},
      {base + "[refresh]\nnotices = [\"7d\", \"59m\"]", "e.toml:10:1: field 'refresh.notices': expected a list of dur"},
      {base + "notices = [\"soon\"]", "e.toml:9:1: field 'registration.notices': expected a list of durations"},
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
  const auto message = complaint(std::string{small_config} + "previous_client_secret = \"canary-secret\"\n");
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

TEST(Config, notices_are_sorted_and_a_registrations_own_go_before_the_rest) {
  using Notices = std::vector<Duration>;
  const std::string own = "notices = []\n";
  const std::string all = "[refresh]\nnotices = [\"1d\", \"2w\", \"24h\"]\n";
  const auto config = parse_config(std::string{small_config} + own + all, "e.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->refresh_defaults.notices, (Notices{std::chrono::days{14}, std::chrono::days{1}}));
  EXPECT_EQ(config->registrations.at(0).notices, Notices{});
  const auto plain = parse_config(small_config, "e.toml");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->registrations.at(0).notices);
  EXPECT_EQ(plain->refresh_defaults.notices, (Notices{std::chrono::days{30}, std::chrono::days{7}, std::chrono::days{1}}));
}

TEST(Config, the_example_file_loads_as_it_is) {
  const auto config = load_config(example);
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
  const auto text = all_fields_set(contents(example));
  const auto root = parse_toml(text, "example");
  ASSERT_TRUE(root) << root.error().message;
  for (const auto& field : config_schema())
    EXPECT_TRUE(has_path(*root, field.path)) << field.path << " is not in the example";
  const auto config = parse_config(text, "example");
  EXPECT_TRUE(config) << config.error().message;
}

TEST(Config, the_example_file_shows_the_true_defaults) {
  const auto root = parse_toml(all_fields_set(contents(example)), "example");
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

}  // namespace
}  // namespace evergrant::test
