// Connections as records: create, read, list, replace, hold and release.
#include <array>

#include "base/encoding.hpp"
#include "store/cursor.hpp"
#include "store/sqlite_filter.hpp"
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

Result<> insert_connection(Database& database, const Connection& c) {
  const auto inserted = database.execute(
      "INSERT INTO connections (id, pair, main, registration, tenant, realm, status, reason, generation, access_token, "
      "refresh_token, sealed_extras, access_key, refresh_key, extras_key, token_type, scope, missing_scope, extras, "
      "access_expires_at, refresh_idle_expires_at, refresh_absolute_expires_at, issuer, subject, sign_in_nonce, "
      "signed_in_at, upstream_grant, "
      "next_due_at, last_used_at, last_refreshed_at, lease_owner, lease_until, lease_fence, tokens_fence, failure_class, "
      "failure_count, failure_since, failure_code, failure_correlation, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
      "DO "
      "NOTHING",
      c.id, c.pair, c.main, c.registration, c.tenant, c.realm, to_string(c.status), c.reason, c.generation,
      c.tokens.access_token, c.tokens.refresh_token, c.tokens.extras, key_name(c.tokens.access_token),
      key_name(c.tokens.refresh_token), key_name(c.tokens.extras), c.token_type, to_json_text(c.scope),
      to_json_text(c.missing_scope), to_json_text(c.extras), c.access_expires_at, c.refresh_idle_expires_at,
      c.refresh_absolute_expires_at, c.issuer, c.subject, c.sign_in_nonce, c.signed_in_at, c.upstream_grant, c.next_due_at,
      c.last_used_at, c.last_refreshed_at, c.lease.owner, c.lease.until, c.lease.fence, c.tokens_fence,
      to_string(c.failure.kind), c.failure.count, c.failure.since, c.failure.code, c.failure.correlation, c.created_at,
      c.updated_at);
  if (inserted == 1) {
    note_idle_half(database, c.id);
    return {};
  }
  return fail(Errc::conflict, "This realm of " + c.registration.str() + " has a live connection already.",
              "Reconnect that one, or revoke it first.");
}

Result<> replace_token_set(Database& database, const ConnectionId& id, const TokenUpdate& u) {
  if (auto keys = check_keys(database, u.tokens); !keys) return keys;
  database.execute(
      "UPDATE connections SET status = 'active', reason = '', generation = generation + 1, access_token = ?, "
      "refresh_token = ?, sealed_extras = ?, access_key = ?, refresh_key = ?, extras_key = ?, token_type = ?, scope = ?, "
      "missing_scope = ?, extras = ?, access_expires_at = ?, refresh_idle_expires_at = ?, refresh_absolute_expires_at = ?, "
      "next_due_at = ?, issuer = COALESCE(?, issuer), subject = COALESCE(?, subject), signed_in_at = CASE WHEN ? IS NULL "
      "THEN "
      "signed_in_at ELSE ? END, sign_in_nonce = COALESCE(?, sign_in_nonce), granted_at = ?, last_refreshed_at = ?, "
      "updated_at = ?, "
      "lease_owner = '', lease_until = NULL, lease_fence = lease_fence + 1, tokens_fence = lease_fence, failure_class = "
      "'none', failure_count = 0, "
      "failure_since = NULL, failure_code = '', failure_correlation = '' WHERE id = ?",
      u.tokens.access_token, u.tokens.refresh_token, u.tokens.extras, key_name(u.tokens.access_token),
      key_name(u.tokens.refresh_token), key_name(u.tokens.extras), u.token_type, to_json_text(u.scope),
      to_json_text(u.missing_scope), to_json_text(u.extras), u.access_expires_at, u.refresh_idle_expires_at,
      u.refresh_absolute_expires_at, u.next_due_at, u.issuer, u.subject, u.sign_in_nonce, u.signed_in_at, u.sign_in_nonce,
      u.at, u.at, u.at, id);
  note_idle_half(database, id);
  return {};
}

// The main row before its pairs, so that a conflict is about it.
Result<> insert_all(Database& database, const Connection& main, const std::vector<Connection>& pairs) {
  if (auto keys = check_keys(database, main.tokens); !keys) return keys;
  if (auto inserted = insert_connection(database, main); !inserted) return inserted;
  for (const Connection& pair : pairs) {
    if (auto keys = check_keys(database, pair.tokens); !keys) return keys;
    if (auto inserted = insert_connection(database, pair); !inserted) return inserted;
  }
  return {};
}

// A row's token set by another, where it still is what the caller has seen.
Result<> replace(Database& database, const Replacement& replacement) {
  const auto current = find_connection(database, replacement.id);
  if (!current) return std::unexpected(current.error());
  if (current->status == Status::revoking || current->status == Status::revoked) {
    return fail(Errc::revoked, "Connection " + replacement.id.str() + " is revoked.", "Connect the account anew.");
  }
  if (current->generation != replacement.expected) {
    return fail(Errc::stale, "Connection " + replacement.id.str() + " has another generation by now.", "Read it again.");
  }
  if (auto done = replace_token_set(database, replacement.id, replacement.update); !done) return done;
  if (!replacement.replaced) return {};
  if (auto keys = check_keys(database, replacement.replaced->tokens); !keys) return keys;
  insert_outbox_item(database, *replacement.replaced);
  return {};
}

