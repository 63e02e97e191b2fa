// The answer to something that may have to wait: `wait()` blocks for it, `co_await` suspends for it, whatever executor the
// coroutine runs on. Where the answer is at hand already, neither waits and nothing is allocated.
//
// A coroutine resumes where `Options::resume` says; without it, on the thread that runs the engine, which serves everybody:
// go on from there at once. A coroutine that waits may be destroyed on that thread only. One owner; ask once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "evergrant/error.hpp"
#include "evergrant/inline_namespace.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  // Resumes a coroutine, now or later, on a thread of the application's choice: `executor.post(coroutine)`.
  using Resume = std::function<void(std::coroutine_handle<>)>;

  // What an answer that is waited for shares with who gives it. Thread-safe.
  class PendingBase {
   public:
    virtual ~PendingBase() = default;
    // Unless there is an answer already.
    virtual void give_up(const Error& error) = 0;
  };

  template <class T>
  class PendingState final : public PendingBase {
   public:
    using Steady = std::chrono::steady_clock::time_point;
    // `latest`: nobody answers later than this.
    PendingState(Resume resume, Steady latest) : resume_{std::move(resume)}, latest_{latest} {}

    void set(Result<T> value) {
      std::coroutine_handle<> waiter;
      {
        const std::lock_guard lock{mutex_};
        if (value_ || taken_) return;
        value_.emplace(std::move(value));
        waiter = std::exchange(waiter_, nullptr);
      }
      there_.notify_all();
      if (!waiter) return;
      resume_ ? resume_(waiter) : waiter.resume();
    }
    void give_up(const Error& error) override { set(std::unexpected(error)); }

    [[nodiscard]] bool is_set() {
      const std::lock_guard lock{mutex_};
      return value_.has_value();
    }
    // False: it is there already.
    [[nodiscard]] bool resume_when_set(std::coroutine_handle<> waiter) {
      const std::lock_guard lock{mutex_};
      if (value_) return false;
      waiter_ = waiter;
      return true;
    }
    void forget_waiter() {
      const std::lock_guard lock{mutex_};
      waiter_ = nullptr;
    }
    [[nodiscard]] Result<T> wait() {
      std::unique_lock lock{mutex_};
      there_.wait_until(lock, latest_, [this] { return value_.has_value(); });
      taken_ = true;
      if (value_) return std::move(*value_);
      return std::unexpected(Error{Errc::deadline_exceeded,
                                   "nobody answered in time",
                                   "is a thread in run()? Without Threads::own the application gives the threads",
                                   {}});
    }

   private:
    const Resume resume_;
    const Steady latest_;
    std::mutex mutex_;
    std::condition_variable there_;
    std::optional<Result<T>> value_;
    std::coroutine_handle<> waiter_;
    bool taken_ = false;
  };

  template <class T>
  class [[nodiscard]] Pending {
   public:
    // An answer that is at hand.
    Pending(Result<T> ready) : ready_{std::move(ready)} {}  // NOLINT(google-explicit-constructor)
    explicit Pending(std::shared_ptr<PendingState<T>> state) : state_{std::move(state)} {}
    Pending(Pending&&) noexcept = default;
    Pending& operator=(Pending&&) noexcept = delete;
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;
    ~Pending() {
      if (state_ && suspended_) state_->forget_waiter();
    }

    // Blocks. Not on the thread that runs the engine: it would wait for itself.
    [[nodiscard]] Result<T> wait() { return ready_ ? std::move(*ready_) : state_->wait(); }
    // Whether `wait` would not block.
    [[nodiscard]] bool is_ready() const { return ready_.has_value() || state_->is_set(); }

    // For co_await.
    [[nodiscard]] bool await_ready() const noexcept { return ready_.has_value(); }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> waiter) {
      suspended_ = true;
      return state_->resume_when_set(waiter);
    }
    [[nodiscard]] Result<T> await_resume() {
      suspended_ = false;
      return wait();
    }

   private:
    std::optional<Result<T>> ready_;
    std::shared_ptr<PendingState<T>> state_;
    bool suspended_ = false;
  };

}  // namespace library
}  // namespace evergrant
