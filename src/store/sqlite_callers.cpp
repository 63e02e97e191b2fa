// Callers and the audit trail.
#include "store/cursor.hpp"
#include "store/sqlite_filter.hpp"
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

std::optional<Time> earlier(std::optional<Time> a, std::optional<Time> b) { return a && b ? std::min(a, b) : a ? a : b; }

// The ancestors beyond the parent, which the row names, and what their ends mean for the caller.
void complete(Database& database, Caller& caller) {
  constexpr std::size_t deepest = 10;  // more than is made: a damaged row must not lead round in circles
  for (std::size_t i = 0; i < caller.ancestors.size() && i < deepest; ++i) {
    Statement rows =
        database.query("SELECT " + std::string{caller_columns} + " FROM callers WHERE id = ?", caller.ancestors[i].id);
    if (!rows.step()) {
      caller.revoked_at = earlier(caller.revoked_at, caller.created_at);
      return;
    }
    Caller ancestor = read_caller(rows);
    caller.revoked_at = earlier(caller.revoked_at, ancestor.revoked_at);
    caller.expires_at = earlier(caller.expires_at, ancestor.expires_at);
    caller.ancestors[i].name = std::move(ancestor.name);
    caller.ancestors[i].requests_per_minute = ancestor.policy.requests_per_minute;
    if (!ancestor.ancestors.empty()) caller.ancestors.push_back(std::move(ancestor.ancestors.front()));
  }
}

Result<Caller> find_caller(Database& database, const std::string& condition, std::string_view value, std::string message) {
  Statement rows = database.query("SELECT " + std::string{caller_columns} + " FROM callers WHERE " + condition, value);
  if (!rows.step()) return fail(Errc::not_found, std::move(message), "`evergrant callers list` shows them.");
  Caller caller = read_caller(rows);
  complete(database, caller);
  return caller;
}

std::vector<std::string> texts_of(const std::vector<Verb>& verbs) {
  std::vector<std::string> texts;
  for (const Verb verb : verbs) texts.emplace_back(to_string(verb));
  return texts;
}

Result<> insert_caller(Database& database, const Caller& c) {
  const auto inserted = database.execute(
      "INSERT INTO callers (id, name, verbs, registrations, tenants, connections, methods, paths, requests_per_minute, "
      "parent, key_hash, key_prefix, expires_at, revoked_at, last_used_at, created_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      c.id, c.name, to_json_text(texts_of(c.policy.verbs)), to_json_text(evergrant::texts_of(c.policy.registrations)),
      to_json_text(evergrant::texts_of(c.policy.tenants)), to_json_text(evergrant::texts_of(c.policy.connections)),
      to_json_text(c.policy.methods), to_json_text(c.policy.paths), c.policy.requests_per_minute,
      c.ancestors.empty() ? std::string{} : c.ancestors.front().id.str(), c.key_hash, c.key_prefix, c.expires_at,
      c.revoked_at, c.last_used_at, c.created_at);
  if (inserted == 1) return {};
  return fail(Errc::conflict, "A caller with this id or key exists already.", "Make a new one.");
}

bool outlives(const Caller& parent, const Caller& child) {
  if (parent.revoked_at || !child.expires_at) return false;
  return !parent.expires_at || (*parent.expires_at > child.created_at && *parent.expires_at >= *child.expires_at);
}

constexpr std::size_t rows_at_once = 20;  // of the trail by one statement: what a statement costs is shared by them

std::string audit_insert(std::size_t rows) {
  std::string text =
      "INSERT INTO audit (at, caller, action, result, registration, tenant, connection, fingerprint, detail, remote, count, "
      "last_at) VALUES ";
  for (std::size_t i = 0; i < rows; ++i) text.append(i == 0 ? "" : ", ").append("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  return text;
}

void insert_audit(Database& database, std::span<const AuditEntry> entries) {
  static const std::string many = audit_insert(rows_at_once);
  static const std::string one = audit_insert(1);
  Statement statement = database.prepare(entries.size() == 1 ? one : many);
  statement.borrow_values();  // it ends before they do
  int index = 0;
  const auto bind = [&](const auto&... values) { (bind_value(statement, ++index, values), ...); };
  for (const AuditEntry& e : entries) {
    bind(e.at, e.caller, e.action, e.result, e.registration, e.tenant, e.connection, e.fingerprint, e.detail, e.remote,
         e.count, e.last_at);
  }
  while (statement.step()) {
  }
}

void note_use(Database& database, const std::vector<AuditEntry>& entries) {
  std::map<CallerId, Time> used;
  for (const AuditEntry& entry : entries) {
    if (entry.caller.empty()) continue;
    Time& last = used.try_emplace(entry.caller, entry.at).first->second;
    last = std::max(last, entry.last_at.value_or(entry.at));
  }
  for (const auto& [caller, at] : used) {
    database.execute("UPDATE callers SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)", at,
                     caller, at);
  }
}

}  // namespace

