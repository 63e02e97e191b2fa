// The refresh protocol's durable steps (design section 5): claim, renew, keep, commit, fail, release.
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

std::unexpected<Error> stale(const ConnectionId& id) {
  return fail(Errc::stale, "The lease or the generation of connection " + id.str() + " is no longer current.",
              "Read the connection again.");
}

// Why this connection may not be claimed at `now`; nothing: it may.
std::optional<Error> refusal(const Connection& c, Generation expected, Time now) {
  const std::string name = "Connection " + c.id.str();
  switch (c.status) {
    case Status::active: break;
    case Status::revoking:
    case Status::revoked: return Error{Errc::revoked, name + " is revoked.", "Connect the account anew."};
    case Status::reauth_required:
      return Error{Errc::reauth_required, name + " needs the customer: " + c.reason,
                   "Send the customer through a connect session."};
    case Status::quarantined: return Error{Errc::quarantined, name + " is held: " + c.reason, "An operator releases it."};
  }
  if (c.generation != expected) return Error{Errc::stale, name + " has another generation by now.", "Read it again."};
  if (!c.lease.owner.empty() && c.lease.until && *c.lease.until > now) {
    return Error{Errc::busy, name + " is being refreshed by " + c.lease.owner + ".", "Wait for its result."};
  }
  return std::nullopt;
}

// The attempt whose outcome a new holder of the lease has to think about: the latest with
// an answer; where none has one, the first that was sent, since a grace window counts from it. What the row's tokens answer,
// and what was sent before, is settled, or of a grant that was replaced.
std::optional<Attempt> find_unresolved(Database& database, const ConnectionId& id, Fence tokens_fence) {
  static const std::string sql =
      "SELECT " + std::string{attempt_columns} +
      " FROM attempts WHERE connection = ? AND fence > ? ORDER BY "
      "CASE WHEN LENGTH(answer) > 0 THEN 0 ELSE 1 END, CASE WHEN LENGTH(answer) > 0 THEN -fence ELSE fence END LIMIT 1";
  Statement rows = database.query(sql, id, tokens_fence);
  if (!rows.step()) return std::nullopt;
  return read_attempt(rows);
}

void insert_attempt(Database& database, const Attempt& attempt) {
  database.execute(
      "INSERT INTO attempts (id, connection, registration, generation, fence, sent_at, answer, answer_key) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      attempt.id, attempt.connection, attempt.registration, attempt.generation, attempt.fence, attempt.sent_at,
      attempt.answer, key_name(attempt.answer));
}

Result<Claim> take_lease(Database& database, const ConnectionId& id, Generation expected, const std::string& owner, Time now,
                         Time until, std::optional<Attempt>& attempt) {
  auto connection = find_connection(database, id);
  if (!connection) return std::unexpected(connection.error());
  if (auto no = refusal(*connection, expected, now)) return std::unexpected(std::move(*no));
  database.execute(
      "UPDATE connections SET lease_owner = ?, lease_until = ?, lease_fence = lease_fence + 1 WHERE id = ? AND lease_fence "
      "= ?",
      owner, until, id, connection->lease.fence);
  connection->lease = Lease{owner, until, connection->lease.fence + 1};
  auto unresolved = find_unresolved(database, id, connection->tokens_fence);
  Claim claim{std::move(*connection), std::move(unresolved)};
  if (attempt) {
    attempt->fence = claim.connection.lease.fence;
    insert_attempt(database, *attempt);
  }
  return claim;
}

// The rows that a holder of the lease may change; `lease_owner <> ''` because a freed lease keeps its number.
std::int64_t free_lease(Database& database, const ConnectionId& id, Fence fence) {
  return database.execute(
      "UPDATE connections SET lease_owner = '', lease_until = NULL WHERE id = ? AND lease_fence = ? AND lease_owner <> ''",
      id, fence);
}

