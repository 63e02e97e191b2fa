// Where coroutines run. An Executor runs work one piece at a time on one thread, so that what lives on it needs no locks.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/clock.hpp"

namespace evergrant {

using Work = std::move_only_function<void()>;

class Executor;

// A spawned task that has not ended: its place in its executor's list. Leaves the list when it is destroyed.
class TaskRoot {
 public:
  TaskRoot() = default;
  TaskRoot(const TaskRoot&) = delete;
  TaskRoot& operator=(const TaskRoot&) = delete;
  ~TaskRoot();
  void join(Executor& executor, std::coroutine_handle<> frame);

 private:
  friend class Executor;
  Executor* executor_ = nullptr;
  std::coroutine_handle<> frame_;
  TaskRoot* previous_ = nullptr;
  TaskRoot* next_ = nullptr;
};

class Executor {
 public:
  using TimerId = std::uint64_t;
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;
  // Runs `work` later on this executor, in order. Thread-safe.
  virtual void post(Work work) = 0;
  // Runs `work` on this executor once `delay` has passed (steady time, not the wall clock). Thread-safe.
  virtual TimerId call_after(Duration delay, Work work) = 0;
  // Forgets a timer that has not run. Thread-safe; unknown ids are ignored.
  virtual void cancel(TimerId timer) = 0;

  // Destroys the tasks that have not ended: their locals go, and nothing after the point that they wait at runs. Only once
  // nothing runs on this executor any more, and while what the tasks refer to still lives.
  void drop_tasks();

 private:
  friend class TaskRoot;
  std::mutex roots_mutex_;
  TaskRoot* first_root_ = nullptr;
};

class TimerQueue;

// An executor for a thread of its own: `run()` on that thread until `stop()`.
class RunLoop final : public Executor {
 public:
  RunLoop();
  RunLoop(const RunLoop&) = delete;
  RunLoop& operator=(const RunLoop&) = delete;
  ~RunLoop() override;

  void post(Work work) override;
  TimerId call_after(Duration delay, Work work) override;
  void cancel(TimerId timer) override;

  // Runs work until `stop()`; work that is queued when it stops is dropped.
  void run();
  void stop();  // thread-safe

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> ready_;
  // Under the lock. Nothing: there is none to be done now.
  Work take_next();

  std::unique_ptr<TimerQueue> timers_;
  bool timers_turn_ = false;
  bool stopped_ = false;
};

}  // namespace evergrant
