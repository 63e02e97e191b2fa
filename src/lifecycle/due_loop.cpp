#include "lifecycle/due_loop.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration recover_every = 30s;
constexpr Duration shortest_sleep = 250ms;
constexpr Duration after_store_error = 1s;
constexpr Duration after_escrow_error = 5s;
constexpr Duration long_absence = 1min;
constexpr int attempts_at_once = 10'000;

}  // namespace

DueLoop::DueLoop(Executor& executor, Store& store, Clock& clock, const Log& log, RefreshReport& report, Refresher& refresher,
                 SingleFlight& flights, BacklogSpread& backlog, const RefreshOptions& options)
    : executor_{executor},
      store_{store},
      clock_{clock},
      log_{log},
      report_{report},
      refresher_{refresher},
      flights_{flights},
      backlog_{backlog},
      batch_{std::max(1, options.due_batch)},
      look_every_{options.look_every} {}

Task<void> DueLoop::run() {
  co_await load_pauses();
  Time next_recovery = clock_.now();
  while (!stopping_) {  // ends with `stop`
    const Duration until_recovery = next_recovery - clock_.now();
    if (until_recovery <= 0ms || until_recovery > std::max(look_every_, recover_every)) {  // come, or the clock went back
      const Duration again = co_await recover();
      next_recovery = clock_.now() + again;
    }
    const Duration next = co_await start_due();
    if (stopping_) break;
    co_await sleep(std::min<Duration>(next, next_recovery - clock_.now()));
  }
}

void DueLoop::stop() {
  stopping_ = true;
  wake_.set(true);
}

void DueLoop::wake_by(Time due) {
  if (asleep_until_ && due < *asleep_until_) wake_.set(true);
}

Task<void> DueLoop::sleep(Duration at_most) {
  wake_ = Completion<bool>{};
  const Duration length = std::max(at_most, shortest_sleep);
  asleep_until_ = clock_.now() + length;
  const Executor::TimerId timer = executor_.call_after(length, [wake = wake_] { wake.set(true); });
  co_await wake_;
  executor_.cancel(timer);
  asleep_until_.reset();
}

Task<void> DueLoop::load_pauses() {
  auto loaded = co_await refresher_.start();
  while (!loaded && !stopping_) {  // ends when the store answers, or with `stop`
    log_.error("pauses_not_read", {{"code", to_string(loaded.error().code)}});
    co_await sleep(after_store_error);
    loaded = co_await refresher_.start();
  }
}

void DueLoop::begin(const std::string& key, const RefreshWish& wish) {
  if (!flights_.begin(key)) return;
  report_.in_flight(flights_.size());
  spawn(executor_, fly(key, wish));  // ends with the refresh, which ends by its own deadlines
}

Task<void> DueLoop::fly(std::string key, RefreshWish wish) {
  Result<> outcome;
  try {
    outcome = co_await refresher_.refresh(std::move(wish));
  } catch (const std::exception& bug) {
    log_.error("refresh_threw", {{"flight", key}, {"what", bug.what()}});
    outcome = fail(Errc::internal, "the refresh ended by a bug", "See the log, event refresh_threw.");
  }
  end(key, outcome);
}

void DueLoop::end(const std::string& key, const Result<>& outcome) {
  flights_.end(key, outcome);
  report_.in_flight(flights_.size());
  if (outcome || look_planned_ || stopping_) return;
  look_planned_ = true;
  spawn(executor_, look_soon());  // ends at the loop's next sleep
}

// A failure has moved the connection's due time close; the loop may sleep far past it, and past a grace window. All that
// fail together cost one look.
Task<void> DueLoop::look_soon() {
  do {
    co_await delay(shortest_sleep);
  } while (!asleep_until_ && !stopping_);
  look_planned_ = false;
  wake_.set(true);
}

// Step 8: at start, and again every half minute while there are any: their lease may still run, the store may fail.
Task<Duration> DueLoop::recover() {
  const auto replayed = co_await refresher_.replay_escrow();
  if (!replayed) {
    log_.warning("escrow_not_replayed", {{"code", to_string(replayed.error().code)}});
    co_return after_escrow_error;
  }
  auto attempts = co_await store_.unresolved_attempts(attempts_at_once);
  if (!attempts) {
    log_.warning("attempts_not_read", {{"code", to_string(attempts.error().code)}});
    co_return recover_every;
  }
  for (Attempt& attempt : *attempts) {
    const auto row = co_await store_.connection(attempt.connection);
    const std::string key = row ? flight_key(*row) : attempt.connection.str();
    if (stopping_ || !flights_.begin(key)) continue;
    report_.in_flight(flights_.size());
    spawn(executor_, resolve(key, std::move(attempt)));  // ends as `fly` does
  }
  if (refresher_.has_escrowed()) co_return after_escrow_error;
  co_return attempts->empty() ? std::max(look_every_, recover_every) : recover_every;
}

Task<void> DueLoop::resolve(std::string key, Attempt attempt) {
  Result<> outcome;
  const std::string connection = attempt.connection.str();
  try {
    outcome = co_await refresher_.recover(std::move(attempt));
  } catch (const std::exception& bug) {
    log_.error("recovery_threw", {{"connection", connection}, {"what", bug.what()}});
    outcome = fail(Errc::internal, "the recovery ended by a bug", "See the log, event recovery_threw.");
  }
  end(key, outcome);
}

// Starts what is due; how long until there may be more.
Task<Duration> DueLoop::start_due() {
  if (clock_.now() - last_look_ > look_every_ + long_absence) {
    const auto spread = co_await backlog_.spread(stopping_);
    if (!spread) co_return after_store_error;
  }
  last_look_ = clock_.now();
  const int limit = batch_ + static_cast<int>(flights_.size());  // those that wait for a slot are still listed
  const auto rows = co_await store_.due(clock_.now(), limit);
  if (!rows) {
    log_.warning("due_not_read", {{"code", to_string(rows.error().code)}});
    co_return after_store_error;
  }
  report_.due(rows->size());
  if (stopping_) co_return shortest_sleep;
  for (const Connection& row : *rows) begin(flight_key(row), {row.id, row.generation, Cause::due});
  if (std::cmp_greater_equal(rows->size(), limit)) co_return shortest_sleep;
  const Duration next = co_await until_next_due();
  co_return next;
}

Task<Duration> DueLoop::until_next_due() {
  const Time now = clock_.now();
  const auto rows = co_await store_.due(now + look_every_, static_cast<int>(flights_.size()) + 1);
  if (!rows) co_return after_store_error;
  for (const Connection& row : *rows) {
    if (!flights_.running(flight_key(row)) && row.next_due_at)
      co_return std::max<Duration>(*row.next_due_at - now, shortest_sleep);
  }
  co_return look_every_;
}

}  // namespace evergrant
