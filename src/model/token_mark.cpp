#include "model/token_mark.hpp"

#include <charconv>

namespace evergrant {

TokenMark::TokenMark(std::string_view fingerprint, bool stands_in_json) noexcept {
  const std::string_view first = fingerprint.substr(0, digits);
  std::from_chars(first.data(), first.data() + first.size(), packed_, 16);
  packed_ |= (fingerprint.empty() ? 0 : there) | (stands_in_json ? in_json : 0);
}

std::string TokenMark::fingerprint() const {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text(is_there() ? digits : 0, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[text.size() - 1 - i] = hex[(packed_ >> (4 * i)) & 0xFU];
  return text;
}

}  // namespace evergrant
