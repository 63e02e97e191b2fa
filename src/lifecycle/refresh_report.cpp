#include "lifecycle/refresh_report.hpp"

#include <utility>

namespace evergrant {

namespace {

constexpr std::string_view reads_help = "Token reads, by how they were answered.";

std::string what_happened(const Verdict& verdict) {
  std::string text = verdict.code.empty() ? std::string{to_string(verdict.failure)} : verdict.code;
  if (!verdict.description.empty()) text += ": " + verdict.description;
  return text;
}

std::string what_follows(const FailureDecision& decision) {
  std::string text;
  if (decision.pause_registration)
    return "The provider refuses our client; the registration is paused and no connection is touched.";
  switch (decision.failure.kind) {
    case FailureClass::none: break;
    case FailureClass::grant:
      text = decision.held ? "Unusually many connections of this registration fail at once, so none changes its state until "
                             "an operator has looked."
                           : "The answer will be confirmed before it is believed.";
      break;
    case FailureClass::registration: break;
    case FailureClass::transient: text = "The grant is kept."; break;
    case FailureClass::ambiguous: text = "Nobody knows whether the provider acted; the refresh token is kept."; break;
  }
  if (decision.next_due_at) text += " Next try at " + to_rfc3339(*decision.next_due_at) + '.';
  return text;
}

std::string failed_type(const FailureDecision& decision) {
  switch (decision.status) {
    case Status::reauth_required: return "reauth_required";
    case Status::quarantined: return "quarantined";
    case Status::active: return decision.held ? "reauth_held" : "refresh_failed";
    case Status::revoking:
    case Status::revoked: return "refresh_failed";
  }
  return "refresh_failed";
}

}  // namespace

Event event_of(const Connection& connection, std::string type, std::string detail, Time now) {
  Event event;
  event.at = now;
  event.type = std::move(type);
  event.connection = connection.id;
  event.registration = connection.registration;
  event.tenant = connection.tenant;
  event.realm = connection.realm;
  event.generation = connection.generation;
  event.detail = std::move(detail);
  return event;
}

Event refreshed_event(const Connection& connection, const TokenSet& tokens, bool rotated, std::string correlation,
                      Time now) {
  std::string detail = "Refreshed";
  if (tokens.access_expires_at) detail += "; the access token is good until " + to_rfc3339(*tokens.access_expires_at);
  detail += rotated ? "; the provider gave a new refresh token." : "; the refresh token is unchanged.";
  Event event = event_of(connection, "refreshed", std::move(detail), now);
  event.generation = connection.generation + 1;
  event.correlation = std::move(correlation);
  return event;
}

Event revived_event(const Connection& connection, std::string correlation, Time now) {
  Event event =
      event_of(connection, "released",
               "An answer that came late holds newer tokens than those that the provider refused: the connection is "
               "active again.",
               now);
  event.generation = connection.generation + 1;
  event.correlation = std::move(correlation);
  return event;
}

Event unexpected_rotation_event(const Connection& connection, std::string correlation, Time now) {
  Event event =
      event_of(connection, "unexpected_rotation",
               "The provider changed the refresh token, which its profile says never happens. The new one is kept. "
               "Look at what the provider says about rotation: until the profile says so too, a lost answer could "
               "cost the grant.",
               now);
  event.generation = connection.generation + 1;
  event.code = "unexpected_rotation";
  event.correlation = std::move(correlation);
  return event;
}

Event failed_event(const Connection& connection, const FailureDecision& decision, const Verdict& verdict, Time now) {
  std::string detail = "The refresh failed (" + what_happened(verdict) + "). ";
  detail += decision.reason.empty() ? what_follows(decision) : decision.reason;
  Event event = event_of(connection, failed_type(decision), std::move(detail), now);
  event.code = verdict.code;
  event.correlation = verdict.correlation;
  return event;
}

Event replayed_event(const Connection& connection, const RefreshProfile& refresh, Recovery recovery, const Attempt& attempt,
                     Time now) {
  std::string detail = "The answer to the refresh of " + to_rfc3339(attempt.sent_at) + " was not read. ";
  if (recovery == Recovery::replay_once) {
    detail += "The provider takes a refresh token once only, and ";
    detail += refresh.invalidates_old_access_token
                  ? "ends the access token before with each refresh: nothing is gained by waiting. "
                  : "the access token is at its end: asking again is the only chance left. ";
    detail += "If the provider did act, it refuses, and the customer must connect again.";
  } else if (refresh.rotation == Rotation::always_with_grace) {
    detail += "It is asked again while the provider still takes the former refresh token: nothing is lost by it.";
  } else {
    detail +=
        "It is asked again with the same refresh token, which the provider may not have changed: nothing is lost by it.";
  }
  Event event = event_of(connection, "refresh_replayed", std::move(detail), now);
  event.code = "answer_lost";
  return event;
}

Event mass_failure_event(const Store::Hold& hold) {
  Event event;
  event.at = hold.since;
  event.type = "mass_failure";
  event.registration = hold.registration;
  event.code = "mass_failure";
  event.detail = "The provider refused " + std::to_string(hold.failed) +
                 " grants of this registration within minutes, and " + std::to_string(hold.refreshed) +
                 " were refreshed. No connection changes its state until an operator has looked and releases the hold.";
  return event;
}

Event registration_paused_event(const Registration& registration, const Verdict& verdict, Time now) {
  Event event;
  event.at = now;
  event.type = "registration_paused";
  event.registration = registration.id;
  event.code = verdict.code;
  event.correlation = verdict.correlation;
  event.detail = "The provider refuses our client (" + what_happened(verdict) +
                 "). The registration is paused and no connection is touched. Check " + what_proves_client(registration) +
                 "; it resumes by itself once the provider accepts them.";
  return event;
}

Event registration_resumed_event(const RegistrationId& registration, bool by_operator, Time now) {
  Event event;
  event.at = now;
  event.type = "registration_resumed";
  event.registration = registration;
  event.detail = by_operator ? "An operator resumed the registration: its requests are sent again."
                             : "The provider accepts our client again: the registration's requests are sent again.";
  return event;
}

Event hold_released_event(const RegistrationId& registration, Time now) {
  Event event;
  event.at = now;
  event.type = "mass_failure_released";
  event.registration = registration;
  event.detail = "An operator released the hold: what the provider says about each connection is believed again.";
  return event;
}

Error error_of(const Registration& registration, const Connection& connection, const FailureDecision& decision,
               const Verdict& verdict) {
  const std::string name = "connection " + connection.id.str();
  if (decision.status == Status::reauth_required) {
    return {Errc::reauth_required, name + ": " + decision.reason, "Send the customer through a connect session."};
  }
  if (decision.status == Status::quarantined) {
    return {Errc::quarantined, name + ": " + decision.reason, "An operator releases it, or the customer connects again."};
  }
  if (decision.pause_registration) {
    return {Errc::registration_paused,
            "The provider refuses our client of registration " + connection.registration.str() + " (" + verdict.code + ").",
            "Check " + what_proves_client(registration) + "; it resumes by itself once the provider accepts them."};
  }
  return {Errc::provider_unavailable, "The refresh of " + name + " failed (" + what_happened(verdict) + ").",
          what_follows(decision)};
}

Error backing_off(const Connection& connection, Time until) {
  return {Errc::provider_unavailable,
          "The last refresh of connection " + connection.id.str() + " failed (" + connection.failure.code + ").",
          "Tried again by itself at " + to_rfc3339(until) + '.'};
}

RefreshReport::RefreshReport(Metrics& metrics, const Log& log)
    : metrics_{metrics},
      log_{log},
      in_flight_{metrics.gauge("evergrant_refresh_in_flight", "Refreshes under way.")},
      due_{metrics.gauge("evergrant_due", "Connections that the scheduler found due at its last look.")},
      unsaved_{metrics.gauge("evergrant_unsaved_answers", "Token answers held in memory because the store refuses them.")},
      escrow_pending_{metrics.gauge("evergrant_escrow_pending", "Token answers that wait in the escrow for the store.")},
      escrow_bytes_{metrics.gauge("evergrant_escrow_bytes", "Bytes of the escrow in use.")},
      escrow_room_{metrics.gauge("evergrant_escrow_room_bytes",
                                 "Bytes that the disk has set aside for the escrow; less than its size: no room.")},
      escrow_damaged_{metrics.gauge("evergrant_escrow_damaged", "Escrow records that could not be read, since the start.")},
      read_memory_{metrics.counter("evergrant_reads_total", reads_help, {{"result", "memory"}})},
      read_store_{metrics.counter("evergrant_reads_total", reads_help, {{"result", "store"}})},
      read_waited_{metrics.counter("evergrant_reads_total", reads_help, {{"result", "waited"}})},
      read_failed_{metrics.counter("evergrant_reads_total", reads_help, {{"result", "failed"}})} {}

void RefreshReport::finished(const RegistrationId& registration, std::string_view outcome, Duration took) {
  static const std::vector<double> buckets{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  metrics_
      .counter("evergrant_refresh_total", "Refreshes by registration and outcome.",
               {{"registration", registration.str()}, {"outcome", std::string{outcome}}})
      .increment();
  metrics_
      .histogram("evergrant_refresh_seconds", "Duration of refreshes, from the claim to the commit.", buckets,
                 {{"registration", registration.str()}})
      .observe(std::chrono::duration<double>{took}.count());
}

void RefreshReport::failed(const Connection& connection, const FailureDecision& decision, const Verdict& verdict) {
  const Log::Fields fields{{"connection", connection.id.str()},
                           {"registration", connection.registration.str()},
                           {"generation", connection.generation},
                           {"class", to_string(verdict.failure)},
                           {"code", verdict.code},
                           {"description", verdict.description},
                           {"failures", decision.failure.count},
                           {"status", to_string(decision.status)},
                           {"correlation", verdict.correlation}};
  if (decision.status == Status::active && !decision.pause_registration) {
    log_.warning("refresh_failed", fields);
  } else {
    log_.error(decision.pause_registration ? "registration_refused" : failed_type(decision), fields);
  }
}

void RefreshReport::gate(const RegistrationId& registration, int state) {
  metrics_
      .gauge("evergrant_registration_gate", "0: token requests go through; 1: circuit open; 2: paused by an operator fault.",
             {{"registration", registration.str()}})
      .set(state);
}

void RefreshReport::mass_failure(const RegistrationId& registration, bool held) {
  metrics_
      .gauge("evergrant_mass_failure",
             "1: so many connections fail at once that state changes are held until an operator looks.",
             {{"registration", registration.str()}})
      .set(held ? 1 : 0);
}

void RefreshReport::escrow(const EscrowStatus& status) {
  escrow_pending_.set(static_cast<double>(status.answers));
  escrow_bytes_.set(static_cast<double>(status.bytes));
  escrow_room_.set(static_cast<double>(status.room));
  escrow_damaged_.set(static_cast<double>(status.damaged));
}

void RefreshReport::read(Read how) {
  switch (how) {
    case Read::memory: read_memory_.increment(); return;
    case Read::store: read_store_.increment(); return;
    case Read::waited: read_waited_.increment(); return;
    case Read::failed: read_failed_.increment(); return;
  }
}

}  // namespace evergrant
