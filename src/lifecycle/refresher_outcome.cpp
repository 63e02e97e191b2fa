// Steps 4 to 6 and 8: what a refresh's end does to the connection, and what is done about one whose end nobody saw.
#include <algorithm>
#include <utility>

#include "lifecycle/refresher.hpp"
#include "oauth/id_token.hpp"

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr int record_tries = 4;
constexpr Duration answer_may_come = 15min;  // to a process that was stopped meanwhile
constexpr int attempts_looked_at = 10'000;   // as the recovery pass lists them
constexpr Duration first_record_retry = 100ms;
// On a refresh the ID token only has to be about the same person; a clock that is off must not put a fleet on hold.
constexpr Duration refreshed_id_token_leeway = 10min;

Verdict without_tokens(const Verdict& verdict) {
  Verdict copy;
  copy.failure = verdict.failure;
  copy.sent = verdict.sent;
  copy.code = verdict.code;
  copy.description = verdict.description;
  copy.retry_after = verdict.retry_after;
  copy.correlation = verdict.correlation;
  copy.status = verdict.status;
  return copy;
}

}  // namespace

Task<Result<>> Refresher::conclude(HeldGrant& held, Verdict verdict) {
  co_await gates_.settle(held.registration, without_tokens(verdict));
  if (verdict.failure == FailureClass::none) {
    auto accepted = co_await accept(held, std::move(verdict));
    co_return accepted;
  }
  auto given_up = co_await give_up(held, std::move(verdict));
  co_return given_up;
}

// Step 5. The raw answer is durable by now (or nothing in it can be lost); nobody has seen the access token yet (I2).
Task<Result<>> Refresher::accept(HeldGrant& held, Verdict verdict) {
  TokenSet tokens = std::move(*verdict.tokens);
  AnswerNote note{.rotated = tokens.refresh_token.has_value(), .correlation = verdict.correlation};
  auto completed = co_await complete(held, tokens, note);
  if (!completed) co_return completed;
  const Identity identity = co_await check_identity(held, tokens);
  if (identity == Identity::other) {
    auto quarantined = co_await quarantine(held, std::move(tokens), std::move(note));
    co_return quarantined;
  }
  const auto expires = tokens.access_expires_at;
  const auto committed = co_await saver_.commit(held, std::move(tokens), note);
  const Duration took = clock_.now() - held.since;
  report_.finished(held.row.registration, committed ? "refreshed" : to_string(committed.error().code), took);
  if (committed) {
    log_.info("refreshed", {{"connection", held.row.id.str()},
                            {"registration", held.row.registration.str()},
                            {"generation", held.row.generation + 1},
                            {"rotated", note.rotated},
                            {"expires_at", expires ? to_rfc3339(*expires) : "never"},
                            {"took_ms", took.count()},
                            {"correlation", note.correlation}});
  }
  co_return committed;
}

// REF-03: an answer without a refresh token leaves the old one good, unless the profile says that it does not.
Task<Result<>> Refresher::complete(const HeldGrant& held, TokenSet& tokens, AnswerNote& note) {
  const RefreshProfile& refresh = held.registration.provider.refresh;
  if (refresh.mode == RefreshMode::access_token_exchange) {  // the access token is all there is
    note.rotated = true;
    co_return Result<>{};
  }
  auto previous = co_await sealing_.open_refresh(held.source());
  if (tokens.refresh_token) {
    note.rotated = !previous || *previous != *tokens.refresh_token;
    if (note.rotated && refresh.rotation == Rotation::never) {
      log_.warning("unexpected_rotation",
                   {{"connection", held.row.id.str()}, {"registration", held.row.registration.str()}});
      const auto told = co_await store_.append_event(unexpected_rotation_event(held.row, note.correlation, clock_.now()));
      if (!told) log_.debug("event_not_stored", {{"connection", held.row.id.str()}});
    }
    co_return Result<>{};
  }
  if (!refresh.keeps_refresh_token) co_return Result<>{};
  if (!previous) co_return std::unexpected(previous.error());
  tokens.refresh_token = std::move(*previous);
  co_return Result<>{};
}

// Issued since the tokens before it were: not the one of the sign-in over again.
Task<Result<IdTokenClaims>> Refresher::validate_refreshed(const HeldGrant& held, const TokenSet& tokens) {
  const Connection& row = held.row;
  const auto resolved = co_await directory_.resolve(held.registration.provider);
  if (!resolved) co_return std::unexpected(resolved.error());
  const Time now = clock_.now();
  IdTokenExpectation expectation = id_token_expectation(held.registration, *resolved, now);
  expectation.leeway = refreshed_id_token_leeway;
  expectation.oldest = std::max(Duration{0}, now - row.last_refreshed_at.value_or(row.created_at));
  expectation.access_token = tokens.access_token.clone();
  const RealmId realm = proven_realm(row);
  if (!expectation.realm_claim.empty() && !realm.empty()) expectation.realm = realm.str();
  co_return co_await validate_id_token(tokens.id_token->clone(), held.registration, *resolved, std::move(expectation),
                                       directory_);
}

