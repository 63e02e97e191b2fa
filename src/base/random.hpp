// Randomness. Everything unguessable is 32 bytes from here (ASVS 11.5.1: UUIDs do not count).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/secret.hpp"

namespace evergrant {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out`. Thread-safe. Throws only if the kernel has no randomness, which ends the process.
  virtual void fill(std::span<unsigned char> out) = 0;

  // 32 random bytes as 43 base64url characters.
  [[nodiscard]] Secret token();
  // `prefix` and 16 random bytes as 26 lower-case base32 characters: an id, readable, sortable by nobody.
  [[nodiscard]] std::string id(std::string_view prefix);
  [[nodiscard]] std::string bytes(std::size_t size);
  // Uniform in [0, bound); bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
};

// getrandom(2): safe across fork and under load.
class SystemRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override;
};

}  // namespace evergrant
