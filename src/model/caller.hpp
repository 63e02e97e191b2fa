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
  std::vector<Verb> verbs;                    // admin allows every verb
  std::vector<RegistrationId> registrations;  // empty: none; {"*"}: all
  std::vector<TenantId> tenants;              // empty: none; {"*"}: all
};

struct Caller {
  CallerId id;
  std::string name;
  Policy policy;
  std::string key_hash;    // SHA-256 of the API key, hex; the key has 256 bits, so a plain hash is enough
  std::string key_prefix;  // first characters, to recognise a key by
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
};

}  // namespace evergrant
