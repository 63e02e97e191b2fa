#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <iterator>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "access/access_control.hpp"
#include "base/read_mostly_mutex.hpp"

namespace evergrant {
namespace {

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

AuditEntry entry_of(const AuditNote& note, std::int64_t sequence, Time at) {
  AuditEntry entry;
  entry.sequence = sequence;
  entry.at = at;
  entry.caller = CallerId{note.caller};
  entry.action = note.action;
  entry.result = note.result;
  entry.registration = RegistrationId{note.registration};
  entry.tenant = TenantId{note.tenant};
  entry.connection = ConnectionId{note.connection};
  entry.fingerprint = note.fingerprint;
  entry.detail = note.detail;
  entry.remote = note.remote;
  return entry;
}

bool is_same(const AuditNote& a, const AuditNote& b) {
  return a.connection == b.connection && a.caller == b.caller && a.fingerprint == b.fingerprint && a.remote == b.remote &&
         a.action == b.action && a.result == b.result && a.detail == b.detail && a.tenant == b.tenant &&
         a.registration == b.registration;
}

// Of what differs most; the rest is compared.
std::size_t hash_of(const AuditNote& note) {
  constexpr std::size_t prime = 1099511628211U;
  const std::hash<std::string_view> hash;
  return (((hash(note.connection) * prime ^ hash(note.caller)) * prime ^ hash(note.action)) * prime ^ hash(note.remote)) *
             prime ^
         hash(note.detail);
}

// What was recorded on one processor since the last flush.
struct alignas(64) Stripe {
  std::mutex mutex;
  std::unordered_map<std::size_t, AuditEntry> entries;  // by hash, or the next free number behind it
};

}  // namespace

struct Audit::Impl {
  Impl(Store& store_used, const Clock& clock_used, const Log& log_used, std::size_t most)
      : store{store_used}, clock{clock_used}, log{log_used}, capacity{most} {}

  std::array<Stripe, 16> stripes;
  Store& store;
  const Clock& clock;
  const Log& log;
  std::size_t capacity;
  std::atomic<std::int64_t> next = 0;    // in which order they were made: the store numbers them anew
  std::atomic<std::size_t> entries = 0;  // waiting, or on their way to the store, from where they may come back
  std::mutex mutex;                      // of what follows
  std::vector<AuditEntry> returned;      // by the store: the older ones
  std::size_t being_written = 0;
  bool refused = false;  // the store refused the last batch: said once, not at every flush
  std::atomic<bool> stopped = false;

  [[nodiscard]] Result<> room() const {
    if (entries.load(std::memory_order_relaxed) < capacity) return {};
    return fail(Errc::store_unavailable, "the audit trail cannot be written, so nothing that must be audited is done",
                "mend the store (disk full, file permissions); requests are served again by themselves");
  }

  struct Batch {
    std::vector<AuditEntry> entries;
    bool is_first = true;  // no other batch is on its way to the store
  };
  Batch take() {
    const std::lock_guard whole{mutex};  // what is in no stripe any more counts as being written
    std::vector<AuditEntry> fresh;
    for (Stripe& stripe : stripes) {
      decltype(stripe.entries) taken;
      {
        const std::lock_guard lock{stripe.mutex};
        taken.swap(stripe.entries);
      }
      for (auto& [hash, entry] : taken) fresh.push_back(std::move(entry));
    }
    std::ranges::sort(fresh, {}, &AuditEntry::sequence);
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

Result<> Audit::record(const AuditNote& note) {
  const Time now = impl_->clock.now();
  Stripe& stripe = impl_->stripes.at(ReadMostlyMutex::nearest_stripe(impl_->stripes.size()));
  const std::lock_guard lock{stripe.mutex};
  std::size_t hash = hash_of(note);
  for (auto found = stripe.entries.find(hash); found != stripe.entries.end(); found = stripe.entries.find(++hash)) {
    AuditEntry& entry = found->second;
    if (!is_same(note_of(entry), note)) continue;
    ++entry.count;
    entry.last_at = now;
    return {};
  }
  if (auto room = impl_->room(); !room) return room;
  impl_->entries.fetch_add(1, std::memory_order_relaxed);
  stripe.entries.emplace(hash, entry_of(note, impl_->next.fetch_add(1, std::memory_order_relaxed), now));
  return {};
}

Result<> Audit::record(const AuditEntry& entry) { return record(note_of(entry)); }

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
