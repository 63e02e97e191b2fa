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
                 SingleFlight& flights, BacklogSpread& backlog, const Registrations& registrations,
                 const RefreshOptions& options)
    : executor_{executor},
      store_{store},
      clock_{clock},
      log_{log},
      report_{report},
      refresher_{refresher},
      flights_{flights},
      backlog_{backlog},
      registrations_{registrations},
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
    const Duration next = co_await look();
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
  if (std::exchange(look_again_, false)) co_return;
  wake_ = Completion<bool>{};
  const Duration length = std::max(at_most, shortest_sleep);
  asleep_until_ = clock_.now() + length;
  const Executor::TimerId timer = executor_.call_after(length, [wake = wake_] { wake.set(true); });
  co_await wake_;
  executor_.cancel(timer);
  asleep_until_.reset();
  look_again_ = false;
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
  if (!flights_.begin(key, clock_.now())) return;
  report_.in_flight(flights_.size());
  spawn(executor_, fly(key, wish));  // ends with the refresh, which ends by its own deadlines
}

Task<void> DueLoop::fly(std::string key, RefreshWish wish) {
  const bool done = co_await land(std::move(key), std::move(wish));
  (void)done;
}

// Whether it succeeded.
Task<bool> DueLoop::land(std::string key, RefreshWish wish) {
  Result<> outcome;
  try {
    outcome = co_await refresher_.refresh(std::move(wish));
  } catch (const std::exception& bug) {
    log_.error("refresh_threw", {{"flight", key}, {"what", bug.what()}});
    outcome = fail(Errc::internal, "the refresh ended by a bug", "See the log, event refresh_threw.");
  }
  end(key, outcome);
  co_return outcome.has_value();
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
    if (stopping_ || !flights_.begin(key, clock_.now())) continue;
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
Task<Duration> DueLoop::look() {
  if (clock_.now() - last_look_ > look_every_ + long_absence) {
    const auto spread = co_await backlog_.spread(stopping_);
    if (!spread) co_return after_store_error;
  }
  last_look_ = clock_.now();
  found_ = 0;
  Duration next = look_every_;
  for (const Registration& registration : registrations_.all()) {
    const auto soonest = co_await start_due(registration.id);
    if (!soonest) co_return after_store_error;
    if (stopping_) break;
    next = std::min(next, *soonest);
  }
  report_.due(found_);
  co_return next;
}

// Nothing: the store did not answer.
Task<std::optional<Duration>> DueLoop::start_due(RegistrationId registration) {
  Lane& lane = lanes_[registration];
  const int slots = refresher_.slots_of(registration);
  lane.most = slots * 2;  // as many wait as are sent: a slot that becomes free is taken at once
  const int limit = lane.most - std::min(lane.under_way, slots);  // those that wait for a slot are still listed
  auto rows = co_await store_.due(registration, clock_.now(), limit);
  if (!rows) {
    log_.warning("due_not_read", {{"registration", registration.str()}, {"code", to_string(rows.error().code)}});
    co_return std::nullopt;
  }
  found_ += rows->size();
  lane.has_more = std::cmp_greater_equal(rows->size(), limit);
  if (stopping_) co_return shortest_sleep;
  for (Connection& row : *rows) {
    if (lane.under_way < lane.most) begin_due(std::move(row), lane);
  }
  if (lane.has_more) co_return shortest_sleep;
  const auto next = co_await until_next_due(std::move(registration), lane.under_way);
  co_return next;
}

Task<std::optional<Duration>> DueLoop::until_next_due(RegistrationId registration, int under_way) {
  const Time now = clock_.now();
  const auto rows = co_await store_.due(std::move(registration), now + look_every_, under_way + 1);
  if (!rows) co_return std::nullopt;
  for (const Connection& row : *rows) {
    if (!flights_.running(flight_key(row)) && row.next_due_at)
      co_return std::max<Duration>(*row.next_due_at - now, shortest_sleep);
  }
  // All that were listed are under way, some by others than this loop: there may be more behind them.
  co_return std::cmp_greater(rows->size(), under_way) ? shortest_sleep : look_every_;
}

void DueLoop::begin_due(Connection row, Lane& lane) {
  const std::string key = flight_key(row);
  if (!flights_.begin(key, clock_.now())) return;
  report_.in_flight(flights_.size());
  ++lane.under_way;
  const auto listed = std::make_shared<const Connection>(std::move(row));
  RefreshWish wish{listed->id, listed->generation, Cause::due, listed};
  spawn(executor_, fly_due(key, std::move(wish), listed->registration));  // ends as `fly` does
}

Task<void> DueLoop::fly_due(std::string key, RefreshWish wish, RegistrationId registration) {
  const bool done = co_await land(std::move(key), std::move(wish));
  leave_lane(registration, done);
}

// Half empty: what was left is looked at now, and not when the loop would wake by itself. After a failure it waits: what
// fails at once, and stays due, would keep the loop from ever sleeping.
void DueLoop::leave_lane(const RegistrationId& registration, bool succeeded) {
  Lane& lane = lanes_[registration];
  --lane.under_way;
  if (!succeeded || !lane.has_more || lane.under_way > lane.most / 2) return;
  lane.has_more = false;  // once for each look
  look_again_ = true;
  wake_.set(true);
}

}  // namespace evergrant
