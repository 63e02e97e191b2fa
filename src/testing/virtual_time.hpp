// Virtual time for tests: a clock that only tests move, and an executor whose timers follow it.
//
// The executor runs its work on the thread that calls `run_until_idle`, `advance` or `run`. `post`, `call_after` and
// `cancel` are thread-safe, so that a store with real threads can complete into it. Nothing here sleeps or polls.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/task.hpp"

namespace evergrant::test {

class VirtualClock final : public Clock {
 public:
  // Starts at 2026-01-01T00:00:00Z unless told otherwise.
  explicit VirtualClock(Time start = from_epoch_ms(1'767'225'600'000)) : now_{to_epoch_ms(start)} {}
  [[nodiscard]] Time now() const override { return from_epoch_ms(now_.load()); }
  void set(Time time) { now_.store(to_epoch_ms(time)); }
  // The wall clock alone; timers do not notice. To let time pass, use VirtualExecutor::advance.
  void advance(Duration by) { now_.fetch_add(by.count()); }

 private:
  std::atomic<std::int64_t> now_;
};

class VirtualExecutor final : public Executor {
 public:
  explicit VirtualExecutor(VirtualClock& clock) : clock_{clock} {}
  VirtualExecutor(const VirtualExecutor&) = delete;
  VirtualExecutor& operator=(const VirtualExecutor&) = delete;

  void post(Work work) override {
    const std::lock_guard lock{mutex_};
    ready_.push_back(std::move(work));
    wake_.notify_all();
  }

  TimerId call_after(Duration delay, Work work) override {
    const std::lock_guard lock{mutex_};
    const TimerId id = next_timer_++;
    const Duration due = steady_ + std::max(delay, Duration{0});
    timers_.emplace(std::pair{due, id}, std::move(work));
    due_.emplace(id, due);
    return id;
  }

  void cancel(TimerId timer) override {
    const std::lock_guard lock{mutex_};
    const auto found = due_.find(timer);
    if (found == due_.end()) return;
    timers_.erase({found->second, timer});
    due_.erase(found);
  }

  // Runs what is ready and the timers that are due, without letting time pass.
  void run_until_idle() {
    while (auto work = take_ready_or_due()) (*work)();
  }

  // Lets `by` pass: fires each timer at its own instant, in order, and moves the clock along.
  void advance(Duration by) {
    const Duration target = steady() + by;
    run_until_idle();
    while (const auto next = next_due(target)) {
      move_to(*next);
      run_until_idle();
    }
    move_to(target);
    run_until_idle();
  }

  // Moves straight to the next timer and runs it. False if there is none.
  bool advance_to_next_timer() {
    run_until_idle();
    const auto next = next_due(Duration::max());
    if (!next) return false;
    move_to(*next);
    run_until_idle();
    return true;
  }

  // Blocks until other threads have posted work. False if none came for half a minute of real time: nobody works.
  [[nodiscard]] bool wait_for_work() {
    std::unique_lock lock{mutex_};
    return wake_.wait_for(lock, std::chrono::seconds{30}, [this] { return !ready_.empty(); });
  }

  // Blocks until other threads have posted work, however long that takes.
  void wait_until_posted() {
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [this] { return !ready_.empty(); });
  }

  // How long until the next timer; nothing if there is none.
  [[nodiscard]] std::optional<Duration> until_next_timer() const {
    const std::lock_guard lock{mutex_};
    if (timers_.empty()) return std::nullopt;
    return std::max(timers_.begin()->first.first - steady_, Duration{0});
  }

  [[nodiscard]] std::size_t timers() const {
    const std::lock_guard lock{mutex_};
    return timers_.size();
  }

 private:
  [[nodiscard]] Duration steady() const {
    const std::lock_guard lock{mutex_};
    return steady_;
  }

  std::optional<Work> take_ready_or_due() {
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

  std::optional<Duration> next_due(Duration until) const {
    const std::lock_guard lock{mutex_};
    if (timers_.empty() || timers_.begin()->first.first > until) return std::nullopt;
    return timers_.begin()->first.first;
  }

  void move_to(Duration target) {
    const std::lock_guard lock{mutex_};
    if (target <= steady_) return;
    clock_.advance(target - steady_);
    steady_ = target;
  }

  VirtualClock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> ready_;
  std::map<std::pair<Duration, TimerId>, Work> timers_;
  std::map<TimerId, Duration> due_;
  Duration steady_{0};
  TimerId next_timer_ = 1;
};

namespace detail {

template <class T>
struct RunState {
  std::optional<T> value;
  std::exception_ptr error;
  bool done = false;
};
template <>
struct RunState<void> {
  std::exception_ptr error;
  bool done = false;
};

template <class T>
Task<void> run_into(Task<T> task, std::shared_ptr<RunState<T>> state) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
    } else {
      state->value.emplace(co_await std::move(task));
    }
  } catch (...) {
    state->error = std::current_exception();
  }
  state->done = true;
}

template <class T, class Idle>
T run_with(VirtualExecutor& executor, Task<T> task, Idle when_idle) {
  const auto state = std::make_shared<RunState<T>>();
  spawn(executor, run_into(std::move(task), state));  // ends with the task; the loop below drives it to its end
  executor.run_until_idle();
  while (!state->done) {
    if (!when_idle()) throw std::logic_error("the task waits for a timer or for nobody");
    executor.run_until_idle();
  }
  if (state->error) std::rethrow_exception(state->error);
  if constexpr (!std::is_void_v<T>) return std::move(*state->value);
}

}  // namespace detail

// Drives `task` to its end without letting virtual time pass; blocks while real threads work for it.
template <class T>
T run(VirtualExecutor& executor, Task<T> task) {
  return detail::run_with(executor, std::move(task), [&executor] { return executor.wait_for_work(); });
}

// As `run`, and jumps to the next timer whenever nothing is ready. For simulations in which no real thread works.
template <class T>
T run_through_time(VirtualExecutor& executor, Task<T> task) {
  return detail::run_with(executor, std::move(task),
                          [&executor] { return executor.advance_to_next_timer() || executor.wait_for_work(); });
}

}  // namespace evergrant::test
