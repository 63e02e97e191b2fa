// The one source of chance: what a seed decides comes from here, in the order in which it is asked.
#pragma once

#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace evergrant::sim {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_{seed * 0x2545f4914f6cdd1dU + 0x9e3779b97f4a7c15U} {}

  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(double probability) { return static_cast<double>(next() >> 11U) * 0x1.0p-53 < probability; }
  Duration between(Duration least, Duration most) {
    return least + Duration{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((most - least).count()) + 1))};
  }
  template <class T>
  const T& pick(std::span<const T> all) {
    return all[below(all.size())];
  }

 private:
  std::uint64_t state_;
};

// What the engine gets for randomness: jitter, ids and nonces that nobody attacks.
class DiceRandom final : public Random {
 public:
  explicit DiceRandom(std::uint64_t seed) : dice_{seed} {}
  void fill(std::span<unsigned char> out) override {
    for (auto& byte : out) byte = static_cast<unsigned char>(dice_.next() >> 56U);
  }

 private:
  Dice dice_;
};

}  // namespace evergrant::sim
