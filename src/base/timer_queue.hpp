// What is to run at a later instant, in the order of the instants. No locks: its owner has one.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/executor.hpp"

namespace evergrant {

class TimerQueue {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  Executor::TimerId add(Instant due, Work work) {
    const Executor::TimerId id = next_id_++;
    waiting_.emplace(std::pair{due, id}, std::move(work));
    due_.emplace(id, due);
    return id;
  }
  // Takes a timer out that has not run; nothing: there is none.
  [[nodiscard]] Work remove(Executor::TimerId id) {
    const auto found = due_.find(id);
    if (found == due_.end()) return {};
    auto node = waiting_.extract({found->second, id});
    due_.erase(found);
    return std::move(node.mapped());
  }
  // The next that is due, taken out; nothing: none is.
  [[nodiscard]] Work take_due(Instant now) {
    if (waiting_.empty() || waiting_.begin()->first.first > now) return {};
    auto node = waiting_.extract(waiting_.begin());
    due_.erase(node.key().second);
    return std::move(node.mapped());
  }
  [[nodiscard]] std::optional<Instant> next() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.begin()->first.first;
  }

 private:
  std::map<std::pair<Instant, Executor::TimerId>, Work> waiting_;
  std::map<Executor::TimerId, Instant> due_;
  Executor::TimerId next_id_ = 1;
};

}  // namespace evergrant
