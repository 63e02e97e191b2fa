#include "proxy/realm_gates.hpp"

#include <algorithm>

namespace evergrant {
namespace {

constexpr Duration one_minute = std::chrono::minutes{1};
constexpr Duration soon = std::chrono::seconds{1};  // how long a call takes, for want of better knowledge

void drop_older(std::deque<Time>& sent, Time now) {
  while (!sent.empty() && now - sent.front() >= one_minute) sent.pop_front();
  // After the clock was set back, what lies ahead counts as now.
  while (!sent.empty() && sent.back() > now) sent.pop_back();
}

}  // namespace

RealmGates::Ticket& RealmGates::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  gates_ = std::exchange(other.gates_, nullptr);
  key_ = std::move(other.key_);
  return *this;
}

void RealmGates::Ticket::release() noexcept {
  if (gates_ != nullptr) std::exchange(gates_, nullptr)->leave(key_);
}

void RealmGates::Ticket::note_again(Time now) {
  if (gates_ != nullptr) gates_->note(key_, now);
}

RealmGates::Shard& RealmGates::shard_of(const std::string& key) {
  return shards_[std::hash<std::string>{}(key) % shard_count];
}

void RealmGates::forget_resting(Shard& shard, Time now) {
  if (shard.realms.size() < shard.swept_at) return;
  for (auto realm = shard.realms.begin(); realm != shard.realms.end();) {
    drop_older(realm->second.sent, now);
    const bool rests = realm->second.under_way == 0 && realm->second.sent.empty();
    realm = rests ? shard.realms.erase(realm) : std::next(realm);
  }
  shard.swept_at = std::max<std::size_t>(64, 2 * shard.realms.size());
}

std::expected<RealmGates::Ticket, RealmRefusal> RealmGates::enter(const RegistrationId& registration, const RealmId& realm,
                                                                  const RealmLimits& limits, Time now) {
  if (limits.at_once <= 0 && limits.per_minute <= 0) return Ticket{};
  std::string key = registration.str() + '\n' + realm.str();
  Shard& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  forget_resting(shard, now);
  Realm& counts = shard.realms[key];
  if (limits.at_once > 0 && counts.under_way >= limits.at_once) {
    return std::unexpected(RealmRefusal{.limit = RealmLimit::at_once, .retry_after = soon});
  }
  drop_older(counts.sent, now);
  if (limits.per_minute > 0 && counts.sent.size() >= static_cast<std::size_t>(limits.per_minute)) {
    const auto freed = counts.sent[counts.sent.size() - static_cast<std::size_t>(limits.per_minute)];
    return std::unexpected(RealmRefusal{.limit = RealmLimit::per_minute, .retry_after = freed + one_minute - now});
  }
  ++counts.under_way;
  if (limits.per_minute > 0) counts.sent.push_back(now);
  return Ticket{*this, std::move(key)};
}

void RealmGates::leave(const std::string& key) noexcept {
  Shard& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.realms.find(key);
  if (found == shard.realms.end()) return;
  --found->second.under_way;
  if (found->second.under_way == 0 && found->second.sent.empty()) shard.realms.erase(found);
}

void RealmGates::note(const std::string& key, Time now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.realms.find(key);
  if (found != shard.realms.end() && !found->second.sent.empty()) found->second.sent.push_back(now);
}

std::size_t RealmGates::size() const {
  std::size_t all = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock{shard.mutex};
    all += shard.realms.size();
  }
  return all;
}

}  // namespace evergrant
