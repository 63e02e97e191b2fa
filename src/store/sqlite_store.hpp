// Store on SQLite: WAL, synchronous=FULL, one writer thread that commits many operations in one transaction (group commit),
// readers on connections of their own that never wait for it.
#pragma once

#include <memory>
#include <string>

#include "base/log.hpp"
#include "store/store.hpp"

namespace evergrant {

struct SqliteOptions {
  std::string path;     // a file; created with mode 0600
  int readers = 2;      // reading threads
  int busy_timeout_ms = 5000;
  std::size_t max_batch = 512;  // operations in one transaction
};

// Opens, checks integrity, migrates. Errors: invalid_argument (a newer schema, a damaged file, no permission), each with what
// to do; store_unavailable. Blocking: call it at start-up.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options, const Log& log);

}  // namespace evergrant