// A pair that others have changed since the caller looked: it must look again. Errors: stale.
Result<> change_pairs(Database& database, const PairChanges& changes, Time now) {
  const auto changed_meanwhile = [] { return fail(Errc::stale, "A token pair was changed meanwhile.", "Read it again."); };
  for (const EndedPair& ended : changes.ended) {
    const auto pair = find_connection(database, ended.id);
    if (!pair) return changed_meanwhile();
    if (pair->status == Status::revoking || pair->status == Status::revoked) continue;
    end_row(database, *pair, ended.tell_provider, changes.reason, now);
  }
  for (const Replacement& replacement : changes.replaced) {
    auto done = replace(database, replacement);
    if (!done && done.error().code != Errc::key_unavailable) return changed_meanwhile();
    if (!done) return done;
  }
  for (const Connection& made : changes.made) {
    if (auto keys = check_keys(database, made.tokens); !keys) return keys;
    if (!insert_connection(database, made)) return changed_meanwhile();
  }
  return {};
}

Result<Page<Connection>> list(Database& database, const ConnectionFilter& filter, const std::optional<AgeCursor>& after,
                              int limit) {
  Conditions conditions;
  conditions.add(filter);
  static constexpr std::array<std::string_view, 2> own_or_main{"id", "main"};
  conditions.visible(own_or_main, filter);
  if (filter.status) conditions.equal("status", std::string{to_string(*filter.status)});
  if (filter.main_only) conditions.equal("pair", "");
  if (after) conditions.after(*after);
  Statement rows = conditions.select(database, connection_columns, "connections", "created_at, id", limit + 1);
  Page<Connection> page{read_all(std::move(rows), read_connection), {}};
  if (page.items.size() > static_cast<std::size_t>(limit)) {
    page.items.pop_back();
    page.next = encode_cursor(AgeCursor{page.items.back().created_at, page.items.back().id.str()});
  }
  return page;
}

// Connections, not rows: further token pairs are few and have an index of their own.
std::vector<std::pair<Status, std::int64_t>> count_by_status(Database& database) {
  std::vector<std::pair<Status, std::int64_t>> counts;
  Statement rows = database.query("SELECT status, COUNT(*) FROM connections GROUP BY status ORDER BY status");
  while (rows.step()) {
    if (const auto status = status_from(rows.text(0))) counts.emplace_back(*status, rows.integer(1));
  }
  Statement pairs = database.query(
      "SELECT status, COUNT(*) FROM connections INDEXED BY connections_of_main WHERE main <> '' GROUP BY status");
  while (pairs.step()) {
    const auto status = status_from(pairs.text(0));
    for (auto& [counted, count] : counts) {
      if (status == counted) count -= pairs.integer(1);
    }
  }
  return counts;
}

// From one to the next in the index, whatever number of connections each has.
std::vector<std::string> registrations_in_use(Database& database) {
  std::vector<std::string> names;
  for (std::string last;;) {
    Statement next =
        database.query("SELECT MIN(registration) FROM connections WHERE status = 'active' AND registration > ?", last);
    if (!next.step() || next.is_null(0)) return names;
    last = names.emplace_back(next.text(0));
  }
}

constexpr auto counting_is_cheap = std::chrono::milliseconds{20};

ConnectionStats count_connections(Database& database, Time now) {
  ConnectionStats stats;
  stats.by_status = count_by_status(database);
  for (const auto& registration : registrations_in_use(database)) {
    Statement due = database.query(
        "SELECT COUNT(*), MIN(next_due_at) FROM connections WHERE status = 'active' AND registration = ? AND next_due_at IS "
        "NOT NULL AND next_due_at <= ? AND (lease_owner = '' OR lease_until IS NULL OR lease_until <= ?)",
        registration, now, now);
    due.step();
    Row row{due};
    stats.due += row.next<std::int64_t>();
    const auto since = row.next<std::optional<Time>>();
    if (since && (!stats.oldest_due || *since < *stats.oldest_due)) stats.oldest_due = since;
  }
  stats.outbox = number_of(database.query("SELECT COUNT(*) FROM outbox"));
  return stats;
}

}  // namespace

Task<Result<Connection>> SqliteStore::connection(ConnectionId id) {
  return read<Connection>([id = std::move(id)](Database& database) { return find_connection(database, id); });
}

