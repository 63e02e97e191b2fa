// What operations of Store take and give: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/caller.hpp"
#include "model/connection.hpp"
#include "model/event.hpp"

namespace evergrant {

template <class T>
struct Page {
  std::vector<T> items;
  std::string next;  // opaque position of the next page; empty: this was the last
};

// --- connections ---

struct ConnectionFilter {
  std::optional<TenantId> tenant;
  std::optional<RegistrationId> registration;
  std::optional<RealmId> realm;
  std::optional<Status> status;
  bool main_only = false;  // without the rows of further token pairs (REF-23)
  // What the caller may see; nothing: everything. Applied inside the query so that pages are full.
  std::optional<std::vector<TenantId>> visible_tenants;
  std::optional<std::vector<RegistrationId>> visible_registrations;
  std::optional<std::vector<ConnectionId>> visible_connections;  // with their further token pairs
};

// A new token set for an existing row: the columns that a refresh or a reconnect replaces, and only those.
struct TokenUpdate {
  SealedTokens tokens;  // sealed for the new generation; an unchanged refresh token is sealed again
  std::string token_type;
  std::vector<std::string> scope;
  std::vector<std::string> missing_scope;
  std::map<std::string, std::string> extras;
  std::optional<Time> access_expires_at;
  std::optional<Time> refresh_idle_expires_at;
  std::optional<Time> refresh_absolute_expires_at;
  std::optional<Time> next_due_at;
  std::optional<std::string> issuer;  // set on connect; nothing: unchanged
  std::optional<std::string> subject;
  std::optional<std::string> sign_in_nonce;  // with an issuer; then `signed_in_at` replaces too, present or not
  std::optional<Time> signed_in_at;
  Time at;
};

// A refresh that was sent: written before sending (step 2), kept until its outcome is known.
struct Attempt {
  AttemptId id;
  ConnectionId connection;
  RegistrationId registration;
  Generation generation = 0;  // whose refresh token was sent
  Fence fence = 0;            // orders the requests of a connection
  Time sent_at;
  Sealed answer;  // the raw 2xx answer, sealed, before it is judged (step 4)
};

struct Claim {
  Connection connection;              // as it is under the lease
  std::optional<Attempt> unresolved;  // an attempt without an outcome, sent after the request that its tokens answer
};

// What became of a failure that was to be recorded.
enum class Recorded : std::uint8_t { failure, answer_waits };

// A promise to tell a provider: kept until it is proven (REV-05).
enum class OutboxKind : std::uint8_t { revoke_grant, revoke_replaced };
struct OutboxItem {
  std::int64_t id = 0;  // given by the store
  OutboxKind kind = OutboxKind::revoke_grant;
  ConnectionId connection;
  RegistrationId registration;
  TenantId tenant;
  RealmId realm;
  Generation generation = 0;  // of the tokens below, which are sealed for it
  SealedTokens tokens;
  int tries = 0;
  Time next_try_at;
  Time created_at;
  std::string last_error;
};

// A token set put in the place of another, in an existing row.
struct Replacement {
  ConnectionId id;
  Generation expected = 0;  // of the row now; the new one is expected + 1
  TokenUpdate update;
  std::optional<OutboxItem> replaced;  // the old tokens, where the provider is to be told
};
struct EndedPair {
  ConnectionId id;
  bool tell_provider = true;
};
// What new consent does to a connection's further token pairs (REF-23).
struct PairChanges {
  std::vector<Connection> made;
  std::vector<Replacement> replaced;
  std::vector<EndedPair> ended;
  std::string reason;  // of the ended
};

struct ConnectionStats {
  std::vector<std::pair<Status, std::int64_t>> by_status;
  std::int64_t due = 0;
  std::int64_t outbox = 0;
  std::optional<Time> oldest_due;  // of what is due: since when
};

// --- ends of refresh tokens ---

// Idle: the refresh token was not used for too long. Absolute: whatever is done with it.
enum class GrantEnd : std::uint8_t { idle, absolute };

// That an end was announced: at most one row for each connection and end, the last notice that was given.
struct ReauthNotice {
  ConnectionId connection;
  GrantEnd end = GrantEnd::idle;
  Time ends_at;      // as it was then; refreshes move it
  Duration lead{0};  // how long ahead the notice was due; zero: the end had passed
  Time at;
  bool operator==(const ReauthNotice&) const = default;
};

// A live grant of which one end is near, and what was said about that end.
struct EndingGrant {
  ConnectionId connection;
  ConnectionId main;  // of a further token pair, whose row `connection` is
  RegistrationId registration;
  TenantId tenant;
  RealmId realm;
  Generation generation = 0;
  GrantEnd end = GrantEnd::idle;
  Time ends_at;
  Time since;  // idle: when the refresh token was last used; absolute: when the customer connected
  std::optional<ReauthNotice> given;
};

// --- connect sessions ---

struct ConnectSession {
  SessionId id;
  std::string token_hash;    // SHA-256 of the one-time link token, hex
  std::string state_hash;    // SHA-256 of `state`, hex; empty until the browser came
  std::string browser_hash;  // SHA-256 of the browser-binding cookie, hex
  RegistrationId registration;
  TenantId tenant;
  std::optional<ConnectionId> reconnect;  // the connection this session must lead back to
  std::string return_to;
  std::string login_hint;
  std::vector<std::string> scope;
  std::string expected_issuer;
  Sealed secrets;  // PKCE verifier and nonce, as JSON
  CallerId caller;
  Time created_at;
  Time expires_at;
  std::string outcome;                     // "", "opened", "connected", or an error code once used
  std::optional<ConnectionId> connection;  // what came of it
};

// --- keys ---

enum class KeyState : std::uint8_t { active, decrypt_only, retired };
// Sealing keys seal records (or, without a tenant, wrap tenant keys: root keys) and are rotated. Indexing keys make blind
// indexes and fingerprints, which must stay comparable: one per tenant and one without a tenant, never rotated.
enum class KeyPurpose : std::uint8_t { sealing, indexing };
struct StoredKey {
  KeyId id;
  TenantId tenant;         // empty: a root key, or the installation's indexing key
  std::string wrapped;     // by `wrapped_by`
  std::string wrapped_by;  // KEK id for a root key, root key id for a tenant key
  KeyState state = KeyState::active;
  std::int64_t seals = 0;  // how often it sealed, in steps reserved ahead (VLT-03)
  Time created_at;
  KeyPurpose purpose = KeyPurpose::sealing;
};

// A sealed value and where it stands, for re-sealing when a tenant key is rotated.
struct SealedPlace {
  ConnectionId connection;
  Generation generation = 0;
  SealedTokens tokens;
  RegistrationId registration;
  RealmId realm;
};

// --- HTTP idempotency ---

struct IdempotentAnswer {
  std::string request_hash;  // the same key with another request is a conflict
  int status = 0;            // 0: still in progress
  std::string body;          // never holds a token: only POSTs without secrets in the answer are replayed
  Time created_at;
};

struct RetentionCutoffs {  // rows older than these go; nothing: kept
  std::optional<Time> sessions, revoked_connections, audit, events, idempotency, derived_callers;
};
struct SweepReport {
  std::int64_t sessions = 0, connections = 0, audit = 0, events = 0, idempotency = 0, tenant_keys = 0, callers = 0;
};

}  // namespace evergrant
