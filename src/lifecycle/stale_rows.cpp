#include "lifecycle/stale_rows.hpp"

#include <algorithm>
#include <utility>

namespace evergrant {

StaleRows::StaleRows(Executor& engine, Duration wait, Read read)
    : engine_{engine},
      wait_{std::min(wait, longest_wait)},
      read_{std::move(read)},
      self_{std::make_shared<StaleRows*>(this)} {}

StaleRows::~StaleRows() { *self_ = nullptr; }

Work StaleRows::work(bool by_timer) const {
  return [self = self_, by_timer] {
    if (*self != nullptr) (*self)->read_all(by_timer);
  };
}

// The timer is set before a row is noted: where there is no memory left, none waits for ever.
void StaleRows::note(const ConnectionId& id) {
  const std::lock_guard lock{mutex_};
  if (!timer_set_) engine_.call_after(wait_, work(true));
  timer_set_ = true;
  ids_.reserve(enough);
  ids_.push_back(id);
  if (ids_.size() == enough) engine_.post(work(false));
}

// Rows that are noted behind a full batch go with the timer that is set already: there is one at most.
void StaleRows::read_all(bool by_timer) {
  std::vector<ConnectionId> ids;
  {
    const std::lock_guard lock{mutex_};
    if (by_timer) timer_set_ = false;
    ids.swap(ids_);
  }
  for (const ConnectionId& id : ids) read_(id);
}

}  // namespace evergrant
