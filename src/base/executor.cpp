#include "base/executor.hpp"

#include "base/timer_queue.hpp"

namespace evergrant {

void TaskRoot::join(Executor& executor, std::coroutine_handle<> frame) {
  executor_ = &executor;
  frame_ = frame;
  const std::lock_guard lock{executor.roots_mutex_};
  next_ = executor.first_root_;
  if (next_ != nullptr) next_->previous_ = this;
  executor.first_root_ = this;
}

TaskRoot::~TaskRoot() {
  if (executor_ == nullptr) return;
  const std::lock_guard lock{executor_->roots_mutex_};
  if (next_ != nullptr) next_->previous_ = previous_;
  (previous_ != nullptr ? previous_->next_ : executor_->first_root_) = next_;
}

void Executor::drop_tasks() {
  for (;;) {  // ends: a task that is destroyed starts at most a few others, which have not run
    std::coroutine_handle<> frame;
    {
      const std::lock_guard lock{roots_mutex_};
      if (first_root_ == nullptr) return;
      frame = first_root_->frame_;
    }
    frame.destroy();
  }
}

RunLoop::RunLoop() : timers_{std::make_unique<TimerQueue>()} {}
RunLoop::~RunLoop() = default;

void RunLoop::post(Work work) {
  {
    const std::lock_guard lock{mutex_};
    ready_.push_back(std::move(work));
  }
  wake_.notify_one();
}

Executor::TimerId RunLoop::call_after(Duration delay, Work work) {
  TimerId id = 0;
  {
    const std::lock_guard lock{mutex_};
    id = timers_->add(std::chrono::steady_clock::now() + delay, std::move(work));
  }
  wake_.notify_one();
  return id;
}

void RunLoop::cancel(TimerId timer) {
  Work dropped;  // declared before the lock, so destroyed outside it: it may own what takes locks of its own
  const std::lock_guard lock{mutex_};
  dropped = timers_->remove(timer);
}

void RunLoop::run() {
  std::unique_lock lock{mutex_};
  while (!stopped_) {
    const auto now = std::chrono::steady_clock::now();
    for (Work due = timers_->take_due(now); due; due = timers_->take_due(now)) ready_.push_back(std::move(due));
    if (ready_.empty()) {
      if (const auto next = timers_->next()) {
        wake_.wait_until(lock, *next);
      } else {
        wake_.wait(lock);
      }
      continue;
    }
    Work work = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

void RunLoop::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  wake_.notify_one();
}

}  // namespace evergrant
