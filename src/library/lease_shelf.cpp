#include "library/lease_shelf.hpp"

namespace evergrant::library {

std::optional<TokenLease> LeaseShelf::find(const std::string& key, const Wish& wish) const {
  const std::lock_guard lock{mutex_};
  const auto found = kept_.find(key);
  if (found == kept_.end()) return std::nullopt;
  const auto& [lease, fetched_at] = found->second;
  const auto ends = lease.expires_at();
  if (ends && (*ends <= wish.now || *ends - wish.now < wish.least_left)) return std::nullopt;
  if (wish.now - fetched_at > wish.most_age) return std::nullopt;
  return lease.clone();
}

void LeaseShelf::put(const std::string& key, const TokenLease& lease, Time now) {
  const std::lock_guard lock{mutex_};
  const auto found = kept_.find(key);
  if (found == kept_.end()) {
    make_room(now);
    kept_.emplace(key, Kept{lease.clone(), now});
  } else if (found->second.lease.connection() != lease.connection() ||
             found->second.lease.generation() <= lease.generation()) {
    found->second = {lease.clone(), now};
  }
}

void LeaseShelf::forget(const std::string& key) {
  const std::lock_guard lock{mutex_};
  kept_.erase(key);
}

void LeaseShelf::forget_refused(const TokenLease& refused) {
  const std::lock_guard lock{mutex_};
  std::erase_if(kept_, [&](const auto& one) {
    const TokenLease& lease = one.second.lease;
    return lease.connection() == refused.connection() && lease.pair() == refused.pair() &&
           lease.generation() <= refused.generation();
  });
}

// What has ended goes first, then whoever comes first: it is fetched again where it is wanted.
void LeaseShelf::make_room(Time now) {
  if (kept_.size() < most_) return;
  std::erase_if(kept_, [&](const auto& one) { return one.second.lease.expires_at().value_or(now) < now; });
  if (kept_.size() >= most_ && !kept_.empty()) kept_.erase(kept_.begin());
}

}  // namespace evergrant::library
