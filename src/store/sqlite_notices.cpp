// Ends of refresh tokens that are near, and what was announced about them.
#include <limits>
#include <utility>

#include "store/cursor.hpp"
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

// An end that shifts by less is the same end: clocks are corrected, and providers round.
constexpr Duration same_end = std::chrono::minutes{30};

std::string_view name_of(GrantEnd end) {
  switch (end) {
    case GrantEnd::idle: return "idle";
    case GrantEnd::absolute: return "absolute";
  }
  return "idle";
}

// The statuses are excluded rather than listed: SQLite would take an index that begins with them.
// What the index of each end is ordered by: see migrations.cpp. The cursor carries it as if it were a time.
struct EndColumns {
  std::string order, ends_at, since, precise;
};
const EndColumns& columns_of(GrantEnd end) {
  static const EndColumns idle{"c.idle_half", "c.refresh_idle_expires_at", "COALESCE(c.last_refreshed_at, c.created_at)",
                               "c.refresh_idle_expires_at + COALESCE(c.last_refreshed_at, c.created_at)"};
  static const EndColumns absolute{"c.refresh_absolute_expires_at", "c.refresh_absolute_expires_at",
                                   "COALESCE(c.granted_at, c.created_at)", "c.refresh_absolute_expires_at"};
  return end == GrantEnd::idle ? idle : absolute;
}

std::string select_ending(const EndColumns& columns) {
  return "SELECT " + columns.order + ", c.id, c.main, c.registration, c.tenant, c.realm, c.generation, " + columns.ends_at +
         ", " + columns.since +
         ", n.ends_at, n.lead, n.at FROM connections AS c LEFT JOIN reauth_notices AS n ON n.connection = c.id AND "
         "n.ending = ? WHERE " +
         columns.ends_at + " IS NOT NULL AND " + columns.precise + " <= ? AND " + columns.order + " <= ? AND " +
         columns.order + " >= ? AND (" + columns.order +
         " > ? OR c.id > ?) AND c.status NOT IN ('reauth_required', 'revoking', 'revoked') AND (n.lead IS NULL OR n.lead > "
         "0 OR " +
         columns.ends_at + " > n.ends_at + ?) ORDER BY " + columns.order + ", c.id LIMIT ?";
}

EndingGrant read_ending(const Statement& from, GrantEnd end, std::int64_t& order) {
  Row row{from};
  row.into(order);
  EndingGrant grant;
  grant.end = end;
  row.into(grant.connection);
  row.into(grant.main);
  row.into(grant.registration);
  row.into(grant.tenant);
  row.into(grant.realm);
  row.into(grant.generation);
  row.into(grant.ends_at);
  row.into(grant.since);
  std::optional<Time> ends_at;
  row.into(ends_at);
  if (!ends_at) return grant;
  ReauthNotice& given = grant.given.emplace();
  given.connection = grant.connection;
  given.end = end;
  given.ends_at = *ends_at;
  given.lead = Duration{row.next<std::int64_t>()};
  row.into(given.at);
  return grant;
}

std::optional<ReauthNotice> find_notice(Database& database, const ConnectionId& id, GrantEnd end) {
  Statement rows =
      database.query("SELECT ends_at, lead, at FROM reauth_notices WHERE connection = ? AND ending = ?", id, name_of(end));
  if (!rows.step()) return std::nullopt;
  Row row{rows};
  ReauthNotice notice{.connection = id, .end = end, .ends_at = {}, .lead = {}, .at = {}};
  row.into(notice.ends_at);
  notice.lead = Duration{row.next<std::int64_t>()};
  row.into(notice.at);
  return notice;
}

bool is_live(Database& database, const ConnectionId& id) {
  Statement rows = database.query("SELECT 1 FROM connections WHERE id = ? AND status IN ('active', 'quarantined')", id);
  return rows.step();
}

}  // namespace

Task<Result<Page<EndingGrant>>> SqliteStore::ending(GrantEnd end, Time now, Duration within, std::string cursor, int limit) {
  return read<Page<EndingGrant>>([end, now, within, cursor = std::move(cursor),
                                  limit = page_limit(limit)](Database& database) -> Result<Page<EndingGrant>> {
    static const std::string idle = select_ending(columns_of(GrantEnd::idle));
    static const std::string absolute = select_ending(columns_of(GrantEnd::absolute));
    const auto after = decode_age_cursor(cursor);
    if (!after) return std::unexpected(after.error());
    const std::int64_t from = *after ? to_epoch_ms((*after)->created_at) : std::numeric_limits<std::int64_t>::min();
    const std::string beyond = *after ? (*after)->id : std::string{};
    const std::int64_t until = end == GrantEnd::idle ? 2 * to_epoch_ms(now) : to_epoch_ms(now + within);
    Statement rows = database.query(end == GrantEnd::idle ? idle : absolute, name_of(end), until, until, from, from, beyond,
                                    same_end.count(), limit);
    Page<EndingGrant> page;
    std::int64_t order = 0;
    while (rows.step()) page.items.push_back(read_ending(rows, end, order));
    if (std::cmp_equal(page.items.size(), limit)) {
      page.next = encode_cursor(AgeCursor{from_epoch_ms(order), page.items.back().connection.str()});
    }
    return page;
  });
}

Task<Result<>> SqliteStore::give_notice(ReauthNotice notice, std::optional<ReauthNotice> expected, Event event) {
  return write<>([notice = std::move(notice), expected = std::move(expected),
                  event = std::move(event)](Database& database) -> Result<> {
    if (!is_live(database, notice.connection) || find_notice(database, notice.connection, notice.end) != expected) {
      return fail(Errc::stale, "Something else was said about this end meanwhile, or the connection is no longer live.",
                  "Read it again.");
    }
    database.execute(
        "INSERT INTO reauth_notices (connection, ending, ends_at, lead, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (connection, ending) DO UPDATE SET ends_at = excluded.ends_at, lead = excluded.lead, at = excluded.at",
        notice.connection, name_of(notice.end), notice.ends_at, notice.lead.count(), notice.at);
    insert_event(database, event);
    return {};
  });
}

}  // namespace evergrant
