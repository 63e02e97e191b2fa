#include "access/rate_limits.hpp"

#include <algorithm>
#include <vector>

#include "net/ip_address.hpp"

namespace evergrant {
namespace {

constexpr std::int64_t minute = 60'000'000'000;
constexpr std::int64_t millisecond = 1'000'000;
constexpr std::size_t most_buckets = 16'384;  // of a shard; a flood of more makes it forget all
constexpr std::int64_t failures_a_minute = 100;

struct Limit {
  const std::string* key;
  std::int64_t per_minute;
};

std::vector<Limit> limits_of(const Caller& caller) {
  std::vector<Limit> limits;
  if (caller.policy.requests_per_minute > 0) limits.push_back({&caller.id.str(), caller.policy.requests_per_minute});
  for (const auto& ancestor : caller.ancestors) {
    if (ancestor.requests_per_minute > 0) limits.push_back({&ancestor.id.str(), ancestor.requests_per_minute});
  }
  return limits;
}

std::int64_t nanoseconds(Time now) { return to_epoch_ms(now) * millisecond; }

// How long until a bucket that is full at `full_at` has one more to give.
std::optional<Duration> wait_for_one(std::int64_t full_at, std::int64_t per_minute, std::int64_t now) {
  const std::int64_t over = full_at + minute / per_minute - (now + minute);
  if (over <= 0) return std::nullopt;
  return std::chrono::ceil<Duration>(std::chrono::nanoseconds{over});
}

// Further ahead than an empty bucket only after the clock was set back.
std::int64_t seen_now(std::int64_t full_at, std::int64_t now) {
  return full_at < now || full_at > now + minute ? now : full_at;
}

// IPv6 hands out networks, not addresses: the first half of its bytes counts, however they are written. What is no address
// is a bucket as it stands.
std::string bucket_of(std::string_view address) {
  constexpr std::size_t network_bytes = 8;
  const auto parsed = IpAddress::parse(address.substr(0, address.find('%')));
  if (!parsed || parsed->is_v4()) return parsed ? parsed->to_string() : std::string{address};
  std::string network{"/64 "};
  for (std::size_t i = 0; i < network_bytes; ++i) network += static_cast<char>(parsed->bytes()[i]);
  return network;
}

}  // namespace

TokenBuckets::Shard& TokenBuckets::shard_of(const std::string& key) {
  return shards_.at(std::hash<std::string>{}(key) % shards_.size());
}

void TokenBuckets::make_room(Shard& shard, std::int64_t now) {
  if (shard.buckets.size() <= shard.sweep_beyond) return;
  std::erase_if(shard.buckets, [&](const auto& bucket) { return bucket.second <= now; });
  if (shard.buckets.size() > most_buckets) shard.buckets.clear();
  shard.sweep_beyond = std::max<std::size_t>(1024, 2 * shard.buckets.size());
}

std::optional<Duration> TokenBuckets::take(const std::string& key, std::int64_t per_minute) {
  const std::int64_t now = nanoseconds(clock_.now());
  auto& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  make_room(shard, now);
  FullAt& full_at = shard.buckets[key];
  full_at = seen_now(full_at, now);
  if (const auto wait = wait_for_one(full_at, per_minute, now)) return wait;
  full_at += minute / per_minute;
  return std::nullopt;
}

void TokenBuckets::give_back(const std::string& key, std::int64_t per_minute) {
  auto& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  shard.buckets[key] -= minute / per_minute;
}

std::optional<Duration> TokenBuckets::look(const std::string& key, std::int64_t per_minute) {
  const std::int64_t now = nanoseconds(clock_.now());
  auto& shard = shard_of(key);
  const std::lock_guard lock{shard.mutex};
  const auto found = shard.buckets.find(key);
  if (found == shard.buckets.end()) return std::nullopt;
  return wait_for_one(seen_now(found->second, now), per_minute, now);
}

bool has_rate_limit(const Caller& caller) noexcept {
  return caller.policy.requests_per_minute > 0 ||
         std::ranges::any_of(caller.ancestors, [](const Ancestor& one) { return one.requests_per_minute > 0; });
}

std::optional<Duration> RateLimits::refuse(const Caller& caller) {
  const auto limits = limits_of(caller);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto wait = buckets_.take(*limits[i].key, limits[i].per_minute);
    if (!wait) continue;
    for (std::size_t taken = 0; taken < i; ++taken) buckets_.give_back(*limits[taken].key, limits[taken].per_minute);
    return wait;
  }
  return std::nullopt;
}

void FailedKeys::note(std::string_view address) {
  const std::string key = bucket_of(address);
  (void)buckets_.take(key, failures_a_minute);
  const auto wait = buckets_.look(key, failures_a_minute);
  if (wait) some_until_.store(to_epoch_ms(clock_.now() + *wait), std::memory_order_relaxed);
}

std::optional<Duration> FailedKeys::refuse(std::string_view address) {
  const auto until = some_until_.load(std::memory_order_relaxed);
  if (until == 0 || to_epoch_ms(clock_.now()) >= until) return std::nullopt;
  return buckets_.look(bucket_of(address), failures_a_minute);
}

}  // namespace evergrant
