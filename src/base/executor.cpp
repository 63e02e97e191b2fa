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

// A timer that is due and what was posted take turns. One at a time: each may cancel the next.
Work RunLoop::take_next() {
  timers_turn_ = !timers_turn_;
  if (timers_turn_ || ready_.empty()) {
    if (Work due = timers_->take_due(std::chrono::steady_clock::now())) return due;
  }
  if (ready_.empty()) return {};
  Work work = std::move(ready_.front());
  ready_.pop_front();
  return work;
}

void RunLoop::run() {
  std::unique_lock lock{mutex_};
  while (!stopped_) {
    Work work = take_next();
    if (!work) {
      if (const auto next = timers_->next()) {
        wake_.wait_until(lock, *next);
      } else {
        wake_.wait(lock);
      }
      continue;
    }
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
