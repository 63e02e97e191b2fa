// A part of a VirtualExecutor that can end in the middle of what it does, as a process does that loses its power, while the
// rest of the executor goes on. `post`, `call_after` and `cancel` are thread-safe; `end` is for the executor's own thread.
#pragma once

#include <memory>
#include <utility>

#include "base/executor.hpp"

namespace evergrant::testing {

class Lane final : public Executor {
 public:
  explicit Lane(Executor& road) : road_{road} {}

  void post(Work work) override { road_.post(while_alive(std::move(work))); }
  TimerId call_after(Duration delay, Work work) override { return road_.call_after(delay, while_alive(std::move(work))); }
  void cancel(TimerId timer) override { road_.cancel(timer); }

  // Nothing of it runs any more. Its tasks stay where they are until `drop_tasks`.
  void end() { *alive_ = false; }
  [[nodiscard]] bool alive() const { return *alive_; }

 private:
  Work while_alive(Work work) {
    return [alive = alive_, inner = std::move(work)]() mutable {
      if (*alive) inner();
    };
  }

  Executor& road_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // read and written on the executor's thread
};

}  // namespace evergrant::testing
