// Who waits for an answer of an engine, so that nobody is left waiting when it ends; and the way from a Task to them.
// Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "base/task.hpp"
#include "evergrant/pending.hpp"

namespace evergrant::library {

class Waiters {
 public:
  explicit Waiters(Resume resume) : resume_{std::move(resume)} {}

  // Runs `task` on `executor`; somebody waits for it `limit` long at most.
  template <class T>
  Pending<T> start(Executor& executor, Task<Result<T>> task, Duration limit) {
    auto state = std::make_shared<PendingState<T>>(resume_, std::chrono::steady_clock::now() + limit);
    if (!remember(state)) return Pending<T>{std::unexpected(ended())};
    spawn(executor, carry(std::move(task), state));  // ends with the task
    return Pending<T>{std::move(state)};
  }

  // All are given an error, who come later too.
  void give_up();
  [[nodiscard]] static Error ended();

 private:
  template <class T>
  static Task<void> carry(Task<Result<T>> task, std::shared_ptr<PendingState<T>> state) {
    Result<T> result = std::unexpected(Error{Errc::internal, "the engine failed; this is a bug", {}, {}});
    try {
      result = co_await std::move(task);
    } catch (const std::exception& thrown) {  // a job's boundary
      result.error().hint = thrown.what();
    }
    state->set(std::move(result));
  }
  // False: it has ended.
  [[nodiscard]] bool remember(const std::shared_ptr<PendingBase>& state);

  const Resume resume_;
  std::mutex mutex_;
  std::list<std::weak_ptr<PendingBase>> waiting_;
  std::size_t look_at_ = 64;  // how many there are before those that have gone are looked for
  bool ended_ = false;
};

}  // namespace evergrant::library
