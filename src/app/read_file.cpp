#include "app/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace evergrant {
namespace {

constexpr std::size_t largest = 1U << 20U;

class OpenFile {
 public:
  explicit OpenFile(int number) : number_{number} {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_;
};

std::unexpected<Error> failure(const std::string& path, const char* what) {
  const int reason = errno;
  const Errc code = reason == ENOENT ? Errc::not_found : reason == EACCES ? Errc::forbidden : Errc::store_unavailable;
  return fail(code, path + ": " + what + ": " + std::generic_category().message(reason));
}

Result<> write_all(int file, const std::string& path, std::string_view content) {
  if (::fchmod(file, S_IRUSR | S_IWUSR) != 0) return failure(path, "cannot be made private");
  while (!content.empty()) {
    const auto written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failure(path, "cannot be written");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return failure(path, "cannot be synced");
  return {};
}

// Unlike a rename, a link replaces nothing.
Result<> link_new(const std::string& from, const std::string& path) {
  if (::link(from.c_str(), path.c_str()) == 0) return {};
  if (errno != EEXIST) return failure(path, "cannot be created");
  return fail(Errc::invalid_argument, path + " exists already: it is not overwritten", "name another file");
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.get() < 0) return failure(path, "cannot be opened");
  std::string content;
  std::array<char, 4096> piece{};
  while (true) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(path, "cannot be read");
    if (got == 0) break;
    content.append(piece.data(), static_cast<std::size_t>(got));
    if (content.size() > largest) return fail(Errc::too_large, path + ": is larger than 1 MiB");
  }
  explicit_bzero(piece.data(), piece.size());
  return content;
}

Result<> write_private_file(const std::string& path, std::string_view content) {
  const std::string beside = path + ".new";
  {
    const OpenFile file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (file.get() < 0) return failure(beside, "cannot be created");
    if (auto written = write_all(file.get(), beside, content); !written) return written;
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) return failure(path, "cannot be replaced");
  return {};
}

Result<> write_new_private_file(const std::string& path, std::string_view content) {
  std::string beside = path + ".XXXXXX";
  const OpenFile file{::mkostemp(beside.data(), O_CLOEXEC)};  // O_EXCL: no file and no link that was there is written to
  if (file.get() < 0) return failure(path, "cannot be created");
  auto done = write_all(file.get(), beside, content);
  if (done) done = link_new(beside, path);
  ::unlink(beside.c_str());
  return done;
}

}  // namespace evergrant
