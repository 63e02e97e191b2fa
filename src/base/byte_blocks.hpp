// Looks at every byte of a text, sixteen at a time and without a branch: whether all are of a kind. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace evergrant {

using ByteBlock = unsigned char __attribute__((vector_size(16)));

// `odd(block)` has other bits than 0 where a byte is not of the kind; 'x' must be of it.
template <class Odd>
[[nodiscard]] bool none_is(std::string_view text, Odd odd) noexcept {
  ByteBlock block;
  decltype(odd(block)) found{};
  std::size_t at = 0;
  for (; at + sizeof block <= text.size(); at += sizeof block) {
    std::memcpy(&block, text.data() + at, sizeof block);
    found |= odd(block);
  }
  if (at < text.size() && text.size() >= sizeof block) {  // the last sixteen, of which some were seen
    std::memcpy(&block, text.data() + text.size() - sizeof block, sizeof block);
    found |= odd(block);
  } else if (at < text.size()) {
    std::memset(&block, 'x', sizeof block);
    std::memcpy(&block, text.data(), text.size());
    found |= odd(block);
  }
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), &found, sizeof halves);
  return (halves[0] | halves[1]) == 0;
}

// As a JSON string has it, without an escape: visible ASCII and blanks, no quote and no backslash.
[[nodiscard]] inline bool stands_in_json(std::string_view text) noexcept {
  return none_is(
      text, [](ByteBlock letters) { return (letters < 0x20) | (letters >= 0x7F) | (letters == '"') | (letters == '\\'); });
}

}  // namespace evergrant
