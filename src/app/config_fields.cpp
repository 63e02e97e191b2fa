#include "app/config_fields.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include "app/config_local_callers.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

namespace fs = std::filesystem;

constexpr std::array<TomlChoice<LogStyle>, 3> log_styles{
    {{"auto", LogStyle::automatic}, {"json", LogStyle::json}, {"text", LogStyle::text}}};
constexpr std::array<TomlChoice<LogLevel>, 4> log_levels{
    {{"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}}};
constexpr std::string_view secret_type = R"({ env = "NAME" }, { file = "PATH" } or { credential = "NAME" })";

fs::path folder_of(const Config& config) { return config.file.parent_path(); }

void make_absolute(const Config& config, std::string& path) {
  if (!path.empty()) path = (folder_of(config) / path).lexically_normal().string();
}

void read_path(TomlTable& table, std::string_view name, const Config& config, std::string& out) {
  table.read(name, out);
  make_absolute(config, out);
}

// Never shows what it found: it may be the secret.
SecretReference reference_from(TomlTable& table, std::string_view name, const TomlNode& node, const Config& config) {
  static constexpr std::array<std::pair<std::string_view, SecretPlace>, 3> places{
      {{"env", SecretPlace::environment}, {"file", SecretPlace::file}, {"credential", SecretPlace::credential}}};
  const std::string expected = "expected " + std::string{secret_type};
  if (node.kind == TomlKind::string) {
    table.problem(name, "found a secret written into the file; secrets are given by reference, " + expected);
    return {};
  }
  if (node.kind != TomlKind::table || node.members.size() != 1 || node.members[0].value.kind != TomlKind::string) {
    table.problem(name, expected);
    return {};
  }
  const auto& [kind, value] = node.members[0];
  for (const auto& [word, place] : places) {
    if (kind != word || value.text.empty()) continue;
    SecretReference reference{.place = place, .name = value.text};
    if (place == SecretPlace::file) make_absolute(config, reference.name);
    return reference;
  }
  table.problem(name, expected);
  return {};
}

void read_secret(TomlTable& table, std::string_view name, const Config& config, SecretReference& out) {
  if (const auto* node = table.raw(name, secret_type)) out = reference_from(table, name, *node, config);
}

void read_secrets(TomlTable& table, std::string_view name, const Config& config, std::vector<SecretReference>& out) {
  const auto* node = table.raw(name, "a list of " + std::string{secret_type});
  if (node == nullptr) return;
  if (node->kind != TomlKind::array) return table.problem(name, "expected a list of " + std::string{secret_type});
  for (const auto& item : node->items) {
    const auto reference = reference_from(table, name, item, config);
    if (!reference.empty()) out.push_back(reference);
  }
}

void read_size(TomlTable& table, std::string_view name, std::size_t& out, std::int64_t least, std::int64_t most) {
  auto value = static_cast<std::int64_t>(out);
  table.read(name, value, least, most);
  out = static_cast<std::size_t>(value);
}

void read_limits(TomlTable table, ServerLimits& out) {
  constexpr std::int64_t mebibyte = 1 << 20;
  read_size(table, "header_bytes", out.header_bytes, 1024, mebibyte);
  read_size(table, "body_bytes", out.body_bytes, 1024, 64 * mebibyte);
  table.read("header_timeout", out.header_timeout);
  table.read("body_timeout", out.body_timeout);
  table.read("idle_timeout", out.idle_timeout);
  read_size(table, "connections", out.connections, 1, 1'000'000);
  table.finish();
}

// Written as chmod takes it. Not for others to change: whoever may write connects.
void read_socket_mode(TomlTable& table, unsigned& out) {
  std::string text = "0600";
  table.read("unix_socket_mode", text);
  unsigned mode = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, mode, 8);
  const bool fits = error == std::errc{} && stopped == end && (mode & 0600U) == 0600U && (mode & ~0666U) == 0;
  if (!fits) return table.problem("unix_socket_mode", R"(expected "0600", "0660" or "0666")");
  out = mode;
}

void read_server(TomlTable table, Config& out) {
  std::int64_t port = out.server.port;
  table.read("address", out.server.address);
  table.read("port", port, std::int64_t{0}, std::int64_t{65535});
  out.server.port = static_cast<std::uint16_t>(port);
  read_path(table, "unix_socket", out, out.server.unix_socket);
  read_socket_mode(table, out.server.unix_socket_mode);
  table.read("unix_socket_beside_tcp", out.server.unix_socket_beside_tcp);
  table.read("threads", out.server.threads, 1, 256);
  table.read("public_url", out.public_url);
  read_path(table, "tls_certificate", out, out.server.tls_certificate);
  read_path(table, "tls_key", out, out.server.tls_key);
  table.read("trusted_proxies", out.server.trusted_proxies);
  read_limits(table.table("limits"), out.server.limits);
  table.finish();
}

void read_store(TomlTable table, Config& out) {
  std::string path = out.store.string();
  read_path(table, "path", out, path);
  out.store = path;
  std::string escrow;
  read_path(table, "escrow", out, escrow);
  out.escrow = escrow;
  table.read("escrow_bytes", out.escrow_bytes, std::int64_t{1} << 20U, std::int64_t{1} << 34U);
  table.finish();
}

void read_keys(TomlTable table, Config& out) {
  read_secret(table, "kek", out, out.kek);
  read_secrets(table, "previous", out, out.previous_keks);
  table.finish();
}

void read_log(TomlTable table, Config& out) {
  table.read("format", out.log_style, log_styles);
  table.read("level", out.log_level, log_levels);
  table.finish();
}

void read_providers(TomlTable table, Config& out) {
  std::vector<std::string> directories;
  table.read("directories", directories);
  for (auto& directory : directories) {
    make_absolute(out, directory);
    out.provider_directories.emplace_back(directory);
  }
  table.finish();
}

void read_http_client(TomlTable table, Config& out) {
  read_path(table, "ca_file", out, out.http_client.ca_file);
  table.read("proxy", out.http_client.proxy);
  table.read("user_agent", out.http_client.user_agent);
  table.read("connections_per_host", out.http_client.connections_per_host, 1, 10000);
  table.finish();
}

constexpr Duration least_notice{std::chrono::hours{1}};  // ends shift by less than half of it, as clocks do

// How long ahead of an end it is announced; longest first, each once.
void read_notices(TomlTable& table, std::vector<Duration>& out) {
  constexpr std::string_view name = "notices";
  constexpr std::string_view expected = R"(expected a list of durations of at least "1h", such as ["30d", "7d", "1d"])";
  std::vector<std::string> texts;
  texts.reserve(out.size());
  for (const Duration notice : out) texts.push_back(to_text(notice));
  table.read(name, texts);
  std::vector<Duration> notices;
  for (const auto& text : texts) {
    const auto notice = parse_duration(text);
    if (!notice || *notice < least_notice) return table.problem(name, expected);
    notices.push_back(*notice);
  }
  std::ranges::sort(notices, std::greater{});
  const auto [first, last] = std::ranges::unique(notices);
  notices.erase(first, last);
  out = std::move(notices);
}

void read_refresh(TomlTable table, Config& out) {
  table.read("advisory_margin", out.refresh_defaults.advisory_margin);
  table.read("mandatory_margin", out.refresh_defaults.mandatory_margin);
  table.read("max_rate_per_second", out.refresh_defaults.max_rate_per_second, 0, 100000);
  table.read("timeout", out.refresh.timeout);
  table.read("lease", out.refresh.lease);
  table.read("reader_wait", out.refresh.reader_wait);
  table.read("forced_interval", out.refresh.forced_interval);
  table.read("mass_failure_count", out.refresh.mass_failure.least, 0, 1'000'000);
  table.read("mass_failure_share", out.refresh.mass_failure.share, 0, 1);
  table.read("mass_failure_window", out.refresh.mass_failure.window);
  read_notices(table, out.refresh_defaults.notices);
  table.read("concurrency", out.refresh.concurrency, 1, 10000);
  read_size(table, "cache_entries", out.refresh.cache_entries, 0, 10'000'000);
  table.finish();
}

// A duration, or "forever".
void read_period(TomlTable& table, std::string_view name, std::optional<Duration>& out) {
  const TomlNode* node = find_member(table.node(), name);
  const bool forever = node != nullptr && node->kind == TomlKind::string && node->text == "forever";
  if (!forever) return table.read(name, out);
  (void)table.raw(name, "a duration, or \"forever\"");
  out.reset();
}

void read_retention(TomlTable table, Config& out) {
  read_period(table, "connect_sessions", out.retention.sessions);
  read_period(table, "revoked_connections", out.retention.revoked_connections);
  read_period(table, "audit", out.retention.audit);
  read_period(table, "events", out.retention.events);
  read_period(table, "idempotency", out.retention.idempotency);
  read_period(table, "derived_callers", out.retention.derived_callers);
  table.read("sweep_every", out.sweep_every);
  table.finish();
}

void read_connect(TomlTable table, Config& out) {
  table.read("session_ttl", out.connect.session_ttl);
  table.read("max_pending_per_tenant", out.connect.max_pending_per_tenant, 1, 1'000'000);
  table.finish();
}

void read_proxy(TomlTable table, Config& out) {
  auto& upstream = out.proxy.upstream;
  table.read("connect_timeout", upstream.connect_timeout);
  table.read("answer_timeout", upstream.answer_timeout);
  table.read("idle_timeout", upstream.idle_timeout);
  table.read("keep_idle", upstream.keep_idle);
  read_size(table, "idle_per_host", upstream.idle_per_host, 0, 10'000);
  read_size(table, "replay_bytes", out.proxy.replay_bytes, 0, std::int64_t{1} << 20U);
  table.read("private_hosts", out.proxy.private_hosts);
  for (const auto& host : out.proxy.private_hosts) {
    if (host.empty() || host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:") != std::string::npos) {
      table.problem("private_hosts",
                    "found \"" + printable(host) + "\", expected a host in small letters, without scheme and port");
    }
  }
  table.read("isolate_realms", out.proxy.isolate_realms);
  table.finish();
}

// Fields of the profile that a registration may set without a [registration.profile] of their own.
TomlNode read_settings(TomlTable& table) {
  TomlNode settings;
  settings.line = table.node().line;
  settings.column = table.node().column;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> names{
      {{"issuer", "a string"},
       {"metadata_url", "a string"},
       {"endpoints", "the profile's table of endpoints"},
       {"allow_loopback_http", "true or false"}}};
  for (const auto& [name, type] : names) {
    if (const auto* node = table.raw(name, type)) settings.members.push_back({.name = std::string{name}, .value = *node});
  }
  if (const auto* node = table.raw("client_auth", "as token.client_auth of the profile")) {
    TomlNode token;
    token.members.push_back({.name = "client_auth", .value = *node});
    settings.members.push_back({.name = "token", .value = std::move(token)});
  }
  return settings;
}

constexpr std::array<TomlChoice<SecurityLevel>, 2> security_levels{
    {{"baseline", SecurityLevel::baseline}, {"strict", SecurityLevel::strict}}};

void read_client_key(TomlTable& registration, std::string_view name, const Config& config, ClientKeyConfig& out) {
  static constexpr auto algorithms = [] {
    std::array<TomlChoice<std::string_view>, client_key_algorithms.size()> choices;
    for (std::size_t i = 0; i < choices.size(); ++i) choices[i] = {client_key_algorithms[i], client_key_algorithms[i]};
    return choices;
  }();
  out.given = registration.has(name);
  TomlTable table = registration.table(name);
  if (out.given)
    table.require("pem", "a reference to a private key, PKCS#8 PEM, such as { file = \"/etc/evergrant/key.pem\" }");
  read_secret(table, "pem", config, out.pem);
  table.read("algorithm", out.algorithm, algorithms);
  table.read("kid", out.kid);
  table.finish();
}

void read_registration(TomlTable& table, const Config& config, RegistrationConfig& out) {
  out.origin = table.node();
  table.require("id", "a short name of your own");
  table.require("provider", "the id of a provider profile");
  table.require("client_id", "what the provider calls your app");
  table.read("id", out.id);
  table.read("provider", out.provider);
  table.read("environment", out.environment);
  table.read("client_id", out.client_id);
  read_secret(table, "client_secret", config, out.client_secret);
  read_secret(table, "previous_client_secret", config, out.previous_client_secret);
  table.read("client_secret_expires_at", out.client_secret_expires_at);
  read_client_key(table, "client_key", config, out.client_key);
  read_client_key(table, "next_client_key", config, out.next_client_key);
  read_client_key(table, "previous_client_key", config, out.previous_client_key);
  table.read("scopes", out.scopes);
  table.read("return_urls", out.return_urls);
  table.read("claims", out.claims);
  table.read("security", out.security, security_levels);
  table.read("keepalive", out.keepalive);
  std::vector<Duration> notices = config.refresh_defaults.notices;
  read_notices(table, notices);
  if (table.has("notices")) out.notices = std::move(notices);
  out.settings = read_settings(table);
  out.profile.line = out.origin.line;
  out.profile.column = out.origin.column;
  if (const auto* node = table.raw("profile", "a table of fields of the provider's profile")) out.profile = *node;
  table.finish();
}

}  // namespace

void read_config_fields(TomlTable& top, Config& out) {
  read_server(top.table("server"), out);
  read_store(top.table("store"), out);
  read_keys(top.table("keys"), out);
  read_log(top.table("log"), out);
  read_providers(top.table("providers"), out);
  read_http_client(top.table("http_client"), out);
  read_refresh(top.table("refresh"), out);
  read_connect(top.table("connect"), out);
  read_proxy(top.table("proxy"), out);
  read_retention(top.table("retention"), out);
  for (auto& table : top.tables("local_caller")) read_local_caller(table, out.local_callers.emplace_back());
  for (auto& table : top.tables("registration")) read_registration(table, out, out.registrations.emplace_back());
  top.finish();
}

}  // namespace evergrant
