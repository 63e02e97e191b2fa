// Looks every few seconds at what other processes and operators wrote down about registrations: a pause and its end, a hold
// and its release reach every process on the store. On the engine's executor.
#pragma once

#include "base/log.hpp"
#include "base/task.hpp"
#include "lifecycle/periodic.hpp"
#include "lifecycle/refresher.hpp"

namespace evergrant {

class RegistrationWatch {
 public:
  // `every` zero: nobody else writes, and `run` ends at once.
  RegistrationWatch(const Log& log, Refresher& refresher, Duration every)
      : log_{log}, refresher_{refresher}, others_write_{every > Duration{0}}, periodic_{every} {}
  RegistrationWatch(const RegistrationWatch&) = delete;
  RegistrationWatch& operator=(const RegistrationWatch&) = delete;

  // Until `stop`.
  Task<void> run();
  void stop() { periodic_.stop(); }

 private:
  Task<void> follow();

  const Log& log_;
  Refresher& refresher_;
  bool others_write_;
  Periodic periodic_;
};

}  // namespace evergrant
