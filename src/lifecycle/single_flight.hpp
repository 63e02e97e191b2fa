// One operation per key at a time; everybody who wants it waits for the same one (I1, in this process). The operation
// belongs to none of them: who goes away leaves it running, and only the operation itself ends its entry. On one executor.
#pragma once

#include <atomic>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"

namespace evergrant {

class SingleFlight {
 public:
  using Outcome = Result<>;

  // True if the caller has to start the operation, which must call `end` with the same key.
  [[nodiscard]] bool begin(const std::string& key) {
    const bool first = flights_.try_emplace(key).second;
    size_.store(flights_.size(), std::memory_order_relaxed);
    return first;
  }
  [[nodiscard]] bool running(const std::string& key) const { return flights_.contains(key); }

  // A place among those who wait; the operation must be running.
  [[nodiscard]] Completion<Outcome> join(const std::string& key) {
    Completion<Outcome> waiter;
    flights_.at(key).push_back(waiter);
    return waiter;
  }

  void end(const std::string& key, const Outcome& outcome) {
    auto flight = flights_.extract(key);
    size_.store(flights_.size(), std::memory_order_relaxed);
    for (const Completion<Outcome>& waiter : flight.mapped()) waiter.set(outcome);
  }

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }  // thread-safe

 private:
  std::unordered_map<std::string, std::vector<Completion<Outcome>>> flights_;
  std::atomic<std::size_t> size_ = 0;
};

}  // namespace evergrant
