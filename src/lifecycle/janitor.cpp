#include "lifecycle/janitor.hpp"

namespace evergrant {
namespace {

constexpr int swept_at_once = 1000;

RetentionCutoffs cutoffs_at(const Retention& retention, Time now) {
  const auto before = [&](const std::optional<Duration>& kept) { return kept ? std::optional{now - *kept} : std::nullopt; };
  return {.sessions = before(retention.sessions),
          .revoked_connections = before(retention.revoked_connections),
          .audit = before(retention.audit),
          .events = before(retention.events),
          .idempotency = before(retention.idempotency),
          .derived_callers = before(retention.derived_callers)};
}

std::int64_t rows_of(const SweepReport& report) {
  return report.sessions + report.connections + report.audit + report.events + report.idempotency + report.tenant_keys +
         report.callers;
}

void add(SweepReport& total, const SweepReport& part) {
  total.sessions += part.sessions;
  total.connections += part.connections;
  total.audit += part.audit;
  total.events += part.events;
  total.idempotency += part.idempotency;
  total.tenant_keys += part.tenant_keys;
  total.callers += part.callers;
}

}  // namespace

Janitor::Janitor(Store& store, Clock& clock, Metrics& metrics, const Log& log, Retention retention, Duration every)
    : store_{store}, clock_{clock}, metrics_{metrics}, log_{log}, retention_{retention}, periodic_{every} {}

Task<Result<SweepReport>> Janitor::sweep() {
  const auto cutoffs = cutoffs_at(retention_, clock_.now());
  SweepReport total;
  while (true) {
    auto part = co_await store_.sweep(cutoffs, swept_at_once);
    if (!part) co_return std::unexpected(part.error());
    add(total, *part);
    if (rows_of(*part) == 0) break;  // batches keep each transaction short
  }
  metrics_.counter("evergrant_swept_rows_total", "Rows removed by the janitor").add(static_cast<double>(rows_of(total)));
  if (rows_of(total) > 0) {
    log_.info("swept", {{"sessions", total.sessions},
                        {"connections", total.connections},
                        {"audit", total.audit},
                        {"events", total.events},
                        {"idempotency", total.idempotency},
                        {"tenant_keys", total.tenant_keys},
                        {"derived_callers", total.callers}});
  }
  co_return total;
}

Task<void> Janitor::run() {
  co_await periodic_.run([this] { return sweep_once(); });
}

Task<void> Janitor::sweep_once() {
  const auto swept = co_await sweep();
  if (!swept) log_.warning("sweep_failed", {{"reason", swept.error().message}});
}

}  // namespace evergrant
