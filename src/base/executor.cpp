#include "base/executor.hpp"

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
    id = next_timer_++;
    const Steady due = std::chrono::steady_clock::now() + delay;
    timers_.emplace(std::pair{due, id}, std::move(work));
    due_.emplace(id, due);
  }
  wake_.notify_one();
  return id;
}

void RunLoop::cancel(TimerId timer) {
  Work dropped;  // declared before the lock, so destroyed outside it: it may own what takes locks of its own
  const std::lock_guard lock{mutex_};
  const auto found = due_.find(timer);
  if (found == due_.end()) return;
  auto node = timers_.extract({found->second, timer});
  if (!node.empty()) dropped = std::move(node.mapped());
  due_.erase(found);
}

void RunLoop::run() {
  std::unique_lock lock{mutex_};
  while (!stopped_) {
    const auto now = std::chrono::steady_clock::now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      auto node = timers_.extract(timers_.begin());
      due_.erase(node.key().second);
      ready_.push_back(std::move(node.mapped()));
    }
    if (ready_.empty()) {
      if (timers_.empty()) {
        wake_.wait(lock);
      } else {
        const Steady next = timers_.begin()->first.first;  // a copy: the entry may go while this waits
        wake_.wait_until(lock, next);
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
