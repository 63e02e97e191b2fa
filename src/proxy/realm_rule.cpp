#include "proxy/realm_rule.hpp"

#include <algorithm>
#include <ranges>

#include "base/encoding.hpp"
#include "proxy/path_check.hpp"

namespace evergrant {
namespace {

constexpr std::string_view realm_place = "{realm}";

std::unexpected<Error> other_realm() {
  return fail(Errc::forbidden, "the path names another realm than the connection's, or none where one belongs",
              "write this connection's realm there, plainly; for another realm use its own connection");
}

struct RealmPattern {
  std::vector<std::string> before;  // the segments in front of the realm, in lower case
};

RealmPattern pattern_of(std::string_view realm_path) {
  RealmPattern pattern;
  for (const auto segment : path_segments(realm_path)) {
    if (segment == realm_place) break;
    pattern.before.push_back(to_lower_ascii(segment));
  }
  return pattern;
}

bool same_word(std::string_view segment, std::string_view word) {
  return equal_ignoring_case(trim(without_parameters(segment)), word);
}

// True if the realm belongs at `place`: everything in front of it is as in the pattern, or the word just in front of it is,
// wherever in the path.
bool realm_belongs_at(const std::vector<std::string_view>& segments, std::size_t place, const RealmPattern& pattern) {
  const auto& before = pattern.before;
  if (before.empty()) return place == 0;
  if (place > 0 && same_word(segments[place - 1], before.back())) return true;
  if (place != before.size()) return false;
  return std::ranges::equal(before, segments | std::views::take(place),
                            [](const std::string& word, std::string_view segment) { return same_word(segment, word); });
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

Result<> check_realm_in_path(const std::vector<std::string>& readings, std::string_view realm_path, std::string_view realm) {
  if (!realm_path.contains(realm_place)) return {};
  const RealmPattern pattern = pattern_of(realm_path);
  const std::string encoded = percent_encode(realm);
  for (const auto& reading : readings) {
    const auto segments = path_segments(reading);
    // One further: a path that ends where the realm belongs names none.
    for (std::size_t place = 0; place <= segments.size(); ++place) {
      if (!realm_belongs_at(segments, place, pattern)) continue;
      const bool ours = place < segments.size() && (segments[place] == realm || segments[place] == encoded);
      if (!ours) return other_realm();
    }
    const bool hidden = std::ranges::any_of(segments, [&](auto segment) { return !is_ascii(segment) && segment != realm; });
    if (hidden) {
      return fail(Errc::invalid_argument, "the path holds letters beyond ASCII, and this provider's paths name a realm",
                  "put them into the query or the body");
    }
  }
  // A slash that only some decoders see would move the place where the realm stands.
  if (readings.size() > 1 && readings[1] != readings[0] &&
      std::ranges::count(readings.back(), '/') != std::ranges::count(readings[0], '/')) {
    return fail(Errc::invalid_argument, "the path holds an encoded slash, and this provider's paths name a realm",
                "write the slash as it is, or put what holds it into the query");
  }
  return {};
}

}  // namespace evergrant
