#include "lifecycle/answer_saver.hpp"

#include <utility>

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration first_retry = 100ms;
constexpr Duration slowest_retry = 5s;

// What the row looks like once `update` is stored.
Connection updated(Connection row, const TokenUpdate& update) {
  row.generation += 1;
  row.tokens = update.tokens;
  row.token_type = update.token_type;
  row.scope = update.scope;
  row.missing_scope = update.missing_scope;
  row.extras = update.extras;
  row.access_expires_at = update.access_expires_at;
  row.refresh_idle_expires_at = update.refresh_idle_expires_at;
  row.refresh_absolute_expires_at = update.refresh_absolute_expires_at;
  row.next_due_at = update.next_due_at;
  row.last_refreshed_at = update.at;
  row.updated_at = update.at;
  row.lease.owner.clear();
  row.lease.until.reset();
  row.failure = {};
  return row;
}

}  // namespace

AnswerSaver::AnswerSaver(Store& store, Vault& vault, Clock& clock, const Log& log, TokenSealing& sealing, TokenCache& cache,
                         RefreshReport& report, const Registrations& registrations, std::string owner, Duration lease,
                         Escrow* escrow)
    : store_{store},
      vault_{vault},
      clock_{clock},
      log_{log},
      sealing_{sealing},
      cache_{cache},
      report_{report},
      registrations_{registrations},
      owner_{std::move(owner)},
      lease_{lease},
      escrow_{escrow} {}

Task<void> AnswerSaver::pause_before_retry(int& tries, std::string_view what, const Connection& row, Errc why) {
  if (tries++ == 0) {
    report_.unsaved(++unsaved_);
    log_.error(what, {{"connection", row.id.str()}, {"generation", row.generation}, {"code", to_string(why)}});
  }
  co_await delay(backoff_ceiling(tries, first_retry, slowest_retry));
}

Task<void> AnswerSaver::keep(HeldGrant& held, const RawTokenAnswer& answer) {
  if (!held.attempt) co_return;
  const evergrant::Place place = place_of(held.row, "answer", held.row.generation);
  const Secret journal = to_journal(answer);
  std::optional<Sealed> sealed;
  if (held.seal.given()) {
    auto done = vault_.seal_now(place, journal, std::exchange(held.seal, {}));
    if (done) sealed = std::move(*done);
  }
  int tries = 0;
  for (bool settled = false; !settled;) {  // ends when it is durable, or when others have settled the attempt
    std::optional<Errc> why;
    if (!sealed) {
      auto anew = co_await vault_.seal(place, journal);
      if (anew) {
        sealed = std::move(*anew);
      } else {
        why = anew.error().code;
      }
    }
    if (sealed) why = co_await keep_once(held, sealed);
    settled = !why;
    if (!settled) co_await pause_before_retry(tries, "answer_not_kept", held.row, *why);
  }
  if (tries > 0) report_.unsaved(--unsaved_);
}

// Nothing: it is settled.
Task<std::optional<Errc>> AnswerSaver::keep_once(HeldGrant& held, std::optional<Sealed>& sealed) {
  const auto kept = co_await store_.keep_answer(*held.attempt, held.attempt_fence, *sealed);
  held.answer_kept = kept.has_value();
  if (kept || kept.error().code == Errc::stale) co_return std::nullopt;
  const Errc refused = kept.error().code;
  if (refused == Errc::key_unavailable) {  // replaced meanwhile: sealed anew, by a store that answers
    sealed.reset();
    co_return refused;
  }
  if (escrow_ == nullptr) co_return refused;
  EscrowedAnswer escrowed{.attempt = *held.attempt,
                          .fence = held.attempt_fence,
                          .connection = held.row.id,
                          .generation = held.row.generation,
                          .at = clock_.now(),
                          .answer = *sealed};
  const auto put = co_await escrow_->put(std::move(escrowed));
  report_.escrow(escrow_->status());
  if (!put) {
    log_.error("answer_not_escrowed", {{"connection", held.row.id.str()}, {"why", put.error().message}});
    co_return refused;
  }
  log_.error("answer_escrowed",
             {{"connection", held.row.id.str()}, {"generation", held.row.generation}, {"code", to_string(refused)}});
  held.answer_kept = true;
  held.escrowed = true;
  co_return std::nullopt;
}

