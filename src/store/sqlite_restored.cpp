#include "store/sqlite_restored.hpp"

#include "store/backup.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

std::optional<std::string> meta_of(Database& database, std::string_view name) {
  Statement rows = database.query("SELECT value FROM meta WHERE name = ?", name);
  if (!rows.step()) return std::nullopt;
  return rows.text(0);
}

constexpr std::string_view older_store = "A backup from before the store had an id was put in its place.";
constexpr std::string_view other_store = "Another store was put in its place.";

std::string id_of(Database& database) {
  database.execute(
      "INSERT INTO meta (name, value) VALUES ('store_id', LOWER(HEX(RANDOMBLOB(16)))) ON CONFLICT (name) DO NOTHING");
  return meta_of(database, "store_id").value_or("");
}

// Applications poll events by their sequence: it goes on from where they were.
void continue_events_from(Database& database, std::int64_t sequence) {
  const auto changed =
      database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events' AND seq < ?", sequence, sequence);
  if (changed == 0 && last_event_of(database) == 0)
    database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", sequence);
}

bool has_connections(Database& database) {
  Statement rows = database.query("SELECT 1 FROM connections LIMIT 1");
  return rows.step();
}

void quarantine_all(Database& database, const std::string& why, std::int64_t sequence, Time now, const Log& log) {
  const auto held = database.execute(
      "UPDATE connections SET status = 'quarantined', reason = ?, lease_owner = '', lease_until = NULL, "
      "lease_fence = lease_fence + 1, updated_at = ? WHERE status = 'active'",
      why + ' ' + std::string{restored_hold}, now);
  continue_events_from(database, sequence);
  Event event;
  event.at = now;
  event.type = "store_restored";
  event.detail = why + " " + std::to_string(held) + " connections are on hold until an operator releases them.";
  insert_event(database, event);
  database.execute("DELETE FROM meta WHERE name = 'restored'");
  log.error("store_restored", {{"connections_on_hold", held}, {"why", why}});
}

}  // namespace

std::int64_t last_event_of(Database& database) {
  Statement rows = database.query("SELECT seq FROM sqlite_sequence WHERE name = 'events'");
  return rows.step() ? rows.integer(0) : 0;
}

Result<> meet_mark(Database& database, HighWaterMark& mark, Time now, const Log& log) {
  // The mark first: another process that writes meanwhile commits before it raises it.
  const auto known = mark.read();
  if (!known) return std::unexpected(known.error());
  database.run_script("BEGIN IMMEDIATE");
  const bool had_id = meta_of(database, "store_id").has_value();
  const std::string id = id_of(database);
  const std::int64_t sequence = last_event_of(database);
  const bool ours = *known && (*known)->store == id;
  if (const auto restored = meta_of(database, "restored")) {
    quarantine_all(database, "The store was restored at " + *restored + " from a backup.",
                   ours ? std::max(sequence, (*known)->sequence) : sequence, now, log);
  } else if (ours && sequence < (*known)->sequence) {
    const auto missing = (*known)->sequence - sequence;
    quarantine_all(database,
                   "The store is " + std::to_string(missing) + " events older than it was: a backup was put in its place.",
                   (*known)->sequence, now, log);
  } else if (*known && !ours && has_connections(database)) {
    quarantine_all(database, std::string{had_id ? other_store : older_store}, std::max(sequence, (*known)->sequence), now,
                   log);
  }
  const std::int64_t reached = last_event_of(database);
  database.run_script("COMMIT");
  return mark.set({.store = id, .sequence = reached});
}

}  // namespace evergrant
