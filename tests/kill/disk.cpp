#include "disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "real_calls.hpp"

namespace evergrant::kill {

namespace {

constexpr std::uint64_t sector = 512;

std::string read_range(int file, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(length, '\0');
  const ssize_t got = ::pread(file, bytes.data(), length, static_cast<off_t>(offset));
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::uint64_t size_of(int file) {
  struct stat state{};
  return ::fstat(file, &state) == 0 ? static_cast<std::uint64_t>(state.st_size) : 0;
}

void put(int file, std::uint64_t offset, std::string_view bytes) {
  if (!bytes.empty()) (void)real().pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

bool coin(std::mt19937_64& random) { return (random() & 1) != 0; }

}  // namespace

std::string UnsyncedChanges::path_of(int file) const {
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string{};
}

// The shared-memory index of SQLite means nothing after a loss of power: the first to open the store makes it anew.
bool UnsyncedChanges::holds(std::string_view path) const {
  const std::string folder = folder_.string() + '/';
  return path.starts_with(folder) && !path.ends_with("-shm");
}

UnsyncedChanges::Kind UnsyncedChanges::kind_of(int file) const {
  struct stat state{};
  if (::fstat(file, &state) != 0 || !S_ISREG(state.st_mode)) return Kind::elsewhere;
  const std::string path = path_of(file);
  if (!holds(path)) return Kind::elsewhere;
  return path.ends_with("-wal") ? Kind::log : Kind::other;
}

UnsyncedChanges::File& UnsyncedChanges::file_of(int file) {
  struct stat state{};
  (void)::fstat(file, &state);
  File& known = files_[{state.st_dev, state.st_ino}];
  known.path = path_of(file);
  return known;
}

void UnsyncedChanges::will_write(int file, std::uint64_t offset, std::string bytes) {
  Change change{.offset = offset, .size_before = size_of(file), .before = read_range(file, offset, bytes.size())};
  change.after = std::move(bytes);
  file_of(file).changes.push_back(std::move(change));
}

void UnsyncedChanges::will_truncate(int file, std::uint64_t size) {
  const std::uint64_t now = size_of(file);
  Change change{.offset = size, .size_before = now, .truncates = true};
  if (now > size) change.before = read_range(file, size, now - size);
  file_of(file).changes.push_back(std::move(change));
}

// A second name outside the folder, on the same file system, under which a removed file can be had again.
std::string UnsyncedChanges::save(const std::string& path) {
  std::string name = folder_.string() + ".lost-" + std::to_string(::getpid()) + '-' + std::to_string(saved_++);
  return ::link(path.c_str(), name.c_str()) == 0 ? name : std::string{};
}

void UnsyncedChanges::created(const std::string& path) { names_.push_back({NameChange::What::created, path, {}, {}}); }

// The contents that are not durable belong to the file, whatever it is called.
void UnsyncedChanges::follow(const std::string& from, const std::string& to) {
  for (auto& [id, file] : files_) {
    if (file.path == from) file.path = to;
  }
}

void UnsyncedChanges::will_rename(const std::string& from, const std::string& to) {
  std::string saved = save(to);
  follow(to, saved);
  follow(from, to);
  names_.push_back({NameChange::What::renamed, from, to, std::move(saved)});
}

void UnsyncedChanges::will_unlink(const std::string& path) {
  std::string saved = save(path);
  follow(path, saved);
  names_.push_back({NameChange::What::unlinked, path, {}, std::move(saved)});
}

UnsyncedChanges::Mark UnsyncedChanges::mark(int file) const {
  struct stat state{};
  if (::fstat(file, &state) != 0) return {};
  const auto known = files_.find({state.st_dev, state.st_ino});
  return {.changes = known == files_.end() ? 0 : known->second.changes.size(), .names = names_.size()};
}

void UnsyncedChanges::synced(int file, Mark begun) {
  struct stat state{};
  if (lies() || ::fstat(file, &state) != 0) return;
  if (S_ISDIR(state.st_mode)) {
    names_synced(path_of(file), begun.names);
    return;
  }
  const auto known = files_.find({state.st_dev, state.st_ino});
  if (known == files_.end()) return;
  auto& changes = known->second.changes;
  changes.erase(changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(std::min(begun.changes, changes.size())));
  if (changes.empty()) files_.erase(known);
}

void UnsyncedChanges::names_synced(const std::filesystem::path& folder, std::size_t count) {
  std::vector<NameChange> left;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const bool durable = i < count && std::filesystem::path{names_[i].path}.parent_path() == folder;
    if (durable && !names_[i].saved.empty()) real().unlink(names_[i].saved.c_str());
    if (!durable) left.push_back(std::move(names_[i]));
  }
  names_ = std::move(left);
}

void UnsyncedChanges::undo(const File& file) {
  const int opened = real().open(file.path.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (opened < 0) return;  // removed meanwhile
  for (auto change = file.changes.rbegin(); change != file.changes.rend(); ++change) {
    put(opened, change->offset, change->before);
    (void)real().ftruncate(opened, static_cast<off_t>(change->size_before));
  }
  real().close(opened);
}

// Whether anything of it reached the disk. A disk writes sectors whole, in any order.
bool UnsyncedChanges::redo_torn(const File& file, const Change& change, std::mt19937_64& random) {
  const int opened = real().open(file.path.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (opened < 0) return false;
  bool reached = false;
  if (change.truncates) {
    reached = coin(random);
    if (reached) (void)real().ftruncate(opened, static_cast<off_t>(change.offset));
  }
  const std::uint64_t end = change.offset + change.after.size();
  const bool whole = coin(random);  // else each sector for itself
  const bool any = coin(random);
  for (std::uint64_t at = change.offset; any && at < end;) {
    const std::uint64_t next = std::min(end, (at / sector + 1) * sector);
    if (whole || coin(random)) {
      put(opened, at, std::string_view{change.after}.substr(at - change.offset, next - at));
      reached = true;
    }
    at = next;
  }
  real().close(opened);
  return reached;
}

void UnsyncedChanges::undo(const NameChange& change) {
  switch (change.what) {
    case NameChange::What::created: real().unlink(change.path.c_str()); break;
    case NameChange::What::renamed:
      real().rename(change.to.c_str(), change.path.c_str());
      if (!change.saved.empty()) real().rename(change.saved.c_str(), change.to.c_str());
      break;
    case NameChange::What::unlinked:
      if (!change.saved.empty()) real().rename(change.saved.c_str(), change.path.c_str());
      break;
  }
}

// Names are journalled by file systems in their order: what is lost of them is the end. Contents are not.
LossReport UnsyncedChanges::lose_power(Reaches reaches, std::mt19937_64& random) {
  LossReport report;
  for (const auto& [id, file] : files_) {
    undo(file);
    report.unsynced += static_cast<int>(file.changes.size());
    for (const Change& change : file.changes) {
      if (reaches == Reaches::some && redo_torn(file, change, random)) ++report.kept;
    }
  }
  const std::size_t kept_names = reaches == Reaches::some ? random() % (names_.size() + 1) : 0;
  report.unsynced += static_cast<int>(names_.size());
  report.kept += static_cast<int>(kept_names);
  for (std::size_t i = names_.size(); i > kept_names; --i) undo(names_[i - 1]);
  for (std::size_t i = 0; i < kept_names; ++i) {
    if (!names_[i].saved.empty()) real().unlink(names_[i].saved.c_str());
  }
  files_.clear();
  names_.clear();
  return report;
}

}  // namespace evergrant::kill
