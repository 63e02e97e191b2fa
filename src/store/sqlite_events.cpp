// The event feed.
#include "store/cursor.hpp"
#include "store/sqlite_filter.hpp"
#include "store/sqlite_impl.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

Task<Result<>> SqliteStore::append_event(Event event) {
  return write<>([event = std::move(event)](Database& database) -> Result<> {
    insert_event(database, event);
    return {};
  });
}

Task<Result<Page<Event>>> SqliteStore::events(ConnectionFilter filter, std::optional<ConnectionId> connection,
                                              std::string cursor, int limit) {
  return read<Page<Event>>([filter = std::move(filter), connection = std::move(connection), cursor = std::move(cursor),
                            limit = page_limit(limit)](Database& database) -> Result<Page<Event>> {
    const auto after = decode_sequence_cursor(cursor);
    if (!after) return std::unexpected(after.error());
    Conditions conditions;
    conditions.add(filter);
    if (connection) conditions.equal("connection", connection->str());
    if (*after) conditions.beyond("sequence", ">", **after);
    Page<Event> page{read_all(conditions.select(database, event_columns, "events", "sequence", limit), read_event), cursor};
    if (!page.items.empty()) page.next = encode_cursor(page.items.back().sequence);
    return page;
  });
}

}  // namespace evergrant