// Who may store a token set: the holder of the lease, or after a refusal, when nobody holds one, whoever has the answer to a
// later request than that of the row's tokens.
struct TokenSetWriter {
  const std::string& sql;
  Fence fence = 0;  // of the lease, or of that request
};

// Without `status` where it stays: what is set is written anew in every index that names it.
std::string token_set_sql(const char* more, const char* right) {
  return std::string{
             "UPDATE connections SET generation = generation + 1, access_token = ?, refresh_token = ?, sealed_extras = ?, "
             "access_key = ?, refresh_key = ?, extras_key = ?, token_type = ?, scope = ?, missing_scope = ?, extras = ?, "
             "access_expires_at = ?, refresh_idle_expires_at = ?, refresh_absolute_expires_at = ?, next_due_at = ?, "
             "issuer = COALESCE(?, issuer), subject = COALESCE(?, subject), last_refreshed_at = ?, updated_at = ?, "
             "tokens_fence = ?, lease_owner = '', lease_until = NULL, failure_class = 'none', failure_count = 0, "
             "failure_since = NULL, failure_code = '', failure_correlation = ''"} +
         more + " WHERE id = ? AND generation = ? AND tokens_fence < ? AND " + right;
}

TokenSetWriter holder_of_lease(Fence fence) {
  static const std::string sql =
      token_set_sql("", "lease_owner <> '' AND lease_fence = ? AND status IN ('active', 'quarantined')");
  return {sql, fence};
}

TokenSetWriter reviver(Fence asked) {
  static const std::string sql =
      token_set_sql(", reason = '', status = 'active'", "lease_fence >= ? AND status = 'reauth_required'");
  return {sql, asked};
}

// False: the lease, the generation, the order of the requests or the status is another.
bool store_token_set(Database& database, const ConnectionId& id, const TokenSetWriter& by, Generation expected, Fence asked,
                     const TokenUpdate& u) {
  const auto stored = database.execute(
      by.sql, u.tokens.access_token, u.tokens.refresh_token, u.tokens.extras, key_name(u.tokens.access_token),
      key_name(u.tokens.refresh_token), key_name(u.tokens.extras), u.token_type, to_json_text(u.scope),
      to_json_text(u.missing_scope), to_json_text(u.extras), u.access_expires_at, u.refresh_idle_expires_at,
      u.refresh_absolute_expires_at, u.next_due_at, u.issuer, u.subject, u.at, u.at, asked, id, expected, asked, by.fence);
  return stored == 1;
}

struct Standing {
  Fence tokens_fence = 0;
  Status status = Status::revoked;
};
Standing standing_of(Database& database, const ConnectionId& id) {
  Statement rows = database.query("SELECT tokens_fence, status FROM connections WHERE id = ?", id);
  if (!rows.step()) return {};
  return {rows.integer(0), status_from(rows.text(1)).value_or(Status::revoked)};
}

// The tokens, and the end of what they settle. Attempts of later requests stay open; so do those of before a reconnect,
// since what they hold is still to be revoked.
Result<Status> settle(Database& database, const ConnectionId& id, const TokenSetWriter& by, Generation expected, Fence asked,
                      const TokenUpdate& update, const Event& event) {
  if (auto keys = check_keys(database, update.tokens); !keys) return std::unexpected(keys.error());
  const Standing before = standing_of(database, id);
  if (store_token_set(database, id, by, expected, asked, update)) {
    database.execute("DELETE FROM attempts WHERE connection = ? AND fence > ? AND (fence <= ? OR fence = ?)", id,
                     before.tokens_fence, asked, by.fence);
    note_idle_half(database, id);
    insert_event(database, event);
    return before.status == Status::reauth_required ? Status::active : before.status;
  }
  const auto current = find_connection(database, id);
  if (current && (current->status == Status::revoking || current->status == Status::revoked)) {
    return fail(Errc::revoked, "Connection " + id.str() + " was revoked during the refresh.",
                "The new tokens have to be revoked too.");
  }
  return stale(id);
}

