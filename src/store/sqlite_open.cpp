#include "store/sqlite_open.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "store/migrations.hpp"
#include "store/sqlite_check.hpp"
#include "store/sqlite_impl.hpp"
#include "store/sqlite_restored.hpp"

namespace evergrant {

namespace {

constexpr std::int64_t application_id = 0x45564752;  // "EVGR"
constexpr std::string_view in_memory = ":memory:";

std::unexpected<Error> refused(std::string message, std::string hint) {
  return fail(Errc::invalid_argument, std::move(message), std::move(hint));
}

std::unexpected<Error> store_refused(const std::string& path, int error) {
  const std::string what = "The store " + path + " cannot be opened: " + std::strerror(error) + ".";
  switch (error) {
    case ENOENT: return refused(what, "Create its folder, or set another path for the store.");
    case EISDIR: return refused(what, "Name a file, not a folder.");
    case ENOSPC:
    case EDQUOT: return fail(Errc::store_unavailable, what, "Free space on its file system.");
    default: return refused(what, "Give the user of this process read and write access to the file and its folder.");
  }
}

// SQLite gives its -wal and -shm files the mode of the database: so that is made, or made 0600, before SQLite opens it.
Result<> secure_file(const std::string& path, const Log& log) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return store_refused(path, errno);
  struct stat state{};
  const bool known = ::fstat(file, &state) == 0;
  const bool regular = known && S_ISREG(state.st_mode);
  const bool open_to_others = known && (state.st_mode & 077) != 0;
  const bool closed = !open_to_others || ::fchmod(file, 0600) == 0;
  ::close(file);
  if (!regular) return refused("The store " + path + " is not a regular file.", "Name a file.");
  if (!closed) return refused("The store " + path + " is open to other users.", "Run: chmod 600 " + path);
  if (!open_to_others) return {};
  log.warning("store_file_closed", {{"path", path}, {"detail", "other users had access to it; its mode is 0600 now"}});
  for (const char* suffix : {"-wal", "-shm"}) ::chmod((path + suffix).c_str(), 0600);  // where they exist
  return {};
}

std::string text_of(Statement rows) { return rows.step() ? rows.text(0) : std::string{}; }
// Two processes that open a new file at once: SQLite answers "busy" to one without waiting.
void enter_wal(Database& database, int timeout_ms) {
  const auto pause = std::chrono::milliseconds{5};
  for (auto waited = std::chrono::milliseconds{0};; waited += pause) {
    try {
      const auto mode = text_of(database.prepare_once("PRAGMA journal_mode = WAL"));
      if (mode == "wal" || mode == "memory") return;
      throw SqliteError{SQLITE_CANTOPEN, "its file system does not allow a write-ahead log"};
    } catch (const SqliteError& error) {
      if ((error.code() != SQLITE_BUSY && error.code() != SQLITE_LOCKED) || waited.count() >= timeout_ms) throw;
      std::this_thread::sleep_for(pause);
    }
  }
}

Result<> check_owner(Database& database) {
  const auto id = number_of(database.prepare_once("PRAGMA application_id"));
  if (id == application_id) return {};
  const auto tables = number_of(database.prepare_once("SELECT COUNT(*) FROM sqlite_master"));
  if (id == 0 && tables == 0) return {};
  return refused("The file " + database.path() + " is a database of another program.", "Set another path for the store.");
}

std::int64_t schema_version(Database& database) {
  const auto meta =
      number_of(database.prepare_once("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'"));
  if (meta == 0) return 0;
  return number_of(database.prepare_once("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'schema'"));
}

Result<> check_version(Database& database, std::int64_t version) {
  const auto known = static_cast<std::int64_t>(sqlite_migrations().size());
  if (version <= known) return {};
  return refused("The store " + database.path() + " has schema " + std::to_string(version) + "; this version knows up to " +
                     std::to_string(known) + ".",
                 "Run the newer version that wrote it, or restore a backup from before the upgrade.");
}

// Each step in a transaction that reads the version itself: another process may migrate at the same time.
Result<> migrate(Database& database) {
  for (bool current = false; !current;) {
    database.run_script("BEGIN IMMEDIATE");
    const auto version = schema_version(database);
    if (auto known = check_version(database, version); !known) {
      database.run_script("ROLLBACK");
      return known;
    }
    current = version == static_cast<std::int64_t>(sqlite_migrations().size());
    if (!current) {
      if (version == 0) {
        database.run_script(
            "PRAGMA application_id = 1163282258; CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)");
      }
      database.run_script(sqlite_migrations()[static_cast<std::size_t>(version)]);
      database.execute(
          "INSERT INTO meta (name, value) VALUES ('schema', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
          std::to_string(version + 1));
    }
    database.run_script("COMMIT");
  }
  return {};
}

Result<> prepare_store(Database& database, const SqliteOptions& options) {
  if (auto ours = check_owner(database); !ours) return ours;
  if (auto known = check_version(database, schema_version(database)); !known) return known;
  enter_wal(database, options.busy_timeout_ms);
  // The pages between a root and a leaf stay in memory (32 MiB), also where there are a million connections; and pages that
  // change again and again go from the log into the file once for many changes (every 32 MiB).
  database.run_script(
      "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; "
      "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = "
      "8192");
  const auto version = schema_version(database);
  const bool is_older = version < static_cast<std::int64_t>(sqlite_migrations().size());
  if (!options.migrate && is_older) {
    return refused("The store " + database.path() + " has the older schema " + std::to_string(version) + ".",
                   "Start this version's server on it once: that upgrades it.");
  }
  // A migration goes through the whole file anyway, and must not start from a damaged one.
  if (options.check == StoreCheck::whole || (is_older && version > 0)) {
    if (auto whole = check_whole(database); !whole) return whole;
  }
  if (auto migrated = migrate(database); !migrated) return migrated;
  return check_briefly(database);
}

// At start-up every refusal of the file is the operator's to mend; only a full disk or a held file may pass by itself.
Error at_start(Error error, int code) {
  if (code == SQLITE_NOTADB) {
    error.message = "The file is not a store: it is not a SQLite database, or its beginning is damaged.";
    error.hint = "Set another path for the store, or restore the file from a backup.";
  }
  if (code != SQLITE_FULL && code != SQLITE_BUSY && code != SQLITE_LOCKED && code != SQLITE_IOERR) {
    error.code = Errc::invalid_argument;
  }
  return error;
}

// What the writer tells after each COMMIT goes to the mark too.
Result<> follow_mark(Database& database, SqliteOptions& options, const Log& log) {
  if (options.high_water.empty()) return {};
  auto mark = std::make_shared<HighWaterMark>(options.high_water);
  try {
    if (auto met = meet_mark(database, *mark, options.now, log); !met) return met;
  } catch (const SqliteError& error) {
    return std::unexpected(at_start(to_error(error, options.path), error.code()));
  }
  options.after_commit = [mark, &log, next = std::move(options.after_commit),
                          told = false](const SqliteStatistics& statistics) mutable {
    if (const auto raised = mark->raise(statistics.last_event); !raised && !std::exchange(told, true))
      log.error("high_water_mark_not_raised", {{"reason", raised.error().message}});
    if (next) next(statistics);
  };
  return {};
}

}  // namespace