Task<Result<Connection>> SqliteStore::connection_of(RegistrationId registration, RealmId realm) {
  return read<Connection>(
      [registration = std::move(registration), realm = std::move(realm)](Database& database) -> Result<Connection> {
        static const std::string sql = "SELECT " + std::string{connection_columns} +
                                       " FROM connections WHERE registration = ? AND realm = ? AND pair = '' AND "
                                       "status <> 'revoked'";
        Statement rows = database.query(sql, registration, realm);
        if (rows.step()) return read_connection(rows);
        return fail(Errc::not_found, "This realm of " + registration.str() + " has no live connection.",
                    "Send the customer through a connect session first.");
      });
}

Task<Result<Page<Connection>>> SqliteStore::connections(ConnectionFilter filter, std::string cursor, int limit) {
  return read<Page<Connection>>([filter = std::move(filter), cursor = std::move(cursor),
                                 limit = page_limit(limit)](Database& database) -> Result<Page<Connection>> {
    const auto after = decode_age_cursor(cursor);
    if (!after) return std::unexpected(after.error());
    return list(database, filter, *after, limit);
  });
}

Task<Result<std::vector<Connection>>> SqliteStore::pairs_of(ConnectionId main) {
  return read<std::vector<Connection>>([main = std::move(main)](Database& database) -> Result<std::vector<Connection>> {
    return find_pairs(database, main);
  });
}

Task<Result<>> SqliteStore::create(Connection connection, std::vector<Connection> pairs, Event event) {
  return write<>([connection = std::move(connection), pairs = std::move(pairs),
                  event = std::move(event)](Database& database) -> Result<> {
    if (auto inserted = insert_all(database, connection, pairs); !inserted) return inserted;
    insert_event(database, event);
    return {};
  });
}

Task<Result<>> SqliteStore::reconnect(Replacement main, PairChanges pairs, Event event) {
  return write<>(
      [main = std::move(main), pairs = std::move(pairs), event = std::move(event)](Database& database) -> Result<> {
        if (auto done = replace(database, main); !done) return done;
        if (auto done = change_pairs(database, pairs, main.update.at); !done) return done;
        insert_event(database, event);
        return {};
      });
}

Task<Result<>> SqliteStore::touch(std::vector<std::pair<ConnectionId, Time>> used) {
  return write<>([used = std::move(used)](Database& database) -> Result<> {
    for (const auto& [id, at] : used) {
      database.execute("UPDATE connections SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
                       at, id, at);
    }
    return {};
  });
}

Task<Result<std::vector<Connection>>> SqliteStore::sharing(RegistrationId registration, std::string upstream_grant) {
  return read<std::vector<Connection>>([registration = std::move(registration), upstream_grant = std::move(upstream_grant)](
                                           Database& database) -> Result<std::vector<Connection>> {
    static const std::string sql = "SELECT " + std::string{connection_columns} +
                                   " FROM connections WHERE registration = ? AND upstream_grant = ? AND "
                                   "upstream_grant <> '' AND status <> 'revoked' ORDER BY created_at, id";
    return read_all(database.query(sql, registration, upstream_grant), read_connection);
  });
}

Task<Result<ConnectionStats>> SqliteStore::stats(Time now) {
  using Steady = std::chrono::steady_clock;
  return read<ConnectionStats>([this, now](Database& database) -> Result<ConnectionStats> {
    const auto begun = Steady::now();
    {
      const std::lock_guard lock{stats_mutex_};
      if (stats_ && begun < stats_good_until_) return *stats_;
    }
    ConnectionStats stats = count_connections(database, now);
    const auto took = Steady::now() - begun;
    const std::lock_guard lock{stats_mutex_};
    stats_.reset();
    if (took < counting_is_cheap) return stats;
    stats_ = stats;
    stats_good_until_ = Steady::now() + took * 100;
    return stats;
  });
}

Task<Result<>> SqliteStore::change_status(ConnectionId id, Status from, Status to, std::string reason, Event event) {
  return write<>([id = std::move(id), from, to, reason = std::move(reason),
                  event = std::move(event)](Database& database) -> Result<> {
    const auto changed = database.execute(
        "UPDATE connections SET status = ?, reason = ?, updated_at = CASE WHEN updated_at < ? THEN ? ELSE updated_at END "
        "WHERE id = ? AND status = ?",
        to_string(to), reason, event.at, event.at, id, to_string(from));
    if (changed == 1 && to == Status::active) {
      database.execute(
          "UPDATE connections SET access_expires_at = CASE WHEN LENGTH(refresh_token) > 0 THEN ? ELSE access_expires_at "
          "END, next_due_at = ?, failure_class = 'none', failure_count = 0, failure_since = NULL WHERE id = ? AND "
          "(LENGTH(refresh_token) > 0 OR refresh_idle_expires_at IS NOT NULL)",
          event.at, event.at, id);
    }
    if (changed == 1) {
      insert_event(database, event);
      return {};
    }
    if (const auto current = find_connection(database, id); !current) return std::unexpected(current.error());
    return fail(Errc::stale, "Connection " + id.str() + " is not " + std::string{to_string(from)} + " any more.",
                "Read it again.");
  });
}

}  // namespace evergrant
