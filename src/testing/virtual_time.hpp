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

inline const Time new_year = from_epoch_ms(1'767'225'600'000);  // 2026-01-01T00:00:00Z

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Time start = new_year) : now_{to_epoch_ms(start)} {}
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

  void post(Work work) override;

  TimerId call_after(Duration delay, Work work) override;

  void cancel(TimerId timer) override;

  // Runs what is ready and the timers that are due, without letting time pass.
  void run_until_idle();

  // Lets `by` pass: fires each timer at its own instant, in order, and moves the clock along.
  void advance(Duration by);

  // Moves straight to the next timer and runs it. False if there is none.
  bool advance_to_next_timer();

  // Blocks until other threads have posted work. False if none came for half a minute of real time: nobody works.
  [[nodiscard]] bool wait_for_work();

  // Blocks until other threads have posted work, however long that takes.
  void wait_until_posted();

  // How long until the next timer; nothing if there is none.
  [[nodiscard]] std::optional<Duration> until_next_timer() const;

  [[nodiscard]] std::size_t timers() const;

 private:
  [[nodiscard]] Duration steady() const;

  std::optional<Work> take_ready_or_due();

  std::optional<Duration> next_due(Duration until) const;

  void move_to(Duration target);

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
