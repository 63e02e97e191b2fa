// Looks every few seconds at what other processes and operators wrote down about registrations: a pause and its end, a hold
// and its release reach every process on the store. On the engine's executor.
#pragma once

#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/task.hpp"
#include "lifecycle/refresher.hpp"

namespace evergrant {

class RegistrationWatch {
 public:
  // `every` zero: nobody else writes, and `run` ends at once.
  RegistrationWatch(Executor& executor, const Log& log, Refresher& refresher, Duration every)
      : executor_{executor}, log_{log}, refresher_{refresher}, every_{every} {}
  RegistrationWatch(const RegistrationWatch&) = delete;
  RegistrationWatch& operator=(const RegistrationWatch&) = delete;

  // Until `stop`.
  Task<void> run();
  void stop();

 private:
  Executor& executor_;
  const Log& log_;
  Refresher& refresher_;
  Duration every_;
  bool stopping_ = false;
  Completion<bool> wake_;
};

}  // namespace evergrant
