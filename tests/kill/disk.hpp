// The disk as the simulated power loss sees it: what was written to files under one folder and not made durable yet.
//
// Every write, truncation, creation, renaming and removal is noted before it is done; fsync and fdatasync of a file settle
// its contents, fsync of the folder settles names. `lose_power` puts the files back to what is durable and then does again
// those unsettled changes that happened to reach the disk: none, or a random part of them, torn at sectors.
// It sees open, write, writev, pwrite, ftruncate, fsync, fdatasync, rename, unlink and remove; the streams of the C library
// and memory maps pass it by. Not synchronised: the interposed functions hold one lock around a change and its note.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evergrant::kill {

enum class Reaches : std::uint8_t { nothing, some };  // of what was not synced
enum class Disk : std::uint8_t { honest, lies };      // a disk that lies answers a sync at once and keeps nothing

struct LossReport {
  int unsynced = 0;  // changes that were not durable
  int kept = 0;      // of these, what reached the disk all the same, wholly or in part
};

class UnsyncedChanges {
 public:
  UnsyncedChanges(std::filesystem::path folder, Disk disk) : folder_{std::move(folder)}, disk_{disk} {}

  enum class Kind : std::uint8_t { elsewhere, log, other };  // a write-ahead log, another file under the folder
  [[nodiscard]] Kind kind_of(int file) const;
  [[nodiscard]] bool holds(std::string_view path) const;

  // Before the change; `offset` is where it will go.
  void will_write(int file, std::uint64_t offset, std::string bytes);
  void will_truncate(int file, std::uint64_t size);
  void will_rename(const std::string& from, const std::string& to);
  void will_unlink(const std::string& path);
  void created(const std::string& path);

  // What was noted before a sync began is durable once it has ended.
  struct Mark {
    std::size_t changes = 0, names = 0;
  };
  [[nodiscard]] Mark mark(int file) const;
  void synced(int file, Mark begun);
  [[nodiscard]] bool lies() const { return disk_ == Disk::lies; }

  LossReport lose_power(Reaches reaches, std::mt19937_64& random);

 private:
  using FileId = std::pair<dev_t, ino_t>;
  struct Change {
    std::uint64_t offset = 0;
    std::uint64_t size_before = 0;
    std::string before;  // what the change overwrites or cuts off
    std::string after;
    bool truncates = false;
  };
  struct File {
    std::string path;  // by which it is opened again; a renaming moves it
    std::vector<Change> changes;
  };
  struct NameChange {
    enum class What : std::uint8_t { created, renamed, unlinked } what;
    std::string path;   // created, unlinked, or the old name
    std::string to;     // the new name
    std::string saved;  // a link to the file that was replaced or removed
  };

  [[nodiscard]] std::string path_of(int file) const;
  File& file_of(int file);
  std::string save(const std::string& path);
  void follow(const std::string& from, const std::string& to);
  void names_synced(const std::filesystem::path& folder, std::size_t count);
  static void undo(const File& file);
  static bool redo_torn(const File& file, const Change& change, std::mt19937_64& random);
  void undo(const NameChange& change);

  const std::filesystem::path folder_;
  const Disk disk_;
  std::map<FileId, File> files_;
  std::vector<NameChange> names_;
  int saved_ = 0;
};

}  // namespace evergrant::kill
