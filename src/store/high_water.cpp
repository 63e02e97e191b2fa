#include "store/high_water.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace evergrant {

namespace {

constexpr std::string_view title = "evergrant-mark 1 ";
constexpr std::size_t longest = 128;
constexpr std::size_t digits_written = 20;

std::unexpected<Error> mark_refused(const std::string& path, int error) {
  return fail(Errc::store_unavailable, "The high-water mark " + path + " cannot be used: " + std::strerror(error) + ".",
              "Give the user of this process read and write access to the file and its folder.");
}

// Of one length whatever the sequence, so that a later mark covers an earlier one.
std::string to_text(const Mark& mark) {
  const auto digits = std::to_string(mark.sequence);
  return std::string{title} + mark.store + ' ' + std::string(digits_written - digits.size(), '0') + digits + '\n';
}

std::optional<Mark> from_text(std::string_view text) {
  if (!text.starts_with(title) || !text.ends_with('\n')) return std::nullopt;
  text.remove_prefix(title.size());
  text.remove_suffix(1);
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  Mark mark{.store = std::string{text.substr(0, space)}, .sequence = 0};
  const auto digits = text.substr(space + 1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), mark.sequence);
  if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || mark.store.empty()) return std::nullopt;
  return mark;
}

}  // namespace

HighWaterMark::~HighWaterMark() {
  if (file_ < 0) return;
  ::fdatasync(file_);
  ::close(file_);
}

Result<std::optional<Mark>> HighWaterMark::read() const {
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return std::nullopt;
  if (file < 0) return mark_refused(path_, errno);
  std::array<char, longest> bytes{};
  const auto size = ::read(file, bytes.data(), bytes.size());
  const int error = errno;
  ::close(file);
  if (size < 0) return mark_refused(path_, error);
  if (size == 0) return std::nullopt;  // the power went while it was made
  auto mark = from_text({bytes.data(), static_cast<std::size_t>(size)});
  if (mark) return mark;
  return fail(Errc::invalid_argument, "The file " + path_ + " is not a high-water mark.",
              "Remove it if the store beside it was not restored from a backup; it is made anew.");
}

Result<> HighWaterMark::set(const Mark& mark) {
  const std::lock_guard lock{mutex_};
  return write(mark, true);
}

Result<> HighWaterMark::raise(std::int64_t sequence) {
  const std::lock_guard lock{mutex_};
  if (sequence <= last_.sequence) return {};
  return write({.store = last_.store, .sequence = sequence}, false);
}

Result<> HighWaterMark::write(const Mark& mark, bool sync) {
  if (file_ < 0) file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0) return mark_refused(path_, errno);
  const auto text = to_text(mark);
  if (::pwrite(file_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) return mark_refused(path_, errno);
  if (sync && ::ftruncate(file_, static_cast<off_t>(text.size())) != 0) return mark_refused(path_, errno);
  if (sync && ::fdatasync(file_) != 0) return mark_refused(path_, errno);
  last_ = mark;
  return {};
}

}  // namespace evergrant
