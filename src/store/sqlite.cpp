#include "store/sqlite.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "store/sqlite_store.hpp"

namespace evergrant {

namespace {

// SQLite's own back-off sleeps up to 100 ms; a batch of another process lasts a few, so look again sooner.
int wait_for_other_process(void* limit_ms, int tries) {
  const auto limit = std::chrono::milliseconds{*static_cast<const int*>(limit_ms)};
  constexpr std::chrono::milliseconds pause{2};
  if (pause * tries >= limit) return 0;
  std::this_thread::sleep_for(pause);
  return 1;
}

[[noreturn]] void raise(sqlite3* handle, std::string_view doing) {
  const int code = handle == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle) & 0xff;
  const char* message = handle == nullptr ? "out of memory" : sqlite3_errmsg(handle);
  throw SqliteError{code, std::string{doing} + ": " + message};
}

void check(int code, sqlite3_stmt* statement, std::string_view doing) {
  if (code != SQLITE_OK) raise(sqlite3_db_handle(statement), doing);
}

}  // namespace

Error to_error(const SqliteError& error, const std::string& path) {
  const std::string what = "The store " + path;
  const auto make = [](std::string message, std::string hint) {
    return Error{Errc::store_unavailable, std::move(message), std::move(hint)};
  };
  switch (error.code()) {
    case SQLITE_FULL:
      return make(what + " cannot grow: the disk is full.", "Free space on its file system; nothing was changed.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make(what + " is held by another process.", "Find the program that keeps the file locked (fuser shows it).");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return make(what + " cannot be written.", "Give the user of this process write access to the file and its folder.");
    case SQLITE_CANTOPEN:
      return make(what + " cannot be opened.", "Check that its folder exists and belongs to the user of this process.");
    case SQLITE_IOERR: return make(what + " met a disk error (" + error.what() + ").", "Check the disk and the system log.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return make(what + " is damaged (" + error.what() + ").", "Stop the service and restore the file from a backup.");
    default: return make(what + " failed (" + error.what() + ").", "Look at the system log; report this if it stays.");
  }
}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  if (in_use_ == nullptr) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  *in_use_ = false;
}

void Statement::bind(int index, std::int64_t value) {
  check(sqlite3_bind_int64(statement_, index, value), statement_, "bind");
}

void Statement::bind(int index, std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();  // a null pointer would bind NULL
  check(sqlite3_bind_text64(statement_, index, data, text.size(), borrows_ ? SQLITE_STATIC : SQLITE_TRANSIENT, SQLITE_UTF8),
        statement_, "bind");
}

void Statement::bind_blob(int index, std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  check(sqlite3_bind_blob64(statement_, index, data, bytes.size(), borrows_ ? SQLITE_STATIC : SQLITE_TRANSIENT), statement_,
        "bind");
}

void Statement::bind_null(int index) { check(sqlite3_bind_null(statement_, index), statement_, "bind"); }

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  raise(sqlite3_db_handle(statement_), "step");
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);  // of text too: its bytes, without a conversion
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string{} : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

bool leave_sqlite_memory_uncounted() noexcept { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK; }

Database::Database(const std::string& path, const SqliteOpenFlags& flags)
    : path_{path}, busy_timeout_ms_{std::make_unique<int>(flags.busy_timeout_ms)} {
  const int mode = flags.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle_, mode | SQLITE_OPEN_NOMUTEX, flags.vfs.empty() ? nullptr : flags.vfs.c_str());
  if (code != SQLITE_OK) {
    const std::string reason = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
    sqlite3_close(handle_);
    throw SqliteError{code & 0xff, reason};
  }
  sqlite3_busy_handler(handle_, wait_for_other_process, busy_timeout_ms_.get());
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 0);
}

Database::~Database() {
  for (const auto& entry : cache_) sqlite3_finalize(entry.second->statement);
  sqlite3_close(handle_);
}

void Database::run_script(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) raise(handle_, "run");
}

sqlite3_stmt* Database::compile(std::string_view sql, bool keep) {
  sqlite3_stmt* statement = nullptr;
  const unsigned flags = keep ? SQLITE_PREPARE_PERSISTENT : 0U;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), flags, &statement, nullptr);
  if (code != SQLITE_OK) raise(handle_, "prepare");
  return statement;
}

Statement Database::prepare(std::string_view sql) {
  auto found = cache_.find(sql);
  if (found == cache_.end()) found = cache_.emplace(sql, std::make_unique<Cached>()).first;
  const auto& cached = found->second;
  if (cached->in_use) return prepare_once(sql);
  if (cached->statement == nullptr) cached->statement = compile(sql, true);
  cached->in_use = true;
  return Statement{cached->statement, &cached->in_use};
}

Statement Database::prepare_once(std::string_view sql) { return Statement{compile(sql, false), nullptr}; }

std::int64_t Database::total_changes() const { return sqlite3_total_changes64(handle_); }
std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }
std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
void Database::copy_to(const std::string& path) {
  const Database target{path, {}};
  sqlite3_backup* copy = sqlite3_backup_init(target.handle_, "main", handle_, "main");
  if (copy == nullptr) raise(target.handle_, "copy");
  sqlite3_backup_step(copy, -1);
  if (sqlite3_backup_finish(copy) != SQLITE_OK) raise(target.handle_, "copy");
}

bool Database::has_moved() const {
  int moved = 0;
  const int known = sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return known == SQLITE_OK && moved != 0;
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

}  // namespace evergrant
