#include "lifecycle/answer_saver.hpp"

#include <utility>

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration first_save_retry = 100ms;
constexpr Duration slowest_retry = 5s;

// What the row looks like once `update` is stored.
Connection updated(Connection row, Fence asked, TokenUpdate update) {
  row.generation += 1;
  row.tokens_fence = asked;
  row.tokens = std::move(update.tokens);
  row.token_type = std::move(update.token_type);
  row.scope = std::move(update.scope);
  row.missing_scope = std::move(update.missing_scope);
  row.extras = std::move(update.extras);
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
  co_await delay(backoff_ceiling(tries, first_save_retry, slowest_retry));
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

// Nothing: it is settled. An attempt that others have ended takes no answer; whether anything is lost by that, the row says
// later, and until then the answer has no other place than the escrow.
Task<std::optional<Errc>> AnswerSaver::keep_once(HeldGrant& held, std::optional<Sealed>& sealed) {
  const auto kept = co_await store_.keep_answer(*held.attempt, held.attempt_fence, *sealed);
  held.answer_kept = kept.has_value();
  if (kept) co_return std::nullopt;
  const Errc refused = kept.error().code;
  const std::optional<Errc> unsaved = refused == Errc::stale ? std::nullopt : std::optional{refused};
  if (refused == Errc::key_unavailable) {  // replaced meanwhile: sealed anew, by a store that answers
    sealed.reset();
    co_return refused;
  }
  if (escrow_ == nullptr) co_return unsaved;
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
    co_return unsaved;
  }
  log_.error("answer_escrowed",
             {{"connection", held.row.id.str()}, {"generation", held.row.generation}, {"code", to_string(refused)}});
  held.answer_kept = true;
  held.escrowed = true;
  co_return std::nullopt;
}

Task<void> AnswerSaver::end_escrow(HeldGrant& held) {
  if (escrow_ == nullptr || !held.attempt) co_return;
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
  if (!held.row.upstream_grant.empty()) {
    const bool outdated = co_await is_outdated(held);
    if (outdated) co_return Result<>{};
    sharers = co_await share(held.row, tokens, note);
  }
  const Fence fence = held.row.lease.fence;
  Place place{std::move(held.row), fence, held.asked};
  const Step step = co_await store_until_done(place, tokens, note);
  held.row = std::move(place.row);
  held.stored = step == Step::done || step == Step::revoked;
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

// What is left of an attempt that no commit will end; the recovery pass ends it where this fails.
Task<void> AnswerSaver::end_attempt(const HeldGrant& held) {
  if (!held.attempt) co_return;
  const auto ended = co_await store_.end_attempt(*held.attempt);
  if (!ended) log_.warning("attempt_not_ended", {{"connection", held.row.id.str()}});
}

// Others have stored the answer to a later request: nobody who shares the grant is to be given this one.
Task<bool> AnswerSaver::is_outdated(const HeldGrant& held) {
  const auto row = co_await store_.connection(held.row.id);
  const bool outdated = row.has_value() && is_superseded({held.row, held.row.lease.fence, held.asked}, *row);
  co_return outdated;
}

// Everyone else who shares the grant, before the row that holds the lock and the attempt.
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
    Place place{std::move(sibling), 0, 0};
    const Step step = co_await store_until_done(place, tokens, note);
    if (step == Step::done || step == Step::newer) ++stored;
  }
  co_return stored;
}

Task<Result<>> AnswerSaver::adopt(Connection row, Fence fence, TokenSet tokens) {
  Place place{std::move(row), fence, 0};
  const Step step = co_await store_until_done(place, tokens, {});
  if (step == Step::done || step == Step::newer) co_return Result<>{};
  co_return fail(Errc::stale, "connection " + place.row.id.str() + " changed meanwhile");
}