Task<void> AnswerSaver::end_escrow(HeldGrant& held) {
  if (!held.escrowed || escrow_ == nullptr || !held.attempt) co_return;
  const auto removed = co_await escrow_->remove(*held.attempt);
  report_.escrow(escrow_->status());
  if (!removed) log_.warning("escrow_not_cleared", {{"connection", held.row.id.str()}, {"why", removed.error().message}});
}

Task<Result<RawTokenAnswer>> AnswerSaver::read_kept(const Connection& row, const Attempt& attempt) {
  const auto journal = co_await vault_.open(place_of(row, "answer", attempt.generation), attempt.answer);
  if (!journal) co_return std::unexpected(journal.error());
  co_return from_journal(*journal);
}

Task<Result<>> AnswerSaver::commit(HeldGrant& held, TokenSet tokens, AnswerNote note) {
  int sharers = 0;
  if (!held.row.upstream_grant.empty()) sharers = co_await share(held.row, tokens, note);
  Place place{held.row, held.row.lease.fence};
  const Step step = co_await store_until_done(place, tokens, note);
  switch (step) {
    case Step::done:
    case Step::newer:
    case Step::again: co_return Result<>{};
    case Step::revoked:
      // Where others live on the same grant, the new tokens are theirs (REV-06).
      if (sharers == 0) co_await enqueue_revocation(held.row, OutboxKind::revoke_grant, std::move(tokens));
      co_await end_attempt(held);
      co_return fail(Errc::revoked, "connection " + held.row.id.str() + " was revoked during the refresh",
                     "The tokens that came meanwhile are being revoked too.");
    case Step::quarantined:
      co_return fail(Errc::quarantined, "connection " + held.row.id.str() + " was put on hold during the refresh",
                     "The answer is kept; an operator releases the connection.");
  }
  co_return Result<>{};
}

// Everyone else who shares the grant, before the row that holds the lock and the attempt.
// What is left of an attempt that no commit will end; the recovery pass ends it where this fails.
Task<void> AnswerSaver::end_attempt(const HeldGrant& held) {
  if (!held.attempt) co_return;
  const auto ended = co_await store_.end_attempt(*held.attempt);
  if (!ended) log_.warning("attempt_not_ended", {{"connection", held.row.id.str()}});
}

Task<int> AnswerSaver::share(Connection row, const TokenSet& tokens, const AnswerNote& note) {
  auto siblings = co_await store_.sharing(row.registration, row.upstream_grant);
  for (int tries = 0; !siblings;) {  // ends when the store answers
    co_await pause_before_retry(tries, "siblings_not_read", row, siblings.error().code);
    siblings = co_await store_.sharing(row.registration, row.upstream_grant);
    if (siblings) report_.unsaved(--unsaved_);
  }
  int stored = 0;
  for (Connection& sibling : *siblings) {
    if (sibling.id == row.id || sibling.status != Status::active) continue;
    Place place{std::move(sibling), 0};
    const Step step = co_await store_until_done(place, tokens, note);
    if (step == Step::done || step == Step::newer) ++stored;
  }
  co_return stored;
}

Task<Result<>> AnswerSaver::adopt(Connection row, Fence fence, TokenSet tokens) {
  Place place{std::move(row), fence};
  const Step step = co_await store_until_done(place, tokens, {});
  if (step == Step::done || step == Step::newer) co_return Result<>{};
  co_return fail(Errc::stale, "connection " + place.row.id.str() + " changed meanwhile");
}

Task<AnswerSaver::Step> AnswerSaver::store_until_done(Place& place, const TokenSet& tokens, const AnswerNote& note) {
  int tries = 0;
  Step step = co_await store_once(place, tokens, note);
  while (step == Step::again) {  // ends when the tokens are durable, or may not be stored any more
    co_await pause_before_retry(tries, "tokens_not_stored", place.row, Errc::store_unavailable);
    step = co_await store_once(place, tokens, note);
  }
  if (tries > 0) report_.unsaved(--unsaved_);
  co_return step;
}

