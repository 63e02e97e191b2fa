#include "app/config_local_callers.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <set>

#include "access/policy_words.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::int64_t most_requests = 1'000'000;

std::optional<std::int64_t> uid_of(const std::string& user) {
  std::vector<char> buffer(16U << 10U);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return entry.pw_uid;
}

template <class T>
void read_ids(TomlTable& table, std::string_view name, std::vector<T>& out) {
  std::vector<std::string> texts;
  table.read(name, texts);
  for (const auto& text : texts) out.emplace_back(text);
}

void read_verbs(TomlTable& table, std::vector<Verb>& out) {
  std::vector<std::string> texts;
  table.read("verbs", texts);
  for (const auto& text : texts) {
    if (const auto verb = verb_from(text)) {
      out.push_back(*verb);
    } else {
      table.problem("verbs", "'" + printable(text, 40) +
                                 "' is not a verb; they are token:read, connection:read, connection:write, connect, revoke, "
                                 "proxy, admin");
    }
  }
}

void read_user(TomlTable& table, LocalCallerConfig& out) {
  std::string user;
  table.read("user", user);
  table.read("uid", out.uid, 0, std::numeric_limits<std::uint32_t>::max() - 1);
  if (table.reading().describing()) return;
  if (user.empty() && out.uid < 0) return table.problem("user", "missing; or give its number as uid");
  if (user.empty()) return;
  const auto uid = uid_of(user);
  if (!uid) return table.problem("user", "this machine knows no user '" + printable(user, 60) + "'");
  if (out.uid >= 0 && out.uid != *uid) return table.problem("uid", "is not that of user '" + printable(user, 60) + "'");
  out.uid = *uid;
}

bool is_short_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void check_one(TomlTable& table, const LocalCallerConfig& caller, const Config& config) {
  if (table.has("name") && !is_short_name(caller.name)) table.problem("name", "expected 1 to 64 of a-z, 0-9, _ and -");
  if (config.server.unix_socket.empty())
    table.problem("name", "there are local callers only where server.unix_socket is set");
  if (table.has("verbs")) {
    if (const auto checked = check_policy(caller.policy); !checked) table.problem("name", checked.error().message);
  }
  for (const auto& id : caller.policy.registrations) {
    if (id.str() == "*" ||
        std::ranges::find(config.registrations, id.str(), &RegistrationConfig::id) != config.registrations.end())
      continue;
    table.problem("registrations", "there is no registration '" + printable(id.str(), 64) + "'");
  }
}

}  // namespace

void read_local_caller(TomlTable& table, LocalCallerConfig& out) {
  out.origin = table.node();
  table.require("name", "a short name of your own");
  table.require("verbs", "a list of verbs");
  table.require("registrations", R"(a list of registrations, or ["*"])");
  table.require("tenants", R"(a list of tenants, or ["*"])");
  table.read("name", out.name);
  read_user(table, out);
  read_verbs(table, out.policy.verbs);
  read_ids(table, "registrations", out.policy.registrations);
  read_ids(table, "tenants", out.policy.tenants);
  read_ids(table, "connections", out.policy.connections);
  table.read("methods", out.policy.methods);
  table.read("paths", out.policy.paths);
  table.read("requests_per_minute", out.policy.requests_per_minute, 0, most_requests);
  table.finish();
}

void check_local_callers(TomlReading& reading, const Config& config) {
  std::set<std::string> names;
  std::set<std::int64_t> users;
  const auto& proxies = config.server.trusted_proxies;
  const bool proxied = std::ranges::find(proxies, "unix") != proxies.end();
  for (const auto& caller : config.local_callers) {
    TomlTable table{reading, caller.origin, "local_caller"};
    check_one(table, caller, config);
    if (!names.insert(caller.name).second) table.problem("name", "is taken by an earlier local_caller");
    if (caller.uid >= 0 && !users.insert(caller.uid).second) {
      table.problem(table.has("uid") ? "uid" : "user", "this user is an earlier local_caller already");
    }
    if (proxied)
      table.problem("name", "with \"unix\" in server.trusted_proxies the socket's peer is a proxy that speaks for others");
  }
}

std::shared_ptr<const LocalCallers> make_local_callers(const std::vector<LocalCallerConfig>& configured) {
  std::vector<LocalCaller> callers;
  for (const auto& one : configured) {
    Caller caller;
    caller.id = local_id(one.name);
    caller.name = one.name;
    caller.policy = one.policy;
    callers.push_back({.uid = static_cast<std::uint32_t>(one.uid), .caller = std::move(caller)});
  }
  return std::make_shared<const LocalCallers>(std::move(callers));
}

}  // namespace evergrant
