#include "lifecycle/refresh_policy.hpp"

#include <algorithm>
#include <utility>

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration least_margin = 60s;
constexpr Duration usual_mandatory = 30s;
constexpr Duration first_backoff = 1s;
constexpr Duration least_backoff = 200ms;  // full jitter may draw zero; a hot loop must not come of it
constexpr Duration backoff_while_valid = 5min;
constexpr Duration backoff_while_waited_for = 30s;  // somebody uses the connection and has no valid token
constexpr Duration backoff_while_idle = 15min;
constexpr Duration first_throttle = 5s;
constexpr Duration first_held = 1min;
constexpr Duration longest_held = 15min;
constexpr Duration patience_while_valid = 2s;
constexpr Duration ambiguous_limit = std::chrono::days{7};

std::optional<Duration> remaining_life(const Connection& connection, Time now) {
  if (!connection.access_expires_at) return std::nullopt;
  return *connection.access_expires_at - now;
}

bool is_valid(const Connection& connection, Time now) {
  return !connection.access_expires_at || *connection.access_expires_at > now;
}

Duration recent_use(std::optional<Duration> lifetime) { return std::max<Duration>(1h, lifetime.value_or(0ms) * 2); }

bool used_recently(const Connection& connection, Time now) {
  return connection.last_used_at && now - *connection.last_used_at <= recent_use(lifetime_of(connection));
}

// What the next refresh is asked for with.
bool has_credential(const Provider& provider, const TokenSet& tokens) {
  switch (provider.refresh.mode) {
    case RefreshMode::refresh_token: return tokens.refresh_token.has_value();
    case RefreshMode::access_token_exchange: return !tokens.access_token.empty();
    case RefreshMode::none: return false;
  }
  return false;
}

std::optional<Time> draw_keepalive(const Registration& registration, const TokenSet& tokens, Time now, Random& random) {
  const RefreshProfile& refresh = registration.provider.refresh;
  if (!registration.keepalive) return std::nullopt;
  if (refresh.keepalive_every) {
    return now + draw_between(*refresh.keepalive_every / 2, *refresh.keepalive_every, random);
  }
  std::optional<Duration> window = refresh.idle_window;
  if (tokens.refresh_idle_expires_at) window = *tokens.refresh_idle_expires_at - now;
  if (!window || *window <= 0ms) return std::nullopt;
  return now + draw_between(*window * 15 / 100, *window * 3 / 10, random);
}

std::optional<Time> draw_ahead_of_expiry(const Provider& provider, const TokenSet& tokens, Time now, Random& random) {
  if (!tokens.access_expires_at) return std::nullopt;
  const Time expiry = *tokens.access_expires_at;
  const Duration life = std::max<Duration>(expiry - now, 0ms);
  const Margins margins = margins_of(provider, life);
  Duration earliest = margins.advisory + life * 2 / 5;
  if (provider.refresh.invalidates_old_access_token) earliest = margins.advisory * 2;
  if (provider.refresh.earliest_before_expiry) earliest = std::min(earliest, *provider.refresh.earliest_before_expiry);
  const Duration latest = std::min(margins.advisory, earliest);
  const Time due = expiry - draw_between(latest, earliest, random);
  return std::max(due, now + provider.refresh.min_interval);
}

// Jitter and ceiling for a failure that time alone mends.
Duration draw_backoff(const Connection& connection, const Verdict& verdict, int failures, Time now, Random& random) {
  if (verdict.retry_after) return *verdict.retry_after + draw_between(0ms, *verdict.retry_after / 4 + 1s, random);
  if (verdict.code == "http_429" || verdict.code == "slow_down") {  // throttled: equal jitter
    const Duration ceiling = backoff_ceiling(failures, first_throttle, backoff_while_idle);
    return draw_between(ceiling / 2, ceiling, random);
  }
  Duration cap = used_recently(connection, now) ? backoff_while_waited_for : backoff_while_idle;
  if (is_valid(connection, now)) cap = backoff_while_valid;
  return draw_between(least_backoff, backoff_ceiling(failures, first_backoff, cap), random);
}

Failure next_failure(const Connection& connection, const Verdict& verdict, Time now) {
  Failure next;
  next.kind = verdict.failure;
  next.count = connection.failure.kind == verdict.failure ? connection.failure.count + 1 : 1;
  const bool new_streak = connection.failure.kind == FailureClass::none ||
                          (verdict.failure == FailureClass::ambiguous && connection.failure.kind != verdict.failure);
  next.since = new_streak ? now : connection.failure.since.value_or(now);
  next.code = verdict.code;
  next.correlation = verdict.correlation;
  return next;
}

