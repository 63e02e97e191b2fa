#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <mutex>
#include <set>
#include <utility>

#include "access/access_control.hpp"
#include "access/audit_tally.hpp"
#include "base/read_mostly_mutex.hpp"

namespace evergrant {
namespace {

constexpr std::size_t stripe_count = 16;
constexpr std::size_t most_known = 8192;  // repeats of one stripe; what is more is written each time
constexpr std::size_t most_askers = 4096;
constexpr std::size_t learnt_at_once = 64;  // so that no request waits for long

AuditNote note_of(const AuditEntry& entry) {
  return {.caller = entry.caller.str(),
          .action = entry.action,
          .result = entry.result,
          .registration = entry.registration.str(),
          .tenant = entry.tenant.str(),
          .connection = entry.connection.str(),
          .fingerprint = entry.fingerprint,
          .detail = entry.detail,
          .remote = entry.remote};
}

// What was recorded on one processor.
struct alignas(64) Stripe {
  std::mutex mutex;
  Askers askers;
  AuditTally fresh;  // since the last flush
  AuditTally known;  // of what is in the trail lately: how often it was repeated since
  RepeatKey key_of(const AuditRepeat& repeat) { return {repeat.subject, askers.number_of(repeat.caller, repeat.remote)}; }
};

}  // namespace

struct Audit::Impl {
  Impl(Store& store_used, const Clock& clock_used, const Log& log_used, std::size_t most)
      : store{store_used}, clock{clock_used}, log{log_used}, capacity{most} {}

  std::array<Stripe, stripe_count> stripes;
  Store& store;
  const Clock& clock;
  const Log& log;
  std::size_t capacity;
  std::atomic<std::int64_t> next = 0;  // in which order they were made: the store numbers them anew
  std::atomic<std::uint64_t> next_subject = 1;
  std::atomic<std::size_t> entries = 0;  // waiting, or on their way to the store, from where they may come back
  std::mutex mutex;                      // of what follows
  std::vector<AuditEntry> returned;      // by the store: the older ones
  std::array<AuditTally::Size, stripe_count> usual{};  // of each stripe at the last flush
  std::array<AuditTally::Size, stripe_count> usual_known{};
  std::multiset<std::int64_t> under_way;   // the oldest of each batch that is at the store
  std::vector<Completion<bool>> awaiting;  // the end of any of them
  bool refused = false;                    // the store refused the last batch: said once, not at every flush
  std::atomic<bool> stopped = false;

  [[nodiscard]] Result<> room() const {
    if (entries.load(std::memory_order_relaxed) < capacity) return {};
    return fail(Errc::store_unavailable, "the audit trail cannot be written, so nothing that must be audited is done",
                "mend the store (disk full, file permissions); requests are served again by themselves");
  }

  Stripe& stripe() { return stripes.at(ReadMostlyMutex::nearest_stripe(stripes.size())); }

