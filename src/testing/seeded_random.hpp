// Randomness that a seed repeats, good enough for jitter and for nonces that nobody attacks: tests and simulations only.
// Not synchronised.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.hpp"

namespace evergrant::test {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : state_{seed} {}
  void fill(std::span<unsigned char> out) override {
    for (auto& byte : out) byte = static_cast<unsigned char>(next() >> 56U);
  }

 private:
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t state_;
};

}  // namespace evergrant::test
