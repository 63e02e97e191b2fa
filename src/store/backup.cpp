#include "store/backup.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/encoding.hpp"
#include "store/migrations.hpp"
#include "store/sqlite_open.hpp"
#include "store/sqlite_restored.hpp"

namespace evergrant {

namespace {

namespace fs = std::filesystem;

std::unexpected<Error> copy_refused(const std::string& path, int error) {
  return fail(Errc::store_unavailable, "The file " + path + " cannot be written: " + std::strerror(error) + ".",
              "Check its folder's owner, mode and free space.");
}

// An empty file of ours; removed again unless it is kept.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_{std::move(path)} {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    std::error_code ignored;
    if (made_) fs::remove(path_, ignored);
  }
  Result<> make() {
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST)
      return fail(Errc::invalid_argument, "The file " + path_ + " exists already.", "Name another, or remove it.");
    if (file < 0) return copy_refused(path_, errno);
    ::close(file);
    made_ = true;
    return {};
  }
  void keep() { made_ = false; }

 private:
  std::string path_;
  bool made_ = false;
};

Result<> sync(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return copy_refused(path, errno);
  const bool synced = ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  if (!synced) return copy_refused(path, error);
  return {};
}

Result<> sync_with_folder(const std::string& path) {
  if (auto synced = sync(path, O_RDONLY); !synced) return synced;
  const auto folder = fs::absolute(path).parent_path();
  return sync(folder.string(), O_RDONLY | O_DIRECTORY);
}

// Reads every page: a copy that cannot be restored must be noticed now.
Result<BackupReport> examine(const std::string& path) {
  SqliteOptions options;
  options.path = path;
  auto database = open_reader(options);
  if (!database) return std::unexpected(database.error());
  if (auto ours = check_store(**database); !ours) return std::unexpected(ours.error());
  std::error_code ignored;
  return BackupReport{
      .connections = number_of((*database)->prepare_once("SELECT COUNT(*) FROM connections WHERE status <> 'revoked'")),
      .bytes = static_cast<std::int64_t>(fs::file_size(path, ignored)),
      .last_event = last_event_of(**database)};
}

Result<BackupReport> copy_store(const std::string& from, const std::string& to) {
  try {
    {
      Database source{from, {.read_only = true}};
      source.copy_to(to);
    }
    // Out of WAL mode: then it is one file, and can be read from a medium that cannot be written.
    Database{to, {}}.run_script("PRAGMA journal_mode = DELETE");
    auto report = examine(to);
    if (!report) return report;
    if (auto synced = sync_with_folder(to); !synced) return std::unexpected(synced.error());
    return report;
  } catch (const SqliteError& error) {
    return std::unexpected(to_error(error, from));
  }
}

Result<> check_exists(const std::string& path, const std::string& what) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return {};
  return fail(Errc::invalid_argument, "There is no " + what + " at " + path + ".", "Check the path.");
}

// Whoever else has the file open holds a lock that an exclusive one collides with. Its log is copied into it on closing.
Result<> check_unused(const std::string& store) {
  std::error_code ignored;
  if (!fs::exists(store, ignored)) return {};
  try {
    Database database{store, {.read_only = false, .busy_timeout_ms = 0}};
    database.run_script("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
    return {};
  } catch (const SqliteError& error) {
    if (error.code() == SQLITE_BUSY || error.code() == SQLITE_LOCKED) {
      return fail(Errc::conflict, "A server runs on the store " + store + ".", "Stop it first.");
    }
    // A damaged store is what a backup is restored over; whether one that cannot be opened is in use, nobody knows.
    if (error.code() == SQLITE_CORRUPT || error.code() == SQLITE_NOTADB) return {};
    return std::unexpected(to_error(error, store));
  }
}

// The log and its index belong to the file that was there: beside another one SQLite would play them back into it.
Result<> move_with_log(const std::string& from, const std::string& to) {
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(from + suffix, error))) continue;
    fs::rename(from + suffix, to + suffix, error);
    if (error) return copy_refused(to + suffix, error.value());
  }
  return {};
}

}  // namespace

Result<BackupReport> back_up(const std::string& store, const std::string& file) {
  if (auto exists = check_exists(store, "store"); !exists) return std::unexpected(exists.error());
  NewFile target{file};
  if (auto made = target.make(); !made) return std::unexpected(made.error());
  auto report = copy_store(store, file);
  if (report) target.keep();
  return report;
}

Result<RestoreReport> restore(const std::string& file, const std::string& store, bool replace, Time now) {
  if (auto exists = check_exists(file, "backup"); !exists) return std::unexpected(exists.error());
  std::error_code ignored;
  const bool occupied = fs::exists(store, ignored) || fs::exists(store + "-wal", ignored);
  if (occupied && !replace) {
    return fail(Errc::conflict, "There is a store at " + store + " already, or what is left of one.",
                "With --replace it is set aside, under another name beside it.");
  }
  if (auto unused = check_unused(store); !unused) return std::unexpected(unused.error());
  const std::string fresh = store + ".restoring";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    fs::remove(fresh + suffix, ignored);  // of a try that was killed
  NewFile target{fresh};
  if (auto made = target.make(); !made) return std::unexpected(made.error());
  auto report = copy_store(file, fresh);
  if (!report) return std::unexpected(report.error());
  try {
    Database database{fresh, {}};
    database.run_script("PRAGMA synchronous = FULL");
    database.execute(
        "INSERT INTO meta (name, value) VALUES ('restored', ?) ON CONFLICT (name) DO UPDATE SET value = "
        "excluded.value",
        to_rfc3339(now));
  } catch (const SqliteError& error) {
    return std::unexpected(to_error(error, fresh));
  }
  RestoreReport done{.restored = *report, .set_aside = {}};
  if (occupied) {
    done.set_aside = store + ".before-restore-" + std::to_string(to_epoch_ms(now));
    if (auto moved = move_with_log(store, done.set_aside); !moved) return std::unexpected(moved.error());
  }
  std::error_code error;
  fs::rename(fresh, store, error);
  if (error) return copy_refused(store, error.value());
  target.keep();
  if (auto synced = sync_with_folder(store); !synced) return std::unexpected(synced.error());
  return done;
}

}  // namespace evergrant
