#include "net/chunk_line.hpp"

namespace evergrant {
namespace {

constexpr std::string_view chunk_line_end = "\r\n";
constexpr std::size_t shortest_last_chunk = 5;  // "0 CR LF CR LF"

// Beast takes any octet within quotes, a line feed too, where others see the end of the line; and where a line leaves a
// quote open, it looks for the other one behind it, and counts the chunk against the limit of the body at each look.
bool is_sound(std::string_view line) noexcept {
  bool quoted = false;
  bool escaped = false;
  for (const char c : line) {
    const auto octet = static_cast<unsigned char>(c);
    if ((octet < 0x20 && c != '\t') || octet == 0x7F) return false;
    if (c == '"' && !escaped) quoted = !quoted;
    escaped = quoted && c == '\\' && !escaped;
  }
  return !quoted;
}

}  // namespace

ChunkLine judge_chunk_line(std::string_view bytes) noexcept {
  if (bytes.size() < shortest_last_chunk && bytes.starts_with('0')) return ChunkLine::waits;
  if (bytes.starts_with(chunk_line_end)) bytes.remove_prefix(chunk_line_end.size());
  const auto end = bytes.find(chunk_line_end);
  if (end == std::string_view::npos) return ChunkLine::good;
  return is_sound(bytes.substr(0, end)) ? ChunkLine::good : ChunkLine::refused;
}

}  // namespace evergrant
