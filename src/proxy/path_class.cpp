#include "proxy/path_class.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "proxy/path_check.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_class = 120;
constexpr std::size_t longest_word = 30;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_version(std::string_view segment) {
  if (segment.size() < 2 || segment.size() > 6 || (segment[0] != 'v' && segment[0] != 'V')) return false;
  return std::ranges::all_of(segment.substr(1), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool is_word(std::string_view segment) {
  if (segment.size() > longest_word) return false;
  return std::ranges::all_of(segment, [](char c) { return is_letter(c) || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

std::string path_class(std::string_view path, std::string_view realm) {
  std::string out;
  const std::string encoded = percent_encode(realm);
  for (const auto segment : path_segments(path)) {
    out += '/';
    if (!realm.empty() && (segment == realm || segment == encoded)) {
      out += "{realm}";
    } else if (is_word(segment) || is_version(segment)) {
      out += segment;
    } else {
      out += '*';
    }
    if (out.size() > longest_class) return out.substr(0, longest_class - 2) + "…";
  }
  return out;
}

}  // namespace evergrant
