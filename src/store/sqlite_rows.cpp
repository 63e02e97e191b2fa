#include "store/sqlite_rows.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/encoding.hpp"
#include "crypto/aead.hpp"

namespace evergrant {

namespace {

[[noreturn]] void unreadable(std::string_view what) {
  throw SqliteError{SQLITE_CORRUPT, "a row has an unreadable " + std::string{what}};
}

boost::json::string json_string(const std::string& text) {
  return boost::json::string{is_utf8(text) ? text : printable(text, text.size())};
}

boost::json::value parse(std::string_view text) {
  boost::system::error_code error;
  auto value = boost::json::parse(boost::json::string_view{text.data(), text.size()}, error);
  if (error) unreadable("list");
  return value;
}

template <class Enum, std::size_t size>
Enum enum_from(const std::string& text, const std::array<Enum, size>& all, std::string_view what) {
  const auto found = std::ranges::find_if(all, [&](Enum value) { return to_string(value) == text; });
  if (found == all.end()) unreadable(what);
  return *found;
}

OutboxKind outbox_kind_from(const std::string& text) {
  return enum_from(text, std::array{OutboxKind::revoke_grant, OutboxKind::revoke_replaced}, "outbox kind");
}

}  // namespace

std::string to_json_text(const std::vector<std::string>& list) {
  if (list.empty()) return "[]";
  boost::json::array array;
  for (const auto& item : list) array.emplace_back(json_string(item));
  return boost::json::serialize(array);
}

std::string to_json_text(const std::map<std::string, std::string>& map) {
  if (map.empty()) return "{}";
  boost::json::object object;
  for (const auto& [name, value] : map) object[json_string(name)] = json_string(value);
  return boost::json::serialize(object);
}

std::vector<std::string> list_from_json(std::string_view text) {
  if (text == "[]") return {};  // most are
  const auto value = parse(text);
  if (!value.is_array()) unreadable("list");
  std::vector<std::string> list;
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) unreadable("list");
    list.emplace_back(item.get_string());
  }
  return list;
}

std::map<std::string, std::string> map_from_json(std::string_view text) {
  if (text == "{}") return {};
  const auto value = parse(text);
  if (!value.is_object()) unreadable("map");
  std::map<std::string, std::string> map;
  for (const auto& [name, item] : value.get_object()) {
    if (!item.is_string()) unreadable("map");
    map.emplace(name, item.get_string());
  }
  return map;
}

std::string_view to_string(OutboxKind kind) noexcept {
  switch (kind) {
    case OutboxKind::revoke_grant: return "revoke_grant";
    case OutboxKind::revoke_replaced: return "revoke_replaced";
  }
  std::unreachable();
}

std::string_view to_string(KeyState state) noexcept {
  switch (state) {
    case KeyState::active: return "active";
    case KeyState::decrypt_only: return "decrypt_only";
    case KeyState::retired: return "retired";
  }
  std::unreachable();
}

std::string_view to_string(KeyPurpose purpose) noexcept {
  switch (purpose) {
    case KeyPurpose::sealing: return "sealing";
    case KeyPurpose::indexing: return "indexing";
  }
  std::unreachable();
}

std::string key_name(const Sealed& sealed) {
  const auto key = key_of(sealed);
  return key ? key->str() : std::string{};
}

Connection read_connection(const Statement& from) {
  Row row{from};
  Connection c;
  row.into(c.id);
  row.into(c.pair);
  row.into(c.main);
  row.into(c.registration);
  row.into(c.tenant);
  row.into(c.realm);
  const auto status = status_from(row.next<std::string>());
  if (!status) unreadable("status");
  c.status = *status;
  row.into(c.reason);
  row.into(c.generation);
  row.into(c.tokens.access_token);
  row.into(c.tokens.refresh_token);
  row.into(c.tokens.extras);
  row.into(c.token_type);
  c.scope = list_from_json(row.next<std::string>());
  c.missing_scope = list_from_json(row.next<std::string>());
  c.extras = map_from_json(row.next<std::string>());
  row.into(c.access_expires_at);
  row.into(c.refresh_idle_expires_at);
  row.into(c.refresh_absolute_expires_at);
  row.into(c.issuer);
  row.into(c.subject);
  row.into(c.sign_in_nonce);
  row.into(c.signed_in_at);
  row.into(c.upstream_grant);
  row.into(c.next_due_at);
  row.into(c.last_used_at);
  row.into(c.last_refreshed_at);
  row.into(c.lease.owner);
  row.into(c.lease.until);
  row.into(c.lease.fence);
  row.into(c.tokens_fence);
  const auto failure = failure_class_from(row.next<std::string>());
  if (!failure) unreadable("failure class");
  c.failure.kind = *failure;
  row.into(c.failure.count);
  row.into(c.failure.since);
  row.into(c.failure.code);
  row.into(c.failure.correlation);
  row.into(c.created_at);
  row.into(c.updated_at);
  return c;
}

