// Token buckets of this process, each as full as its limit and refilled evenly: requests per minute of each caller, and of
// the keys that derive from it together; failed keys of each address. Thread-safe; a caller without limits touches nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "model/caller.hpp"

namespace evergrant {

class TokenBuckets {
 public:
  explicit TokenBuckets(const Clock& clock) : clock_{clock} {}
  // Nothing: one taken. Otherwise how long until there is one again.
  [[nodiscard]] std::optional<Duration> take(const std::string& key, std::int64_t per_minute);
  void give_back(const std::string& key, std::int64_t per_minute);
  // As take, and takes none.
  [[nodiscard]] std::optional<Duration> look(const std::string& key, std::int64_t per_minute);

 private:
  using FullAt = std::int64_t;  // when the bucket is full again, in nanoseconds since the epoch: it holds the whole bucket
  struct Shard {
    std::mutex mutex;  // held for map operations only
    std::unordered_map<std::string, FullAt> buckets;
    std::size_t sweep_beyond = 1024;  // how many make it worth to look for those that are full
  };
  static void make_room(Shard& shard, std::int64_t now);
  [[nodiscard]] Shard& shard_of(const std::string& key);

  const Clock& clock_;
  std::array<Shard, 16> shards_;
};

// Of its own, or of a key that it derives from.
[[nodiscard]] bool has_rate_limit(const Caller& caller) noexcept;

class RateLimits {
 public:
  explicit RateLimits(const Clock& clock) : buckets_{clock} {}
  // Nothing: counted, go on. Otherwise how long until the next request of this caller is let in; nothing is counted then.
  [[nodiscard]] std::optional<Duration> refuse(const Caller& caller);

 private:
  TokenBuckets buckets_;
};

// Keys that were none, by address: a key that is not known already costs a look into the store, and who has failed for a
// hundred times in a minute gets none for a while. Keys that are known go on from the same address.
class FailedKeys {
 public:
  explicit FailedKeys(const Clock& clock) : clock_{clock}, buckets_{clock} {}
  void note(std::string_view address);
  [[nodiscard]] std::optional<Duration> refuse(std::string_view address);

 private:
  const Clock& clock_;
  TokenBuckets buckets_;
  std::atomic<std::int64_t> some_until_ = 0;  // epoch milliseconds: until then some address is refused
};

}  // namespace evergrant
