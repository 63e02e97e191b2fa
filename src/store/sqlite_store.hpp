// Store on SQLite: WAL, synchronous=FULL, one writer thread that commits many operations in one transaction (group commit),
// readers on connections of their own that never wait for it. Several processes may share one file: the store of each
// takes the file's write lock for one batch at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "store/store.hpp"

namespace evergrant {

// What the writer has done since it was opened.
struct SqliteStatistics {
  std::int64_t operations = 0;    // writing operations that were answered
  std::int64_t transactions = 0;  // COMMITs that made them durable
  std::int64_t last_event = 0;    // sequence of the last event that is durable
};

// How much of the file is read for damage. `brief` is part of every opening: its cost does not grow with the store.
enum class StoreCheck : std::uint8_t {
  brief,
  behind,  // and every page on a thread of its own once it is open: damage is logged, and no more is written then
  whole,   // every page before it opens
};

struct SqliteOptions {
  std::string path;             // a file; created with mode 0600
  int readers = 2;              // reading threads
  int busy_timeout_ms = 5000;   // how long to wait for another process that holds the file
  std::size_t max_batch = 512;  // operations in one transaction
  // Runs each operation at once on the caller's thread, in a transaction of its own, without any thread: for simulations
  // that must be deterministic. Callers must be on one thread. `path` may then be ":memory:".
  bool inline_execution = false;
  // false: a file of an older schema is refused, and a server that may be running on it is left alone (`doctor`).
  bool migrate = true;
  StoreCheck check = StoreCheck::brief;
  // With `behind`: called with what the check of every page found, on its thread.
  std::function<void(const Result<>&)> after_check;
  // File of the high-water mark (store/high_water.hpp), and when this is; empty: none is kept.
  std::string high_water;
  Time now;
  // Called on the writing thread with the totals after each COMMIT that succeeded.
  std::function<void(const SqliteStatistics&)> after_commit;
};

// Opens, checks, migrates (an older schema is migrated only once every page was checked). Errors: invalid_argument (a newer
// schema, a damaged file, no permission), each with what to do; store_unavailable. Blocking: call it at start-up. Operations
// that were queued when the store ends are carried out.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options, const Log& log);

// Once, before anything else of SQLite is used, by a program in which nobody else uses it: SQLite counts its memory no more,
// which takes a lock at each allocation. False: it was too late.
[[nodiscard]] bool leave_sqlite_memory_uncounted() noexcept;

}  // namespace evergrant
