// Opening a SQLite store: file mode, pragmas, integrity, schema. Private to store/. Blocking; one thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "store/sqlite.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant {

// The writing connection to a checked store of the current schema.
[[nodiscard]] Result<std::unique_ptr<Database>> open_writer(const SqliteOptions& options, const Log& log);
// A further connection that only reads.
[[nodiscard]] Result<std::unique_ptr<Database>> open_reader(const SqliteOptions& options);

// A store that this version can read, whole. Errors: invalid_argument, with what to do.
[[nodiscard]] Result<> check_store(Database& database);

}  // namespace evergrant
