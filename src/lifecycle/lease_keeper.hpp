// Renews a lease at a third of its life for as long as the keeper lives (design section 5, step 3). On one executor; ends
// with its scope. A renewal that the store refuses is tried again a third later: whether the lease was lost is decided by
// the store's fence at the next write, not here.
#pragma once

#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "model/ids.hpp"
#include "store/store.hpp"

namespace evergrant {

class LeaseKeeper {
 public:
  // The lease was taken until `until`, and lives for `lease` from each renewal.
  LeaseKeeper(Executor& executor, Store& store, Clock& clock, const Log& log, ConnectionId id, Fence fence, Time until,
              Duration lease);
  LeaseKeeper(LeaseKeeper&&) noexcept = default;
  LeaseKeeper& operator=(LeaseKeeper&& other) noexcept;
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;
  ~LeaseKeeper();

  // True if the lease will last for `time` from now on, renewed where it would not. False: it may be somebody else's by now
  // (this process was stopped, the store was slow, the clock jumped).
  Task<bool> hold_for(Duration time);

 private:
  struct State;
  static void arm(const std::shared_ptr<State>& state);
  static Task<void> renew(std::shared_ptr<State> state);
  void stop();
  std::shared_ptr<State> state_;
};

}  // namespace evergrant
