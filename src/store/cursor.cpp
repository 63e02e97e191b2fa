#include "store/cursor.hpp"

#include <charconv>

#include "base/encoding.hpp"

namespace evergrant {

namespace {

std::unexpected<Error> malformed() {
  return fail(Errc::invalid_argument, "The cursor is not one that this listing gave out.",
              "Pass the `next` of the page before as it is, or none to begin.");
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string encode_cursor(const AgeCursor& cursor) {
  return base64url_encode("a" + std::to_string(to_epoch_ms(cursor.created_at)) + "," + cursor.id);
}

std::string encode_cursor(std::int64_t sequence) { return base64url_encode("s" + std::to_string(sequence)); }

Result<std::optional<AgeCursor>> decode_age_cursor(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto plain = base64url_decode(text);
  if (!plain || !plain->starts_with('a')) return malformed();
  const auto comma = plain->find(',');
  if (comma == std::string::npos) return malformed();
  const auto created = number(std::string_view{*plain}.substr(1, comma - 1));
  if (!created) return malformed();
  return AgeCursor{from_epoch_ms(*created), plain->substr(comma + 1)};
}

Result<std::optional<std::int64_t>> decode_sequence_cursor(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto plain = base64url_decode(text);
  if (!plain || !plain->starts_with('s')) return malformed();
  const auto sequence = number(std::string_view{*plain}.substr(1));
  if (!sequence) return malformed();
  return sequence;
}

}  // namespace evergrant
