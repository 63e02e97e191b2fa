#include "lifecycle/registration_gates.hpp"

#include <algorithm>
#include <utility>

namespace evergrant {

namespace {

int slots_of(const Registration& registration, int concurrency) {
  const int own = registration.provider.refresh.max_concurrency;
  return own > 0 ? std::min(own, concurrency) : concurrency;
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
    of(*registration).guard.restore(hold.released_at);
    report_.mass_failure(hold.registration, !hold.released_at);
  }
  co_return Result<>{};
}

Task<Result<>> RegistrationGates::release(RegistrationId id) {
  auto resumed = co_await store_.resume(id);
  if (!resumed) co_return resumed;
  const auto found = gates_.find(id);
  if (found != gates_.end()) found->second->breaker.release();
  report_.gate(id, static_cast<int>(Breaker::State::closed));
  log_.info("registration_resumed", {{"registration", id.str()}, {"by", "operator"}});
  co_await tell(registration_resumed_event(id, true, clock_.now()));
  co_return resumed;
}

Task<Result<>> RegistrationGates::release_hold(RegistrationId id) {
  const Time now = clock_.now();
  auto released = co_await store_.release_hold(id, now, hold_released_event(id, now));
  if (!released) co_return released;
  const auto found = gates_.find(id);
  if (found != gates_.end()) found->second->guard.release(now);
  report_.mass_failure(id, false);
  log_.info("mass_failure_released", {{"registration", id.str()}, {"by", "operator"}});
  co_return released;
}

// The hold counts in memory whatever the store says; stored, it survives a restart.
Task<bool> RegistrationGates::holds_back(const Registration& registration, bool first) {
  MassFailureGuard& guard = of(registration).guard;
  const Time now = clock_.now();
  const MassFailureGuard::Step step = guard.refused(first, now);
  if (step != MassFailureGuard::Step::begin_hold) co_return step == MassFailureGuard::Step::hold;
  const auto [failed, refreshed] = guard.counts(now);
  log_.error("mass_failure", {{"registration", registration.id.str()},
                              {"failed", failed},
                              {"refreshed", refreshed},
                              {"effect", "no connection changes its state until an operator releases the hold"}});
  report_.mass_failure(registration.id, true);
  Store::Hold hold{
      .registration = registration.id, .since = now, .failed = failed, .refreshed = refreshed, .released_at = std::nullopt};
  Event event = mass_failure_event(hold);
  const auto stored = co_await store_.hold(std::move(hold), std::move(event));
  if (!stored) log_.warning("hold_not_stored", {{"registration", registration.id.str()}});
  co_return true;
}

std::optional<Error> RegistrationGates::refusal(const Registration& registration,
                                                const Breaker::Admission& admission) const {
  if (admission.allowed) return std::nullopt;
  const auto found = gates_.find(registration.id);
  const std::string again = "Tried again by itself at " + to_rfc3339(admission.retry_at) + '.';
  if (found != gates_.end() && found->second->breaker.state() == Breaker::State::paused) {
    return Error{Errc::registration_paused, "The provider refuses our client of registration " + registration.id.str() + '.',
                 "Check its client_id and client_secret. " + again};
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

// The pause is kept in memory whatever the store says: the stored one only spares the provider after a restart.
Task<void> RegistrationGates::pause(const Registration& registration, Verdict verdict) {
  const Time now = clock_.now();
  log_.error("registration_paused",
             {{"registration", registration.id.str()}, {"code", verdict.code}, {"detail", verdict.description}});
  const auto paused = co_await store_.pause({registration.id, verdict.code, verdict.description, now});
  if (!paused) log_.warning("pause_not_stored", {{"registration", registration.id.str()}});
  co_await tell(registration_paused_event(registration.id, verdict, now));
}

Task<void> RegistrationGates::resume(const Registration& registration) {
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
