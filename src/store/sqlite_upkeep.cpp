// Pauses, idempotency, clean-up, meta.
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

// A request that was begun and not finished for so long has died with its process.
constexpr Duration abandoned_after = std::chrono::minutes{5};

std::optional<IdempotentAnswer> find_answer(Database& database, const std::string& key) {
  Statement rows =
      database.query("SELECT request_hash, status, body, created_at FROM idempotency WHERE scoped_key = ?", key);
  if (!rows.step()) return std::nullopt;
  Row row{rows};
  IdempotentAnswer answer;
  row.into(answer.request_hash);
  row.into(answer.status);
  row.into(answer.body);
  row.into(answer.created_at);
  return answer;
}

std::optional<IdempotentAnswer> begin_request(Database& database, const std::string& key, const std::string& request_hash,
                                              Time now) {
  const auto begun = database.execute(
      "INSERT INTO idempotency (scoped_key, request_hash, status, body, created_at) VALUES (?, ?, 0, X'', ?) "
      "ON CONFLICT DO NOTHING",
      key, request_hash, now);
  if (begun == 1) return std::nullopt;
  const auto taken_over = database.execute(
      "UPDATE idempotency SET created_at = ? WHERE scoped_key = ? AND request_hash = ? AND status = 0 AND created_at <= ?",
      now, key, request_hash, now - abandoned_after);
  if (taken_over == 1) return std::nullopt;
  return find_answer(database, key);
}

std::int64_t sweep_sessions(Database& database, Time before, int limit) {
  database.execute(
      "DELETE FROM attempts WHERE id IN (SELECT attempts.id FROM attempts JOIN connections ON connections.id = "
      "attempts.connection WHERE LENGTH(attempts.answer) = 0 AND attempts.sent_at < ? AND (connections.status = 'revoked' "
      "OR "
      "attempts.fence <= connections.tokens_fence) ORDER BY attempts.sent_at LIMIT ?)",
      before, limit);
  return database.execute(
      "DELETE FROM connect_sessions WHERE id IN (SELECT id FROM connect_sessions WHERE expires_at < ? ORDER BY expires_at "
      "LIMIT ?)",
      before, limit);
}

std::int64_t sweep_revoked(Database& database, Time before, int limit) {
  return database.execute(
      "DELETE FROM connections WHERE id IN (SELECT id FROM connections WHERE status = 'revoked' AND updated_at < ? AND "
      "NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.connection = connections.id) AND "
      "NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.connection = connections.id) LIMIT ?)",
      before, limit);
}

constexpr std::string_view swept_keys = "swept_keys";
constexpr int keys_at_a_sweep = 10'000;

// Keys that are retired, and all keys of tenants of which nothing is left; '@' marks evergrant's own, which has no
// connections. There are as many keys as tenants: a sweep looks at some, in the order of their ids, and the next one goes
// on.
std::int64_t sweep_keys(Database& database, Time before, int limit) {
  std::string from;
  if (Statement rows = database.query("SELECT value FROM meta WHERE name = ?", swept_keys); rows.step()) from = rows.text(0);
  std::string last;
  if (Statement rows =
          database.query("SELECT id FROM sealing_keys WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?", from, keys_at_a_sweep - 1);
      rows.step()) {
    last = rows.text(0);
  }
  const auto swept = database.execute(
      "DELETE FROM sealing_keys WHERE id IN (SELECT id FROM sealing_keys AS k WHERE k.id > ? AND (k.id <= ? OR ? = '') AND "
      "k.created_at < ? AND (k.state = 'retired' "
      "OR (k.tenant <> '' AND SUBSTR(k.tenant, 1, 1) <> '@' AND "
      "NOT EXISTS (SELECT 1 FROM connections WHERE connections.tenant = k.tenant) AND "
      "NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.tenant = k.tenant) AND "
      "NOT EXISTS (SELECT 1 FROM connect_sessions WHERE connect_sessions.tenant = k.tenant))) LIMIT ?)",
      from, last, last, before, limit);
  if (swept > 0) database.want_checkpoint();
  if (swept < limit &&
      from != last) {  // all of these are looked at; an empty `last`: to the end, and from the beginning again
    database.execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                     swept_keys, last);
  }
  return swept;
}

// Sequences grow with time, so the oldest rows are the first: only those are looked at.
std::int64_t sweep_oldest(Database& database, std::string_view table, Time before, int limit) {
  const std::string name{table};
  return database.execute("DELETE FROM " + name + " WHERE sequence IN (SELECT sequence FROM (SELECT sequence, at FROM " +
                              name + " ORDER BY sequence LIMIT ?) AS oldest WHERE at < ?)",
                          limit, before);
}

std::int64_t sweep_idempotency(Database& database, Time before, int limit) {
  return database.execute(
      "DELETE FROM idempotency WHERE scoped_key IN (SELECT scoped_key FROM idempotency WHERE created_at < ? ORDER BY "
      "created_at "
      "LIMIT ?)",
      before, limit);
}

std::int64_t sweep_derived_callers(Database& database, Time before, int limit) {
  return database.execute(
      "DELETE FROM callers WHERE id IN (SELECT id FROM callers WHERE parent <> '' AND expires_at < ? ORDER BY expires_at "
      "LIMIT ?)",
      before, limit);
}

}  // namespace

Task<Result<std::vector<Store::Pause>>> SqliteStore::paused() {
  return read<std::vector<Pause>>([](Database& database) -> Result<std::vector<Pause>> {
    std::vector<Pause> pauses;
    Statement rows = database.query("SELECT registration, code, detail, since FROM pauses ORDER BY registration");
    while (rows.step()) {
      Row row{rows};
      Pause& pause = pauses.emplace_back();
      row.into(pause.registration);
      row.into(pause.code);
      row.into(pause.detail);
      row.into(pause.since);
    }
    return pauses;
  });
}

