// Values that are kept in memory up to a number: what was not used since the hand came by last makes room for what is new
// (the clock algorithm). Finding is const and may run on several threads at once; everything else needs the caller's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <unordered_map>
#include <utility>

namespace evergrant {

template <class Key, class Value>
class Kept {
 public:
  // Null: it is not there.
  [[nodiscard]] const Value* find(const Key& key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    found->second.used.store(true, std::memory_order_relaxed);
    return &found->second.value;
  }
  // Adds or replaces. Of more than `most`, others go.
  void put(const Key& key, Value value, std::size_t most) {
    if (!entries_.contains(key)) {
      while (!order_.empty() && order_.size() >= most) turn_hand();
      order_.push_back(key);
    }
    entries_[key].value = std::move(value);
  }
  // Both take as long as there are values.
  void erase(const Key& key) {
    if (entries_.erase(key) > 0) std::erase(order_, key);
  }
  template <class Predicate>
  void erase_if(Predicate predicate) {
    std::erase_if(entries_, [&](const auto& entry) { return predicate(entry.second.value); });
    std::erase_if(order_, [&](const Key& key) { return !entries_.contains(key); });
  }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Value value{};
    mutable std::atomic<bool> used{false};
  };
  void turn_hand() {
    Key oldest = std::move(order_.front());
    order_.pop_front();
    const auto found = entries_.find(oldest);
    if (found->second.used.exchange(false)) {
      order_.push_back(std::move(oldest));
    } else {
      entries_.erase(found);
    }
  }

  std::unordered_map<Key, Entry> entries_;
  std::deque<Key> order_;
};

}  // namespace evergrant