// REF-17. A key set that cannot be had, or a signature that does not fit it, is a fault of the ID token and must not cost
// the rotated refresh token; claims about somebody else are another matter (docs/adr/0003).
Task<Refresher::Identity> Refresher::check_identity(const HeldGrant& held, const TokenSet& tokens) {
  const Connection& row = held.row;
  if (!tokens.id_token || row.subject.empty()) co_return Identity::unknown;
  const auto claims = co_await validate_refreshed(held, tokens);
  const FirstSignIn first{row.issuer, row.subject, row.sign_in_nonce, row.signed_in_at};
  const Result<> same = claims ? check_refreshed_id_token(*claims, first, held.registration.provider) : Result<>{};
  if (claims && same) co_return Identity::confirmed;
  const Error& why = claims ? same.error() : claims.error();
  const bool other = why.code == Errc::forbidden || (!same && held.registration.security == SecurityLevel::strict);
  log_.warning(other ? "refreshed_id_token_mismatch" : "refreshed_id_token_not_checked",
               {{"connection", row.id.str()}, {"code", to_string(why.code)}, {"detail", why.message}});
  if (other) co_return Identity::other;
  if (!same) co_return Identity::unknown;  // so it stays, with every refresh: no event of its own
  const auto told = co_await store_.append_event(
      event_of(row, "id_token_not_checked",
               "The ID token that came with a refresh could not be checked (" + why.message + ").", clock_.now()));
  if (!told) log_.debug("event_not_stored", {{"connection", row.id.str()}});
  co_return Identity::unknown;
}

// The grant may be somebody else's: the refresh token is kept, sealed, for the operator; the access token goes to nobody.
Task<Result<>> Refresher::quarantine(HeldGrant& held, TokenSet tokens, AnswerNote note) {
  const std::string reason =
      "The ID token of a refresh is about another issuer, user, audience or sign-in than when the account was connected.";
  Event event = event_of(held.row, "quarantined", reason, clock_.now());
  event.code = "id_token_mismatch";
  event.correlation = note.correlation;
  const auto changed =
      co_await store_.change_status(held.row.id, Status::active, Status::quarantined, reason, std::move(event));
  // Not stored: the kept answer leads here again. No longer active: the commit below finds out what it is now.
  if (!changed && changed.error().code != Errc::stale) co_return changed;
  cache_.forget(held.row.id);
  held.row.status = Status::quarantined;
  tokens.access_token = Secret{};
  tokens.access_expires_at = clock_.now();
  const auto committed = co_await saver_.commit(held, std::move(tokens), std::move(note));
  report_.finished(held.row.registration, "id_token_mismatch", clock_.now() - held.since);
  if (!committed) co_return committed;
  co_return fail(Errc::quarantined, "connection " + held.row.id.str() + " is on hold: " + reason,
                 "Compare with the provider; release the connection, or let the customer connect again.");
}

// Step 6.
Task<Result<>> Refresher::give_up(HeldGrant& held, Verdict verdict) {
  if (verdict.failure == FailureClass::grant) {  // REF-06: before it is believed, is there a newer token?
    const auto row = co_await load(held.row.id);
    if (row && row->generation > held.row.generation) co_return Result<>{};
  }
  FailureDecision decision = decide_failure(held.row, held.registration.provider, verdict, clock_.now(), random_);
  if (verdict.failure == FailureClass::grant) {
    const bool holds = co_await gates_.holds_back(held.registration, held.row.id, decision.failure.count == 1);
    const bool ends = decision.status == Status::reauth_required;
    if (ends && holds) decision = held_back(std::move(decision), clock_.now(), random_);
    if (ends && !holds && held.lost_at) decision.reason = lost_answer_reason(*held.lost_at, verdict.code);
  }
  if (decision.pause_registration) {
    const Time probe = gates_.of(held.registration).breaker.retry_at();
    decision.next_due_at = std::max(probe, clock_.now()) + draw_between(0ms, 30s, random_);
  }
  bool keep_attempt = decision.keep_attempt && verdict.sent;
  // Of several requests whose end is unknown, the first stands for all: a grace window counts from it.
  if (held.older_unresolved && !held.answer_kept) keep_attempt = false;
  if (decision.status == Status::quarantined) {
    keep_attempt = true;
    decision.failure.since.reset();  // once released, it gets its week again
  }
  report_.finished(held.row.registration, to_string(verdict.failure), clock_.now() - held.since);
  auto recorded = co_await record(held, std::move(decision), std::move(verdict), keep_attempt);
  co_return recorded;
}