Task<Result<>> AnswerSaver::store_late(Connection row, Fence asked, TokenSet tokens) {
  Place place{std::move(row), 0, asked};
  const Step step =
      co_await store_until_done(place, tokens, {.rotated = tokens.refresh_token.has_value(), .correlation = {}});
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

// The refusal was of an older refresh token than the answer holds.
bool AnswerSaver::revives(const Place& place) {
  return place.fence == 0 && place.asked != 0 && place.row.status == Status::reauth_required;
}

// What is later is decided by the order of the requests: a row may have changed and still have older tokens than these.
bool AnswerSaver::is_superseded(const Place& place, const Connection& row) {
  return place.asked == 0 ? row.generation > place.row.generation : row.tokens_fence >= place.asked;
}

Task<Result<>> AnswerSaver::claim(Place& place) {
  const Time now = clock_.now();
  auto claim = co_await store_.claim(place.row.id, place.row.generation, owner_, now, now + lease_, std::nullopt);
  if (!claim) co_return std::unexpected(claim.error());
  place.row = std::move(claim->connection);
  place.fence = place.row.lease.fence;
  co_return Result<>{};
}

Task<Result<Status>> AnswerSaver::write(const Place& place, TokenUpdate update, Event event) {
  const Generation expected = place.row.generation;
  if (revives(place)) {
    auto revived = co_await store_.revive(place.row.id, expected, place.asked, std::move(update), std::move(event));
    co_return revived;
  }
  const Fence asked = place.asked == 0 ? place.fence : place.asked;
  auto committed = co_await store_.commit(place.row.id, place.fence, expected, asked, std::move(update), std::move(event));
  co_return committed;
}

// Others may have sent requests after the one that is answered here: then these tokens may be good for a grace window only.
void AnswerSaver::hurry(const Place& place, TokenUpdate& update) const {
  if (place.asked == 0 || !others_may_have_sent(place.asked, place.fence) || update.tokens.refresh_token.empty()) return;
  const Registration* registration = registrations_.find(place.row.registration);
  if (registration != nullptr) update.next_due_at = update.at + registration->provider.refresh.min_interval;
}

Task<AnswerSaver::Step> AnswerSaver::store_once(Place& place, const TokenSet& tokens, const AnswerNote& note) {
  const bool reviving = revives(place);
  if (place.fence == 0 && !reviving) {
    const auto claimed = co_await claim(place);
    if (!claimed) {
      const Step next = co_await look_again(place, std::nullopt, claimed.error().code);
      co_return next;
    }
  }
  const auto ticket = cache_.ticket(place.row.id);
  const Time asked_at = clock_.now();
  auto update = co_await sealing_.seal_refresh(place.row, clone_of(tokens), cache_.used_at(place.row.id));
  if (!update) {
    const Step next = co_await look_again(place, std::nullopt, update.error().code);
    co_return next;
  }
  hurry(place, *update);
  Event event = reviving ? revived_event(place.row, note.correlation, clock_.now())
                         : refreshed_event(place.row, tokens, note.rotated, note.correlation, clock_.now());
  const auto written = co_await write(place, *update, std::move(event));
  if (!written) {
    const Step next = co_await look_again(place, update->tokens, written.error().code);
    co_return next;
  }
  place.row.status = *written;  // on hold since the claim, it may be: then the tokens are stored, and not served
  if (place.row.status != Status::active) cache_.forget(place.row.id);
  remember(place, std::move(*update), asked_at, ticket);
  co_return Step::done;
}

// The store did not take it: is it there all the same (a lost COMMIT), is somebody else's newer, may it be tried again?
Task<AnswerSaver::Step> AnswerSaver::look_again(Place& place, const std::optional<SealedTokens>& ours, Errc why) {
  if (why == Errc::revoked) co_return Step::revoked;
  const auto row = co_await store_.connection(place.row.id);
  if (!row) co_return row.error().code == Errc::not_found ? Step::revoked : Step::again;
  if (row->status == Status::revoking || row->status == Status::revoked) co_return Step::revoked;
  if (is_superseded(place, *row)) co_return ours && row->tokens == *ours ? Step::done : Step::newer;
  if (why == Errc::stale) place.fence = 0;
  if (place.fence != 0) co_return Step::again;
  place.row = *row;  // whatever it is now, these tokens are later
  co_return row->status == Status::active || revives(place) ? Step::again : Step::quarantined;
}

void AnswerSaver::remember(const Place& place, TokenUpdate update, Time asked_at, TokenCache::Ticket ticket) {
  const Registration* registration = registrations_.find(place.row.registration);
  if (registration == nullptr) return;
  const Fence asked = place.asked == 0 ? place.fence : place.asked;
  cache_.put(std::make_shared<CachedToken>(updated(place.row, asked, std::move(update)), *registration, asked_at), ticket);
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
