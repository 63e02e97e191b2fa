// evergrant.toml as values. Reading is strict: unknown fields, wrong types and values that cannot go together are refused,
// all at once, each with file, line and column. Secrets are references here (app/config_secret.hpp) and are read by whoever
// needs them. Values; loaded once at start-up.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_secret.hpp"
#include "base/log.hpp"
#include "base/toml_table.hpp"
#include "lifecycle/connect.hpp"
#include "lifecycle/janitor.hpp"
#include "lifecycle/token_service.hpp"
#include "model/caller.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "proxy/proxy.hpp"

namespace evergrant {

constexpr std::uint16_t default_port = 9400;

enum class LogStyle : std::uint8_t { automatic, json, text };  // automatic: text on a terminal, JSON elsewhere

struct ClientKeyConfig {
  bool given = false;
  SecretReference pem;
  std::string_view algorithm = "ES256";  // one of client_key_algorithms
  std::string kid;                       // empty: the thumbprint (RFC 7638)
};

constexpr std::array<std::string_view, 4> client_key_algorithms{"ES256", "PS256", "EdDSA", "RS256"};

struct RegistrationConfig {
  std::string id;
  std::string provider;
  std::string environment = "production";
  std::string client_id;
  SecretReference client_secret;           // none: a public client
  SecretReference previous_client_secret;  // still tried while a secret is being replaced (CA-11)
  std::optional<Time> client_secret_expires_at;
  ClientKeyConfig client_key;           // for client_auth = "private_key_jwt"
  ClientKeyConfig next_client_key;      // published, not used yet (JWK-07)
  ClientKeyConfig previous_client_key;  // published still, not used any more
  std::vector<std::string> scopes;      // empty: the profile's default_scopes
  std::vector<std::string> return_urls;
  std::vector<std::string> claims;
  SecurityLevel security = SecurityLevel::baseline;
  bool keepalive = true;
  std::optional<std::vector<Duration>> notices;  // nothing: those of [refresh]
  TomlNode settings;  // issuer, metadata_url, endpoints, client_auth, allow_loopback_http: fields of the profile, in short
  TomlNode profile;   // any field of the profile
  TomlNode origin;    // the whole table, for the places in messages
};

// A process of this machine that needs no key: it comes over the unix socket.
struct LocalCallerConfig {
  std::string name;
  std::int64_t uid = -1;
  Policy policy;
  TomlNode origin;
};

// What holds where a provider's profile is silent.
struct RefreshDefaults {
  Duration advisory_margin{0};
  Duration mandatory_margin{0};
  double max_rate_per_second = 0;
  std::vector<Duration> notices = Registration{}.notices;
};

struct Config {
  std::filesystem::path file;  // relative paths in it were taken from its folder
  ServerOptions server;
  std::string public_url;  // without a slash at the end
  std::filesystem::path store = "/var/lib/evergrant/evergrant.db";
  std::filesystem::path escrow;  // empty: beside the store
  std::int64_t escrow_bytes = 16LL << 20U;
  [[nodiscard]] std::filesystem::path escrow_path() const;
  SecretReference kek;
  std::vector<SecretReference> previous_keks;  // newest first; they only open what they wrapped
  LogStyle log_style = LogStyle::automatic;
  LogLevel log_level = LogLevel::info;
  std::vector<std::filesystem::path> provider_directories;  // searched after the shipped one
  ClientOptions http_client;
  RefreshOptions refresh;  // `owner` is left to the program
  RefreshDefaults refresh_defaults;
  ConnectOptions connect;  // `public_url` is filled in
  ProxyOptions proxy;      // what it shares with [http_client] is filled in
  Retention retention;
  Duration sweep_every{std::chrono::hours{1}};
  std::vector<LocalCallerConfig> local_callers;
  std::vector<RegistrationConfig> registrations;
};

// What a development server may leave out: the KEK, which it makes itself.
enum class Strictness : std::uint8_t { production, development };

// A `port` goes before the file's. Errors: not_found; invalid_argument with one line for each problem.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& path, Strictness strictness = Strictness::production,
                                         std::uint16_t port = 0);
// `file` stands in messages, and relative paths are taken from its folder.
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::filesystem::path& file,
                                          Strictness strictness = Strictness::production);

// One row for each field: path, type, default.
[[nodiscard]] std::vector<TomlField> config_schema();

struct ConfigProblem {
  std::string field;  // dotted path
  std::string text;
};

// What the fields mean together. Pure. Fills in what follows from others (`public_url`).
[[nodiscard]] std::vector<ConfigProblem> check_config(Config& config, Strictness strictness);

// Text or JSON, for a log that goes to a terminal or not.
[[nodiscard]] LogFormat log_format(LogStyle style, bool terminal);

}  // namespace evergrant
