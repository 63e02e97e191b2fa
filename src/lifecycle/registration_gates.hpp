// Per registration: the breaker, the request slots, the pace and the mass-failure guard. One registration in trouble never
// holds up another. On the engine's executor.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "lifecycle/breaker.hpp"
#include "lifecycle/mass_failure_guard.hpp"
#include "lifecycle/pace.hpp"
#include "lifecycle/refresh_report.hpp"
#include "lifecycle/registration_standing.hpp"
#include "lifecycle/request_slots.hpp"
#include "model/registration.hpp"
#include "store/store.hpp"

namespace evergrant {

struct RegistrationGate {
  RegistrationGate(int concurrency, double per_second, const MassFailureLimits& limits)
      : slots{concurrency}, pace{per_second}, guard{limits} {}
  Breaker breaker;
  RequestSlots slots;
  Pace pace;
  MassFailureGuard guard;
  std::optional<Store::Pause> unwritten_pause;  // the store refused it
  std::optional<Store::Hold> unwritten_hold;
  int writing = 0;            // of this registration's rows, under way
  std::uint64_t written = 0;  // how many ended: what was read before says nothing any more
};

// The permission to send one request; reports to the breaker, or gives the permission back when it ends unused.
class GatePass {
 public:
  explicit GatePass(Breaker& breaker) : breaker_{&breaker} {}
  GatePass(GatePass&& other) noexcept : breaker_{std::exchange(other.breaker_, nullptr)} {}
  GatePass& operator=(GatePass&&) = delete;
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
  ~GatePass() {
    if (breaker_ != nullptr) breaker_->abandon();
  }
  void used() { breaker_ = nullptr; }

 private:
  Breaker* breaker_;
};

class RegistrationGates {
 public:
  RegistrationGates(Store& store, Clock& clock, Random& random, const Log& log, RefreshReport& report, int concurrency,
                    const MassFailureLimits& limits);
  RegistrationGates(const RegistrationGates&) = delete;
  RegistrationGates& operator=(const RegistrationGates&) = delete;

  // Pauses and holds that an earlier process wrote down: after a pause the first request is a probe. Errors: those of the
  // store.
  Task<Result<>> load(const Registrations& registrations);
  // An operator says that the fault is mended: nothing is held back any more. Errors: those of the store.
  Task<Result<>> release(RegistrationId id);
  // Takes over what other processes and operators wrote down since, and writes what the store refused before. Errors: those
  // of the store.
  Task<Result<>> follow(const Registrations& registrations);
  // An operator has looked at a mass failure: the provider is believed again. Errors: not_found if nothing is held; those of
  // the store.
  Task<Result<>> release_hold(RegistrationId id);
  // The provider refused a grant. True: the connection keeps its state, because unusually many fail at once. The stored row
  // is asked first: an operator may have released the hold at another process, just now.
  Task<bool> holds_back(const Registration& registration, const ConnectionId& connection, bool first);
  // The reference is good for the life of this object.
  [[nodiscard]] RegistrationGate& of(const Registration& registration);
  // Why nothing may be sent until when; nothing: go on.
  [[nodiscard]] std::optional<Error> refusal(const Registration& registration, const Breaker::Admission& admission) const;
  // What a request's end says about the registration; writes down a pause or its end.
  Task<void> settle(const Registration& registration, Verdict verdict);

 private:
  Task<void> follow_pause(const RegistrationId& id, RegistrationGate& gate, bool stored);
  Task<void> follow_hold(const RegistrationId& id, RegistrationGate& gate, std::optional<StoredHold> stored);
  Task<void> begin_hold(const RegistrationId& id, RegistrationGate& gate);
  Task<void> write_hold(const RegistrationId& id, RegistrationGate& gate);
  void hold_elsewhere(const RegistrationId& id, RegistrationGate& gate, Time since);
  void released_elsewhere(const RegistrationId& id, RegistrationGate& gate, Time at);
  Task<void> pause(const Registration& registration, Verdict verdict);
  Task<void> write_pause(RegistrationGate& gate, Store::Pause row);
  Task<void> tell(Event event);
  Task<void> resume(const Registration& registration);

  Store& store_;
  Clock& clock_;
  Random& random_;
  const Log& log_;
  RefreshReport& report_;
  int concurrency_;
  MassFailureLimits limits_;
  std::map<RegistrationId, std::unique_ptr<RegistrationGate>> gates_;
};

}  // namespace evergrant
