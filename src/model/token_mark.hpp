// What is found out once about a token, in one number. By the fingerprint it is known in the audit trail: the first twelve
// hex digits of a keyed hash (store/vault.hpp). Immutable.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace evergrant {

class TokenMark {
 public:
  static constexpr std::size_t digits = 12;
  TokenMark() = default;
  TokenMark(std::string_view fingerprint, bool stands_in_json) noexcept;
  // As `packed` gave it.
  explicit TokenMark(std::uint64_t packed) noexcept : packed_{packed} {}
  [[nodiscard]] std::uint64_t packed() const noexcept { return packed_; }
  // False: the token was not looked at, or nothing could tell its fingerprint.
  [[nodiscard]] bool is_there() const noexcept { return (packed_ & there) != 0; }
  // Empty where it is not there.
  [[nodiscard]] std::string fingerprint() const;
  // The token itself, in a string, as it is.
  [[nodiscard]] bool stands_in_json() const noexcept { return (packed_ & in_json) != 0; }

 private:
  // Above the six bytes that twelve hex digits are.
  static constexpr std::uint64_t there = 1ULL << 63U;
  static constexpr std::uint64_t in_json = 1ULL << 62U;
  std::uint64_t packed_ = 0;
};

}  // namespace evergrant
