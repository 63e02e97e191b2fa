// A connection as it is stored: one grant, (registration, realm), owned by one tenant, with one sealed token set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "model/ids.hpp"

namespace evergrant {

enum class Status : std::uint8_t { active, reauth_required, revoking, revoked, quarantined };

[[nodiscard]] std::string_view to_string(Status status) noexcept;
[[nodiscard]] std::optional<Status> status_from(std::string_view text) noexcept;

// Bytes of a sealed record (crypto/aead.hpp); empty: there is none. Safe to print and to store anywhere.
struct Sealed {
  std::string bytes;
  [[nodiscard]] bool empty() const noexcept { return bytes.empty(); }
  bool operator==(const Sealed&) const = default;
};

// What a failed refresh was (design section 5, step 6).
enum class FailureClass : std::uint8_t { none, grant, registration, transient, ambiguous };

[[nodiscard]] std::string_view to_string(FailureClass failure) noexcept;
[[nodiscard]] std::optional<FailureClass> failure_class_from(std::string_view text) noexcept;

struct Failure {
  FailureClass kind = FailureClass::none;
  int count = 0;  // in a row
  std::optional<Time> since;
  std::string code;         // the provider's error code, or ours: "timeout", "http_503"
  std::string correlation;  // the provider's correlation id
  bool operator==(const Failure&) const = default;
};

// The fenced, expiring right of one node to refresh this connection.
struct Lease {
  std::string owner;  // empty: free
  std::optional<Time> until;
  Fence fence = 0;
  bool operator==(const Lease&) const = default;
};

struct SealedTokens {
  Sealed access_token;
  Sealed refresh_token;
  Sealed extras;
  bool operator==(const SealedTokens&) const = default;
};

// A row is one pair of tokens with its own lock, generation and ends. Most connections are one row; a further pair (bot and
// user, REF-23) is a row of the same registration, tenant and realm that names its main one.
struct Connection {
  ConnectionId id;
  std::string pair;   // the profile's name of a further pair; empty: the main one
  ConnectionId main;  // of a further pair; empty: this is the main one
  RegistrationId registration;
  TenantId tenant;
  RealmId realm;
  Status status = Status::active;
  std::string reason;  // a human sentence: why it is in this status
  Generation generation = 1;
  SealedTokens tokens;  // sealed for exactly this id, field and generation
  std::string token_type = "Bearer";
  std::vector<std::string> scope;
  std::vector<std::string> missing_scope;     // asked for and not granted (TOK-10)
  std::map<std::string, std::string> extras;  // profile-listed members, not secret: instance_url …
  std::optional<Time> access_expires_at;
  std::optional<Time> refresh_idle_expires_at;
  std::optional<Time> refresh_absolute_expires_at;
  std::string issuer;
  std::string subject;
  std::string sign_in_nonce;         // SHA-256 of the first ID token's nonce, hex; empty: it had none
  std::optional<Time> signed_in_at;  // the first ID token's auth_time
  std::string upstream_grant;        // blind index of the shared upstream grant, empty: not shared (REF-22)
  std::optional<Time> next_due_at;   // margin and jitter drawn once
  std::optional<Time> last_used_at;
  std::optional<Time> last_refreshed_at;
  Lease lease;
  Fence tokens_fence = 0;  // of the request that its tokens answer: those with a higher one were sent later
  Failure failure;
  Time created_at;
  Time updated_at;
};

// What applications know the row by: the main one's id.
[[nodiscard]] const ConnectionId& public_id(const Connection& connection) noexcept;
// The account at the provider that the grant was shown to be for; empty where there is none and the connection's own id
// stands for it.
[[nodiscard]] RealmId proven_realm(const Connection& connection);
// For messages: "connection con_1", "token pair 'user' of connection con_1".
[[nodiscard]] std::string name_of(const Connection& connection);
// Something is there that new tokens can be had with: a refresh token, or an access token of which the end is also the end
// of the grant, because it is exchanged for the next one.
[[nodiscard]] bool is_renewable(const Connection& connection) noexcept;

}  // namespace evergrant
