// Revocation: local use stops at once, the outbox keeps the promise to tell the provider, then the tokens are erased.
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

OutboxItem item_of(const Connection& connection, Time now) {
  return OutboxItem{.id = 0,
                    .kind = OutboxKind::revoke_grant,
                    .connection = connection.id,
                    .registration = connection.registration,
                    .tenant = connection.tenant,
                    .realm = connection.realm,
                    .generation = connection.generation,
                    .tokens = connection.tokens,
                    .tries = 0,
                    .next_try_at = now,
                    .created_at = now,
                    .last_error = {}};
}

// A revoking connection without open items is done: revoked, and its tokens are gone. True if this did it.
bool end_if_told(Database& database, const ConnectionId& id, const std::string& reason) {
  const auto ended = database.execute(
      "UPDATE connections SET status = 'revoked', reason = CASE WHEN ? = '' THEN reason ELSE ? END, "
      "access_token = ?, refresh_token = ?, sealed_extras = ?, access_key = '', refresh_key = '', extras_key = '', "
      "next_due_at = NULL WHERE id = ? AND status = 'revoking' AND NOT EXISTS "
      "(SELECT 1 FROM outbox WHERE outbox.connection = connections.id)",
      reason, reason, Sealed{}, Sealed{}, Sealed{}, id);
  if (ended == 1) database.want_checkpoint();
  return ended == 1;
}

void mark_revoking(Database& database, const ConnectionId& id, const std::string& reason, Time now) {
  database.execute(
      "UPDATE connections SET status = 'revoking', reason = ?, updated_at = ?, next_due_at = NULL, lease_owner = '', "
      "lease_until = NULL, lease_fence = lease_fence + 1 WHERE id = ?",
      reason, now, id);
}

}  // namespace

void end_row(Database& database, const Connection& row, bool tell_provider, const std::string& reason, Time now) {
  mark_revoking(database, row.id, reason, now);
  if (tell_provider) insert_outbox_item(database, item_of(row, now));
  end_if_told(database, row.id, {});
}

namespace {

Result<Connection> revoke(Database& database, const ConnectionId& id, bool tell_provider, const std::string& reason,
                          Time now, const Event& event) {
  auto connection = find_connection(database, id);
  if (!connection) return connection;
  if (connection->status == Status::revoking) return connection;
  if (connection->status == Status::revoked) {
    return fail(Errc::revoked, "Connection " + id.str() + " is revoked already.", "Nothing is left to do.");
  }
  end_row(database, *connection, tell_provider, reason, now);
  for (const auto& pair : find_pairs(database, id)) {
    if (pair.status != Status::revoking) end_row(database, pair, tell_provider, reason, now);
  }
  insert_event(database, event);
  return find_connection(database, id);
}

}  // namespace

Task<Result<Connection>> SqliteStore::begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                                       Event event) {
  return write<Connection>([id = std::move(id), tell_provider, reason = std::move(reason), now, event = std::move(event)](
                               Database& database) { return revoke(database, id, tell_provider, reason, now, event); });
}

Task<Result<std::int64_t>> SqliteStore::enqueue(OutboxItem item) {
  return write<std::int64_t>([item = std::move(item)](Database& database) -> Result<std::int64_t> {
    if (auto keys = check_keys(database, item.tokens); !keys) return std::unexpected(keys.error());
    return insert_outbox_item(database, item);
  });
}

Task<Result<std::vector<OutboxItem>>> SqliteStore::outbox_due(Time now, int limit) {
  return read<std::vector<OutboxItem>>([now, limit](Database& database) -> Result<std::vector<OutboxItem>> {
    static const std::string sql =
        "SELECT " + std::string{outbox_columns} + " FROM outbox WHERE next_try_at <= ? ORDER BY next_try_at, id LIMIT ?";
    return read_all(database.query(sql, now, std::max(limit, 0)), read_outbox_item);
  });
}

Task<Result<std::vector<OutboxItem>>> SqliteStore::outbox_of(ConnectionId id) {
  return read<std::vector<OutboxItem>>([id = std::move(id)](Database& database) -> Result<std::vector<OutboxItem>> {
    static const std::string sql = "SELECT " + std::string{outbox_columns} + " FROM outbox WHERE connection = ? ORDER BY id";
    return read_all(database.query(sql, id), read_outbox_item);
  });
}

Task<Result<>> SqliteStore::outbox_retry(std::int64_t item, Time next_try_at, std::string error) {
  return write<>([item, next_try_at, error = std::move(error)](Database& database) -> Result<> {
    database.execute("UPDATE outbox SET tries = tries + 1, next_try_at = ?, last_error = ? WHERE id = ?", next_try_at, error,
                     item);
    return {};
  });
}

Task<Result<>> SqliteStore::outbox_done(std::int64_t item, std::string outcome, Event event) {
  return write<>([item, outcome = std::move(outcome), event = std::move(event)](Database& database) -> Result<> {
    const auto connection = [&]() -> std::optional<ConnectionId> {
      Statement rows = database.query("DELETE FROM outbox WHERE id = ? RETURNING connection", item);
      if (!rows.step()) return std::nullopt;
      return Row{rows}.next<ConnectionId>();
    }();
    if (!connection) return {};
    const bool ended = end_if_told(database, *connection, outcome);
    if (ended || event.type != "revoked") insert_event(database, event);
    return {};
  });
}

}  // namespace evergrant
