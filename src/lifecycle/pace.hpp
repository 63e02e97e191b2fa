// A registration's token requests, evenly spaced: at most so many a second (max_rate_per_second), whoever asks. A state
// machine of values: no clock, no I/O. On one executor.
#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace evergrant {

class Pace {
 public:
  // Requests a second; 0: no limit.
  explicit Pace(double per_second) : interval_{per_second > 0 ? static_cast<Duration::rep>(1000.0 / per_second) : 0} {}

  // When the next request may go.
  [[nodiscard]] Time next(Time now) const { return std::max(now, next_); }
  // Takes that place; the caller waits until then.
  Time take(Time now) {
    const Time turn = next(now);
    next_ = turn + interval_;
    return turn;
  }

 private:
  Duration interval_;
  Time next_{};
};

}  // namespace evergrant
