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

  // When the next request may go. A clock that was set back takes the plan along: nobody waits for it to catch up.
  [[nodiscard]] Time next(Time now) const { return std::max(now, now < taken_at_ ? next_ - (taken_at_ - now) : next_); }
  // Takes that place; the caller waits until then.
  Time take(Time now) {
    const Time turn = next(now);
    next_ = turn + interval_;
    taken_at_ = now;
    return turn;
  }

 private:
  Duration interval_;
  Time next_{};
  Time taken_at_{};
};

}  // namespace evergrant
