// The deadlines of one serving thread's sessions. Every kind of deadline has one fixed duration, so a queue per kind is
// in order: arming and disarming are O(1) without a timer or an allocation, and the sweep looks at the heads only. A
// deadline that began before it is armed is put in its place among the others. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <list>

#include "base/clock.hpp"

namespace evergrant {

class Deadlines {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  enum class Kind : std::uint8_t { idle, header, body, write, linger };
  static constexpr std::size_t kinds = 5;

  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_deadline() = 0;
  };
  class Slot;
  struct Entry {
    Slot* slot = nullptr;
    Instant due;
    std::list<Entry>* queue = nullptr;  // where it waits; none: disarmed
  };
  // One per session: the entry's node, at home while it is disarmed.
  class Slot {
   public:
    explicit Slot(Owner& owner) : owner_{owner}, home_{Entry{this, {}, nullptr}}, node_{home_.begin()} {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { disarm(); }
    void disarm() {
      if (node_->queue == nullptr) return;
      home_.splice(home_.end(), *node_->queue, node_);
      node_->queue = nullptr;
    }
    [[nodiscard]] bool armed() const { return node_->queue != nullptr; }

   private:
    friend class Deadlines;
    Owner& owner_;
    std::list<Entry> home_;
    std::list<Entry>::iterator node_;
  };

  explicit Deadlines(const std::array<Duration, kinds>& durations) : durations_{durations} {}

  // `since`: when the time that is allowed has begun.
  void arm(Slot& slot, Kind kind, Instant since) {
    slot.disarm();
    const auto index = static_cast<std::size_t>(kind);
    auto& queue = queues_[index];
    const Instant due = since + durations_[index];
    auto place = queue.end();
    while (place != queue.begin() && std::prev(place)->due > due) --place;
    queue.splice(place, slot.home_, slot.node_);
    slot.node_->queue = &queue;
    slot.node_->due = due;
  }

  // Disarms and tells every owner whose deadline has passed.
  void expire(Instant now) {
    for (auto& queue : queues_) {
      while (!queue.empty() && queue.front().due <= now) {
        Slot& slot = *queue.front().slot;
        slot.disarm();
        slot.owner_.on_deadline();
      }
    }
  }

 private:
  std::array<Duration, kinds> durations_;
  std::array<std::list<Entry>, kinds> queues_;
};

}  // namespace evergrant