// Frees the lease with the failure. Where the store refuses, the lease runs out and the attempt is resolved by the profile:
// slower, and as safe.
Task<Result<>> Refresher::record(HeldGrant& held, FailureDecision decision, Verdict verdict, bool keep_attempt) {
  const Event event = failed_event(held.row, decision, verdict, clock_.now());
  const auto ticket = cache_.ticket(held.row.id);
  bool is_recorded = false;
  Errc code = Errc::store_unavailable;
  for (int tries = 1; !is_recorded && code == Errc::store_unavailable && tries <= record_tries; ++tries) {
    if (tries > 1) co_await delay(backoff_ceiling(tries - 1, first_record_retry, 1s));
    const auto recorded =
        co_await store_.record_failure(held.row.id, held.row.lease.fence, decision.failure, decision.status, decision.reason,
                                       decision.next_due_at, keep_attempt, event);
    is_recorded = recorded == Recorded::failure;
    if (is_recorded) break;
    code = recorded ? Errc::stale : recorded.error().code;  // an answer that was kept meanwhile outweighs a refusal
    log_.warning("failure_not_recorded", {{"connection", held.row.id.str()}, {"code", to_string(code)}});
  }
  report_.failed(held.row, decision, verdict);  // who reads of it in the log finds it among the events
  remember_failure(held, decision, is_recorded || code == Errc::store_unavailable, ticket);
  if (!is_recorded && code == Errc::stale) {  // what the provider said is about a row that has changed: it is looked at anew
    co_return fail(Errc::stale, "connection " + held.row.id.str() + " was changed by others during the refresh");
  }
  co_return std::unexpected(error_of(held.registration, held.row, decision, verdict));
}

// What readers see of it. Once the lease is lost the row is somebody else's: revoked, it may be, and what was read at the
// claim must not come back. Where the store said nothing, an entry that is gone was forgotten for a reason.
void Refresher::remember_failure(const HeldGrant& held, const FailureDecision& decision, bool is_ours,
                                 TokenCache::Ticket ticket) {
  const CachedTokenPtr known = cache_.find(held.row.id);
  if (!is_ours || decision.status != Status::active) return cache_.forget(held.row.id);
  if (!known) return;
  Connection row = held.row;
  row.status = decision.status;
  row.failure = decision.failure;
  row.next_due_at = decision.next_due_at;
  cache_.put(std::make_shared<CachedToken>(row, held.registration, known->loaded_at), ticket);
}

// The attempt stays unresolved: strict rotation, and the access token still lives; or nobody knows any more.
Task<Result<>> Refresher::hold_back(HeldGrant& held, Recovery recovery, const Attempt& unresolved) {
  Verdict lost;
  lost.failure = FailureClass::ambiguous;
  lost.code = "answer_lost";
  lost.description = "the answer to the request of " + to_rfc3339(unresolved.sent_at) + " was not read";
  FailureDecision decision;
  decision.failure = held.row.failure;
  if (decision.failure.kind != FailureClass::ambiguous) {
    decision.failure = Failure{FailureClass::ambiguous, 1, unresolved.sent_at, lost.code, {}};
  }
  if (recovery == Recovery::quarantine) {
    decision.status = Status::quarantined;
    decision.reason =
        "For a week no answer to a refresh could be read; nobody knows which refresh token is good. "
        "Release the connection to try again, or let the customer connect again.";
    decision.failure.since.reset();
  } else if (held.row.access_expires_at) {
    const Margins margins = margins_of(held.registration.provider, lifetime_of(held.row));
    decision.next_due_at = *held.row.access_expires_at - margins.mandatory;
  }
  auto recorded = co_await record(held, std::move(decision), std::move(lost), recovery == Recovery::quarantine);
  co_return recorded;
}

Task<void> Refresher::release(const HeldGrant& held) {
  const auto released = co_await store_.release(held.row.id, held.row.lease.fence);
  if (!released)
    log_.debug("lease_not_released", {{"connection", held.row.id.str()}, {"code", to_string(released.error().code)}});
}

