#include "lifecycle/mass_failure_guard.hpp"

#include <algorithm>

namespace evergrant {

std::int64_t MassFailureGuard::number_at(Time now) const {
  const auto part = std::max<Duration>(limits_.window / bucket_count, Duration{1});
  return to_epoch_ms(now) / part.count();
}

MassFailureGuard::Bucket& MassFailureGuard::bucket_at(Time now) {
  const auto number = number_at(now);
  Bucket& bucket = buckets_.at(static_cast<std::size_t>(number % bucket_count));
  if (bucket.number != number) bucket = {.number = number, .counts = {}};
  return bucket;
}

MassFailureGuard::Counts MassFailureGuard::counts(Time now) const {
  const auto newest = number_at(now);
  Counts sum;
  for (const auto& [number, counts] : buckets_) {
    if (number > newest || number <= newest - bucket_count) continue;
    sum.failed += counts.failed;
    sum.refreshed += counts.refreshed;
  }
  return sum;
}

bool MassFailureGuard::is_new(const ConnectionId& connection, Time now) {
  constexpr std::size_t most = 1000;  // where more fail at once, one that counts twice makes no difference
  std::erase_if(counted_, [&](const auto& one) { return now - one.second >= limits_.window; });
  if (counted_.size() >= most) return !counted_.contains(connection);
  return counted_.try_emplace(connection, now).second;
}

MassFailureGuard::Step MassFailureGuard::refused(const ConnectionId& connection, bool first, Time now) {
  if (first && is_new(connection, now)) ++bucket_at(now).counts.failed;
  if (held_since_) return Step::hold;
  if (limits_.least <= 0 || (believed_until_ && now < *believed_until_)) return Step::believe;
  const auto [failed, refreshed] = counts(now);
  const double share = static_cast<double>(failed) / static_cast<double>(std::max<std::int64_t>(failed + refreshed, 1));
  if (failed < limits_.least || share <= limits_.share) return Step::believe;
  held_since_ = now;
  return Step::begin_hold;
}

void MassFailureGuard::hold(Time since) {
  held_since_ = since;
  believed_until_.reset();
}

void MassFailureGuard::believe(Time at) {
  held_since_.reset();
  believed_until_ = at + believed_after_release;
}

void MassFailureGuard::release(Time at) {
  buckets_ = {};
  counted_.clear();
  believe(at);
}

bool MassFailureGuard::believes_after(Time at, Time now) { return now < at + believed_after_release; }

}  // namespace evergrant
