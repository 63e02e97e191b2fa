#include "net/answer_room.hpp"

#include <array>
#include <charconv>
#include <cstring>

#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::size_t most_digits = 20;

void append_length(std::string& out, std::size_t number) {
  std::array<char, most_digits> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace

std::span<char> AnswerRoom::json(std::size_t size, std::string_view more) {
  constexpr std::string_view first = "HTTP/1.1 200 OK\r\nDate: ";
  constexpr std::string_view second =
      "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ";
  constexpr std::size_t ends = 4;
  grow_wiping(out_, before_ + first.size() + date_.size() + second.size() + most_digits + ends + more.size() + size);
  out_.append(first).append(date_).append(second);
  append_length(out_, size);
  out_.append("\r\n").append(more).append("\r\n");
  const std::size_t at = out_.size();
  out_.resize_and_overwrite(at + size, [](char*, std::size_t all) { return all; });  // as libstdc++ lets it
  return {out_.data() + at, size};
}

void AnswerRoom::drop() noexcept {
  if (out_.size() > before_) explicit_bzero(out_.data() + before_, out_.size() - before_);
  out_.resize(before_);
}

}  // namespace evergrant
