#include "testing/virtual_time.hpp"

namespace evergrant::test {

void VirtualExecutor::post(Work work) {
  const std::lock_guard lock{mutex_};
  ready_.push_back(std::move(work));
  wake_.notify_all();
}

VirtualExecutor::TimerId VirtualExecutor::call_after(Duration delay, Work work) {
  const std::lock_guard lock{mutex_};
  const TimerId id = next_timer_++;
  const Duration due = steady_ + std::max(delay, Duration{0});
  timers_.emplace(std::pair{due, id}, std::move(work));
  due_.emplace(id, due);
  return id;
}

void VirtualExecutor::cancel(TimerId timer) {
  const std::lock_guard lock{mutex_};
  const auto found = due_.find(timer);
  if (found == due_.end()) return;
  timers_.erase({found->second, timer});
  due_.erase(found);
}

void VirtualExecutor::run_until_idle() {
  while (auto work = take_ready_or_due()) (*work)();
}

void VirtualExecutor::advance(Duration by) {
  const Duration target = steady() + by;
  run_until_idle();
  while (const auto next = next_due(target)) {
    move_to(*next);
    run_until_idle();
  }
  move_to(target);
  run_until_idle();
}

bool VirtualExecutor::advance_to_next_timer() {
  run_until_idle();
  const auto next = next_due(Duration::max());
  if (!next) return false;
  move_to(*next);
  run_until_idle();
  return true;
}

bool VirtualExecutor::wait_for_work() {
  std::unique_lock lock{mutex_};
  return wake_.wait_for(lock, std::chrono::seconds{30}, [this] { return !ready_.empty(); });
}

void VirtualExecutor::wait_until_posted() {
  std::unique_lock lock{mutex_};
  wake_.wait(lock, [this] { return !ready_.empty(); });
}

std::optional<Duration> VirtualExecutor::until_next_timer() const {
  const std::lock_guard lock{mutex_};
  if (timers_.empty()) return std::nullopt;
  return std::max(timers_.begin()->first.first - steady_, Duration{0});
}

std::size_t VirtualExecutor::timers() const {
  const std::lock_guard lock{mutex_};
  return timers_.size();
}

Duration VirtualExecutor::steady() const {
  const std::lock_guard lock{mutex_};
  return steady_;
}

std::optional<Work> VirtualExecutor::take_ready_or_due() {
  const std::lock_guard lock{mutex_};
  if (ready_.empty() && !timers_.empty() && timers_.begin()->first.first <= steady_) {
    due_.erase(timers_.begin()->first.second);
    ready_.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
  if (ready_.empty()) return std::nullopt;
  Work work = std::move(ready_.front());
  ready_.pop_front();
  return work;
}

std::optional<Duration> VirtualExecutor::next_due(Duration until) const {
  const std::lock_guard lock{mutex_};
  if (timers_.empty() || timers_.begin()->first.first > until) return std::nullopt;
  return timers_.begin()->first.first;
}

void VirtualExecutor::move_to(Duration target) {
  const std::lock_guard lock{mutex_};
  if (target <= steady_) return;
  clock_.advance(target - steady_);
  steady_ = target;
}

}  // namespace evergrant::test