Task<Result<>> SqliteStore::create_caller(Caller caller) {
  return write<>([c = std::move(caller)](Database& database) -> Result<> { return insert_caller(database, c); });
}

Task<Result<>> SqliteStore::derive_caller(Caller caller, int most_living) {
  return write<>([c = std::move(caller), most_living](Database& database) -> Result<> {
    const auto parent = find_caller(database, "id = ?", c.ancestors.at(0).id.str(), "There is no such caller.");
    if (!parent || !outlives(*parent, c)) {
      return fail(Errc::gone, "The key that this one would derive from has ended.", "Use a key that is valid.");
    }
    const auto living = number_of(database.query(
        "SELECT COUNT(*) FROM callers WHERE parent = ? AND parent <> '' AND expires_at > ? AND revoked_at IS NULL",
        c.ancestors.front().id, c.created_at));
    if (living < most_living) return insert_caller(database, c);
    return fail(Errc::rate_limited,
                "This caller has " + std::to_string(living) + " derived keys that have not ended, as many as it may have.",
                "Give them shorter lives, or revoke those that are not needed.");
  });
}

Task<Result<Caller>> SqliteStore::caller_by_key_hash(std::string key_hash) {
  return read<Caller>([key_hash = std::move(key_hash)](Database& database) {
    return find_caller(database, "key_hash = ? AND key_hash <> ''", key_hash, "No caller has this key.");
  });
}

Task<Result<Caller>> SqliteStore::caller(CallerId id) {
  return read<Caller>([id = std::move(id)](Database& database) {
    return find_caller(database, "id = ?", id.str(), "There is no caller " + id.str() + ".");
  });
}

Task<Result<Page<Caller>>> SqliteStore::callers(std::string cursor, int limit) {
  return read<Page<Caller>>(
      [cursor = std::move(cursor), limit = page_limit(limit)](Database& database) -> Result<Page<Caller>> {
        const auto after = decode_age_cursor(cursor);
        if (!after) return std::unexpected(after.error());
        Conditions conditions;
        if (*after) conditions.after(**after);
        Page<Caller> page{
            read_all(conditions.select(database, caller_columns, "callers", "created_at, id", limit + 1), read_caller), {}};
        if (page.items.size() > static_cast<std::size_t>(limit)) {
          page.items.pop_back();
          page.next = encode_cursor(AgeCursor{page.items.back().created_at, page.items.back().id.str()});
        }
        for (auto& caller : page.items) complete(database, caller);
        return page;
      });
}

Task<Result<>> SqliteStore::revoke_caller(CallerId id, Time at) {
  return write<>([id = std::move(id), at](Database& database) -> Result<> {
    const auto revoked = database.execute(
        "WITH RECURSIVE family (id) AS (SELECT id FROM callers WHERE id = ? UNION SELECT callers.id FROM callers JOIN "
        "family "
        "ON callers.parent = family.id WHERE callers.parent <> '') "
        "UPDATE callers SET revoked_at = COALESCE(revoked_at, ?) WHERE id IN (SELECT id FROM family)",
        id, at);
    if (revoked > 0) return {};
    return fail(Errc::not_found, "There is no caller " + id.str() + ".", "`evergrant callers list` shows them.");
  });
}

Task<Result<>> SqliteStore::append_audit(std::vector<AuditEntry> entries) {
  return write<>([entries = std::move(entries)](Database& database) -> Result<> {
    std::span<const AuditEntry> rest{entries};
    for (; rest.size() >= rows_at_once; rest = rest.subspan(rows_at_once)) insert_audit(database, rest.first(rows_at_once));
    for (; !rest.empty(); rest = rest.subspan(1)) insert_audit(database, rest.first(1));
    note_use(database, entries);
    return {};
  });
}

Task<Result<Page<AuditEntry>>> SqliteStore::audit(std::optional<ConnectionId> connection, std::optional<CallerId> caller,
                                                  std::string cursor, int limit) {
  return read<Page<AuditEntry>>([connection = std::move(connection), caller = std::move(caller), cursor = std::move(cursor),
                                 limit = page_limit(limit)](Database& database) -> Result<Page<AuditEntry>> {
    const auto before = decode_sequence_cursor(cursor);
    if (!before) return std::unexpected(before.error());
    Conditions conditions;
    if (connection) conditions.equal("connection", connection->str());
    if (caller) conditions.equal("caller", caller->str());
    if (*before) conditions.beyond("sequence", "<", **before);
    Page<AuditEntry> page{
        read_all(conditions.select(database, audit_columns, "audit", "sequence DESC", limit + 1), read_audit_entry), {}};
    if (page.items.size() > static_cast<std::size_t>(limit)) {
      page.items.pop_back();
      page.next = encode_cursor(page.items.back().sequence);
    }
    return page;
  });
}

}  // namespace evergrant
