// The one thread on which everything of a bench runs: engine, store, provider and the handlers of requests. So it can be
// known when all of it is at rest, and time moves only then: to the next timer, when somebody asks for it.
//
// `at_rest` and `wait_until` are for other threads, the rest is for the loop's own, or for before `start`.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "testing/virtual_time.hpp"

namespace evergrant::testing {

class BenchLoop {
 public:
  explicit BenchLoop(Time start) : clock_{start} {}
  ~BenchLoop() { stop(); }
  BenchLoop(const BenchLoop&) = delete;
  BenchLoop& operator=(const BenchLoop&) = delete;

  void start();
  // Ends once it is at rest. Work that comes later is never done.
  void stop();

  // Carries `work` out as soon as nothing else is left to do; waits for it; throws what it throws.
  template <class F>
  std::invoke_result_t<F> at_rest(F work) {
    std::packaged_task<std::invoke_result_t<F>()> task{std::move(work)};
    auto result = task.get_future();
    enqueue([&task] { task(); });
    return result.get();
  }
  // Waits until `condition`, asked on the loop whenever it comes to rest, holds; throws what it throws. False: not within
  // `at_most` of real time.
  [[nodiscard]] bool wait_until(std::function<bool()> condition, std::chrono::milliseconds at_most);

  [[nodiscard]] test::VirtualExecutor& executor() { return executor_; }
  [[nodiscard]] test::VirtualClock& clock() { return clock_; }

  // A request of the application came, and went.
  [[nodiscard]] std::uint64_t request_came();
  void request_went(std::uint64_t request) { requests_.erase(request); }
  void jump_for_waiting_requests(bool on) { jumps_ = on; }

 private:
  struct Watch {
    std::function<bool()> condition;
    std::promise<void> met;
  };
  void run();
  void enqueue(Work command);
  // True: there was one, and it is done.
  bool obey();
  // True: time moved, for the sake of a request that waits.
  bool jump();
  void look();

  test::VirtualClock clock_;
  test::VirtualExecutor executor_{clock_};
  std::mutex mutex_;
  std::deque<Work> commands_;  // under the mutex
  std::list<Watch> watches_;
  std::map<std::uint64_t, Time> requests_;  // that wait for an answer, and when they came
  std::uint64_t next_request_ = 1;
  bool jumps_ = true;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace evergrant::testing