// The answer to another request than that under `own`, which the row's tokens do not stand for yet.
bool answer_waits(Database& database, const ConnectionId& id, Fence own) {
  Statement rows = database.query(
      "SELECT 1 FROM attempts WHERE connection = ? AND fence > ? AND fence <> ? AND LENGTH(answer) > 0 LIMIT 1", id,
      standing_of(database, id).tokens_fence, own);
  return rows.step();
}

void end_own_attempt(Database& database, const ConnectionId& id, Fence fence) {
  database.execute("DELETE FROM attempts WHERE connection = ? AND fence = ?", id, fence);
}

// Its grant is dead: nothing is left to resolve.
void end_open_attempts(Database& database, const ConnectionId& id) {
  database.execute("DELETE FROM attempts WHERE connection = ? AND fence > ?", id, standing_of(database, id).tokens_fence);
}

}  // namespace

Task<Result<Claim>> SqliteStore::claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                                       std::optional<Attempt> attempt) {
  return write<Claim>([id = std::move(id), expected, owner = std::move(owner), now, until,
                       attempt = std::move(attempt)](Database& database) mutable {
    return take_lease(database, id, expected, owner, now, until, attempt);
  });
}

Task<Result<>> SqliteStore::renew(ConnectionId id, Fence fence, Time until) {
  return write<>([id = std::move(id), fence, until](Database& database) -> Result<> {
    const auto renewed = database.execute(
        "UPDATE connections SET lease_until = ? WHERE id = ? AND lease_fence = ? AND lease_owner <> ''", until, id, fence);
    if (renewed == 0) return stale(id);
    return {};
  });
}

Task<Result<>> SqliteStore::keep_answer(AttemptId attempt, Fence fence, Sealed answer) {
  return write<>([attempt = std::move(attempt), fence, answer = std::move(answer)](Database& database) -> Result<> {
    if (auto keys = check_keys(database, {&answer}); !keys) return keys;
    const auto kept = database.execute("UPDATE attempts SET answer = ?, answer_key = ? WHERE id = ? AND fence = ?", answer,
                                       key_name(answer), attempt, fence);
    if (kept == 1) return {};
    return fail(Errc::stale, "Attempt " + attempt.str() + " is settled already.", "Read the connection again.");
  });
}

Task<Result<Status>> SqliteStore::commit(ConnectionId id, Fence fence, Generation expected, Fence asked, TokenUpdate update,
                                         Event event) {
  return write<Status>([id = std::move(id), fence, expected, asked, update = std::move(update),
                        event = std::move(event)](Database& database) -> Result<Status> {
    return settle(database, id, holder_of_lease(fence), expected, asked, update, event);
  });
}

Task<Result<Status>> SqliteStore::revive(ConnectionId id, Generation expected, Fence asked, TokenUpdate update,
                                         Event event) {
  return write<Status>([id = std::move(id), expected, asked, update = std::move(update),
                        event = std::move(event)](Database& database) -> Result<Status> {
    return settle(database, id, reviver(asked), expected, asked, update, event);
  });
}

