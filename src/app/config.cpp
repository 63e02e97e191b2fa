#include "app/config.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "app/config_fields.hpp"
#include "app/config_local_callers.hpp"
#include "base/encoding.hpp"
#include "net/address_guard.hpp"
#include "net/forwarded.hpp"
#include "oauth/profile_url.hpp"

namespace evergrant {
namespace {

namespace fs = std::filesystem;

using Problems = std::vector<ConfigProblem>;

bool listens_on_tcp(const ServerOptions& server) { return server.unix_socket.empty() || server.unix_socket_beside_tcp; }

bool listens_on_loopback(const ServerOptions& server) { return !listens_on_tcp(server) || is_loopback_host(server.address); }

bool has_tls(const ServerOptions& server) { return !server.tls_certificate.empty(); }

void check_listener(const ServerOptions& server, Problems& out) {
  if (server.unix_socket_beside_tcp && server.unix_socket.empty()) {
    out.push_back({.field = "server.unix_socket_beside_tcp", .text = "needs a unix_socket"});
  }
  if (listens_on_tcp(server) && !IpAddress::parse(server.address) && !is_loopback_host(server.address)) {
    out.push_back({.field = "server.address", .text = "expected an IP address such as 127.0.0.1 or ::"});
  }
  if (server.tls_certificate.empty() != server.tls_key.empty()) {
    out.push_back({.field = server.tls_key.empty() ? "server.tls_certificate" : "server.tls_key",
                   .text = "tls_certificate and tls_key go together"});
  }
  if (const auto proxies = TrustedProxies::parse(server.trusted_proxies); !proxies) {
    out.push_back({.field = "server.trusted_proxies", .text = proxies.error().message});
  }
  if (!listens_on_loopback(server) && !has_tls(server) && server.trusted_proxies.empty()) {
    out.push_back({.field = "server.address",
                   .text = "plain HTTP on " + printable(server.address, 60) +
                           " would carry tokens in the clear; give tls_certificate and tls_key, or name the proxy that "
                           "adds TLS in trusted_proxies, or listen on 127.0.0.1"});
  }
}

std::string default_public_url(const ServerOptions& server) {
  if (!listens_on_tcp(server) || !is_loopback_host(server.address) || server.port == 0) return {};
  const bool v6 = server.address.contains(':') && !server.address.starts_with('[');
  const std::string host = v6 ? '[' + server.address + ']' : server.address;
  return (has_tls(server) ? "https://" : "http://") + host + ':' + std::to_string(server.port);
}

void check_public_url(Config& config, Problems& out) {
  std::string& url = config.public_url;
  if (url.empty()) url = default_public_url(config.server);
  while (url.ends_with('/')) url.pop_back();
  // With port 0 nobody knows the URL before the listener does: the program fills it in.
  const bool known_later = listens_on_tcp(config.server) && config.server.port == 0;
  if (url.empty()) {
    if (known_later) return;
    return out.push_back({.field = "server.public_url",
                          .text = "missing; the https URL under which browsers reach this server, such as "
                                  "https://tokens.example.com"});
  }
  if (auto problem = issuer_problem(url, true)) out.push_back({.field = "server.public_url", .text = *problem});
  config.connect.public_url = url;
}

void check_periods(const Config& config, Problems& out) {
  using Period = std::pair<const char*, Duration>;
  const std::array<Period, 8> positive{{{"server.limits.header_timeout", config.server.limits.header_timeout},
                                        {"server.limits.body_timeout", config.server.limits.body_timeout},
                                        {"server.limits.idle_timeout", config.server.limits.idle_timeout},
                                        {"refresh.timeout", config.refresh.timeout},
                                        {"refresh.reader_wait", config.refresh.reader_wait},
                                        {"refresh.mass_failure_window", config.refresh.mass_failure.window},
                                        {"connect.session_ttl", config.connect.session_ttl},
                                        {"retention.sweep_every", config.sweep_every}}};
  for (const auto& [field, value] : positive) {
    if (value <= Duration{0}) out.push_back({.field = field, .text = "must be longer than 0s"});
  }
  if (config.refresh.lease < 2 * config.refresh.timeout) {
    out.push_back({.field = "refresh.lease", .text = "must be at least twice as long as refresh.timeout"});
  }
  const auto& margins = config.refresh_defaults;
  if (margins.advisory_margin > Duration{0} && margins.mandatory_margin > margins.advisory_margin) {
    out.push_back({.field = "refresh.mandatory_margin", .text = "must not be longer than refresh.advisory_margin"});
  }
}

void check_kek(const Config& config, Strictness strictness, Problems& out) {
  if (!config.kek.empty() || strictness == Strictness::development) return;
  out.push_back({.field = "keys.kek",
                 .text =
                     "missing; tokens are sealed under a key that lives outside the store. Make one with `evergrant keys "
                     "generate`, and name its place: kek = { file = \"/etc/evergrant/kek\" }"});
}

bool is_same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;  // where one does not exist, the names decide
  return fs::absolute(a, ignored).lexically_normal() == fs::absolute(b, ignored).lexically_normal() ||
         fs::equivalent(a, b, ignored);
}

// The escrow is written without asking what is there.
void check_escrow(const Config& config, Problems& out) {
  std::vector<std::pair<fs::path, std::string>> taken;
  for (const char* ending : {"", "-wal", "-shm", ".mark"}) taken.emplace_back(config.store.string() + ending, "the store's");
  const auto secret = [&taken](const SecretReference& reference) {
    if (reference.place == SecretPlace::file) taken.emplace_back(reference.name, "a secret's");
  };
  secret(config.kek);
  std::ranges::for_each(config.previous_keks, secret);
  for (const auto& registration : config.registrations) {
    secret(registration.client_secret);
    secret(registration.previous_client_secret);
    secret(registration.client_key.pem);
    secret(registration.next_client_key.pem);
    secret(registration.previous_client_key.pem);
  }
  if (!config.server.tls_key.empty()) taken.emplace_back(config.server.tls_key, "a secret's");
  for (const auto& [path, whose] : taken) {
    if (!is_same_file(config.escrow_path(), path)) continue;
    out.push_back({.field = "store.escrow", .text = path.string() + " is " + whose + "; give the escrow a path of its own"});
    return;
  }
}

void report(TomlReading& reading, const TomlNode& root, const Problems& problems) {
  for (const auto& problem : problems) {
    const TomlNode& where = locate(root, problem.field);
    if (&where != &root && reading.has_problem_at(where)) continue;
    reading.problem(where, "field '" + problem.field + "': " + problem.text);
  }
}

void check_registration(TomlReading& reading, const RegistrationConfig& registration) {
  TomlTable table{reading, registration.origin, "registration"};
  const bool plain = std::ranges::all_of(
      registration.id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
  if (table.has("id") && (!plain || registration.id.empty() || registration.id.size() > 64)) {
    table.problem("id", "expected 1 to 64 of a-z, 0-9, _ and -; it is part of the redirect URI");
  }
  if (table.has("client_id") && registration.client_id.empty()) table.problem("client_id", "must not be empty");
  for (const auto& scope : registration.scopes) {
    if (scope.empty() || scope.contains(' ')) table.problem("scopes", "write each scope as a string of its own");
  }
  for (const auto& url : registration.return_urls) {
    if (const auto problem = url_problem(url, true)) table.problem("return_urls", *problem);
  }
  if (!registration.previous_client_secret.empty() && registration.client_secret.empty()) {
    table.problem("previous_client_secret", "needs a client_secret, which is tried first");
  }
}

void check_registrations(TomlReading& reading, const Config& config) {
  std::set<std::string> ids;
  for (const auto& registration : config.registrations) {
    check_registration(reading, registration);
    if (ids.insert(registration.id).second) continue;
    TomlTable table{reading, registration.origin, "registration"};
    table.problem("id", "\"" + printable(registration.id, 64) + "\" is taken by an earlier registration");
  }
}

Config with_defaults(const fs::path& file) {
  Config config;
  config.file = file;
  config.server.port = default_port;
  return config;
}

Result<Config> config_from(const TomlNode& root, const fs::path& file, Strictness strictness, std::uint16_t port = 0) {
  TomlReading reading{file.string()};
  Config config = with_defaults(file);
  TomlTable top{reading, root};
  read_config_fields(top, config);
  if (port != 0) config.server.port = port;  // before the public URL is made of it
  report(reading, root, check_config(config, strictness));
  check_registrations(reading, config);
  check_local_callers(reading, config);
  if (const auto read = reading.result(); !read) return std::unexpected(read.error());
  return config;
}

}  // namespace

std::filesystem::path Config::escrow_path() const {
  if (!escrow.empty()) return escrow;
  return {store.string() + "-escrow"};
}

std::vector<ConfigProblem> check_config(Config& config, Strictness strictness) {
  Problems problems;
  check_listener(config.server, problems);
  check_public_url(config, problems);
  check_periods(config, problems);
  check_kek(config, strictness, problems);
  check_escrow(config, problems);
  return problems;
}

Result<Config> parse_config(std::string_view text, const fs::path& file, Strictness strictness) {
  const auto root = parse_toml(text, file.string());
  if (!root) return std::unexpected(root.error());
  return config_from(*root, file, strictness);
}

Result<Config> load_config(const fs::path& path, Strictness strictness, std::uint16_t port) {
  const auto root = read_toml_file(path);
  if (!root) return std::unexpected(root.error());
  return config_from(*root, path, strictness, port);
}

std::vector<TomlField> config_schema() {
  TomlReading reading = TomlReading::describe();
  const TomlNode empty;
  TomlTable top{reading, empty};
  Config config = with_defaults({});
  read_config_fields(top, config);
  return reading.fields();
}

LogFormat log_format(LogStyle style, bool terminal) {
  switch (style) {
    case LogStyle::automatic: return terminal ? LogFormat::text : LogFormat::json;
    case LogStyle::json: return LogFormat::json;
    case LogStyle::text: return LogFormat::text;
  }
  return LogFormat::json;
}

}  // namespace evergrant
