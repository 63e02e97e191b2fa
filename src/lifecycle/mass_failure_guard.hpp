// Whether an unusual share of one registration's connections fails for good at once: rather the provider's or an operator's
// mistake than so many customers' decision on the same morning. Then state changes are held until an operator has looked.
// A state machine of values: no clock, no I/O. On one executor.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.hpp"
#include "model/ids.hpp"

namespace evergrant {

struct MassFailureLimits {
  int least = 10;      // connections; 0: nothing is ever held
  double share = 0.2;  // of those that were refreshed or refused in the window
  Duration window{std::chrono::minutes{10}};
};

class MassFailureGuard {
 public:
  struct Counts {
    std::int64_t failed = 0, refreshed = 0;
  };
  enum class Step : std::uint8_t { believe, begin_hold, hold };

  explicit MassFailureGuard(const MassFailureLimits& limits) : limits_{limits} {}

  void refreshed(Time now) { ++bucket_at(now).counts.refreshed; }
  // The provider refused a grant. `first` of a row of refusals: the connection counts once, however often it is confirmed,
  // and once in a window, however often other failures interrupt that row.
  [[nodiscard]] Step refused(const ConnectionId& connection, bool first, Time now);

  // Held since `since`, by an earlier process or another one.
  void hold(Time since);
  // An operator released a hold at `at`: the provider is believed for a while, so that those that were held are not held
  // again.
  void believe(Time at);
  // As `believe`, of what is held here; what was counted says nothing any more.
  void release(Time at);

  [[nodiscard]] bool holding() const noexcept { return held_since_.has_value(); }
  [[nodiscard]] std::optional<Time> held_since() const noexcept { return held_since_; }
  // So shortly after a release at `at` the provider is believed.
  [[nodiscard]] static bool believes_after(Time at, Time now);
  [[nodiscard]] Counts counts(Time now) const;

 private:
  static constexpr int bucket_count = 10;
  struct Bucket {
    std::int64_t number = -1;  // of the part of the window that it counts
    Counts counts;
  };
  [[nodiscard]] std::int64_t number_at(Time now) const;
  Bucket& bucket_at(Time now);
  bool is_new(const ConnectionId& connection, Time now);

  MassFailureLimits limits_;
  std::array<Bucket, bucket_count> buckets_;
  std::map<ConnectionId, Time> counted_;  // in this window; of very many, not all
  std::optional<Time> held_since_;
  std::optional<Time> believed_until_;
};

// How long after a release nothing is held: longer than the longest wait of a connection that was held.
inline constexpr Duration believed_after_release{std::chrono::minutes{30}};

}  // namespace evergrant
