#include "lifecycle/breaker.hpp"

#include <algorithm>

#include "lifecycle/refresh_policy.hpp"

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr int failures_to_open = 10;
constexpr Duration first_open = 2s;
constexpr Duration longest_open = 60s;
constexpr Duration first_pause = 60s;
constexpr Duration longest_pause = 15min;
// A Retry-After may be meant for one account only: it holds the whole registration no longer than this.
constexpr Duration longest_throttle = 60s;
constexpr Duration ask_again = 1s;  // while a probe is under way

// No wait is longer than `longest`: what lies further ahead was planned before the clock was set back.
bool is_ahead(Time now, Time planned, Duration longest) { return now < planned && planned - now <= longest; }

}  // namespace

Breaker::Admission Breaker::peek(Time now) const {
  if (is_ahead(now, throttled_until_, longest_throttle)) return {false, throttled_until_};
  if (state_ == State::closed) return {true, now};
  const Duration longest = state_ == State::open ? longest_open : longest_pause;
  if (is_ahead(now, next_probe_, longest + longest / 4)) return {false, next_probe_};
  if (probing_) return {false, now + ask_again};
  return {true, now};
}

Breaker::Admission Breaker::admit(Time now) {
  const Admission admission = peek(now);
  if (admission.allowed && state_ != State::closed) probing_ = true;
  return admission;
}

void Breaker::settle(const Verdict& verdict, Time now, Random& random) {
  probing_ = false;
  switch (verdict.failure) {
    case FailureClass::none:
    case FailureClass::grant: close(); return;  // the provider knows us and answers
    case FailureClass::registration: trip(State::paused, now, first_pause, longest_pause, random); return;
    case FailureClass::transient:
    case FailureClass::ambiguous: break;
  }
  if (verdict.retry_after) {
    const Time until = now + std::min(*verdict.retry_after, longest_throttle);
    if (!is_ahead(until, throttled_until_, longest_throttle)) throttled_until_ = until;
  }
  ++failures_;
  if (state_ == State::paused) {
    trip(State::paused, now, first_pause, longest_pause, random);
  } else if (state_ == State::open || failures_ >= failures_to_open) {
    trip(State::open, now, first_open, longest_open, random);
  }
}

void Breaker::restore_pause(Time now) {
  state_ = State::paused;
  next_probe_ = now;
}

void Breaker::follow_pause(Time now, Random& random) { trip(State::paused, now, first_pause, longest_pause, random); }

void Breaker::close() {
  state_ = State::closed;
  failures_ = 0;
  trips_ = 0;
}

void Breaker::trip(State state, Time now, Duration base, Duration cap, Random& random) {
  if (state_ == state && is_ahead(now, next_probe_, cap + cap / 4))
    return;  // requests that were under way when it tripped say nothing new
  trips_ = state_ == state ? trips_ + 1 : 1;
  state_ = state;
  const Duration wait = backoff_ceiling(trips_, base, cap);
  next_probe_ = now + draw_between(wait, wait + wait / 4, random);
}

}  // namespace evergrant
