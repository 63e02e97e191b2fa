// Coroutines. `Task<T>` is lazy and runs on one Executor, inherited from whoever awaits it; `Completion<T>` is the only
// bridge from other threads and callbacks: it is set once, from anywhere, and resumes its one awaiter on that executor.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/executor.hpp"
#include "base/frame_memory.hpp"

namespace evergrant {

template <class T = void>
class Task;

namespace detail {

struct TaskPromiseBase {
  Executor* executor = nullptr;
  std::coroutine_handle<> continuation = std::noop_coroutine();

  struct FinalAwaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) noexcept {
      return done.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::variant<std::monostate, T, std::exception_ptr> outcome;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    outcome.template emplace<1>(std::forward<U>(value));
  }
  void unhandled_exception() noexcept { outcome.template emplace<2>(std::current_exception()); }
  T take() {
    if (auto* error = std::get_if<2>(&outcome)) std::rethrow_exception(*error);
    return std::move(std::get<1>(outcome));
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  std::exception_ptr error;
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error = std::current_exception(); }
  void take() const {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) noexcept : handle_{handle} {}
  Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    Handle child;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) noexcept {
      child.promise().executor = parent.promise().executor;
      child.promise().continuation = parent;
      return child;
    }
    T await_resume() { return child.promise().take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

namespace detail {

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>{std::coroutine_handle<TaskPromise<T>>::from_promise(*this)};
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>{std::coroutine_handle<TaskPromise<void>>::from_promise(*this)};
}

// The root of a spawned task: owns itself, ends the process on an exception that nobody caught (a bug).
struct Detached {
  struct promise_type : TaskPromiseBase {
    TaskRoot root;
    Detached get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

inline Detached run_detached(Task<void> task) { co_await std::move(task); }

struct CurrentExecutor {
  Executor* executor = nullptr;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    executor = self.promise().executor;
    return false;
  }
  [[nodiscard]] Executor& await_resume() const noexcept { return *executor; }
};

}  // namespace detail

// `Executor& here = co_await current_executor();`
[[nodiscard]] inline detail::CurrentExecutor current_executor() noexcept { return {}; }

// Starts `task` on `executor` (posted, never inline). Whoever calls it says in a comment what ends the task.
inline void spawn(Executor& executor, Task<void> task) {
  const auto root = detail::run_detached(std::move(task)).handle;
  root.promise().executor = &executor;
  root.promise().root.join(executor, root);
  executor.post([root] { root.resume(); });
}

// A value set once, from any thread, awaited by at most one coroutine. Copies share the one state.
template <class T>
class Completion {
 public:
  // Only the first counts; later values are dropped.
  void set(T value) const { static_cast<void>(try_set(std::move(value))); }
  // True for the first.
  [[nodiscard]] bool try_set(T value) const {
    const std::lock_guard lock{state_->mutex};
    if (state_->value || state_->taken) return false;
    state_->value.emplace(std::move(value));
    const auto waiter = std::exchange(state_->waiter, nullptr);
    // Under the lock: a waiter that is being dropped waits for this, so its executor is still there.
    if (waiter) state_->executor->post([waiter] { waiter.resume(); });
    return true;
  }

  [[nodiscard]] bool is_set() const {
    const std::lock_guard lock{state_->mutex};
    return state_->value.has_value() || state_->taken;
  }

  struct State {
    std::mutex mutex;
    std::optional<T> value;
    bool taken = false;
    std::coroutine_handle<> waiter;
    Executor* executor = nullptr;
  };
  class Awaiter {
   public:
    explicit Awaiter(std::shared_ptr<State> shared) : state_{std::move(shared)} {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() {
      if (!suspended_) return;
      const std::lock_guard lock{state_->mutex};
      state_->waiter = nullptr;  // its task was dropped: nobody waits any more
    }
    [[nodiscard]] bool await_ready() const {
      const std::lock_guard lock{state_->mutex};
      return state_->value.has_value();
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
      const std::lock_guard lock{state_->mutex};
      if (state_->value) return false;
      state_->executor = self.promise().executor;
      state_->waiter = self;
      suspended_ = true;
      return true;
    }
    T await_resume() {
      suspended_ = false;
      const std::lock_guard lock{state_->mutex};
      std::optional<T> value = std::exchange(state_->value, std::nullopt);
      state_->taken = true;
      if (!value) throw std::logic_error("a Completion was resumed without a value");
      return std::move(*value);
    }

   private:
    std::shared_ptr<State> state_;
    bool suspended_ = false;
  };
  Awaiter operator co_await() const { return Awaiter{state_}; }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Awaits `completion` for at most `limit`; nothing if the time ran out first (a later value is lost).
template <class T>
Task<std::optional<T>> wait_for(Completion<T> completion, Duration limit) {
  Executor& executor = co_await current_executor();
  Completion<std::optional<T>> first;
  const auto timer = executor.call_after(limit, [first] { first.set(std::nullopt); });
  spawn(executor, [](Completion<T> source, Completion<std::optional<T>> target) -> Task<void> {
    auto value = co_await source;  // ends when the completion is set
    target.set(std::optional<T>{std::move(value)});
  }(completion, first));
  auto value = co_await first;
  executor.cancel(timer);
  co_return value;
}

// Runs `task` on `executor` and comes back to the caller's own executor with its value, or its exception.
template <class T>
Task<T> run_on(Executor& executor, Task<T> task) {
  struct Outcome {
    std::optional<T> value;
    std::exception_ptr error;
  };
  Completion<Outcome> done;
  spawn(executor, [](Task<T> inner, Completion<Outcome> target) -> Task<void> {
    Outcome outcome;
    try {
      outcome.value.emplace(co_await std::move(inner));
    } catch (...) {
      outcome.error = std::current_exception();
    }
    target.set(std::move(outcome));
  }(std::move(task), done));
  Outcome outcome = co_await done;
  if (!outcome.value) std::rethrow_exception(outcome.error);
  co_return std::move(*outcome.value);
}

// Waits without blocking the thread.
inline Task<void> delay(Duration time) {
  Executor& executor = co_await current_executor();
  Completion<bool> over;
  executor.call_after(time, [over] { over.set(true); });
  co_await over;
}

// Blocks the calling thread until `task` is done on `executor`, which another thread runs. For main, tests and the CLI.
template <class T>
T wait_on(Executor& executor, Task<T> task) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<T> value;
    std::exception_ptr error;
  };
  const auto shared = std::make_shared<Shared>();
  spawn(executor, [](Task<T> inner, std::shared_ptr<Shared> target) -> Task<void> {
    std::optional<T> value;
    std::exception_ptr error;
    try {
      value.emplace(co_await std::move(inner));
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock{target->mutex};
    target->value = std::move(value);
    target->error = error;
    target->done.notify_one();
  }(std::move(task), shared));
  std::unique_lock lock{shared->mutex};
  shared->done.wait(lock, [&] { return shared->value.has_value() || shared->error; });
  std::optional<T> value = std::move(shared->value);
  if (!value) std::rethrow_exception(shared->error);
  return std::move(*value);
}

}  // namespace evergrant
