// SQLite in C++: a connection with its cached statements. Private to store/.
//
// One thread at a time per Database. Failures of the library are thrown as SqliteError and become Errors at the boundary of
// the job (sqlite_jobs.hpp); `to_error` says what to do about each.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/connection.hpp"
#include "model/ids.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace evergrant {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& message) : std::runtime_error{message}, code_{code} {}
  [[nodiscard]] int code() const noexcept { return code_; }  // the primary result code

 private:
  int code_;
};

// What the failure means and how to mend it. `path` names the file in the message.
[[nodiscard]] Error to_error(const SqliteError& error, const std::string& path);

// A prepared statement in use: bound, stepped, read. Goes back to its Database's cache when it ends.
class Statement {
 public:
  Statement(sqlite3_stmt* statement, bool* in_use) noexcept : statement_{statement}, in_use_{in_use} {}
  Statement(Statement&& other) noexcept
      : statement_{std::exchange(other.statement_, nullptr)},
        in_use_{std::exchange(other.in_use_, nullptr)},
        borrows_{other.borrows_} {}
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Values are copied, unless they outlive the statement and `borrow_values` said so. Parameters are numbered from 1 in the
  // order of the `?`.
  void borrow_values() noexcept { borrows_ = true; }
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view text);
  void bind_blob(int index, std::string_view bytes);
  void bind_null(int index);

  // True while there is a row.
  bool step();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;  // of TEXT and BLOB alike

 private:
  sqlite3_stmt* statement_;
  bool* in_use_;  // null: not cached, ended with this object
  bool borrows_ = false;
};

struct SqliteOpenFlags {
  bool read_only = false;
  int busy_timeout_ms = 5000;
  std::string vfs;  // empty: the default one
};

class Database {
 public:
  // Opens the file, or ":memory:". Throws SqliteError.
  Database(const std::string& path, const SqliteOpenFlags& flags);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Statements without parameters and results; several are allowed. Never given outside input.
  void run_script(const char* sql);

  // `sql` comes from the source, never from input: values go through `?` only.
  template <class... Values>
  [[nodiscard]] Statement query(std::string_view sql, const Values&... values);
  // Rows that it changed.
  template <class... Values>
  std::int64_t execute(std::string_view sql, const Values&... values);
  // A statement whose text varies (filters): prepared for this one use.
  [[nodiscard]] Statement prepare_once(std::string_view sql);
  [[nodiscard]] Statement prepare(std::string_view sql);

  [[nodiscard]] std::int64_t last_insert_id() const;
  [[nodiscard]] std::int64_t total_changes() const;  // rows that were changed since it was opened
  [[nodiscard]] bool in_transaction() const;
  // Its file was deleted, moved or replaced: what is written from now on would be lost with the last descriptor.
  [[nodiscard]] bool has_moved() const;

  // Whoever writes asks `is_refused` first: the file was found to be damaged.
  void refuse_once(std::shared_ptr<const std::atomic<bool>> damaged) { damaged_ = std::move(damaged); }
  [[nodiscard]] bool is_refused() const { return damaged_ && *damaged_; }

  // Writes all pages, as of one moment, into the database at `path`; writers go on meanwhile.
  void copy_to(const std::string& path);

  // Asks the writer to copy the log into the file and truncate it after this transaction, so that what was erased is
  // in neither.
  void want_checkpoint() noexcept { checkpoint_wanted_ = true; }
  [[nodiscard]] bool take_checkpoint_wish() noexcept { return std::exchange(checkpoint_wanted_, false); }

 private:
  struct Cached {
    sqlite3_stmt* statement = nullptr;
    bool in_use = false;
  };
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] sqlite3_stmt* compile(std::string_view sql, bool keep);

  std::string path_;
  std::unique_ptr<int> busy_timeout_ms_;  // read by SQLite's busy handler
  sqlite3* handle_ = nullptr;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::unique_ptr<Cached>, TextHash, std::equal_to<>> cache_;
  bool checkpoint_wanted_ = false;
  std::shared_ptr<const std::atomic<bool>> damaged_;
};

// --- values as columns ---

inline void bind_value(Statement& to, int index, std::int64_t value) { to.bind(index, value); }
inline void bind_value(Statement& to, int index, int value) { to.bind(index, std::int64_t{value}); }
inline void bind_value(Statement& to, int index, std::string_view text) { to.bind(index, text); }
inline void bind_value(Statement& to, int index, const std::string& text) { to.bind(index, std::string_view{text}); }
inline void bind_value(Statement& to, int index, const char* text) { to.bind(index, std::string_view{text}); }
inline void bind_value(Statement& to, int index, Time time) { to.bind(index, to_epoch_ms(time)); }
inline void bind_value(Statement& to, int index, const Sealed& sealed) { to.bind_blob(index, sealed.bytes); }
template <class Tag>
void bind_value(Statement& to, int index, const Id<Tag>& id) {
  to.bind(index, std::string_view{id.str()});
}
template <class T>
void bind_value(Statement& to, int index, const std::optional<T>& value) {
  if (value) {
    bind_value(to, index, *value);
  } else {
    to.bind_null(index);
  }
}

// Nothing is converted on the way: what came of it would end before the statement does.
template <class T>
void bind_value(Statement& to, int index, const T& value) = delete;

template <class... Values>
Statement Database::query(std::string_view sql, const Values&... values) {
  Statement statement = prepare(sql);
  int index = 0;
  (bind_value(statement, ++index, values), ...);
  return statement;
}

template <class... Values>
std::int64_t Database::execute(std::string_view sql, const Values&... values) {
  Statement statement = prepare(sql);
  statement.borrow_values();  // it ends before they do
  int index = 0;
  (bind_value(statement, ++index, values), ...);
  while (statement.step()) {
  }
  return changes();
}

// The first column of the first row; 0: there is none.
[[nodiscard]] inline std::int64_t number_of(Statement rows) { return rows.step() ? rows.integer(0) : 0; }

// Reads the columns of the current row from left to right.
class Row {
 public:
  explicit Row(const Statement& from) noexcept : from_{from} {}

  template <class T>
  [[nodiscard]] T next() {
    T value{};
    read(value, column_++);
    return value;
  }
  template <class T>
  void into(T& value) {
    read(value, column_++);
  }

 private:
  void read(std::string& value, int column) const { value = from_.text(column); }
  void read(std::int64_t& value, int column) const { value = from_.integer(column); }
  void read(int& value, int column) const { value = static_cast<int>(from_.integer(column)); }
  void read(Time& value, int column) const { value = from_epoch_ms(from_.integer(column)); }
  void read(Sealed& value, int column) const { value.bytes = from_.text(column); }
  template <class Tag>
  void read(Id<Tag>& value, int column) const {
    value = Id<Tag>{from_.text(column)};
  }
  template <class T>
  void read(std::optional<T>& value, int column) const {
    if (from_.is_null(column)) {
      value.reset();
    } else {
      read(value.emplace(), column);
    }
  }

  const Statement& from_;
  int column_ = 0;
};

}  // namespace evergrant
