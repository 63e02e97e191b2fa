#include <atomic>
#include <iterator>
#include <mutex>
#include <utility>

#include "access/access_control.hpp"

namespace evergrant {

struct Audit::Impl {
  Store& store;
  const Clock& clock;
  const Log& log;
  std::size_t capacity;
  std::mutex mutex;  // held for buffer operations only
  std::vector<AuditEntry> waiting;
  std::size_t being_written = 0;  // they come back if the store refuses, so they count
  bool refused = false;           // the store refused the last batch: said once, not at every flush
  std::atomic<bool> stopped = false;

  // Under `mutex`.
  [[nodiscard]] Result<> room() const {
    if (waiting.size() + being_written < capacity) return {};
    return fail(Errc::store_unavailable, "the audit trail cannot be written, so nothing that must be audited is done",
                "mend the store (disk full, file permissions); requests are served again by themselves");
  }

  struct Batch {
    std::vector<AuditEntry> entries;
    bool is_first = true;  // no other batch is on its way to the store
  };
  Batch take() {
    const std::lock_guard lock{mutex};
    const bool is_first = being_written == 0;
    being_written += waiting.size();
    return {std::exchange(waiting, {}), is_first};
  }

  // Again to the front: they are the older ones. True if this is the first refusal.
  bool give_back(std::vector<AuditEntry> batch) {
    const std::lock_guard lock{mutex};
    being_written -= batch.size();
    batch.insert(batch.end(), std::make_move_iterator(waiting.begin()), std::make_move_iterator(waiting.end()));
    waiting = std::move(batch);
    return !std::exchange(refused, true);
  }

  void written(std::size_t entries) {
    const std::lock_guard lock{mutex};
    being_written -= entries;
    refused = false;
  }
};

Audit::Audit(Store& store, const Clock& clock, const Log& log, std::size_t capacity)
    : impl_{std::make_unique<Impl>(store, clock, log, capacity)} {}
Audit::~Audit() = default;

Result<> Audit::check_room() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->room();
}

Result<> Audit::record(AuditEntry entry) {
  entry.at = impl_->clock.now();
  const std::lock_guard lock{impl_->mutex};
  if (auto room = impl_->room(); !room) return room;
  impl_->waiting.push_back(std::move(entry));
  return {};
}

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