Result<> check_store(Database& database) {
  if (auto ours = check_owner(database); !ours) return ours;
  const auto version = schema_version(database);
  if (version == 0) return refused("The file " + database.path() + " is not a store.", "Name a backup of one.");
  if (auto known = check_version(database, version); !known) return known;
  return check_whole(database);
}

Result<std::unique_ptr<Database>> open_writer(const SqliteOptions& options, const Log& log) {
  if (options.path != in_memory) {
    if (auto secured = secure_file(options.path, log); !secured) return std::unexpected(secured.error());
  }
  try {
    auto database = std::make_unique<Database>(
        options.path, SqliteOpenFlags{.read_only = false, .busy_timeout_ms = options.busy_timeout_ms});
    if (auto ready = prepare_store(*database, options); !ready) return std::unexpected(ready.error());
    return database;
  } catch (const SqliteError& error) {
    return std::unexpected(at_start(to_error(error, options.path), error.code()));
  }
}

Result<std::unique_ptr<Database>> open_reader(const SqliteOptions& options) {
  try {
    auto database = std::make_unique<Database>(
        options.path, SqliteOpenFlags{.read_only = true, .busy_timeout_ms = options.busy_timeout_ms});
    database->run_script("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY");
    // The log is opened by the first question: asked now, so that reads go on whatever becomes of the file's name.
    database->run_script("SELECT 1 FROM meta LIMIT 1");
    return database;
  } catch (const SqliteError& error) {
    return std::unexpected(at_start(to_error(error, options.path), error.code()));
  }
}

Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options, const Log& log) {
  if (options.path == in_memory && !options.inline_execution) {
    return refused("A store in memory has one connection only.", "Set inline_execution, or give a file.");
  }
  auto database = open_writer(options, log);
  if (!database) return std::unexpected(database.error());
  if (auto followed = follow_mark(**database, options, log); !followed) return std::unexpected(followed.error());
  std::unique_ptr<WholeCheck> check;
  if (options.check == StoreCheck::behind) {
    auto damaged = std::make_shared<std::atomic<bool>>(false);
    (*database)->refuse_once(damaged);
    check = std::make_unique<WholeCheck>(options.path, std::move(damaged), std::move(options.after_check), log);
  }
  if (options.inline_execution) {
    auto runner = std::make_unique<SqliteInline>(std::move(*database), std::move(options.after_commit));
    return std::make_unique<SqliteStore>(std::move(runner), nullptr);
  }
  std::vector<std::unique_ptr<Database>> readers;
  for (int i = 0; i < std::max(options.readers, 1); ++i) {
    auto reader = open_reader(options);
    if (!reader) return std::unexpected(reader.error());
    readers.push_back(std::move(*reader));
  }
  return std::make_unique<SqliteStore>(
      std::make_unique<SqliteWriter>(std::move(*database), options.max_batch, std::move(options.after_commit)),
      std::make_unique<SqliteReaders>(std::move(readers)), std::move(check));
}

}  // namespace evergrant