  // What follows is done with the stripe locked.
  Result<> begin(Counted& counted, Time now) {
    counted.begin(now, next.fetch_add(1, std::memory_order_relaxed));
    entries.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  // False: it was not noted before, or there is no room for it.
  bool count(Counted* counted, Time now) {
    if (counted == nullptr) return false;
    if (counted->count > 0) {
      counted->again(now);
      return true;
    }
    return room() && begin(*counted, now);
  }
  bool count(Stripe& stripe, const RepeatKey& key, Time now) {
    return count(stripe.known.find(key), now) || count(stripe.fresh.find(key), now);
  }

  struct Batch {
    std::vector<AuditEntry> entries;
    std::vector<AuditTally> fresh;           // of each stripe: known once they are written
    std::vector<std::uint64_t> generations;  // of the askers whose numbers they have
    [[nodiscard]] std::int64_t oldest() const {
      return std::ranges::min_element(entries, {}, &AuditEntry::sequence)->sequence;
    }
  };
  // `all`: the repeats of what is known, too.
  Batch take(bool all) {
    const std::lock_guard whole{mutex};  // what is in no stripe any more counts as being written
    std::vector<AuditTally> fresh(stripe_count), known(all ? stripe_count : 0);
    std::vector<Askers> askers(known.size());
    std::vector<std::uint64_t> generations(stripe_count);
    // They become those that are written to: as large as the last ones, so that no request waits while one grows.
    for (std::size_t i = 0; i < fresh.size(); ++i) fresh[i].reserve(usual[i]);
    for (std::size_t i = 0; i < known.size(); ++i) known[i].reserve(usual_known[i]);
    for (Stripe& stripe : stripes) stripe.mutex.lock();  // of two that are taken the later is not taken without the earlier
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      std::swap(fresh[i], stripes[i].fresh);
      generations[i] = stripes[i].askers.generation();
    }
    for (std::size_t i = 0; i < known.size(); ++i) {
      std::swap(known[i], stripes[i].known);
      if (stripes[i].askers.size() <= most_askers) continue;
      askers[i] = stripes[i].askers.successor();
      std::swap(askers[i], stripes[i].askers);
    }
    for (Stripe& stripe : stripes) stripe.mutex.unlock();
    for (std::size_t i = 0; i < fresh.size(); ++i) usual[i] = fresh[i].size();
    for (std::size_t i = 0; i < known.size(); ++i) usual_known[i] = known[i].size();
    for (AuditTally& tally : fresh) entries.fetch_sub(tally.merge_repeats(), std::memory_order_relaxed);
    std::vector<AuditEntry> taken = AuditTally::in_order(fresh, known);
    for (std::size_t i = 0; i < known.size(); ++i) learn(i, known[i], generations[i]);
    Batch batch{std::exchange(returned, {}), std::move(fresh), std::move(generations)};
    batch.entries.insert(batch.entries.end(), std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
    if (!batch.entries.empty()) under_way.insert(batch.oldest());
    return batch;
  }

  // What is in the trail is counted from now on; by numbers of askers that are no more, nobody asks.
  void learn(std::size_t number, AuditTally& written, std::uint64_t generation) {
    Stripe& stripe = stripes.at(number);
    AuditTally::Walk walk{written};
    for (bool more = true; more;) {
      const std::lock_guard lock{stripe.mutex};
      more = stripe.askers.generation() == generation && stripe.known.learn(walk, learnt_at_once, most_known);
    }
  }

  // True if this is the first refusal.
  bool give_back(Batch batch) {
    const std::lock_guard lock{mutex};
    ended(batch);
    auto& all = batch.entries;
    all.insert(all.end(), std::make_move_iterator(returned.begin()), std::make_move_iterator(returned.end()));
    std::ranges::sort(all, {}, &AuditEntry::sequence);  // of two batches that were refused the older may come second
    returned = std::move(all);
    return !std::exchange(refused, true);
  }

  void written(const Batch& batch) {
    entries.fetch_sub(batch.entries.size(), std::memory_order_relaxed);
    const std::lock_guard lock{mutex};
    ended(batch);
    refused = false;
  }

  // With the lock.
  void ended(const Batch& batch) {
    under_way.erase(under_way.find(batch.oldest()));
    for (const auto& one : std::exchange(awaiting, {})) one.set(true);
  }

  // What was recorded before `sequence` and is in no stripe any more: in the trail; at the store, and this is set when that
  // may have changed; or back from there.
  enum class Whereabouts : std::uint8_t { written, under_way, returned };
  std::pair<Whereabouts, Completion<bool>> whereabouts(std::int64_t sequence) {
    Completion<bool> changed;
    const std::lock_guard lock{mutex};
    if (!under_way.empty() && *under_way.begin() < sequence) {
      awaiting.push_back(changed);
      return {Whereabouts::under_way, changed};
    }
    const bool back = !returned.empty() && returned.front().sequence < sequence;
    return {back ? Whereabouts::returned : Whereabouts::written, changed};
  }
};

Audit::Audit(Store& store, const Clock& clock, const Log& log, std::size_t capacity)
    : impl_{std::make_unique<Impl>(store, clock, log, capacity)} {}
Audit::~Audit() = default;

Result<> Audit::check_room() const { return impl_->room(); }

std::uint64_t Audit::new_subject() noexcept { return impl_->next_subject.fetch_add(1, std::memory_order_relaxed); }

Result<> Audit::record(const AuditNote& note, Time now) {
  const NoteText text{note};
  Stripe& stripe = impl_->stripe();
  const std::lock_guard lock{stripe.mutex};
  if (impl_->count(stripe.fresh.find(text), now)) return {};
  if (auto room = impl_->room(); !room) return room;
  return impl_->begin(stripe.fresh.add(text), now);
}

bool Audit::record_again(const AuditRepeat& repeat, Time now) {
  Stripe& stripe = impl_->stripe();
  const std::lock_guard lock{stripe.mutex};
  return impl_->count(stripe, stripe.key_of(repeat), now);
}

Result<> Audit::record(const AuditRepeat& repeat, const AuditNote& note, Time now) {
  const NoteText text{note};
  Stripe& stripe = impl_->stripe();
  const std::lock_guard lock{stripe.mutex};
  const RepeatKey key = stripe.key_of(repeat);
  if (impl_->count(stripe, key, now)) return {};  // on another processor than a moment ago
  if (auto room = impl_->room(); !room) return room;
  return impl_->begin(stripe.fresh.add(key, text), now);
}

Result<> Audit::record(const AuditEntry& entry) { return record(note_of(entry), impl_->clock.now()); }

// Everything that was recorded before, also what another flush has taken, and what comes back from that.
Task<Result<>> Audit::flush() {
  const std::int64_t end = impl_->next.load(std::memory_order_relaxed);
  while (true) {
    auto flushed = co_await write_down(true);
    if (!flushed) co_return flushed;
    const auto [where, changed] = impl_->whereabouts(end);
    if (where == Impl::Whereabouts::written) co_return flushed;
    if (where == Impl::Whereabouts::under_way) co_await changed;
  }
}

// `all`: the repeats of what was written lately, too.
Task<Result<>> Audit::write_down(bool all) {
  auto batch = impl_->take(all);
  if (batch.entries.empty()) co_return Result<>{};
  Result<> written;
  try {
    written = co_await impl_->store.append_audit(batch.entries);
  } catch (...) {  // no memory: others would wait for this batch for ever
    impl_->give_back(std::move(batch));
    throw;
  }
  if (written) {
    impl_->written(batch);
    for (std::size_t i = 0; i < batch.fresh.size(); ++i) impl_->learn(i, batch.fresh[i], batch.generations[i]);
    co_return written;
  }
  const auto entries = batch.entries.size();
  if (impl_->give_back(std::move(batch)))
    impl_->log.error("audit_not_written", {{"reason", written.error().message}, {"entries", entries}});
  co_return written;
}

Task<void> Audit::run(Duration flush_every, Duration repeats_every) {
  Time all_at = impl_->clock.now();
  while (!impl_->stopped) {
    co_await delay(flush_every);
    const Time now = impl_->clock.now();
    const bool all = now - all_at >= repeats_every || now < all_at;  // also after the clock was set back
    if (all) all_at = now;
    auto flushed = co_await write_down(all);
    if (!flushed) continue;  // kept, and tried again; `write_down` has said so
  }
}

void Audit::stop() { impl_->stopped = true; }

}  // namespace evergrant
