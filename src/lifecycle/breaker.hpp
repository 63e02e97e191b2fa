// Whether a registration's token requests are let through: a circuit breaker for a provider in trouble, a pause for an
// operator's fault (CA-12), a throttle for 429. A state machine of values: no clock, no I/O. On one executor.
//
// Open and paused let one probe through at a time, ever more seldom, so that a mended provider or secret is noticed by
// itself.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "oauth/token_answer.hpp"

namespace evergrant {

class Breaker {
 public:
  enum class State : std::uint8_t { closed, open, paused };

  struct Admission {
    bool allowed = false;
    Time retry_at;  // where it is not: when to ask again
  };
  // Without taking the probe: would a request be let through?
  [[nodiscard]] Admission peek(Time now) const;
  // Who is let through reports the end once: `settle`, or `abandon` if nothing was sent.
  [[nodiscard]] Admission admit(Time now);
  void abandon() { probing_ = false; }
  void settle(const Verdict& verdict, Time now, Random& random);

  // An operator fault is known from before the start: probe at once.
  void restore_pause(Time now);
  // Another process was refused as a client just now: as if this one had been.
  void follow_pause(Time now, Random& random);
  // The fault is mended, an operator or another process says.
  void release() { close(); }

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] Time retry_at() const noexcept { return next_probe_; }

 private:
  void close();
  void trip(State state, Time now, Duration base, Duration cap, Random& random);

  State state_ = State::closed;
  bool probing_ = false;
  int failures_ = 0;  // in a row, all connections of the registration together
  int trips_ = 0;     // in a row: how long the next wait is
  Time next_probe_{};
  Time throttled_until_{};
};

}  // namespace evergrant
