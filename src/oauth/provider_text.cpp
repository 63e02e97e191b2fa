#include "oauth/provider_text.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

bool is_token_character(char c) {
  constexpr std::string_view marks = "-._~+/=%|:";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.contains(c);
}

bool is_uuid(std::string_view word) {
  if (word.size() != 36) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = word[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

// Long, with letters and digits mixed, and not a correlation id.
bool looks_like_token(std::string_view word) {
  while (!word.empty() && std::string_view{".:=%|"}.contains(word.back())) word.remove_suffix(1);
  if (word.size() < 20 || is_uuid(word)) return false;
  const bool digit = std::ranges::any_of(word, [](char c) { return c >= '0' && c <= '9'; });
  const bool letter = std::ranges::any_of(word, [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
  return (digit && letter) || word.size() >= 48;
}

std::string without_tokens(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, is_token_character);
    const std::string_view word{text.begin(), end};
    out += looks_like_token(word) ? std::string_view{"[removed]"} : word;
    text.remove_prefix(word.size());
    if (text.empty()) break;
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

// What cannot be shown goes first: it must not divide a token while tokens are looked for, and let its halves join after.
std::string presentable(std::string_view text, std::size_t limit) {
  return printable(without_tokens(printable(text, text.size())), limit);
}

}  // namespace evergrant
