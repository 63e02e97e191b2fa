// One operation per key at a time; everybody who wants it waits for the same one (I1, in this process). The operation
// belongs to none of them: who goes away leaves it running, and only the operation itself ends its entry. On one executor.
#pragma once

#include <atomic>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace evergrant {

class SingleFlight {
 public:
  using Outcome = Result<>;

  // True if the caller has to start the operation, which must call `end` with the same key.
  [[nodiscard]] bool begin(const std::string& key, Time now = {}) {
    const bool first = flights_.try_emplace(key, Flight{.begun = now, .waiters = {}}).second;
    size_.store(flights_.size(), std::memory_order_relaxed);
    return first;
  }
  [[nodiscard]] bool running(const std::string& key) const { return flights_.contains(key); }

  // For how long it has been running; zero if it is not.
  [[nodiscard]] Duration age(const std::string& key, Time now) const {
    const auto found = flights_.find(key);
    return found == flights_.end() ? Duration{0} : now - found->second.begun;
  }

  // A place among those who wait; the operation must be running.
  [[nodiscard]] Completion<Outcome> join(const std::string& key) {
    Completion<Outcome> waiter;
    flights_.at(key).waiters.push_back(waiter);
    return waiter;
  }

  void end(const std::string& key, const Outcome& outcome) {
    auto flight = flights_.extract(key);
    size_.store(flights_.size(), std::memory_order_relaxed);
    for (const Completion<Outcome>& waiter : flight.mapped().waiters) waiter.set(outcome);
  }

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }  // thread-safe

 private:
  struct Flight {
    Time begun;
    std::vector<Completion<Outcome>> waiters;
  };

  std::unordered_map<std::string, Flight> flights_;
  std::atomic<std::size_t> size_ = 0;
};

}  // namespace evergrant
