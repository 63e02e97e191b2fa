#include "store/private_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace evergrant {

namespace {

std::unexpected<Error> failure(const std::filesystem::path& path, const char* what) {
  const int reason = errno;
  const Errc code = reason == ENOENT                      ? Errc::not_found
                    : reason == EACCES || reason == EPERM ? Errc::forbidden
                                                          : Errc::store_unavailable;
  return fail(code, path.string() + ": " + what + ": " + std::generic_category().message(reason),
              "It must lie in a folder of evergrant's own user, on a disk with room.");
}

int flags_of(PrivateFile::Mode mode) {
  switch (mode) {
    case PrivateFile::Mode::create: return O_RDWR | O_CREAT;
    case PrivateFile::Mode::existing: return O_RDWR;
    case PrivateFile::Mode::read_only: return O_RDONLY;
  }
  return O_RDONLY;
}

}  // namespace

Result<PrivateFile> PrivateFile::open(const std::filesystem::path& path, Mode mode) {
  const int descriptor = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return failure(path, "cannot be opened");
  PrivateFile file{descriptor, path};
  if (mode != Mode::read_only && ::fchmod(descriptor, S_IRUSR | S_IWUSR) != 0)
    return failure(path, "cannot be made private");
  return file;
}

PrivateFile::PrivateFile(PrivateFile&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)}, path_{std::move(other.path_)} {}

PrivateFile& PrivateFile::operator=(PrivateFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

PrivateFile::~PrivateFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<bool> PrivateFile::take_lock(int kind) {
  while (::flock(descriptor_, kind | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return failure(path_, "cannot be locked");
  }
  return true;
}

Result<bool> PrivateFile::lock() { return take_lock(LOCK_EX); }
Result<bool> PrivateFile::lock_to_look() { return take_lock(LOCK_SH); }

Result<std::string> PrivateFile::read_all() const { return read_front(std::numeric_limits<std::size_t>::max()); }

Result<std::string> PrivateFile::read_front(std::size_t most) const {
  std::string content;
  std::array<char, 65536> piece;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the read
  for (;;) {                      // ends at the end of the file
    const auto wanted = std::min(piece.size(), most - content.size());
    if (wanted == 0) return content;
    const auto got = ::pread(descriptor_, piece.data(), wanted, static_cast<off_t>(content.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(path_, "cannot be read");
    if (got == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(got));
  }
}

Result<> PrivateFile::write_at(std::int64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure(path_, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += written;
  }
  return {};
}

Result<> PrivateFile::truncate(std::int64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return failure(path_, "cannot be cut");
  return {};
}

Result<> PrivateFile::sync() {
  if (::fsync(descriptor_) != 0) return failure(path_, "cannot be synced");
  return {};
}

bool PrivateFile::allocate(std::int64_t size) {
  if (::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) == 0) return true;
  if (errno != EOPNOTSUPP && errno != ENOSYS) return false;
  return fill_to(size);
}

bool PrivateFile::fill_to(std::int64_t size) {
  struct stat facts{};
  if (::fstat(descriptor_, &facts) != 0) return false;
  const std::string zeros(1U << 20U, '\0');
  for (std::int64_t at = facts.st_size; at < size; at += std::ssize(zeros)) {
    const auto piece = static_cast<std::size_t>(std::min<std::int64_t>(std::ssize(zeros), size - at));
    if (!write_at(at, std::string_view{zeros}.substr(0, piece))) return false;
  }
  return sync().has_value();
}

Result<std::int64_t> PrivateFile::allocated() const {
  struct stat facts{};
  if (::fstat(descriptor_, &facts) != 0) return failure(path_, "cannot be examined");
  return facts.st_blocks * 512;  // of this size whatever the file system's blocks are: POSIX sys/stat.h
}

Result<bool> PrivateFile::is_in_place() const {
  struct stat mine{};
  struct stat named{};
  if (::fstat(descriptor_, &mine) != 0) return failure(path_, "cannot be examined");
  if (::lstat(path_.c_str(), &named) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failure(path_, "cannot be examined");
  }
  return mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

Result<> sync_folder(const std::filesystem::path& folder) {
  const auto name = folder.empty() ? std::filesystem::path{"."} : folder;
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failure(name, "cannot be opened");
  const bool synced = ::fsync(descriptor) == 0;
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (!synced) return failure(name, "cannot be synced");
  return {};
}

}  // namespace evergrant
