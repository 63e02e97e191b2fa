// Rows as values of the model and back. Private to store/.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace evergrant {

[[nodiscard]] std::string to_json_text(const std::vector<std::string>& list);
[[nodiscard]] std::string to_json_text(const std::map<std::string, std::string>& map);
[[nodiscard]] std::vector<std::string> list_from_json(std::string_view text);
[[nodiscard]] std::map<std::string, std::string> map_from_json(std::string_view text);

// Lists of ids are stored like lists of texts.
template <class Tag>
[[nodiscard]] std::vector<std::string> texts_of(const std::vector<Id<Tag>>& ids) {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const auto& id : ids) texts.push_back(id.str());
  return texts;
}
template <class I>
[[nodiscard]] std::vector<I> ids_of(std::vector<std::string> texts) {
  std::vector<I> ids;
  ids.reserve(texts.size());
  for (auto& text : texts) ids.emplace_back(std::move(text));
  return ids;
}

[[nodiscard]] std::string_view to_string(OutboxKind kind) noexcept;
[[nodiscard]] std::string_view to_string(KeyState state) noexcept;
[[nodiscard]] std::string_view to_string(KeyPurpose purpose) noexcept;

// The id of the key that sealed it; empty where it is not a sealed record.
[[nodiscard]] std::string key_name(const Sealed& sealed);

// Each reads the columns that the constant beside it lists. SqliteError where a row does not make sense.
inline constexpr std::string_view connection_columns =
    "id, pair, main, registration, tenant, realm, status, reason, generation, access_token, refresh_token, sealed_extras, "
    "token_type, "
    "scope, missing_scope, extras, access_expires_at, refresh_idle_expires_at, refresh_absolute_expires_at, issuer, "
    "subject, sign_in_nonce, signed_in_at, "
    "upstream_grant, next_due_at, last_used_at, last_refreshed_at, lease_owner, lease_until, lease_fence, tokens_fence, "
    "failure_class, failure_count, failure_since, failure_code, failure_correlation, created_at, updated_at";
[[nodiscard]] Connection read_connection(const Statement& from);

inline constexpr std::string_view attempt_columns = "id, connection, registration, generation, fence, sent_at, answer";
[[nodiscard]] Attempt read_attempt(const Statement& from);

inline constexpr std::string_view outbox_columns =
    "id, kind, connection, registration, tenant, realm, generation, access_token, refresh_token, sealed_extras, tries, "
    "next_try_at, created_at, last_error";
[[nodiscard]] OutboxItem read_outbox_item(const Statement& from);

inline constexpr std::string_view session_columns =
    "id, token_hash, state_hash, browser_hash, registration, tenant, reconnect, return_to, login_hint, scope, "
    "expected_issuer, secrets, caller, created_at, expires_at, outcome, connection";
[[nodiscard]] ConnectSession read_session(const Statement& from);

inline constexpr std::string_view key_columns = "id, tenant, purpose, wrapped, wrapped_by, state, seals, created_at";
[[nodiscard]] StoredKey read_key(const Statement& from);

inline constexpr std::string_view caller_columns =
    "id, name, verbs, registrations, tenants, connections, methods, paths, requests_per_minute, parent, key_hash, "
    "key_prefix, expires_at, revoked_at, last_used_at, created_at";
[[nodiscard]] Caller read_caller(const Statement& from);

inline constexpr std::string_view audit_columns =
    "sequence, at, caller, action, result, registration, tenant, connection, fingerprint, detail, remote, count, last_at";
[[nodiscard]] AuditEntry read_audit_entry(const Statement& from);

inline constexpr std::string_view event_columns =
    "sequence, at, type, connection, registration, tenant, realm, generation, detail, code, correlation, pair";
[[nodiscard]] Event read_event(const Statement& from);

// All rows of a statement.
template <class T>
[[nodiscard]] std::vector<T> read_all(Statement rows, T (*read)(const Statement&)) {
  std::vector<T> all;
  while (rows.step()) all.push_back(read(rows));
  return all;
}

// --- pieces of statements that several operations share ---

// Errors: not_found.
[[nodiscard]] Result<Connection> find_connection(Database& database, const ConnectionId& id);
// Rows of its further token pairs that are not revoked; as Store::pairs_of.
[[nodiscard]] std::vector<Connection> find_pairs(Database& database, const ConnectionId& main);
// Of a row whose token set is new: that the end of its idle time is found (migrations.cpp). Writes only where that changes.
void note_idle_half(Database& database, const ConnectionId& id);
// Does nothing for an event without a type.
void insert_event(Database& database, const Event& event);
std::int64_t insert_outbox_item(Database& database, const OutboxItem& item);
// Local use of one row ends: revoking, the lease loses its fence, the outbox gets its tokens with `tell_provider`; without
// anything to tell, it is revoked at once.
void end_row(Database& database, const Connection& row, bool tell_provider, const std::string& reason, Time now);
// Refuses sealed values whose key is no longer there: whoever sealed them has not noticed a rotation or a shredding yet.
// Errors: key_unavailable.
[[nodiscard]] Result<> check_keys(Database& database, std::initializer_list<const Sealed*> values);
[[nodiscard]] Result<> check_keys(Database& database, const SealedTokens& tokens);

// A page's limit made sane.
[[nodiscard]] int page_limit(int limit) noexcept;

}  // namespace evergrant
