// Connect sessions: each link and each state works once.
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

std::unexpected<Error> gone() {
  return fail(Errc::gone, "This connect session is used, expired or unknown.", "Begin a new connect session.");
}

std::optional<ConnectSession> find_session(Database& database, std::string_view column_condition, std::string_view value) {
  const std::string sql =
      "SELECT " + std::string{session_columns} + " FROM connect_sessions WHERE " + std::string{column_condition};
  Statement rows = database.query(sql, value);
  if (!rows.step()) return std::nullopt;
  return read_session(rows);
}

std::optional<ConnectSession> find_by_state(Database& database, const std::string& state_hash) {
  return find_session(database, "state_hash = ? AND state_hash <> ''", state_hash);
}

std::int64_t pending_sessions(Database& database, const TenantId& tenant, Time now) {
  Statement rows = database.query(
      "SELECT COUNT(*) FROM connect_sessions WHERE tenant = ? AND expires_at > ? AND outcome IN ('', 'opened')", tenant,
      now);
  rows.step();
  return Row{rows}.next<std::int64_t>();
}

Result<> insert_session(Database& database, const ConnectSession& s) {
  const auto inserted = database.execute(
      "INSERT INTO connect_sessions (id, token_hash, state_hash, browser_hash, registration, tenant, reconnect, return_to, "
      "login_hint, scope, expected_issuer, secrets, secrets_key, caller, created_at, expires_at, outcome, connection) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      s.id, s.token_hash, s.state_hash, s.browser_hash, s.registration, s.tenant, s.reconnect, s.return_to, s.login_hint,
      to_json_text(s.scope), s.expected_issuer, s.secrets, key_name(s.secrets), s.caller, s.created_at, s.expires_at,
      s.outcome, s.connection);
  if (inserted == 1) return {};
  return fail(Errc::conflict, "A connect session with this id or link exists already.", "Make a new id and link.");
}

// The row loses its state and its secrets, whatever comes of the callback. It counts as gone until it is finished: if the
// process dies in between, that is what became of it.
std::optional<ConnectSession> use_state(Database& database, const std::string& state_hash) {
  if (state_hash.empty()) return std::nullopt;
  auto session = find_by_state(database, state_hash);
  if (!session) return std::nullopt;
  database.execute(
      "UPDATE connect_sessions SET outcome = 'gone', state_hash = '', browser_hash = '', secrets = ?, "
      "secrets_key = '' WHERE id = ?",
      Sealed{}, session->id);
  return session;
}

}  // namespace

Task<Result<>> SqliteStore::create_session(ConnectSession session, int max_pending) {
  return write<>([session = std::move(session), max_pending](Database& database) -> Result<> {
    if (auto keys = check_keys(database, {&session.secrets}); !keys) return keys;
    if (pending_sessions(database, session.tenant, session.created_at) >= max_pending) {
      return fail(Errc::rate_limited, "This tenant has " + std::to_string(max_pending) + " connect sessions open already.",
                  "Use one of them, or wait until they expire.");
    }
    return insert_session(database, session);
  });
}

Task<Result<ConnectSession>> SqliteStore::session(SessionId id) {
  return read<ConnectSession>([id = std::move(id)](Database& database) -> Result<ConnectSession> {
    auto session = find_session(database, "id = ?", id.str());
    if (!session)
      return fail(Errc::not_found, "There is no connect session " + id.str() + ".", "It may have been cleaned up.");
    return std::move(*session);
  });
}

Task<Result<ConnectSession>> SqliteStore::open_session(std::string token_hash, Time now) {
  return write<ConnectSession>([token_hash = std::move(token_hash), now](Database& database) -> Result<ConnectSession> {
    const auto opened = database.execute(
        "UPDATE connect_sessions SET outcome = 'opened' WHERE token_hash = ? AND outcome = '' AND expires_at > ?",
        token_hash, now);
    if (opened == 0) return gone();
    return std::move(*find_session(database, "token_hash = ?", token_hash));
  });
}

Task<Result<>> SqliteStore::arm_session(SessionId id, std::string state_hash, std::string browser_hash,
                                        std::string expected_issuer, Sealed secrets) {
  return write<>([id = std::move(id), state_hash = std::move(state_hash), browser_hash = std::move(browser_hash),
                  expected_issuer = std::move(expected_issuer),
                  secrets = std::move(secrets)](Database& database) -> Result<> {
    if (auto keys = check_keys(database, {&secrets}); !keys) return keys;
    const auto armed = database.execute(
        "UPDATE connect_sessions SET state_hash = ?, browser_hash = ?, expected_issuer = ?, secrets = ?, "
        "secrets_key = ? WHERE id = ? AND outcome = 'opened' AND state_hash = ''",
        state_hash, browser_hash, expected_issuer, secrets, key_name(secrets), id);
    if (armed == 0) return gone();
    return {};
  });
}

Task<Result<ConnectSession>> SqliteStore::take_session(std::string state_hash, Time now) {
  // The use itself is kept even where its answer is "gone": the error is made after the transaction.
  using Taken = std::optional<ConnectSession>;
  const auto known = co_await read<bool>([state_hash](Database& database) -> Result<bool> {
    return !state_hash.empty() && find_by_state(database, state_hash).has_value();
  });
  if (!known) co_return std::unexpected(known.error());
  if (!*known) co_return gone();  // anybody can send a callback: a made-up state costs no write
  auto taken = co_await write<Taken>(
      [state_hash = std::move(state_hash)](Database& database) -> Result<Taken> { return use_state(database, state_hash); });
  if (!taken) co_return std::unexpected(taken.error());
  if (!*taken || (*taken)->expires_at <= now) co_return gone();
  co_return std::move(**taken);
}

Task<Result<>> SqliteStore::finish_session(SessionId id, std::string outcome, std::optional<ConnectionId> connection) {
  return write<>([id = std::move(id), outcome = std::move(outcome),
                  connection = std::move(connection)](Database& database) -> Result<> {
    database.execute(
        "UPDATE connect_sessions SET outcome = ?, connection = ?, state_hash = '', browser_hash = '', secrets = ?, "
        "secrets_key = '' WHERE id = ?",
        outcome, connection, Sealed{}, id);
    return {};
  });
}

}  // namespace evergrant
