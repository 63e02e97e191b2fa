#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <mutex>
#include <utility>

#include "access/access_control.hpp"
#include "access/audit_tally.hpp"
#include "base/read_mostly_mutex.hpp"

namespace evergrant {
namespace {

constexpr std::size_t stripe_count = 16;

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

// What was recorded on one processor since the last flush.
struct alignas(64) Stripe {
  std::mutex mutex;
  AuditTally tally;
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
  std::atomic<std::int64_t> next = 0;             // in which order they were made: the store numbers them anew
  std::atomic<std::uint64_t> next_subject = 1;
  std::atomic<std::size_t> entries = 0;           // waiting, or on their way to the store, from where they may come back
  std::mutex mutex;                               // of what follows
  std::vector<AuditEntry> returned;               // by the store: the older ones
  std::array<AuditTally::Size, stripe_count> usual{};  // of each stripe at the last flush
  std::size_t being_written = 0;
  bool refused = false;  // the store refused the last batch: said once, not at every flush
  std::atomic<bool> stopped = false;

  [[nodiscard]] Result<> room() const {
    if (entries.load(std::memory_order_relaxed) < capacity) return {};
    return fail(Errc::store_unavailable, "the audit trail cannot be written, so nothing that must be audited is done",
                "mend the store (disk full, file permissions); requests are served again by themselves");
  }

  Stripe& stripe() { return stripes.at(ReadMostlyMutex::nearest_stripe(stripes.size())); }

  // With the stripe locked.
  template <class Put>
  Result<> add(Put&& put) {
    if (auto known = room(); !known) return known;
    std::forward<Put>(put)(next.fetch_add(1, std::memory_order_relaxed));
    entries.fetch_add(1, std::memory_order_relaxed);
    return {};
  }

  struct Batch {
    std::vector<AuditEntry> entries;
    bool is_first = true;  // no other batch is on its way to the store
  };
  Batch take() {
    const std::lock_guard whole{mutex};  // what is in no stripe any more counts as being written
    std::array<AuditTally, stripe_count> taken;
    // They become those that are written to: as large as the last ones, so that no request waits while one grows.
    for (std::size_t i = 0; i < taken.size(); ++i) taken[i].reserve(usual[i]);
    for (Stripe& stripe : stripes) stripe.mutex.lock();  // of two notes the later one is not taken without the earlier
    for (std::size_t i = 0; i < taken.size(); ++i) std::swap(taken[i], stripes[i].tally);
    for (Stripe& stripe : stripes) stripe.mutex.unlock();
    for (std::size_t i = 0; i < taken.size(); ++i) usual[i] = taken[i].size();
    for (AuditTally& tally : taken) entries.fetch_sub(tally.merge_repeats(), std::memory_order_relaxed);
    std::vector<AuditEntry> fresh = AuditTally::in_order(taken);
    Batch batch{std::exchange(returned, {}), being_written == 0};
    batch.entries.insert(batch.entries.end(), std::make_move_iterator(fresh.begin()), std::make_move_iterator(fresh.end()));
    being_written += batch.entries.size();
    return batch;
  }

  // True if this is the first refusal.
  bool give_back(std::vector<AuditEntry> batch) {
    const std::lock_guard lock{mutex};
    being_written -= batch.size();
    batch.insert(batch.end(), std::make_move_iterator(returned.begin()), std::make_move_iterator(returned.end()));
    std::ranges::sort(batch, {}, &AuditEntry::sequence);  // of two batches that were refused the older may come second
    returned = std::move(batch);
    return !std::exchange(refused, true);
  }

  void written(std::size_t count) {
    entries.fetch_sub(count, std::memory_order_relaxed);
    const std::lock_guard lock{mutex};
    being_written -= count;
    refused = false;
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
  if (stripe.tally.count(text, now)) return {};
  return impl_->add([&](std::int64_t sequence) { stripe.tally.add(text, now, sequence); });
}

bool Audit::record_again(const AuditRepeat& repeat, Time now) {
  Stripe& stripe = impl_->stripe();
  const std::lock_guard lock{stripe.mutex};
  return stripe.tally.count(repeat, now);
}

Result<> Audit::record(const AuditRepeat& repeat, const AuditNote& note, Time now) {
  const NoteText text{note};
  Stripe& stripe = impl_->stripe();
  const std::lock_guard lock{stripe.mutex};
  if (stripe.tally.count(repeat, now)) return {};  // on another processor than a moment ago
  return impl_->add([&](std::int64_t sequence) { stripe.tally.add(repeat, text, now, sequence); });
}

Result<> Audit::record(const AuditEntry& entry) { return record(note_of(entry), impl_->clock.now()); }

Task<Result<>> Audit::flush() {
  auto [batch, is_first] = impl_->take();
  // Behind another flush nothing is durable yet: an empty batch waits its turn at the store's writer.
  if (batch.empty() && is_first) co_return Result<>{};
  auto written = co_await impl_->store.append_audit(batch);
  if (written) {
    impl_->written(batch.size());
    co_return written;
  }
  const auto entries = batch.size();
  if (impl_->give_back(std::move(batch)))
    impl_->log.error("audit_not_written", {{"reason", written.error().message}, {"entries", entries}});
  co_return written;
}

Task<void> Audit::run(Duration flush_every) {
  while (!impl_->stopped) {
    co_await delay(flush_every);
    auto flushed = co_await flush();
    if (!flushed) continue;  // kept, and tried again; `flush` has said so
  }
}

void Audit::stop() { impl_->stopped = true; }

}  // namespace evergrant
