// An authenticated user of our API and its policy. Default deny.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/ids.hpp"

namespace evergrant {

enum class Verb : std::uint8_t { token_read, connection_read, connection_write, connect, revoke, proxy, admin };

[[nodiscard]] std::string_view to_string(Verb verb) noexcept;  // "token:read" …
[[nodiscard]] std::optional<Verb> verb_from(std::string_view text) noexcept;

struct Policy {
  std::vector<Verb> verbs;                     // admin allows every verb
  std::vector<RegistrationId> registrations;   // empty: none; {"*"}: all
  std::vector<TenantId> tenants;               // empty: none; {"*"}: all
  std::vector<ConnectionId> connections = {};  // empty: all that registrations and tenants allow
  // Of calls at the provider (proxy, gateways); with either, the token itself is not handed out.
  std::vector<std::string> methods = {};  // empty: all
  std::vector<std::string> paths = {};    // patterns (access/path_pattern.hpp); empty: all
  std::int64_t requests_per_minute = 0;   // 0: no limit
  bool operator==(const Policy&) const = default;
};

// A caller that a derived key comes from. A derived key can do what its policy says for as long as all of these are alive.
struct Ancestor {
  CallerId id;
  std::string name;
  std::int64_t requests_per_minute = 0;  // counts what comes from the derived keys too
  bool operator==(const Ancestor&) const = default;
};

struct Caller {
  CallerId id;
  std::string name;
  Policy policy;
  std::vector<Ancestor> ancestors = {};  // of a derived key, the nearest first; empty: made by an admin
  std::string key_hash;                  // SHA-256 of the API key, hex; the key has 256 bits, so a plain hash is enough
  std::string key_prefix;                // first characters, to recognise a key by
  std::optional<Time> expires_at;
  std::optional<Time> revoked_at;
  std::optional<Time> last_used_at;
  Time created_at;
};

struct AuditEntry {
  std::int64_t sequence = 0;
  Time at;
  CallerId caller;
  std::string action;  // "token.read", "connection.revoke" …
  std::string result;  // "ok", or an error code
  RegistrationId registration;
  TenantId tenant;
  ConnectionId connection;
  std::string fingerprint;  // first 12 hex digits of a keyed hash of the token, where one was handed out
  std::string detail;
  std::string remote;
  std::int64_t count = 1;       // how often just this happened from `at` to `last_at`
  std::optional<Time> last_at;  // nothing: once
};

}  // namespace evergrant