Task<AnswerSaver::Step> AnswerSaver::store_once(Place& place, const TokenSet& tokens, const AnswerNote& note) {
  if (place.fence == 0) {  // not claimed yet, or the lease was lost
    const Time now = clock_.now();
    auto claim = co_await store_.claim(place.row.id, place.row.generation, owner_, now, now + lease_, std::nullopt);
    if (!claim) {
      const Step next = co_await look_again(place, std::nullopt, claim.error().code);
      co_return next;
    }
    place.row = std::move(claim->connection);
    place.fence = place.row.lease.fence;
  }
  const auto ticket = cache_.ticket(place.row.id);
  auto update = co_await sealing_.seal_refresh(place.row, clone_of(tokens), cache_.used_at(place.row.id));
  if (!update) {
    const Step next = co_await look_again(place, std::nullopt, update.error().code);
    co_return next;
  }
  Event event = refreshed_event(place.row, tokens, note.rotated, note.correlation, clock_.now());
  const auto committed = co_await store_.commit(place.row.id, place.fence, place.row.generation, *update, std::move(event));
  if (!committed) {
    const Step next = co_await look_again(place, update->tokens, committed.error().code);
    co_return next;
  }
  place.row.status = *committed;  // on hold since the claim, it may be: then the tokens are stored, and not served
  if (place.row.status != Status::active) cache_.forget(place.row.id);
  remember(place.row, *update, ticket);
  co_return Step::done;
}

// The store did not take it: is it there all the same (a lost COMMIT), is somebody else's newer, may it be tried again?
Task<AnswerSaver::Step> AnswerSaver::look_again(Place& place, const std::optional<SealedTokens>& ours, Errc why) {
  if (why == Errc::revoked) co_return Step::revoked;
  const auto row = co_await store_.connection(place.row.id);
  if (!row) co_return row.error().code == Errc::not_found ? Step::revoked : Step::again;
  if (row->status == Status::revoking || row->status == Status::revoked) co_return Step::revoked;
  if (row->generation > place.row.generation) co_return ours && row->tokens == *ours ? Step::done : Step::newer;
  if (why == Errc::stale) place.fence = 0;
  if (place.fence != 0 || row->status == Status::active) co_return Step::again;
  co_return Step::quarantined;
}

void AnswerSaver::remember(const Connection& row, const TokenUpdate& update, TokenCache::Ticket ticket) {
  const Registration* registration = registrations_.find(row.registration);
  if (registration == nullptr) return;
  cache_.put(std::make_shared<CachedToken>(updated(row, update), *registration, clock_.now()), ticket);
}

Task<void> AnswerSaver::enqueue_revocation(Connection row, OutboxKind kind, TokenSet tokens) {
  const Time now = clock_.now();
  int tries = 0;
  for (bool queued = false; !queued;) {  // ends when the outbox has it
    Errc why = Errc::store_unavailable;
    auto update = co_await sealing_.seal_refresh(row, clone_of(tokens), std::nullopt);
    if (update) {
      OutboxItem item{.id = 0,
                      .kind = kind,
                      .connection = row.id,
                      .registration = row.registration,
                      .tenant = row.tenant,
                      .realm = row.realm,
                      .generation = row.generation + 1,
                      .tokens = std::move(update->tokens),
                      .tries = 0,
                      .next_try_at = now,
                      .created_at = now,
                      .last_error = {}};
      const auto stored = co_await store_.enqueue(std::move(item));
      queued = stored.has_value();
      if (!queued) why = stored.error().code;
    } else {
      why = update.error().code;
    }
    if (!queued) co_await pause_before_retry(tries, "revocation_not_queued", row, why);
  }
  if (tries > 0) report_.unsaved(--unsaved_);
  log_.warning("minted_during_revocation", {{"connection", row.id.str()}, {"generation", row.generation + 1}});
}

}  // namespace evergrant
