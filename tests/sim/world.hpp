// Virtual time for several processes on one thread. Each has an executor of its own; whose work comes next is drawn, so that
// a seed is one interleaving. An executor can stop for a while (SIGSTOP) or for good (the process dies: what it had under
// way is never resumed).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.hpp"
#include "base/task.hpp"
#include "sim/dice.hpp"
#include "sim/trace.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::sim {

class World;

class SimExecutor final : public Executor {
 public:
  SimExecutor(World& world, std::string name) : world_{world}, name_{std::move(name)} {}
  SimExecutor(const SimExecutor&) = delete;
  SimExecutor& operator=(const SimExecutor&) = delete;

  void post(Work work) override;
  TimerId call_after(Duration delay, Work work) override;
  void cancel(TimerId timer) override;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool dead() const noexcept { return dead_; }
  // From the next step on nothing of it runs.
  void kill() noexcept { dead_ = true; }
  void freeze_until(Duration steady) { frozen_until_ = steady; }
  [[nodiscard]] bool frozen() const;

 private:
  friend class World;
  void fire_due_timers(Duration now);
  void clear();
  // When it has something to do next; nothing: only when others give it something.
  [[nodiscard]] std::optional<Duration> next_wake() const;

  World& world_;
  std::string name_;
  std::deque<Work> ready_;
  std::map<std::pair<Duration, TimerId>, Work> timers_;
  std::unordered_map<TimerId, Duration> due_;
  Duration frozen_until_{0};
  bool dead_ = false;
};

class World {
 public:
  World(std::uint64_t seed, bool print_trace) : dice{seed}, trace{print_trace} {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Dice dice;
  Trace trace;

  // Lives as long as the world, for what it was told to do may still point at it.
  SimExecutor& make_executor(std::string name);
  // Runs until `end` of steady time, or until `stop` was called.
  void run_until(Duration end);
  void stop() noexcept { stopped_ = true; }
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] Duration steady() const noexcept { return steady_; }
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  void note(std::string_view who, std::string_view what) { trace.note(steady_, who, what); }

  // Runs between two steps, on nobody's stack, when `want_attention` was called.
  std::function<void()> attention;
  void want_attention() noexcept { attention_wanted_ = true; }

 private:
  friend class SimExecutor;
  SimExecutor* draw_ready();
  void run_one(SimExecutor& executor);
  void bury_dead();

  std::vector<std::unique_ptr<SimExecutor>> executors_;
  std::vector<SimExecutor*> live_;
  std::vector<SimExecutor*> ready_;
  Duration steady_{0};
  Executor::TimerId next_timer_ = 1;
  std::uint64_t steps_ = 0;
  bool stopped_ = false;
  bool attention_wanted_ = false;
};

// The clock of one machine: true time, and how far this one is off.
class SimClock final : public Clock {
 public:
  explicit SimClock(const World& world) : world_{world} {}
  [[nodiscard]] Time now() const override { return epoch + world_.steady() + offset; }
  Duration offset{0};
  static constexpr Time epoch = Time{Duration{1'767'225'600'000}};  // 2026-01-01

 private:
  const World& world_;
};

namespace detail {

class ImmediateExecutor final : public Executor {
 public:
  void post(Work work) override { work(); }
  TimerId call_after(Duration, Work) override { throw std::logic_error("what runs at once cannot wait"); }
  void cancel(TimerId) override {}
};

}  // namespace detail

// The value of a task that never waits: of an operation on an inline store, say.
template <class T>
T at_once(Task<T> task) {
  detail::ImmediateExecutor here;
  const auto state = std::make_shared<test::detail::RunState<T>>();
  spawn(here, test::detail::run_into(std::move(task), state));  // ends before `spawn` returns
  if (!state->done) throw std::logic_error("the task waits");
  if (state->error) std::rethrow_exception(state->error);
  if constexpr (!std::is_void_v<T>) return std::move(*state->value);
}

// Waits for ever: where a process dies.
inline Task<void> never() {
  const Completion<bool> forever;
  co_await forever;
}

}  // namespace evergrant::sim
