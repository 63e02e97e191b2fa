#include "access/path_pattern.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Decoded once more by a server behind, it would be another text.
bool decodes_again(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 2 < text.size() && is_hex(text[at + 1]) && is_hex(text[at + 2])) return true;
  }
  return false;
}

// Some servers drop ";parameters" before they look for dot segments.
bool is_dots(std::string_view segment) {
  const auto name = segment.substr(0, segment.find(';'));
  return name.empty() || name == "." || name == "..";
}

// Marks that look like a dot, a slash or a percent sign: some servers fold them into the plain ones.
bool has_lookalike(std::string_view text) {
  constexpr std::array<std::string_view, 11> lookalikes{"\xEF\xBC\x8E", "\xEF\xBC\x8F", "\xEF\xBC\xBC", "\xEF\xBC\x85",
                                                        "\xE2\x80\xA4", "\xE2\x80\xA5", "\xE2\x88\x95", "\xE2\x81\x84",
                                                        "\xE2\xA7\xB8", "\xEF\xB9\xA8", "\xEF\xB9\x92"};
  return std::ranges::any_of(lookalikes, [&](std::string_view one) { return text.contains(one); });
}

bool has_one_reading(std::string_view segment) {
  const bool plain = std::ranges::none_of(
      segment, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '\\'; });
  return plain && is_utf8(segment) && !is_dots(segment) && !decodes_again(segment) && !has_lookalike(segment);
}

// Still encoded, without the slash at the end; nothing where one is empty.
std::optional<std::vector<std::string_view>> pieces_of(std::string_view path) {
  if (!path.starts_with('/') || path.find_first_of("?#") != std::string_view::npos) return std::nullopt;
  std::vector<std::string_view> pieces;
  path.remove_prefix(1);
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (end == 0) return std::nullopt;
    pieces.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return pieces;
}

std::optional<std::string> decode(std::string_view piece) {
  auto segment = percent_decode(piece);
  if (!segment || !has_one_reading(*segment)) return std::nullopt;
  return segment;
}

}  // namespace

std::optional<std::vector<std::string>> plain_segments(std::string_view path) {
  const auto pieces = pieces_of(path);
  if (!pieces) return std::nullopt;
  std::vector<std::string> segments;
  for (const auto piece : *pieces) {
    auto segment = decode(piece);
    if (!segment) return std::nullopt;
    segments.push_back(std::move(*segment));
  }
  return segments;
}

Result<PathPattern> PathPattern::parse(std::string_view text) {
  const auto bad = [&](std::string why) {
    return fail(Errc::invalid_argument, "'" + printable(text, 100) + "' is not a path pattern: " + std::move(why),
                "write it as /v3/company/*/invoice: it allows that path and those below it; '*' is one whole segment");
  };
  const auto pieces = pieces_of(text);
  if (!pieces) return bad("it begins with '/' and has no empty segments, no '?' and no '#'");
  PathPattern pattern;
  for (const auto piece : *pieces) {
    if (piece == "*") {
      pattern.segments_.emplace_back(std::nullopt);
      continue;
    }
    if (piece.contains('*')) return bad("a '*' stands for a whole segment only; a literal one is written %2A");
    auto segment = decode(piece);
    if (!segment) return bad("a segment of it can be read in two ways (dots, an encoded slash, double encoding …)");
    pattern.segments_.emplace_back(std::move(*segment));
  }
  return pattern;
}

bool PathPattern::allows(const std::vector<std::string>& segments) const {
  return segments_.size() <= segments.size() &&
         std::ranges::equal(segments_, std::span{segments}.first(segments_.size()),
                            [](const auto& wanted, const auto& given) { return !wanted || *wanted == given; });
}

bool PathPattern::covers(const PathPattern& other) const {
  return segments_.size() <= other.segments_.size() &&
         std::ranges::equal(segments_, std::span{other.segments_}.first(segments_.size()),
                            [](const auto& mine, const auto& its) { return !mine || mine == its; });
}

}  // namespace evergrant
