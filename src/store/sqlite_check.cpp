#include "store/sqlite_check.hpp"

#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/thread_name.hpp"
#include "store/background_reads.hpp"
#include "store/sqlite_rows.hpp"

namespace evergrant {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int rows_looked_at = 32;
constexpr std::uintmax_t longest_log = 256U << 20U;  // of what a snapshot may make the write-ahead log grow to
constexpr auto pause = 10min;

std::unexpected<Error> damaged(const Database& database, const std::string& what) {
  return fail(Errc::invalid_argument, "The store " + database.path() + " is damaged: " + what + ".",
              "Keep the file for examination and restore the latest backup.");
}

std::uintmax_t size_of(const std::string& path) {
  std::error_code none;
  const auto size = fs::file_size(path, none);
  return none ? 0 : size;
}

// A copy that was broken off is shorter than its header says. Pages that are in the log only say nothing about the file.
Result<> check_length(Database& database) {
  if (size_of(database.path()) == 0 || size_of(database.path() + "-wal") > 0) return {};
  const auto pages = number_of(database.prepare_once("PRAGMA page_count"));
  const auto page = number_of(database.prepare_once("PRAGMA page_size"));
  if (size_of(database.path()) >= static_cast<std::uintmax_t>(pages * page)) return {};
  return damaged(database, "its end is missing");
}

std::vector<std::string> tables_of(Database& database) {
  std::vector<std::string> names;
  Statement rows = database.prepare_once("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'");
  while (rows.step()) names.push_back(rows.text(0));
  return names;
}

// From the root to the first and to the last leaf.
void read_ends(Database& database, const std::string& table) {
  for (const char* direction : {"ASC", "DESC"}) {
    Statement row = database.prepare_once("SELECT * FROM \"" + table + "\" ORDER BY rowid " + direction + " LIMIT 1");
    if (row.step()) (void)row.text(0);
  }
}

// A connection that is read whole, and found by its id and by its realm.
bool leads_back(Database& database, std::int64_t row) {
  static const std::string sql = "SELECT " + std::string{connection_columns} + " FROM connections WHERE rowid = ?";
  Statement rows = database.query(sql, row);
  if (!rows.step()) return true;
  const Connection found = read_connection(rows);
  if (number_of(database.query("SELECT rowid FROM connections WHERE id = ?", found.id)) != row) return false;
  if (found.status == Status::revoked || (!found.pair.empty() && found.status == Status::revoking)) return true;
  return number_of(database.query("SELECT rowid FROM connections WHERE registration = ? AND realm = ? AND pair = ? AND "
                                  "status <> 'revoked' AND (pair = '' OR status <> 'revoking')",
                                  found.registration, found.realm, found.pair)) == row;
}

Result<> check_some_rows(Database& database) {
  const auto last = number_of(database.prepare_once("SELECT MAX(rowid) FROM connections"));
  for (int i = 0; i < rows_looked_at; ++i) {
    const auto from = last * i / rows_looked_at;
    const auto row = number_of(database.query("SELECT MIN(rowid) FROM connections WHERE rowid > ?", from));
    if (row > 0 && !leads_back(database, row)) return damaged(database, "an index does not lead to its connection");
  }
  return {};
}

}  // namespace

Result<> check_briefly(Database& database) {
  if (auto complete = check_length(database); !complete) return complete;
  for (const auto& table : tables_of(database)) read_ends(database, table);
  return check_some_rows(database);
}

Result<> check_whole(Database& database) {
  Statement rows = database.prepare_once("PRAGMA quick_check(1)");
  const std::string verdict = rows.step() ? rows.text(0) : "it cannot be checked";
  if (verdict == "ok") return {};
  return damaged(database, verdict);
}

WholeCheck::WholeCheck(std::string path, std::shared_ptr<std::atomic<bool>> damaged,
                       std::function<void(const Result<>&)> told, const Log& log)
    : path_{std::move(path)}, damaged_{std::move(damaged)}, told_{std::move(told)}, log_{log}, thread_{[this] { work(); }} {}

WholeCheck::~WholeCheck() {
  stopping_ = true;
  {
    const std::lock_guard lock{mutex_};
  }
  wake_.notify_all();
  thread_.join();
}

void WholeCheck::work() {
  name_this_thread("eg-store-check");
  while (look() == Outcome::again && wait_for_next()) {
  }
}

bool WholeCheck::has_to_give_way() {
  constexpr int between = 1000;  // pages, between two looks at the log
  if (++pages_ % between == 0 && size_of(path_ + "-wal") > longest_log) return true;
  return stopping_;
}

bool WholeCheck::wait_for_next() {
  std::unique_lock lock{mutex_};
  return !wake_.wait_for(lock, pause, [this] { return stopping_.load(); });
}

WholeCheck::Outcome WholeCheck::look() {
  const auto begun = std::chrono::steady_clock::now();
  const BackgroundReads reads{[this] { return has_to_give_way(); }};
  Result<> whole;
  std::string why = "the write-ahead log grew meanwhile";
  bool is_known = false;
  try {
    Database database{path_, {.read_only = true, .vfs = reads.name()}};
    database.run_script("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
    whole = check_whole(database);
    is_known = !reads.gave_way();
  } catch (const SqliteError& error) {
    if ((error.code() == SQLITE_CORRUPT || error.code() == SQLITE_NOTADB) && !reads.gave_way()) {
      whole = std::unexpected(to_error(error, path_));
      is_known = true;
    }
    why = error.what();
  }
  if (stopping_) return Outcome::over;
  if (!is_known) {
    log_.warning("store_check_put_off", {{"path", path_}, {"why", why}});
    return Outcome::again;
  }
  tell(whole, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun));
  return Outcome::over;
}

void WholeCheck::tell(const Result<>& whole, std::chrono::milliseconds took) {
  if (whole) {
    log_.info("store_checked", {{"path", path_}, {"took_ms", took.count()}});
  } else {
    *damaged_ = true;
    log_.error("store_damaged", {{"path", path_},
                                 {"what", whole.error().message},
                                 {"effect", "nothing more is written, so that no refresh is sent"},
                                 {"hint", whole.error().hint}});
  }
  if (told_) told_(whole);
}

}  // namespace evergrant
