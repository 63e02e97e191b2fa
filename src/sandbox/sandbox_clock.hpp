// The sandbox's own time: the base clock, moved and sped up. Not synchronised: the Sandbox guards it.
#pragma once

#include "base/clock.hpp"

namespace evergrant {

class SandboxClock {
 public:
  explicit SandboxClock(const Clock& base) : base_{base}, base_mark_{base.now()}, own_mark_{base_mark_} {}

  [[nodiscard]] Time now() const {
    const double passed = static_cast<double>((base_.now() - base_mark_).count()) * speed_;
    return own_mark_ + Duration{static_cast<std::int64_t>(passed)};
  }
  void set(Time now) {
    base_mark_ = base_.now();
    own_mark_ = now;
  }
  void advance(Duration by) { set(now() + by); }
  // From now on a second of the base clock is `speed` seconds here; 0 stands still.
  void set_speed(double speed) {
    set(now());
    speed_ = speed;
  }
  [[nodiscard]] double speed() const { return speed_; }
  [[nodiscard]] Duration offset() const { return now() - base_.now(); }
  void reset() {
    speed_ = 1;
    set(base_.now());
  }

 private:
  const Clock& base_;
  Time base_mark_;
  Time own_mark_;
  double speed_ = 1;
};

}  // namespace evergrant
