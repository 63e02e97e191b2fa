#include "lifecycle/registration_gates.hpp"

#include <algorithm>
#include <utility>

namespace evergrant {

namespace {

int slots_of(const Registration& registration, int concurrency) {
  const int own = registration.provider.refresh.max_concurrency;
  return own > 0 ? std::min(own, concurrency) : concurrency;
}

// While it lives, what is read of the rows may be older than what is written there.
class OwnWord {
 public:
  explicit OwnWord(RegistrationGate& gate) : gate_{gate} { ++gate_.writing; }
  OwnWord(const OwnWord&) = delete;
  OwnWord& operator=(const OwnWord&) = delete;
  ~OwnWord() {
    --gate_.writing;
    ++gate_.written;
  }

 private:
  RegistrationGate& gate_;
};

std::optional<StoredHold> find_hold(const std::vector<Store::Hold>& holds, const RegistrationId& id) {
  const auto found = std::ranges::find(holds, id, &Store::Hold::registration);
  if (found == holds.end()) return std::nullopt;
  return StoredHold{.since = found->since, .released_at = found->released_at};
}

}  // namespace

RegistrationGates::RegistrationGates(Store& store, Clock& clock, Random& random, const Log& log, RefreshReport& report,
                                     int concurrency, const MassFailureLimits& limits)
    : store_{store},
      clock_{clock},
      random_{random},
      log_{log},
      report_{report},
      concurrency_{concurrency},
      limits_{limits} {}

RegistrationGate& RegistrationGates::of(const Registration& registration) {
  auto& gate = gates_[registration.id];
  if (!gate) {
    gate = std::make_unique<RegistrationGate>(slots_of(registration, concurrency_),
                                              registration.provider.refresh.max_rate_per_second, limits_);
  }
  return *gate;
}

Task<Result<>> RegistrationGates::load(const Registrations& registrations) {
  const auto pauses = co_await store_.paused();
  if (!pauses) co_return std::unexpected(pauses.error());
  for (const Store::Pause& pause : *pauses) {
    const Registration* registration = registrations.find(pause.registration);
    if (registration == nullptr) continue;
    of(*registration).breaker.restore_pause(clock_.now());
    report_.gate(pause.registration, static_cast<int>(Breaker::State::paused));
  }
  const auto holds = co_await store_.holds();
  if (!holds) co_return std::unexpected(holds.error());
  for (const Store::Hold& hold : *holds) {
    const Registration* registration = registrations.find(hold.registration);
    if (registration == nullptr) continue;
    MassFailureGuard& guard = of(*registration).guard;
    if (hold.released_at) {
      guard.believe(*hold.released_at);
    } else {
      guard.hold(hold.since);
    }
    report_.mass_failure(hold.registration, !hold.released_at);
  }
  co_return Result<>{};
}

Task<Result<>> RegistrationGates::follow(const Registrations& registrations) {
  std::map<RegistrationId, std::uint64_t> before;
  for (const auto& [id, gate] : gates_) {
    if (gate->writing == 0) before.emplace(id, gate->written);
  }
  const auto pauses = co_await store_.paused();
  if (!pauses) co_return std::unexpected(pauses.error());
  const auto holds = co_await store_.holds();
  if (!holds) co_return std::unexpected(holds.error());
  for (const Registration& registration : registrations.all()) {
    const bool paused = std::ranges::count(*pauses, registration.id, &Store::Pause::registration) > 0;
    const auto held = find_hold(*holds, registration.id);
    const auto known = gates_.find(registration.id);
    if (known == gates_.end() && !paused && !held) continue;
    const auto seen = before.find(registration.id);
    RegistrationGate& gate = of(registration);
    const bool unseen = known != gates_.end() && (seen == before.end() || seen->second != gate.written || gate.writing > 0);
    if (unseen) continue;  // what was read may be older than what this process wrote: next time
    co_await follow_pause(registration.id, gate, paused);
    co_await follow_hold(registration.id, gate, held);
  }
  co_return Result<>{};
}

Task<void> RegistrationGates::follow_pause(const RegistrationId& id, RegistrationGate& gate, bool stored) {
  const bool paused = gate.breaker.state() == Breaker::State::paused;
  if (stored || !paused) gate.unwritten_pause.reset();
  switch (evergrant::follow_pause(paused, !gate.unwritten_pause, stored)) {
    case PauseStep::none: co_return;
    case PauseStep::pause:
      gate.breaker.follow_pause(clock_.now(), random_);
      log_.warning("registration_paused", {{"registration", id.str()}, {"by", "another process"}});
      break;
    case PauseStep::resume:
      gate.breaker.release();
      log_.info("registration_resumed", {{"registration", id.str()}, {"by", "another process"}});
      break;
    case PauseStep::write: {
      Store::Pause row = *gate.unwritten_pause;
      co_await write_pause(gate, std::move(row));
      co_return;
    }
  }
  report_.gate(id, static_cast<int>(gate.breaker.state()));
}

Task<void> RegistrationGates::follow_hold(const RegistrationId& id, RegistrationGate& gate,
                                          std::optional<StoredHold> stored) {
  if (!gate.guard.holding()) gate.unwritten_hold.reset();
  switch (evergrant::follow_hold(gate.guard.held_since(), !gate.unwritten_hold, stored)) {
    case HoldStep::none: co_return;
    case HoldStep::hold: hold_elsewhere(id, gate, stored->since); co_return;
    case HoldStep::release: released_elsewhere(id, gate, *stored->released_at); co_return;
    case HoldStep::believe: gate.guard.believe(*stored->released_at); co_return;
    case HoldStep::write: co_await write_hold(id, gate); co_return;
  }
}

void RegistrationGates::hold_elsewhere(const RegistrationId& id, RegistrationGate& gate, Time since) {
  gate.guard.hold(since);
  log_.error("mass_failure", {{"registration", id.str()}, {"by", "another process"}});
  report_.mass_failure(id, true);
}

void RegistrationGates::released_elsewhere(const RegistrationId& id, RegistrationGate& gate, Time at) {
  gate.guard.release(at);
  gate.unwritten_hold.reset();
  log_.info("mass_failure_released", {{"registration", id.str()}, {"by", "another process"}});
  report_.mass_failure(id, false);
}

Task<Result<>> RegistrationGates::release(RegistrationId id) {
  const auto found = gates_.find(id);
  std::optional<OwnWord> word;
  if (found != gates_.end()) word.emplace(*found->second);
  auto resumed = co_await store_.resume(id);
  if (!resumed) co_return resumed;
  if (found != gates_.end()) found->second->breaker.release();
  report_.gate(id, static_cast<int>(Breaker::State::closed));
  log_.info("registration_resumed", {{"registration", id.str()}, {"by", "operator"}});
  co_await tell(registration_resumed_event(id, true, clock_.now()));
  co_return resumed;
}

Task<Result<>> RegistrationGates::release_hold(RegistrationId id) {
  const Time now = clock_.now();
  const auto found = gates_.find(id);
  std::optional<OwnWord> word;
  if (found != gates_.end()) word.emplace(*found->second);
  auto released = co_await store_.release_hold(id, now, hold_released_event(id, now));
  const bool unwritten = found != gates_.end() && found->second->unwritten_hold && found->second->guard.holding();
  const bool is_only_here = unwritten && !released && released.error().code == Errc::not_found;
  if (!released && !is_only_here) co_return released;
  if (is_only_here) co_await tell(hold_released_event(id, now));  // the store never had this hold
  if (found != gates_.end()) {
    found->second->guard.release(now);
    found->second->unwritten_hold.reset();
  }
  report_.mass_failure(id, false);
  log_.info("mass_failure_released", {{"registration", id.str()}, {"by", "operator"}});
  co_return Result<>{};
}

// The hold counts in memory whatever the store says; stored, it survives a restart and reaches the other processes.
Task<bool> RegistrationGates::holds_back(const Registration& registration, const ConnectionId& connection, bool first) {
  RegistrationGate& gate = of(registration);
  const RegistrationId id = registration.id;
  const MassFailureGuard::Step step = gate.guard.refused(connection, first, clock_.now());
  if (step == MassFailureGuard::Step::believe) co_return false;
  const bool begins = step == MassFailureGuard::Step::begin_hold;
  const OwnWord word{gate};
  const auto holds = co_await store_.holds();
  const auto stored = holds ? find_hold(*holds, id) : std::nullopt;
  if (!begins) {
    const HoldStep follows = evergrant::follow_hold(gate.guard.held_since(), true, stored);
    if (follows == HoldStep::release) released_elsewhere(id, gate, *stored->released_at);
    co_return gate.guard.holding();
  }
  if (stored && !stored->released_at) {
    hold_elsewhere(id, gate, stored->since);
  } else if (stored && MassFailureGuard::believes_after(*stored->released_at, clock_.now())) {
    gate.guard.believe(*stored->released_at);
  } else if (gate.guard.holding()) {
    co_await begin_hold(id, gate);
  }
  co_return gate.guard.holding();
}

Task<void> RegistrationGates::begin_hold(const RegistrationId& id, RegistrationGate& gate) {
  const Time now = clock_.now();
  const auto [failed, refreshed] = gate.guard.counts(now);
  log_.error("mass_failure", {{"registration", id.str()},
                              {"failed", failed},
                              {"refreshed", refreshed},
                              {"effect", "no connection changes its state until an operator releases the hold"}});
  report_.mass_failure(id, true);
  gate.unwritten_hold =
      Store::Hold{.registration = id, .since = now, .failed = failed, .refreshed = refreshed, .released_at = std::nullopt};
  co_await write_hold(id, gate);
}

Task<void> RegistrationGates::write_hold(const RegistrationId& id, RegistrationGate& gate) {
  const OwnWord word{gate};
  Store::Hold hold = *gate.unwritten_hold;
  Event event = mass_failure_event(hold);
  const auto stored = co_await store_.hold(std::move(hold), std::move(event));
  if (stored) gate.unwritten_hold.reset();
  if (!stored) log_.warning("hold_not_stored", {{"registration", id.str()}});
}

std::optional<Error> RegistrationGates::refusal(const Registration& registration,
                                                const Breaker::Admission& admission) const {
  if (admission.allowed) return std::nullopt;
  const auto found = gates_.find(registration.id);
  const std::string again = "Tried again by itself at " + to_rfc3339(admission.retry_at) + '.';
  if (found != gates_.end() && found->second->breaker.state() == Breaker::State::paused) {
    return Error{Errc::registration_paused, "The provider refuses our client of registration " + registration.id.str() + '.',
                 "Check " + what_proves_client(registration) + ". " + again};
  }
  return Error{Errc::provider_unavailable,
               "The token endpoint of registration " + registration.id.str() + " is in trouble; requests are held back.",
               again};
}

Task<void> RegistrationGates::settle(const Registration& registration, Verdict verdict) {
  Breaker& breaker = of(registration).breaker;
  const Breaker::State before = breaker.state();
  breaker.settle(verdict, clock_.now(), random_);
  const Breaker::State after = breaker.state();
  report_.gate(registration.id, static_cast<int>(after));
  if (verdict.failure == FailureClass::none) of(registration).guard.refreshed(clock_.now());
  if (after == before) co_return;
  if (after == Breaker::State::open) {
    log_.error("circuit_opened", {{"registration", registration.id.str()}, {"code", verdict.code}});
  } else if (after == Breaker::State::paused) {
    co_await pause(registration, std::move(verdict));
  } else if (before == Breaker::State::open) {
    log_.info("circuit_closed", {{"registration", registration.id.str()}});
  }
  if (before == Breaker::State::paused && after == Breaker::State::closed) co_await resume(registration);
}

// The pause is kept in memory whatever the store says: the stored one spares the provider after a restart, and reaches the
// other processes.
Task<void> RegistrationGates::pause(const Registration& registration, Verdict verdict) {
  const Time now = clock_.now();
  log_.error("registration_paused",
             {{"registration", registration.id.str()}, {"code", verdict.code}, {"detail", verdict.description}});
  co_await write_pause(of(registration), {registration.id, verdict.code, verdict.description, now});
  co_await tell(registration_paused_event(registration, verdict, now));
}

Task<void> RegistrationGates::write_pause(RegistrationGate& gate, Store::Pause row) {
  const OwnWord word{gate};
  gate.unwritten_pause = row;
  const std::string id = row.registration.str();
  const auto paused = co_await store_.pause(std::move(row));
  if (paused) gate.unwritten_pause.reset();
  if (!paused) log_.warning("pause_not_stored", {{"registration", id}});
}

Task<void> RegistrationGates::resume(const Registration& registration) {
  const OwnWord word{of(registration)};
  log_.info("registration_resumed", {{"registration", registration.id.str()}});
  const auto resumed = co_await store_.resume(registration.id);
  if (!resumed) log_.warning("resume_not_stored", {{"registration", registration.id.str()}});
  co_await tell(registration_resumed_event(registration.id, false, clock_.now()));
}

Task<void> RegistrationGates::tell(Event event) {
  const std::string type = event.type;
  const auto told = co_await store_.append_event(std::move(event));
  if (!told) log_.debug("event_not_stored", {{"type", type}});
}

}  // namespace evergrant
