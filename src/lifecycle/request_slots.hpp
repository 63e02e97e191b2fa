// How many token requests of one registration are under way at once. A provider that hangs holds its own registration's
// slots and nobody else's. Requests that a caller waits for go before those that nobody waits for. On one executor.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "base/task.hpp"

namespace evergrant {

class RequestSlots {
 public:
  explicit RequestSlots(int limit) : limit_{std::max(1, limit)} {}
  RequestSlots(const RequestSlots&) = delete;
  RequestSlots& operator=(const RequestSlots&) = delete;

  // The right to one request, until it is destroyed. The slots outlive it.
  class Slot {
   public:
    explicit Slot(RequestSlots& owner) : owner_{&owner} {}
    Slot(Slot&& other) noexcept : owner_{std::exchange(other.owner_, nullptr)} {}
    Slot& operator=(Slot&&) = delete;
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      if (owner_ != nullptr) owner_->give_back();
    }

   private:
    RequestSlots* owner_;
  };

  Task<Slot> take(bool urgent) {
    if (taken_ < limit_) {
      ++taken_;
      co_return Slot{*this};
    }
    Completion<bool> turn;
    (urgent ? urgent_ : patient_).push_back(turn);
    co_await turn;  // the slot was handed over: `taken_` counts it already
    co_return Slot{*this};
  }

  // So many wait already that more of those that nobody waits for are better put off.
  [[nodiscard]] bool crowded() const { return patient_.size() >= static_cast<std::size_t>(limit_) * 4; }
  // So many wait that even a caller is better told at once: a provider that hangs takes no more memory than this.
  [[nodiscard]] bool overcrowded() const { return urgent_.size() >= static_cast<std::size_t>(limit_) * 32; }
  [[nodiscard]] int limit() const noexcept { return limit_; }
  [[nodiscard]] int taken() const noexcept { return taken_; }

 private:
  void give_back() {
    std::deque<Completion<bool>>& queue = urgent_.empty() ? patient_ : urgent_;
    if (queue.empty()) {
      --taken_;
      return;
    }
    const Completion<bool> next = queue.front();
    queue.pop_front();
    next.set(true);
  }

  int limit_;
  int taken_ = 0;
  std::deque<Completion<bool>> urgent_, patient_;
};

}  // namespace evergrant
