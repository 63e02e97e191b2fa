// Random bytes that a test can foretell: 0x40, 0x41, 0x42 … and on.
#pragma once

#include "base/random.hpp"

namespace evergrant::test {

class CountingRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    for (auto& byte : out) byte = next_++;
  }

 private:
  unsigned char next_ = 0x40;
};

}  // namespace evergrant::test
