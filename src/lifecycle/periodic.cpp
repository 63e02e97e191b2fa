#include "lifecycle/periodic.hpp"

namespace evergrant {

Task<void> Periodic::run(std::function<Task<void>()> work) {
  Executor& executor = co_await current_executor();
  while (!stopped_) {
    co_await work();
    if (stopped_) break;
    stop_ = {};
    const Completion<bool> waiting = stop_;
    const auto timer = executor.call_after(every_, [waiting] { waiting.set(true); });
    co_await waiting;
    executor.cancel(timer);
  }
}

void Periodic::stop() {
  stopped_ = true;
  stop_.set(true);
}

}  // namespace evergrant
