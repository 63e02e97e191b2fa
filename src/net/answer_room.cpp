#include "net/answer_room.hpp"

#include <array>
#include <charconv>
#include <cstring>

#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::string_view first = "HTTP/1.1 200 OK\r\nDate: ";
constexpr std::string_view second =
    "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ";
constexpr std::string_view line_end = "\r\n";

// By memcpy: what the compiler makes of a copy of such short texts goes over their ends byte by byte.
char* put(char* out, std::string_view text) noexcept { return out + text.copy(out, text.size()); }

}  // namespace

std::span<char> AnswerRoom::json(std::size_t size, std::string_view more) {
  std::array<char, 20> digits;  // NOLINT(cppcoreguidelines-pro-type-member-init): of it only what is written is read
  const char* const digits_end = std::to_chars(digits.data(), digits.data() + digits.size(), size).ptr;
  const std::string_view length{digits.data(), digits_end};
  const std::size_t head = first.size() + date_.size() + second.size() + length.size() + 2 * line_end.size() + more.size();
  grow_wiping(out_, before_ + head + size);
  out_.resize_and_overwrite(before_ + head + size, [&](char* out, std::size_t all) {  // as libstdc++ lets it
    out += before_;
    for (const std::string_view piece : {first, date_, second, length, line_end, more, line_end}) out = put(out, piece);
    return all;
  });
  return {out_.data() + before_ + head, size};
}

void AnswerRoom::drop() noexcept {
  if (out_.size() > before_) explicit_bzero(out_.data() + before_, out_.size() - before_);
  out_.resize(before_);
}

}  // namespace evergrant