// REF-11: a terminal answer is believed at once when the access token is past its life, else after spaced confirmations.
void decide_grant(FailureDecision& decision, const Connection& connection, const Provider& provider, Time now) {
  const int confirmations_left = provider.refresh.confirm_invalid_grant + 1 - decision.failure.count;
  if (confirmations_left <= 0 || !is_valid(connection, now)) {
    decision.status = Status::reauth_required;
    decision.reason =
        "The provider no longer accepts the grant (" + decision.failure.code + "); the customer must connect again.";
    return;
  }
  const Duration life = remaining_life(connection, now).value_or(1h);
  const Duration spacing = std::clamp<Duration>(life / (confirmations_left + 1), 1s, 60s);
  decision.next_due_at = now + spacing;
}

void decide_ambiguous(FailureDecision& decision, const Connection& connection, const Provider& provider,
                      const Verdict& verdict, Time now, Random& random) {
  decision.keep_attempt = true;
  Connection row;  // as the next look finds it: this failure, this attempt
  row.access_expires_at = connection.access_expires_at;
  row.last_refreshed_at = connection.last_refreshed_at;
  row.failure = decision.failure;
  Attempt attempt;
  attempt.sent_at = now;
  switch (decide_recovery(row, provider, attempt, now)) {
    case Recovery::wait: {
      const Margins margins = margins_of(provider, lifetime_of(connection));
      if (connection.access_expires_at) decision.next_due_at = *connection.access_expires_at - margins.mandatory;
      break;
    }
    case Recovery::replay: {
      Duration pause = draw_backoff(connection, verdict, decision.failure.count, now, random);
      const bool asked_to_wait = verdict.retry_after && pause < provider.refresh.grace;
      if (provider.refresh.rotation == Rotation::always_with_grace && !asked_to_wait) {
        pause = std::min(pause, provider.refresh.grace / 4);
      }
      decision.next_due_at = now + pause;
      break;
    }
    case Recovery::replay_once:
      decision.next_due_at = now + draw_backoff(connection, verdict, decision.failure.count, now, random);
      break;
    case Recovery::quarantine:
      decision.status = Status::quarantined;
      decision.reason =
          "For a week no answer to a refresh could be read; nobody knows which refresh token is good. "
          "Release the connection to try again, or let the customer connect again.";
      break;
  }
}

}  // namespace

Duration draw_between(Duration least, Duration most, Random& random) {
  if (most <= least) return least;
  const auto width = static_cast<std::uint64_t>((most - least).count());
  return least + Duration{static_cast<std::int64_t>(random.below(width + 1))};
}

Duration backoff_ceiling(int failures, Duration base, Duration cap) {
  Duration ceiling = base;
  for (int i = 1; i < failures && ceiling < cap; ++i) ceiling *= 2;
  return std::min(ceiling, cap);
}

std::optional<Duration> lifetime_of(const Connection& connection) {
  if (!connection.access_expires_at) return std::nullopt;
  const Time issued = connection.last_refreshed_at.value_or(connection.created_at);
  return std::max<Duration>(*connection.access_expires_at - issued, 0ms);
}

bool can_refresh(const Connection& connection, const Provider& provider) {
  switch (provider.refresh.mode) {
    case RefreshMode::refresh_token: return !connection.tokens.refresh_token.empty();
    case RefreshMode::access_token_exchange: return !connection.tokens.access_token.empty();
    case RefreshMode::none: return false;
  }
  return false;
}

std::optional<Error> refusal_of(const Connection& connection) {
  const std::string name = name_of(connection);
  switch (connection.status) {
    case Status::active: return std::nullopt;
    case Status::revoking:
    case Status::revoked: return Error{Errc::revoked, name + " is revoked", "Connect the account anew."};
    case Status::reauth_required:
      return Error{Errc::reauth_required, name + ": " + connection.reason, "Send the customer through a connect session."};
    case Status::quarantined:
      return Error{Errc::quarantined, name + " is on hold: " + connection.reason, "An operator releases it."};
  }
  return std::nullopt;
}

Margins margins_of(const Provider& provider, std::optional<Duration> lifetime) {
  const RefreshProfile& refresh = provider.refresh;
  Margins margins{refresh.advisory_margin, refresh.mandatory_margin};
  if (margins.advisory <= 0ms) margins.advisory = std::max(least_margin, lifetime.value_or(0ms) / 10);
  if (lifetime) margins.advisory = std::min(margins.advisory, *lifetime / 2);
  if (refresh.earliest_before_expiry) margins.advisory = std::min(margins.advisory, *refresh.earliest_before_expiry);
  if (margins.mandatory <= 0ms) margins.mandatory = std::min(usual_mandatory, margins.advisory / 2);
  margins.mandatory = std::min(margins.mandatory, margins.advisory);
  if (refresh.invalidates_old_access_token) margins.advisory = margins.mandatory;
  return margins;
}

Time served_until(const Connection& connection, const Provider& provider, std::optional<Duration> lifetime) {
  if (!connection.access_expires_at) return Time::max();
  return *connection.access_expires_at - margins_of(provider, lifetime).advisory;
}

