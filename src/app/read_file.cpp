#include "app/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
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
    if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0) return failure(beside, "cannot be made private");
    while (!content.empty()) {
      const auto written = ::write(file.get(), content.data(), content.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return failure(beside, "cannot be written");
      content.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(file.get()) != 0) return failure(beside, "cannot be synced");
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) return failure(path, "cannot be replaced");
  return {};
}

}  // namespace evergrant