// Step 8.
Task<Result<>> Refresher::recover(Attempt attempt) {
  if (escrow_ != nullptr && escrow_->holds(attempt.connection)) {  // its answer is not lost: the next look finds it
    auto delivered = co_await deliver_of(attempt.connection);
    co_return delivered;
  }
  const auto row = co_await store_.connection(attempt.connection);
  if (!row && row.error().code != Errc::not_found) co_return std::unexpected(row.error());
  if (!row || row->status == Status::revoking || row->status == Status::revoked || attempt.fence <= row->tokens_fence) {
    // Its answer may still come, and must find where to be kept: the tokens in it are revoked then (I5).
    const bool is_under_way = attempt.answer.empty() && clock_.now() - attempt.sent_at < answer_may_come;
    if (row && is_under_way) co_return Result<>{};
    const auto open = co_await is_open(attempt.id);
    if (!open) co_return std::unexpected(open.error());
    if (row && *open) {
      auto told = co_await end_kept(attempt, *row);
      if (!told) co_return told;
    }
    auto ended = co_await store_.end_attempt(attempt.id);
    co_return ended;
  }
  const Registration* registration = registrations_.find(row->registration);
  if (registration == nullptr || row->status != Status::active) co_return Result<>{};  // kept until that is mended
  if (!attempt.answer.empty()) {
    auto settled = co_await recover_kept(*row, *registration);
    co_return settled;
  }
  const Time now = clock_.now();
  const bool waits = decide_recovery(*row, registration->provider, attempt, now) == Recovery::wait;
  if (waits && row->failure.kind == FailureClass::ambiguous) co_return Result<>{};  // and that is written down already
  auto outcome = co_await refresh({row->id, row->generation, Cause::recovery});
  co_return outcome;
}

// The attempt was listed before the row was read. A commit ends what it settles in its own transaction: one that is listed
// no more was committed meanwhile, and its tokens are the connection's own.
Task<Result<bool>> Refresher::is_open(AttemptId id) {
  const auto attempts = co_await store_.unresolved_attempts(attempts_looked_at);
  if (!attempts) co_return std::unexpected(attempts.error());
  co_return std::ranges::find(*attempts, id, &Attempt::id) != attempts->end();
}

// Nothing is sent for a kept answer, so no gate of the registration holds it up.
Task<Result<>> Refresher::recover_kept(Connection row, const Registration& registration) {
  const Time now = clock_.now();
  auto claimed = co_await store_.claim(row.id, row.generation, options_.owner, now, now + options_.lease, std::nullopt);
  if (!claimed) co_return std::unexpected(claimed.error());
  const Fence fence = claimed->connection.lease.fence;
  const std::optional<Attempt> unresolved = std::move(claimed->unresolved);  // of several answers the latest
  HeldGrant held{.row = std::move(claimed->connection),
                 .registration = registration,
                 .keeper = LeaseKeeper{executor_, store_, clock_, log_, row.id, fence, now + options_.lease, options_.lease},
                 .attempt = unresolved ? std::optional{unresolved->id} : std::nullopt,
                 .attempt_fence = unresolved ? unresolved->fence : 0,
                 .asked = unresolved ? unresolved->fence : 0,
                 .older_unresolved = true,
                 .answer_kept = true,
                 .since = now};
  if (!unresolved || unresolved->answer.empty()) {  // others have settled it since it was listed
    co_await release(held);
    co_return Result<>{};
  }
  auto settled = co_await settle_kept(held, *unresolved);
  co_return settled;
}

// Tokens that were minted while the connection was revoked or replaced: they must not stay alive (I5, REV-08).
Task<Result<>> Refresher::end_kept(const Attempt& attempt, Connection row) {
  const Registration* registration = registrations_.find(row.registration);
  if (attempt.answer.empty() || registration == nullptr) co_return Result<>{};
  const auto kept = co_await saver_.read_kept(row, attempt);
  if (!kept && !AnswerSaver::is_unusable(kept.error())) co_return std::unexpected(kept.error());
  if (!kept) co_return Result<>{};
  Verdict verdict = judge_token_answer(kept->response, registration->provider, kept->sent, clock_.now());
  if (verdict.failure != FailureClass::none) co_return Result<>{};
  const bool replaced = row.status != Status::revoking && row.status != Status::revoked;
  if (replaced && registration->provider.revoke.replaced_grant_is_shared) co_return Result<>{};
  if (!replaced && !row.upstream_grant.empty()) {
    const AnswerNote note{.rotated = true, .correlation = verdict.correlation};
    const int sharers = co_await saver_.share(row, *verdict.tokens, note);
    if (sharers > 0) co_return Result<>{};
  }
  const OutboxKind kind = replaced ? OutboxKind::revoke_replaced : OutboxKind::revoke_grant;
  co_await saver_.enqueue_revocation(std::move(row), kind, std::move(*verdict.tokens));
  co_return Result<>{};
}

}  // namespace evergrant
