// Announces the ends of refresh tokens ahead of time, and that they have passed, as events `reauth_due` (REF-15). What was
// said is in the store, so that a restart, a sleep or another process repeats nothing. It changes no connection: only the
// provider's own refusal makes one `reauth_required` (I4). On one executor.
#pragma once

#include <chrono>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task.hpp"
#include "lifecycle/periodic.hpp"
#include "model/registration.hpp"
#include "store/store.hpp"

namespace evergrant {

class ReauthAnnouncer {
 public:
  ReauthAnnouncer(Store& store, const Registrations& registrations, Clock& clock, Metrics& metrics, const Log& log,
                  Duration every = std::chrono::minutes{15});
  // One look at everything that is near its end. Returns how many notices were given.
  Task<Result<int>> look();
  // Looks again and again until `stop`, which is called on the same executor.
  Task<void> run();
  void stop() { periodic_.stop(); }

 private:
  Task<void> look_once();
  Task<Result<int>> look_at(GrantEnd end);
  Task<Result<bool>> announce(EndingGrant grant);

  Store& store_;
  const Registrations& registrations_;
  Clock& clock_;
  Metrics& metrics_;
  const Log& log_;
  Periodic periodic_;
  Duration within_{0};  // the longest lead of any registration
};

}  // namespace evergrant
