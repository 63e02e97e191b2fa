#include <atomic>
#include <iterator>
#include <mutex>

#include "access/access_control.hpp"

namespace evergrant {

struct Audit::Impl {
  Store& store;
  const Clock& clock;
  const Log& log;
  std::size_t capacity;
  std::mutex mutex;  // held for buffer operations only
  std::vector<AuditEntry> waiting;
  std::atomic<bool> stopped = false;
  bool refused = false;  // the store refused the last batch: said once, not at every flush
};

Audit::Audit(Store& store, const Clock& clock, const Log& log, std::size_t capacity)
    : impl_{std::make_unique<Impl>(store, clock, log, capacity)} {}
Audit::~Audit() = default;

Result<> Audit::record(AuditEntry entry) {
  entry.at = impl_->clock.now();
  const std::lock_guard lock{impl_->mutex};
  if (impl_->waiting.size() >= impl_->capacity) {
    return fail(Errc::store_unavailable, "the audit trail cannot be written, so nothing that must be audited is done",
                "mend the store (disk full, file permissions); requests are served again by themselves");
  }
  impl_->waiting.push_back(std::move(entry));
  return {};
}

Task<Result<>> Audit::flush() {
  std::vector<AuditEntry> batch;
  {
    const std::lock_guard lock{impl_->mutex};
    batch.swap(impl_->waiting);
  }
  if (batch.empty()) co_return Result<>{};
  auto written = co_await impl_->store.append_audit(batch);
  if (written) {
    impl_->refused = false;
    co_return written;
  }
  if (!impl_->refused)
    impl_->log.error("audit_not_written", {{"reason", written.error().message}, {"entries", batch.size()}});
  impl_->refused = true;
  const std::lock_guard lock{impl_->mutex};
  batch.insert(batch.end(), std::make_move_iterator(impl_->waiting.begin()), std::make_move_iterator(impl_->waiting.end()));
  impl_->waiting = std::move(batch);
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
