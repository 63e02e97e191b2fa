#include "library/waiters.hpp"

#include <algorithm>

namespace evergrant::library {

Error Waiters::ended() {
  return {Errc::gone, "the token manager has ended", "what it had begun is resolved at the next start", {}};
}

bool Waiters::remember(const std::shared_ptr<PendingBase>& state) {
  const std::lock_guard lock{mutex_};
  if (ended_) return false;
  if (waiting_.size() >= look_at_) {
    waiting_.remove_if([](const auto& waiter) { return waiter.expired(); });
    look_at_ = std::max<std::size_t>(64, waiting_.size() * 2);
  }
  waiting_.push_back(state);
  return true;
}

void Waiters::give_up() {
  std::list<std::weak_ptr<PendingBase>> waiting;
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
    waiting.swap(waiting_);
  }
  for (const auto& waiter : waiting) {
    if (const auto state = waiter.lock()) state->give_up(ended());
  }
}

}  // namespace evergrant::library
