// Scheduled clean-up (REV-09): expired sessions, dead rows, old audit, events and idempotency keys, retired keys.
#pragma once

#include <chrono>
#include <optional>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task.hpp"
#include "lifecycle/periodic.hpp"
#include "store/store.hpp"

namespace evergrant {

struct Retention {  // nothing: kept for ever
  std::optional<Duration> sessions{std::chrono::hours{24}};
  std::optional<Duration> revoked_connections{std::chrono::days{30}};
  std::optional<Duration> audit{std::chrono::days{400}};
  std::optional<Duration> events{std::chrono::days{90}};
  std::optional<Duration> idempotency{std::chrono::hours{24}};
  std::optional<Duration> derived_callers{std::chrono::hours{24}};  // after their end
};

class Janitor {
 public:
  Janitor(Store& store, Clock& clock, Metrics& metrics, const Log& log, Retention retention,
          Duration every = std::chrono::hours{1});
  // One pass over everything that is due.
  Task<Result<SweepReport>> sweep();
  // Sweeps again and again until `stop`, which is called on the same executor.
  Task<void> run();
  void stop() { periodic_.stop(); }

 private:
  Task<void> sweep_once();

  Store& store_;
  Clock& clock_;
  Metrics& metrics_;
  const Log& log_;
  Retention retention_;
  Periodic periodic_;
};

}  // namespace evergrant
