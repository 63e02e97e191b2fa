// The event feed.
#include <array>

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
    static constexpr std::array<std::string_view, 1> about{"connection"};
    conditions.visible(about, filter);
    if (connection) conditions.equal("connection", connection->str());
    if (*after) conditions.beyond("sequence", ">", **after);
    Page<Event> page{read_all(conditions.select(database, event_columns, "events", "sequence", limit), read_event), cursor};
    if (!page.items.empty()) page.next = encode_cursor(page.items.back().sequence);
    return page;
  });
}

Task<Result<Page<Event>>> SqliteStore::timeline(ConnectionId connection, std::string cursor, int limit) {
  return read<Page<Event>>([connection = std::move(connection), cursor = std::move(cursor),
                            limit = page_limit(limit)](Database& database) -> Result<Page<Event>> {
    const auto before = decode_sequence_cursor(cursor);
    if (!before) return std::unexpected(before.error());
    Conditions conditions;
    conditions.equal("connection", connection.str());
    if (*before) conditions.beyond("sequence", "<", **before);
    Page<Event> page{read_all(conditions.select(database, event_columns, "events", "sequence DESC", limit + 1), read_event),
                     {}};
    if (page.items.size() > static_cast<std::size_t>(limit)) {
      page.items.pop_back();
      page.next = encode_cursor(page.items.back().sequence);
    }
    return page;
  });
}

}  // namespace evergrant
