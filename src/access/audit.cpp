#include <algorithm>
#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <functional>
#include <iterator>
#include <mutex>
#include <utility>

#include "access/access_control.hpp"
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

constexpr std::size_t field_count = 9;
constexpr std::size_t most_reserved = 4096;  // entries of one stripe

// A note as one text, by which it is found: the fields behind their lengths.
class NoteText {
 public:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): of `near_` only what was written is read
  explicit NoteText(const AuditNote& note) {
    const std::array<std::string_view, field_count> fields{note.connection,   note.caller, note.fingerprint,
                                                           note.remote,       note.action, note.result,
                                                           note.registration, note.tenant, note.detail};
    std::size_t size = 0;
    for (const std::string_view field : fields) size += sizeof(std::uint32_t) + field.size();
    if (size > near_.size()) far_.resize(size);
    char* out = far_.empty() ? near_.data() : far_.data();
    text_ = {out, size};
    for (const std::string_view field : fields) {
      const auto length = static_cast<std::uint32_t>(field.size());
      std::memcpy(out, &length, sizeof length);
      if (!field.empty()) std::memcpy(out + sizeof length, field.data(), field.size());
      out += sizeof length + field.size();
    }
  }
  NoteText(const NoteText&) = delete;
  NoteText& operator=(const NoteText&) = delete;
  ~NoteText() = default;
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::array<char, 512> near_;
  std::string far_;  // where that is too small
  std::string_view text_;
};

// How often it was noted, and when: as much as one look at the memory brings.
struct Counted {
  std::int64_t sequence = 0;
  Time at;
  Time last_at;
  std::int64_t count = 1;
};

// What NoteText wrote, read back.
AuditEntry entry_of(std::string_view text, const Counted& counted) {
  std::array<std::string, field_count> fields;
  for (std::string& field : fields) {
    std::uint32_t length = 0;
    std::memcpy(&length, text.data(), sizeof length);
    field = text.substr(sizeof length, length);
    text.remove_prefix(sizeof length + length);
  }
  auto& [connection, caller, fingerprint, remote, action, result, registration, tenant, detail] = fields;
  AuditEntry entry;
  entry.sequence = counted.sequence;
  entry.at = counted.at;
  entry.caller = CallerId{std::move(caller)};
  entry.action = std::move(action);
  entry.result = std::move(result);
  entry.registration = RegistrationId{std::move(registration)};
  entry.tenant = TenantId{std::move(tenant)};
  entry.connection = ConnectionId{std::move(connection)};
  entry.fingerprint = std::move(fingerprint);
  entry.detail = std::move(detail);
  entry.remote = std::move(remote);
  entry.count = counted.count;
  if (counted.count > 1) entry.last_at = counted.last_at;
  return entry;
}

struct HashOfText {
  using is_transparent = void;
  using is_avalanching = void;  // NOLINT(readability-identifier-naming): as Boost calls it
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
using Entries = boost::unordered_flat_map<std::string, Counted, HashOfText, std::equal_to<>>;

// What was recorded on one processor since the last flush.
struct alignas(64) Stripe {
  std::mutex mutex;
  Entries entries;
};

// In the order in which they were made.
std::vector<AuditEntry> in_order(const std::array<Entries, stripe_count>& taken) {
  std::vector<const Entries::value_type*> order;
  for (const Entries& entries : taken) {
    for (const auto& entry : entries) order.push_back(&entry);
  }
  std::ranges::sort(order, {}, [](const auto* entry) { return entry->second.sequence; });
  std::vector<AuditEntry> made;
  made.reserve(order.size());
  for (const auto* entry : order) made.push_back(entry_of(entry->first, entry->second));
  return made;
}

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
  std::atomic<std::size_t> entries = 0;           // waiting, or on their way to the store, from where they may come back
  std::mutex mutex;                               // of what follows
  std::vector<AuditEntry> returned;               // by the store: the older ones
  std::array<std::size_t, stripe_count> usual{};  // entries of each stripe at the last flush
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
    std::array<Entries, stripe_count> taken;
    // They become those that are written to: as large as the last ones, so that no request waits while one grows.
    for (std::size_t i = 0; i < taken.size(); ++i) taken[i].reserve(std::min(usual[i], most_reserved));
    for (Stripe& stripe : stripes) stripe.mutex.lock();  // of two notes the later one is not taken without the earlier
    for (std::size_t i = 0; i < taken.size(); ++i) taken[i].swap(stripes[i].entries);
    for (Stripe& stripe : stripes) stripe.mutex.unlock();
    for (std::size_t i = 0; i < taken.size(); ++i) usual[i] = taken[i].size();
    std::vector<AuditEntry> fresh = in_order(taken);
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

Result<> Audit::record(const AuditNote& note, Time now) {
  const NoteText text{note};
  Stripe& stripe = impl_->stripes.at(ReadMostlyMutex::nearest_stripe(impl_->stripes.size()));
  const std::lock_guard lock{stripe.mutex};
  if (const auto found = stripe.entries.find(text.text()); found != stripe.entries.end()) {
    ++found->second.count;
    found->second.last_at = std::max(found->second.last_at, now);  // another thread may have looked at the clock later
    return {};
  }
  if (auto room = impl_->room(); !room) return room;
  stripe.entries.emplace(text.text(), Counted{impl_->next.fetch_add(1, std::memory_order_relaxed), now, now});
  impl_->entries.fetch_add(1, std::memory_order_relaxed);
  return {};
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
