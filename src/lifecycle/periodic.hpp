// Work that is done again and again, with a pause between, until it is stopped. On one executor.
#pragma once

#include <functional>

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/task.hpp"

namespace evergrant {

class Periodic {
 public:
  // `every`: the pause after each time.
  explicit Periodic(Duration every) : every_{every} {}
  // The first time is at once. Ends at `stop`, after what is being done then.
  Task<void> run(std::function<Task<void>()> work);
  void stop();
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

 private:
  Duration every_;
  bool stopped_ = false;
  Completion<bool> stop_;
};

}  // namespace evergrant
