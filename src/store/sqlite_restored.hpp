// Is this store older than it was? Then its connections start on hold. Private to store/.
#pragma once

#include "base/clock.hpp"
#include "base/log.hpp"
#include "store/high_water.hpp"
#include "store/sqlite.hpp"

namespace evergrant {

// The sequence of the last event that is durable; 0: there was none.
[[nodiscard]] std::int64_t last_event_of(Database& database);

// Compares the store with its mark. One that is behind it, or that `restore` has put there, is quarantined: every active
// connection, in one transaction, with the reason. The mark is then where the store is. Throws SqliteError.
// Errors: those of HighWaterMark.
[[nodiscard]] Result<> meet_mark(Database& database, HighWaterMark& mark, Time now, const Log& log);

}  // namespace evergrant