ReadAction decide_read(const Connection& connection, const Provider& provider, std::optional<Duration> lifetime,
                       Duration min_ttl, Time now) {
  const auto remaining = remaining_life(connection, now);
  if (!remaining) return ReadAction::serve;
  if (*remaining <= 0ms) return ReadAction::refresh_or_fail;
  if (!can_refresh(connection, provider)) return ReadAction::serve;
  const RefreshProfile& refresh = provider.refresh;
  if (refresh.earliest_before_expiry && *remaining > *refresh.earliest_before_expiry) return ReadAction::serve;
  if (connection.last_refreshed_at && now - *connection.last_refreshed_at < refresh.min_interval) return ReadAction::serve;
  const Margins margins = margins_of(provider, lifetime);
  const Duration most_ttl = lifetime ? *lifetime - margins.advisory : 0ms;
  if (*remaining <= margins.mandatory || *remaining < std::min(min_ttl, most_ttl)) return ReadAction::refresh_or_serve;
  return *remaining <= margins.advisory ? ReadAction::serve_and_refresh : ReadAction::serve;
}

Duration wait_while_valid(Duration left, Duration age, bool patient) {
  const Duration longest = std::max<Duration>(left / 2, 0ms);
  return patient ? longest : std::min(longest, std::max<Duration>(patience_while_valid - age, 0ms));
}

std::optional<Time> draw_next_due(const Registration& registration, const TokenSet& tokens, std::optional<Time> last_used_at,
                                  Time now, Random& random) {
  const Provider& provider = registration.provider;
  if (!has_credential(provider, tokens)) return std::nullopt;
  std::optional<Duration> life;
  if (tokens.access_expires_at) life = *tokens.access_expires_at - now;
  const bool in_use = last_used_at && now - *last_used_at <= recent_use(life);
  const auto keepalive = draw_keepalive(registration, tokens, now, random);
  if (!in_use) return keepalive;
  const auto ahead = draw_ahead_of_expiry(provider, tokens, now, random);
  if (!ahead) return keepalive;
  return keepalive ? std::min(*ahead, *keepalive) : *ahead;
}

FailureDecision decide_failure(const Connection& connection, const Provider& provider, const Verdict& verdict, Time now,
                               Random& random) {
  FailureDecision decision;
  decision.failure = next_failure(connection, verdict, now);
  switch (verdict.failure) {
    case FailureClass::none: break;
    case FailureClass::grant: decide_grant(decision, connection, provider, now); break;
    case FailureClass::registration:
      decision.pause_registration = true;
      decision.next_due_at = now + draw_between(30s, 90s, random);
      break;
    case FailureClass::transient:
      decision.next_due_at = now + draw_backoff(connection, verdict, decision.failure.count, now, random);
      break;
    case FailureClass::ambiguous: decide_ambiguous(decision, connection, provider, verdict, now, random); break;
  }
  return decision;
}

FailureDecision held_back(FailureDecision decision, Time now, Random& random) {
  const Duration ceiling = backoff_ceiling(decision.failure.count, first_held, longest_held);
  decision.status = Status::active;
  decision.reason.clear();
  decision.held = true;
  decision.next_due_at = now + draw_between(ceiling / 2, ceiling, random);
  return decision;
}

std::string lost_answer_reason(Time sent_at, std::string_view code) {
  return "The answer to the refresh of " + to_rfc3339(sent_at) +
         " was lost, and the provider does not take the refresh token of before any more (" + std::string{code} +
         "); the customer must connect again.";
}

std::optional<Time> not_before(const Connection& connection) {
  switch (connection.failure.kind) {
    case FailureClass::none:
    case FailureClass::registration: return std::nullopt;  // the registration's own gate decides
    case FailureClass::grant:
    case FailureClass::transient:
    case FailureClass::ambiguous: return connection.next_due_at;
  }
  return std::nullopt;
}

Recovery decide_recovery(const Connection& connection, const Provider& provider, const Attempt& attempt, Time now) {
  const bool hopeless = connection.failure.kind == FailureClass::ambiguous && connection.failure.since &&
                        now - *connection.failure.since > ambiguous_limit;
  switch (provider.refresh.rotation) {
    case Rotation::never:
    case Rotation::sometimes:
    case Rotation::self_refresh: return Recovery::replay;
    case Rotation::always_with_grace:
      if (now - attempt.sent_at < provider.refresh.grace) return Recovery::replay;
      break;
    case Rotation::always_strict: break;
  }
  // REF-16: if the provider acted, the access token is dead already, and if it did not, it takes the refresh token.
  if (provider.refresh.invalidates_old_access_token) return hopeless ? Recovery::quarantine : Recovery::replay_once;
  const Margins margins = margins_of(provider, lifetime_of(connection));
  if (!connection.access_expires_at || *connection.access_expires_at - now > margins.mandatory) return Recovery::wait;
  return hopeless ? Recovery::quarantine : Recovery::replay_once;
}

// Each claim raises the fence by one, and whoever claims next finds the answer: it sends nothing.
bool others_may_have_sent(Fence asked, Fence held) noexcept { return held == 0 || held > asked + 1; }

}  // namespace evergrant
