// One thing that `evergrant doctor` found. A value.
#pragma once

#include <cstdint>
#include <string>

namespace evergrant {

enum class Health : std::uint8_t { good, warning, bad };

struct Finding {
  Health health = Health::good;
  std::string subject;
  std::string text;
  std::string mend;
};

}  // namespace evergrant
