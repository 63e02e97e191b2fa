// Time, as a seam: whoever brings a Clock of its own owns the hours. Thread-safe.
#pragma once

#include <chrono>

namespace evergrant {

using Duration = std::chrono::milliseconds;
using Time = std::chrono::sys_time<Duration>;  // UTC, millisecond resolution; stored as epoch milliseconds

class Clock {
 public:
  virtual ~Clock() = default;
  // Thread-safe.
  [[nodiscard]] virtual Time now() const = 0;
};

// The machine's UTC clock.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override;
};

}  // namespace evergrant