Task<Result<>> SqliteStore::pause(Pause pause) {
  return write<>([pause = std::move(pause)](Database& database) -> Result<> {
    database.execute(
        "INSERT INTO pauses (registration, code, detail, since) VALUES (?, ?, ?, ?) ON CONFLICT (registration) DO UPDATE "
        "SET "
        "code = excluded.code, detail = excluded.detail",
        pause.registration, pause.code, pause.detail, pause.since);
    return {};
  });
}

Task<Result<>> SqliteStore::resume(RegistrationId registration) {
  return write<>([registration = std::move(registration)](Database& database) -> Result<> {
    database.execute("DELETE FROM pauses WHERE registration = ?", registration);
    return {};
  });
}

Task<Result<std::vector<Store::Hold>>> SqliteStore::holds() {
  return read<std::vector<Hold>>([](Database& database) -> Result<std::vector<Hold>> {
    std::vector<Hold> holds;
    Statement rows =
        database.query("SELECT registration, since, failed, refreshed, released_at FROM holds ORDER BY registration");
    while (rows.step()) {
      Row row{rows};
      Hold& hold = holds.emplace_back();
      row.into(hold.registration);
      row.into(hold.since);
      row.into(hold.failed);
      row.into(hold.refreshed);
      row.into(hold.released_at);
    }
    return holds;
  });
}

Task<Result<>> SqliteStore::hold(Hold hold, Event event) {
  return write<>([hold = std::move(hold), event = std::move(event)](Database& database) -> Result<> {
    database.execute(
        "INSERT INTO holds (registration, since, failed, refreshed, released_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (registration) DO UPDATE SET since = excluded.since, failed = excluded.failed, "
        "refreshed = excluded.refreshed, released_at = excluded.released_at",
        hold.registration, hold.since, hold.failed, hold.refreshed, hold.released_at);
    insert_event(database, event);
    return {};
  });
}

Task<Result<>> SqliteStore::release_hold(RegistrationId registration, Time at, Event event) {
  return write<>([registration = std::move(registration), at, event = std::move(event)](Database& database) -> Result<> {
    const auto released = database.execute("UPDATE holds SET released_at = ? WHERE registration = ? AND released_at IS NULL",
                                           at, registration);
    if (released == 0) {
      return fail(Errc::not_found, "Nothing is held for registration " + registration.str() + '.',
                  "See what is with: evergrant registrations");
    }
    insert_event(database, event);
    return {};
  });
}

Task<Result<std::optional<IdempotentAnswer>>> SqliteStore::begin_idempotent(std::string scoped_key, std::string request_hash,
                                                                            Time now) {
  return write<std::optional<IdempotentAnswer>>([scoped_key = std::move(scoped_key), request_hash = std::move(request_hash),
                                                 now](Database& database) -> Result<std::optional<IdempotentAnswer>> {
    return begin_request(database, scoped_key, request_hash, now);
  });
}

Task<Result<>> SqliteStore::finish_idempotent(std::string scoped_key, int status, std::string body) {
  return write<>([scoped_key = std::move(scoped_key), status, body = std::move(body)](Database& database) -> Result<> {
    database.execute("UPDATE idempotency SET status = ?, body = ? WHERE scoped_key = ?", status, Sealed{body}, scoped_key);
    return {};
  });
}

Task<Result<>> SqliteStore::forget_idempotent(std::string scoped_key) {
  return write<>([scoped_key = std::move(scoped_key)](Database& database) -> Result<> {
    database.execute("DELETE FROM idempotency WHERE scoped_key = ?", scoped_key);
    return {};
  });
}

Task<Result<SweepReport>> SqliteStore::sweep(RetentionCutoffs cutoffs, int limit) {
  return write<SweepReport>([cutoffs, limit = std::max(limit, 0)](Database& database) -> Result<SweepReport> {
    SweepReport report;
    if (cutoffs.sessions) report.sessions = sweep_sessions(database, *cutoffs.sessions, limit);
    if (cutoffs.revoked_connections) {
      report.connections = sweep_revoked(database, *cutoffs.revoked_connections, limit);
      report.tenant_keys = sweep_keys(database, *cutoffs.revoked_connections, limit);
    }
    if (cutoffs.audit) report.audit = sweep_oldest(database, "audit", *cutoffs.audit, limit);
    if (cutoffs.events) report.events = sweep_oldest(database, "events", *cutoffs.events, limit);
    if (cutoffs.idempotency) report.idempotency = sweep_idempotency(database, *cutoffs.idempotency, limit);
    if (cutoffs.derived_callers) report.callers = sweep_derived_callers(database, *cutoffs.derived_callers, limit);
    return report;
  });
}

Task<Result<std::optional<std::string>>> SqliteStore::meta(std::string name) {
  return read<std::optional<std::string>>(
      [name = std::move(name)](Database& database) -> Result<std::optional<std::string>> {
        Statement rows = database.query("SELECT value FROM meta WHERE name = ?", name);
        if (!rows.step()) return std::nullopt;
        return rows.text(0);
      });
}

Task<Result<>> SqliteStore::set_meta(std::string name, std::string value) {
  return write<>([name = std::move(name), value = std::move(value)](Database& database) -> Result<> {
    database.execute("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                     name, value);
    return {};
  });
}

Task<Result<>> SqliteStore::probe() {
  return write<>([](Database& database) -> Result<> {
    database.execute(  // a real change each time: writing the same value again might be optimised away
        "INSERT INTO meta (name, value) VALUES ('probe', '0') ON CONFLICT (name) DO UPDATE SET value = "
        "CASE WHEN meta.value = '0' THEN '1' ELSE '0' END");
    return {};
  });
}

}  // namespace evergrant
