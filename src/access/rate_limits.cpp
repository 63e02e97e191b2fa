#include "access/rate_limits.hpp"

#include <algorithm>
#include <vector>

namespace evergrant {
namespace {

constexpr std::int64_t minute = 60'000'000'000;
constexpr std::int64_t millisecond = 1'000'000;
constexpr std::size_t looked_through = 1024;  // a shard with more buckets drops those that are full

struct Limit {
  const CallerId* id;
  std::int64_t per_minute;
};

std::vector<Limit> limits_of(const Caller& caller) {
  std::vector<Limit> limits;
  if (caller.policy.requests_per_minute > 0) limits.push_back({&caller.id, caller.policy.requests_per_minute});
  for (const auto& ancestor : caller.ancestors) {
    if (ancestor.requests_per_minute > 0) limits.push_back({&ancestor.id, ancestor.requests_per_minute});
  }
  return limits;
}

}  // namespace

bool has_rate_limit(const Caller& caller) noexcept {
  return caller.policy.requests_per_minute > 0 ||
         std::ranges::any_of(caller.ancestors, [](const Ancestor& one) { return one.requests_per_minute > 0; });
}

RateLimits::Shard& RateLimits::shard_of(const CallerId& id) {
  return shards_.at(std::hash<std::string>{}(id.str()) % shards_.size());
}

std::optional<Duration> RateLimits::take(const CallerId& id, std::int64_t per_minute, std::int64_t now) {
  const std::int64_t each = minute / per_minute;
  auto& shard = shard_of(id);
  const std::lock_guard lock{shard.mutex};
  if (shard.buckets.size() > looked_through) {
    std::erase_if(shard.buckets, [&](const auto& bucket) { return bucket.second <= now; });
  }
  FullAt& full_at = shard.buckets[id.str()];
  // Further ahead than an empty bucket only after the clock was set back.
  if (full_at < now || full_at > now + minute) full_at = now;
  const std::int64_t over = full_at + each - (now + minute);
  if (over > 0) return std::chrono::ceil<Duration>(std::chrono::nanoseconds{over});
  full_at += each;
  return std::nullopt;
}

void RateLimits::give_back(const CallerId& id, std::int64_t per_minute) {
  auto& shard = shard_of(id);
  const std::lock_guard lock{shard.mutex};
  shard.buckets[id.str()] -= minute / per_minute;
}

std::optional<Duration> RateLimits::refuse(const Caller& caller) {
  const auto limits = limits_of(caller);
  const std::int64_t now = to_epoch_ms(clock_.now()) * millisecond;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto wait = take(*limits[i].id, limits[i].per_minute, now);
    if (!wait) continue;
    for (std::size_t taken = 0; taken < i; ++taken) give_back(*limits[taken].id, limits[taken].per_minute);
    return wait;
  }
  return std::nullopt;
}

}  // namespace evergrant
