// What the world is told about refreshes: events for the connection's timeline, log lines, metrics. Never a secret.
// Thread-safe where Metrics and Log are; the counters are looked up once per registration, on the engine's executor.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "lifecycle/refresh_policy.hpp"
#include "store/escrow.hpp"

namespace evergrant {

// Events, pure.
[[nodiscard]] Event event_of(const Connection& connection, std::string type, std::string detail, Time now);
// An answer that came late made the connection active again.
[[nodiscard]] Event revived_event(const Connection& connection, std::string correlation, Time now);
[[nodiscard]] Event refreshed_event(const Connection& connection, const TokenSet& tokens, bool rotated,
                                    std::string correlation, Time now);
// REF-21: the profile is wrong, or somebody else uses the grant.
[[nodiscard]] Event unexpected_rotation_event(const Connection& connection, std::string correlation, Time now);
[[nodiscard]] Event failed_event(const Connection& connection, const FailureDecision& decision, const Verdict& verdict,
                                 Time now);
// A lost answer is asked for again: what that risks, by the provider's rotation.
[[nodiscard]] Event replayed_event(const Connection& connection, const RefreshProfile& refresh, Recovery recovery,
                                   const Attempt& attempt, Time now);
// About a whole registration.
[[nodiscard]] Event mass_failure_event(const Store::Hold& hold);
[[nodiscard]] Event registration_paused_event(const Registration& registration, const Verdict& verdict, Time now);
[[nodiscard]] Event registration_resumed_event(const RegistrationId& registration, bool by_operator, Time now);
[[nodiscard]] Event hold_released_event(const RegistrationId& registration, Time now);
// What a waiter is told when the refresh that it waited for failed.
[[nodiscard]] Error error_of(const Registration& registration, const Connection& connection, const FailureDecision& decision,
                             const Verdict& verdict);
// What is told to those who come while the last failure's wait runs.
[[nodiscard]] Error backing_off(const Connection& connection, Time until);

class RefreshReport {
 public:
  RefreshReport(Metrics& metrics, const Log& log);
  // `outcome`: refreshed, a failure class, or an error code of ours.
  void finished(const RegistrationId& registration, std::string_view outcome, Duration took);
  void failed(const Connection& connection, const FailureDecision& decision, const Verdict& verdict);
  // 0 closed, 1 open, 2 paused.
  void gate(const RegistrationId& registration, int state);
  // Whether state changes of its connections are held.
  void mass_failure(const RegistrationId& registration, bool held);
  void escrow(const EscrowStatus& status);
  void in_flight(std::size_t refreshes) { in_flight_.set(static_cast<double>(refreshes)); }
  void due(std::size_t connections) { due_.set(static_cast<double>(connections)); }
  void unsaved(int answers) { unsaved_.set(static_cast<double>(answers)); }

  enum class Read : std::uint8_t { memory, store, waited, failed };
  void read(Read how);  // thread-safe

 private:
  Metrics& metrics_;
  const Log& log_;
  Metrics::Gauge& in_flight_;
  Metrics::Gauge& due_;
  Metrics::Gauge& unsaved_;
  Metrics::Gauge& escrow_pending_;
  Metrics::Gauge& escrow_bytes_;
  Metrics::Gauge& escrow_room_;
  Metrics::Gauge& escrow_damaged_;
  Metrics::Counter& read_memory_;
  Metrics::Counter& read_store_;
  Metrics::Counter& read_waited_;
  Metrics::Counter& read_failed_;
};

}  // namespace evergrant