Attempt read_attempt(const Statement& from) {
  Row row{from};
  Attempt a;
  row.into(a.id);
  row.into(a.connection);
  row.into(a.registration);
  row.into(a.generation);
  row.into(a.fence);
  row.into(a.sent_at);
  row.into(a.answer);
  return a;
}

OutboxItem read_outbox_item(const Statement& from) {
  Row row{from};
  OutboxItem item;
  row.into(item.id);
  item.kind = outbox_kind_from(row.next<std::string>());
  row.into(item.connection);
  row.into(item.registration);
  row.into(item.tenant);
  row.into(item.realm);
  row.into(item.generation);
  row.into(item.tokens.access_token);
  row.into(item.tokens.refresh_token);
  row.into(item.tokens.extras);
  row.into(item.tries);
  row.into(item.next_try_at);
  row.into(item.created_at);
  row.into(item.last_error);
  return item;
}

ConnectSession read_session(const Statement& from) {
  Row row{from};
  ConnectSession s;
  row.into(s.id);
  row.into(s.token_hash);
  row.into(s.state_hash);
  row.into(s.browser_hash);
  row.into(s.registration);
  row.into(s.tenant);
  row.into(s.reconnect);
  row.into(s.return_to);
  row.into(s.login_hint);
  s.scope = list_from_json(row.next<std::string>());
  row.into(s.expected_issuer);
  row.into(s.secrets);
  row.into(s.caller);
  row.into(s.created_at);
  row.into(s.expires_at);
  row.into(s.outcome);
  row.into(s.connection);
  return s;
}

StoredKey read_key(const Statement& from) {
  Row row{from};
  StoredKey key;
  row.into(key.id);
  row.into(key.tenant);
  key.purpose = enum_from(row.next<std::string>(), std::array{KeyPurpose::sealing, KeyPurpose::indexing}, "key purpose");
  row.into(key.wrapped);
  row.into(key.wrapped_by);
  key.state = enum_from(row.next<std::string>(), std::array{KeyState::active, KeyState::decrypt_only, KeyState::retired},
                        "key state");
  row.into(key.seals);
  row.into(key.created_at);
  return key;
}

Caller read_caller(const Statement& from) {
  Row row{from};
  Caller caller;
  row.into(caller.id);
  row.into(caller.name);
  for (const auto& text : list_from_json(row.next<std::string>())) {
    const auto verb = verb_from(text);
    if (verb) caller.policy.verbs.push_back(*verb);  // a verb that this version does not know allows nothing
  }
  caller.policy.registrations = ids_of<RegistrationId>(list_from_json(row.next<std::string>()));
  caller.policy.tenants = ids_of<TenantId>(list_from_json(row.next<std::string>()));
  caller.policy.connections = ids_of<ConnectionId>(list_from_json(row.next<std::string>()));
  caller.policy.methods = list_from_json(row.next<std::string>());
  caller.policy.paths = list_from_json(row.next<std::string>());
  row.into(caller.policy.requests_per_minute);
  if (CallerId parent{row.next<std::string>()}; !parent.empty()) caller.ancestors.push_back({.id = std::move(parent)});
  row.into(caller.key_hash);
  row.into(caller.key_prefix);
  row.into(caller.expires_at);
  row.into(caller.revoked_at);
  row.into(caller.last_used_at);
  row.into(caller.created_at);
  return caller;
}

AuditEntry read_audit_entry(const Statement& from) {
  Row row{from};
  AuditEntry entry;
  row.into(entry.sequence);
  row.into(entry.at);
  row.into(entry.caller);
  row.into(entry.action);
  row.into(entry.result);
  row.into(entry.registration);
  row.into(entry.tenant);
  row.into(entry.connection);
  row.into(entry.fingerprint);
  row.into(entry.detail);
  row.into(entry.remote);
  row.into(entry.count);
  row.into(entry.last_at);
  return entry;
}

Event read_event(const Statement& from) {
  Row row{from};
  Event event;
  row.into(event.sequence);
  row.into(event.at);
  row.into(event.type);
  row.into(event.connection);
  row.into(event.registration);
  row.into(event.tenant);
  row.into(event.realm);
  row.into(event.generation);
  row.into(event.detail);
  row.into(event.code);
  row.into(event.correlation);
  row.into(event.pair);
  return event;
}

int page_limit(int limit) noexcept { return std::clamp(limit, 1, 1000); }

}  // namespace evergrant