Task<Result<Recorded>> SqliteStore::record_failure(ConnectionId id, Fence fence, Failure failure, Status status,
                                                   std::string reason, std::optional<Time> next_due_at, bool keep_attempt,
                                                   Event event) {
  return write<Recorded>([id = std::move(id), fence, failure = std::move(failure), status, reason = std::move(reason),
                          next_due_at, keep_attempt, event = std::move(event)](Database& database) -> Result<Recorded> {
    if (status == Status::reauth_required && answer_waits(database, id, fence)) {
      if (free_lease(database, id, fence) == 0) return stale(id);
      end_own_attempt(database, id, fence);
      return Recorded::answer_waits;
    }
    const auto recorded = database.execute(
        "UPDATE connections SET failure_class = ?, failure_count = ?, failure_since = ?, failure_code = ?, "
        "failure_correlation = ?, reason = CASE WHEN status = 'quarantined' THEN reason ELSE ? END, "
        "status = CASE WHEN status = 'quarantined' THEN status ELSE ? END, next_due_at = ?, "
        "updated_at = CASE WHEN updated_at < ? THEN ? ELSE updated_at END, lease_owner = '', lease_until = NULL WHERE id = "
        "? AND lease_fence = ? AND lease_owner <> '' AND "
        "status IN ('active', 'quarantined')",
        to_string(failure.kind), failure.count, failure.since, failure.code, failure.correlation, reason, to_string(status),
        next_due_at, event.at, event.at, id, fence);
    if (recorded == 0) return stale(id);
    if (!keep_attempt) {
      status == Status::active ? end_own_attempt(database, id, fence) : end_open_attempts(database, id);
    }
    insert_event(database, event);
    return Recorded::failure;
  });
}

Task<Result<>> SqliteStore::release(ConnectionId id, Fence fence) {
  return write<>([id = std::move(id), fence](Database& database) -> Result<> {
    if (free_lease(database, id, fence) == 0) return stale(id);
    end_own_attempt(database, id, fence);
    return {};
  });
}

Task<Result<std::int64_t>> SqliteStore::free_leases(std::string owner) {
  return write<std::int64_t>([owner = std::move(owner)](Database& database) -> Result<std::int64_t> {
    if (owner.empty()) return 0;
    return database.execute(
        "UPDATE connections SET lease_owner = '', lease_until = NULL WHERE lease_owner = ? AND lease_owner <> '' AND EXISTS "
        "(SELECT 1 FROM attempts WHERE connection = connections.id AND fence > connections.tokens_fence AND LENGTH(answer) "
        "> "
        "0) AND NOT EXISTS (SELECT 1 FROM attempts WHERE connection = connections.id AND fence = connections.lease_fence "
        "AND "
        "LENGTH(answer) = 0)",
        owner);
  });
}

Task<Result<std::vector<Attempt>>> SqliteStore::unresolved_attempts(int limit) {
  return read<std::vector<Attempt>>([limit](Database& database) -> Result<std::vector<Attempt>> {
    static const std::string sql = "SELECT " + std::string{attempt_columns} + " FROM attempts ORDER BY sent_at, id LIMIT ?";
    return read_all(database.query(sql, std::max(limit, 0)), read_attempt);
  });
}

Task<Result<>> SqliteStore::end_attempt(AttemptId attempt) {
  return write<>([attempt = std::move(attempt)](Database& database) -> Result<> {
    database.execute("DELETE FROM attempts WHERE id = ?", attempt);
    return {};
  });
}

Task<Result<std::vector<Connection>>> SqliteStore::due(RegistrationId registration, Time now, int limit) {
  return read<std::vector<Connection>>([registration = std::move(registration), now,
                                        limit](Database& database) -> Result<std::vector<Connection>> {
    static const std::string sql =
        "SELECT " + std::string{connection_columns} +
        " FROM connections WHERE status = 'active' AND registration = ? AND next_due_at IS NOT NULL AND next_due_at <= ? "
        "AND (lease_owner = '' OR lease_until IS NULL OR lease_until <= ?) ORDER BY next_due_at, id LIMIT ?";
    return read_all(database.query(sql, registration, now, now, std::max(limit, 0)), read_connection);
  });
}

Task<Result<>> SqliteStore::move_due(std::vector<Move> moves, Time now) {
  return write<>([moves = std::move(moves), now](Database& database) -> Result<> {
    for (const Move& move : moves) {
      database.execute(
          "UPDATE connections SET next_due_at = ? WHERE id = ? AND next_due_at = ? AND status = 'active' AND "
          "(lease_owner = '' OR lease_until IS NULL OR lease_until <= ?)",
          move.to, move.connection, move.from, now);
    }
    return {};
  });
}

}  // namespace evergrant
