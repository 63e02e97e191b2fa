// The pieces of statements that several operations share.
#include <array>

#include "store/sqlite_rows.hpp"

namespace evergrant {

Result<Connection> find_connection(Database& database, const ConnectionId& id) {
  static const std::string sql = "SELECT " + std::string{connection_columns} + " FROM connections WHERE id = ?";
  const auto found = [&]() -> std::optional<Connection> {
    Statement rows = database.query(sql, id);
    if (!rows.step()) return std::nullopt;
    return read_connection(rows);
  }();
  if (!found) return fail(Errc::not_found, "There is no connection " + id.str() + ".", "List connections to find its id.");
  return *found;
}

std::vector<Connection> find_pairs(Database& database, const ConnectionId& main) {
  static const std::string sql = "SELECT " + std::string{connection_columns} +
                                 " FROM connections WHERE main = ? AND main <> '' AND status <> 'revoked' ORDER BY pair, "
                                 "CASE WHEN status = 'revoking' THEN 1 ELSE 0 END, id";
  return read_all(database.query(sql, main), read_connection);
}

void note_idle_half(Database& database, const ConnectionId& id) {
  static const std::string exact = "(refresh_idle_expires_at + COALESCE(last_refreshed_at, created_at))";
  static const std::string found_at =
      "CASE WHEN refresh_idle_expires_at - COALESCE(last_refreshed_at, created_at) >= 691200000 THEN " + exact + " - " +
      exact + " % 172800000 ELSE " + exact + " END";
  static const std::string sql =
      "UPDATE connections SET idle_half = " + found_at + " WHERE id = ? AND idle_half IS NOT " + found_at;
  database.execute(sql, id);
}

void insert_event(Database& database, const Event& event) {
  if (event.type.empty()) return;
  // To the outside a further token pair is part of its connection (REF-23).
  database.execute(
      "INSERT INTO events (at, type, connection, pair, registration, tenant, realm, generation, detail, code, correlation) "
      "VALUES (?, ?, COALESCE((SELECT main FROM connections WHERE id = ? AND main <> ''), ?), "
      "COALESCE((SELECT pair FROM connections WHERE id = ?), ''), ?, ?, ?, ?, ?, ?, ?)",
      event.at, event.type, event.connection, event.connection, event.connection, event.registration, event.tenant,
      event.realm, event.generation, event.detail, event.code, event.correlation);
}

std::int64_t insert_outbox_item(Database& database, const OutboxItem& item) {
  Statement rows = database.query(
      "INSERT INTO outbox (kind, connection, registration, tenant, realm, generation, access_token, refresh_token, "
      "sealed_extras, access_key, refresh_key, extras_key, tries, next_try_at, created_at, last_error) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
      to_string(item.kind), item.connection, item.registration, item.tenant, item.realm, item.generation,
      item.tokens.access_token, item.tokens.refresh_token, item.tokens.extras, key_name(item.tokens.access_token),
      key_name(item.tokens.refresh_token), key_name(item.tokens.extras), item.tries, item.next_try_at, item.created_at,
      item.last_error);
  rows.step();
  return Row{rows}.next<std::int64_t>();
}

Result<> check_keys(Database& database, std::initializer_list<const Sealed*> values) {
  std::string checked;  // most often all values have one key
  for (const Sealed* value : values) {
    const auto key = key_name(*value);
    if (key.empty() || key == checked) continue;
    Statement rows = database.query("SELECT state FROM sealing_keys WHERE id = ?", key);
    if (!rows.step() || rows.text(0) == to_string(KeyState::retired)) {
      return fail(Errc::key_unavailable, "The key " + key + " that sealed this value was retired or shredded meanwhile.",
                  "Seal the value again with the current key.");
    }
    checked = key;
  }
  return {};
}

Result<> check_keys(Database& database, const SealedTokens& tokens) {
  return check_keys(database, {&tokens.access_token, &tokens.refresh_token, &tokens.extras});
}

}  // namespace evergrant
