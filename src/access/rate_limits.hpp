// Requests per minute of each caller, and of the keys that derive from it together: token buckets of this process, as full
// as the limit and refilled evenly. Thread-safe; a caller without limits touches nothing here.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "model/caller.hpp"

namespace evergrant {

// Of its own, or of a key that it derives from.
[[nodiscard]] bool has_rate_limit(const Caller& caller) noexcept;

class RateLimits {
 public:
  explicit RateLimits(const Clock& clock) : clock_{clock} {}
  // Nothing: counted, go on. Otherwise how long until the next request of this caller is let in; nothing is counted then.
  [[nodiscard]] std::optional<Duration> refuse(const Caller& caller);

 private:
  // When the bucket is full again, in nanoseconds since the epoch: one number holds the whole bucket.
  using FullAt = std::int64_t;
  struct Shard {
    std::mutex mutex;  // held for map operations only
    std::unordered_map<std::string, FullAt> buckets;
  };
  [[nodiscard]] std::optional<Duration> take(const CallerId& id, std::int64_t per_minute, std::int64_t now);
  void give_back(const CallerId& id, std::int64_t per_minute);
  [[nodiscard]] Shard& shard_of(const CallerId& id);

  const Clock& clock_;
  std::array<Shard, 16> shards_;
};

}  // namespace evergrant
