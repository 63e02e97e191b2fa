// Steps 1 to 3: whether, under which lease, with whose token. What comes back is dealt with in refresher_outcome.cpp.
#include "lifecycle/refresher.hpp"

#include <algorithm>
#include <utility>

#include "oauth/host_variables.hpp"
#include "oauth/metadata.hpp"

namespace evergrant {

using namespace std::chrono_literals;

namespace {

constexpr Duration look_at_others_every = 250ms;
constexpr int stale_tries = 3;
constexpr Duration unopened_pause = 10min;  // a key that cannot be had may come back

bool is_waited_for(Cause cause) { return cause == Cause::reader || cause == Cause::forced; }

Error nothing_to_refresh_with(const Connection& row, const Provider& provider) {
  return {Errc::reauth_required, name_of(row) + " has no refresh token, so its access token cannot be renewed",
          provider.refresh_hint.empty() ? "Send the customer through a connect session." : provider.refresh_hint};
}

// Whoever reported the access token as bad has made it end now, as far as recovery is concerned.
Connection as_reported(const Connection& row, Cause cause, Time now) {
  Connection seen = row;
  if (cause == Cause::forced) seen.access_expires_at = now;
  return seen;
}

}  // namespace

Refresher::Refresher(const TokenService::Parts& parts, const RefreshOptions& options, TokenSealing& sealing,
                     TokenCache& cache, RefreshReport& report)
    : store_{parts.store},
      vault_{parts.vault},
      escrow_{parts.escrow},
      directory_{parts.directory},
      registrations_{parts.registrations},
      executor_{parts.engine},
      clock_{parts.clock},
      random_{parts.random},
      log_{parts.log},
      options_{options},
      sealing_{sealing},
      cache_{cache},
      report_{report},
      endpoint_{parts.transport, parts.clock, parts.random},
      gates_{parts.store, parts.clock, parts.random, parts.log, report, options.concurrency, options.mass_failure},
      saver_{parts.store, parts.vault,         parts.clock,   parts.log,     sealing,     cache,
             report,      parts.registrations, options.owner, options.lease, parts.escrow} {}

Task<Result<>> Refresher::start() {
  auto loaded = co_await gates_.load(registrations_);
  co_return loaded;
}

int Refresher::slots_of(const RegistrationId& registration) {
  const Registration* known = registrations_.find(registration);
  return known == nullptr ? 1 : gates_.of(*known).slots.limit();
}

Task<Result<>> Refresher::refresh(RefreshWish wish) {
  const Time until = clock_.now() + options_.lease + options_.timeout;
  for (int stale = 0;;) {  // ends with an outcome, after a few lost races, or when another owner takes too long
    auto outcome = co_await try_once(wish, std::exchange(wish.listed, nullptr));
    if (outcome) co_return outcome;
    const Errc code = outcome.error().code;
    if (code == Errc::stale && ++stale < stale_tries) continue;
    if (code != Errc::busy || !is_waited_for(wish.cause) || clock_.now() >= until) co_return outcome;
    auto waited = co_await await_other(wish, until);
    if (!waited) co_return waited;
  }
}

Task<Result<Connection>> Refresher::load(ConnectionId id) {
  const auto ticket = cache_.ticket(id);
  const Time asked_at = clock_.now();  // so old is what is read, however long this process is stopped meanwhile
  auto row = co_await store_.connection(id);
  if (!row) co_return row;
  const Registration* registration = registrations_.find(row->registration);
  if (registration != nullptr) cache_.put(std::make_shared<CachedToken>(*row, *registration, asked_at), ticket);
  co_return row;
}

// Another process refreshes: its result, or the end of its lease, is what this one waits for.
Task<Result<>> Refresher::await_other(const RefreshWish& wish, Time until) {
  while (clock_.now() < until) {  // ends with the other's lease, which it may renew, or at `until`
    co_await delay(look_at_others_every);
    auto row = co_await load(wish.connection);
    if (!row) co_return std::unexpected(row.error());
    const Generation generation = row->generation;
    const auto lock = co_await lock_of(std::make_shared<const Connection>(std::move(*row)));
    if (!lock) co_return std::unexpected(lock.error());
    const Lease& lease = (*lock)->lease;
    const bool free = lease.owner.empty() || !lease.until || *lease.until <= clock_.now();
    if (free || generation > wish.seen) co_return Result<>{};
  }
  co_return fail(Errc::provider_unavailable, "Another process is refreshing connection " + wish.connection.str() + '.',
                 "Ask again in a moment.");
}

Task<Result<>> Refresher::try_once(const RefreshWish& wish, Row row) {
  if (!row) {
    auto loaded = co_await load(wish.connection);
    if (!loaded) co_return std::unexpected(loaded.error());
    row = std::make_shared<const Connection>(std::move(*loaded));
  }
  if (row->generation > wish.seen) co_return Result<>{};
  if (auto refused = refusal_of(*row)) co_return std::unexpected(std::move(*refused));
  const Registration* registration = registrations_.find(row->registration);
  const bool urgent = is_waited_for(wish.cause);
  if (registration == nullptr) {
    if (!urgent) co_await put_off(*row, clock_.now() + 1h);
    co_return fail(Errc::not_found, "registration " + row->registration.str() + " is not in the configuration",
                   "Add it again; the connection's tokens are kept.");
  }
  if (!can_refresh(*row, registration->provider)) {
    if (!urgent) co_await put_off(*row, clock_.now() + 24h);
    co_return std::unexpected(nothing_to_refresh_with(*row, registration->provider));
  }
  const auto found = co_await lock_of(row);
  if (!found) co_return std::unexpected(found.error());
  const Connection& lock = **found;
  if (escrow_ != nullptr && escrow_->holds(lock.id)) {  // an answer is there that the store has not got yet
    auto delivered = co_await deliver_of(lock.id);
    if (!delivered) co_return delivered;
    co_return fail(Errc::stale, "connection " + lock.id.str() + " has an answer that was waiting for the store");
  }
  const bool is_shared = lock.id != row->id;
  const auto gate = not_before(lock);
  if (gate && *gate > clock_.now()) {
    if (wish.cause == Cause::due && is_shared) co_await put_off(*row, *gate);
    co_return std::unexpected(backing_off(lock, *gate));
  }
  auto outcome = co_await with_slot(wish, lock, *registration);
  // What holds the lock was put off; the one that was due must not stay at the head either.
  if (!outcome && is_shared && wish.cause == Cause::due) co_await put_off(*row, clock_.now() + 5s);
  co_return outcome;
}

// The scheduler's next look, later than now: what cannot be sent must not stay at the head of what is due.
Task<void> Refresher::put_off(Connection row, Time until) {
  const Time now = clock_.now();
  const Time due = until + draw_between(0ms, std::max<Duration>(1s, (until - now) / 4), random_);
  const auto claim = co_await store_.claim(row.id, row.generation, options_.owner, now, now + options_.lease, std::nullopt);
  if (!claim) co_return;
  Event silent;
  silent.at = now;
  const auto moved = co_await store_.record_failure(row.id, claim->connection.lease.fence, claim->connection.failure,
                                                    Status::active, {}, due, false, silent);
  if (!moved) log_.debug("not_put_off", {{"connection", row.id.str()}, {"code", to_string(moved.error().code)}});
}

// As put_off, for a grant that is held already: nothing was sent.
Task<void> Refresher::set_aside(const HeldGrant& held, Time until) {
  Event silent;
  silent.at = clock_.now();
  const auto moved = co_await store_.record_failure(held.row.id, held.row.lease.fence, held.row.failure, Status::active, {},
                                                    until, false, silent);
  if (!moved) log_.debug("not_set_aside", {{"connection", held.row.id.str()}, {"code", to_string(moved.error().code)}});
}

// Nobody waits for a scheduled refresh, so it gives way; a reader waits for its turn as long as a reader waits at all.
Task<Result<>> Refresher::keep_pace(const RefreshWish& wish, const Connection& row, RegistrationGate& gate) {
  const Time now = clock_.now();
  const Time turn = gate.pace.next(now);
  const bool urgent = is_waited_for(wish.cause);
  if (!urgent && turn > now) {
    co_await put_off(row, turn);
    co_return fail(Errc::busy, "registration " + row.registration.str() + " sends as often as it may");
  }
  if (turn - now > options_.reader_wait) {
    co_return fail(Errc::rate_limited, "registration " + row.registration.str() + " sends as often as it may",
                   "Ask again in a moment; max_rate_per_second is its limit.");
  }
  gate.pace.take(now);
  if (turn > now) co_await delay(turn - now);
  co_return Result<>{};
}

Task<Result<>> Refresher::follow_registrations() {
  auto followed = co_await gates_.follow(registrations_);
  co_return followed;
}

Task<Result<>> Refresher::resume(RegistrationId registration) {
  auto resumed = co_await gates_.release(std::move(registration));
  co_return resumed;
}

Task<Result<>> Refresher::release_hold(RegistrationId registration) {
  auto released = co_await gates_.release_hold(std::move(registration));
  co_return released;
}

Task<Result<>> Refresher::with_slot(const RefreshWish& wish, const Connection& row, const Registration& registration) {
  RegistrationGate& gate = gates_.of(registration);
  const bool urgent = is_waited_for(wish.cause);
  if (auto refused = gates_.refusal(registration, gate.breaker.peek(clock_.now()))) {
    if (!urgent) co_await put_off(row, gate.breaker.peek(clock_.now()).retry_at);
    co_return std::unexpected(std::move(*refused));
  }
  if (urgent && gate.slots.overcrowded()) {
    co_return fail(Errc::provider_unavailable,
                   "Too many refreshes of registration " + registration.id.str() + " wait for the provider already.",
                   "Ask again in a moment.");
  }
  if (!urgent && gate.slots.crowded()) {
    co_await put_off(row, clock_.now() + 5s);
    co_return fail(Errc::busy, "registration " + registration.id.str() + " has many refreshes waiting");
  }
  const auto resolved = co_await directory_.resolve(registration.provider);
  if (!resolved) {
    if (!urgent) co_await put_off(row, clock_.now() + 30s);
    co_return std::unexpected(resolved.error());
  }
  const Endpoints& endpoints = resolved->endpoints;
  auto url = fill_hosts(endpoints.refresh.empty() ? endpoints.token : endpoints.refresh, registration.provider, row.extras);
  if (!url) {
    if (!urgent) co_await put_off(row, clock_.now() + 1h);
    co_return std::unexpected(url.error());
  }
  auto paced = co_await keep_pace(wish, row, gate);
  if (!paced) co_return paced;
  const RequestSlots::Slot slot = co_await gate.slots.take(urgent);
  const auto admission = gate.breaker.admit(clock_.now());
  if (auto refused = gates_.refusal(registration, admission)) {
    if (!urgent) co_await put_off(row, admission.retry_at);
    co_return std::unexpected(std::move(*refused));
  }
  auto outcome = co_await under_lease(wish, row, registration, std::move(*url), GatePass{gate.breaker});
  co_return outcome;
}

// Before anything is sent that may rotate a token: what comes back can be sealed and made durable, even if the store is gone
// by then.
Task<Result<>> Refresher::take_custody(const RefreshWish& wish, const Connection& row, const Registration& registration,
                                       SealRight& seal, EscrowRoom& room) {
  if (registration.provider.refresh.rotation == Rotation::never) co_return Result<>{};
  if (escrow_ != nullptr) {
    if (!escrow_->reserve()) {
      if (!is_waited_for(wish.cause)) co_await put_off(row, clock_.now() + 30s);
      co_return std::unexpected(no_room_for_answer(escrow_->status()));
    }
    room = EscrowRoom{*escrow_};
  }
  auto right = co_await vault_.take_seal(row.tenant);
  if (!right) {
    const bool is_away = right.error().code == Errc::store_unavailable;
    if (!is_waited_for(wish.cause)) co_await put_off(row, clock_.now() + (is_away ? 30s : unopened_pause));
    co_return std::unexpected(right.error());
  }
  seal = std::move(*right);
  co_return Result<>{};
}

// Step 2. A crash after this leaves an attempt; it is resolved by the rotation profile. Where nothing rotates, nothing needs
// to be resolved, and the attempt is left out.
Task<Result<HeldGrant>> Refresher::claim(const Connection& row, const Registration& registration,
                                         std::optional<Attempt>& unresolved) {
  const Time now = clock_.now();
  std::optional<Attempt> attempt;
  if (registration.provider.refresh.rotation != Rotation::never) {
    attempt.emplace();
    attempt->id = AttemptId{random_.id("att_")};
    attempt->connection = row.id;
    attempt->registration = row.registration;
    attempt->generation = row.generation;
    attempt->sent_at = now;
  }
  const std::optional<AttemptId> attempt_id = attempt ? std::optional{attempt->id} : std::nullopt;
  auto claimed =
      co_await store_.claim(row.id, row.generation, options_.owner, now, now + options_.lease, std::move(attempt));
  if (!claimed) co_return std::unexpected(claimed.error());
  unresolved = std::move(claimed->unresolved);
  const Fence fence = claimed->connection.lease.fence;
  co_return HeldGrant{
      .row = std::move(claimed->connection),
      .registration = registration,
      .keeper = LeaseKeeper{executor_, store_, clock_, log_, row.id, fence, now + options_.lease, options_.lease},
      .attempt = attempt_id,
      .attempt_fence = fence,
      .asked = fence,
      .older_unresolved = unresolved.has_value(),
      .answer_kept = false,
      .since = now};
}

Task<Result<>> Refresher::under_lease(const RefreshWish& wish, const Connection& row, const Registration& registration,
                                      std::string url, GatePass pass) {
  std::optional<Attempt> unresolved;
  SealRight seal;
  EscrowRoom room;
  auto prepared = co_await take_custody(wish, row, registration, seal, room);
  if (!prepared) co_return prepared;
  auto held = co_await claim(row, registration, unresolved);
  if (!held) co_return std::unexpected(held.error());
  held->seal = std::move(seal);
  held->room = std::move(room);
  // The row as it was listed may be older than a failure that this claim has found.
  const auto gate = not_before(held->row);
  if (wish.cause == Cause::due && !unresolved && gate && *gate > clock_.now()) {
    co_await set_aside(*held, *gate);
    co_return std::unexpected(backing_off(held->row, *gate));
  }
  if (unresolved) {
    held->lost_at = unresolved->sent_at;
    auto settled = co_await settle_unresolved(*held, std::move(*unresolved), wish);
    if (settled) co_return *settled;
  }
  if (!held->row.upstream_grant.empty()) {
    auto adopted = co_await adopt_newer(*held, wish);
    if (adopted) co_return *adopted;
  }
  auto outcome = co_await send(*held, std::move(url), std::move(pass));
  co_return outcome;
}

// I6. A value: this refresh is at its end. Nothing: it is right to send now.
Task<std::optional<Result<>>> Refresher::settle_unresolved(HeldGrant& held, Attempt unresolved, const RefreshWish& wish) {
  if (!unresolved.answer.empty()) {
    auto settled = co_await settle_kept(held, unresolved);
    co_return settled;
  }
  const Time now = clock_.now();
  const Recovery recovery =
      decide_recovery(as_reported(held.row, wish.cause, now), held.registration.provider, unresolved, now);
  if (recovery == Recovery::replay || recovery == Recovery::replay_once) {
    const auto told = co_await store_.append_event(
        replayed_event(held.row, held.registration.provider.refresh, recovery, unresolved, now));
    if (!told) log_.debug("event_not_stored", {{"connection", held.row.id.str()}});
    co_return std::nullopt;
  }
  auto outcome = co_await hold_back(held, recovery, unresolved);
  co_return outcome;
}

Task<Result<>> Refresher::settle_kept(HeldGrant& held, const Attempt& unresolved) {
  const auto kept = co_await saver_.read_kept(held.row, unresolved);
  if (kept) {
    Verdict verdict = judge_token_answer(kept->response, held.registration.provider, kept->sent, clock_.now());
    if (verdict.failure == FailureClass::none) {
      held.asked = unresolved.fence;
      auto outcome = co_await accept(held, std::move(verdict));
      co_return outcome;
    }
  } else if (!AnswerSaver::is_unusable(kept.error())) {  // its key, or the store, may come back: nothing is sent until then
    const bool is_away = kept.error().code == Errc::store_unavailable;
    co_await set_aside(held, clock_.now() + (is_away ? 30s : unopened_pause));
    co_return std::unexpected(kept.error());
  }
  // It says no more than that the provider acted. Taken back, it does not outweigh what the provider says next.
  log_.warning("kept_answer_unusable", {{"connection", held.row.id.str()}, {"attempt", unresolved.id.str()}});
  const auto taken_back = co_await store_.keep_answer(unresolved.id, unresolved.fence, Sealed{});
  co_await release(held);
  if (!taken_back && taken_back.error().code != Errc::stale) co_return taken_back;
  co_return fail(Errc::stale, "connection " + held.row.id.str() + " had a kept answer that holds no tokens");
}

// The lease did not last until the request: another may hold it by now, and two requests with one refresh token can end the
// grant (I1). Nothing was sent, so there is nothing to resolve either.
Task<Result<>> Refresher::leave_unsent(HeldGrant& held) {
  log_.warning("lease_lost_before_sending", {{"connection", held.row.id.str()}});
  co_await release(held);
  if (held.attempt) {
    const auto ended = co_await store_.end_attempt(*held.attempt);
    if (!ended) log_.warning("attempt_not_ended", {{"connection", held.row.id.str()}});
  }
  co_return fail(Errc::stale, "the lease of connection " + held.row.id.str() + " ran out before the request was sent");
}

Task<Result<>> Refresher::send(HeldGrant& held, std::string url, GatePass pass) {
  const bool exchanges = held.registration.provider.refresh.mode == RefreshMode::access_token_exchange;
  auto opening = exchanges ? sealing_.open_access(held.source()) : sealing_.open_refresh(held.source());
  auto credential = co_await std::move(opening);
  if (!credential) {
    log_.error("refresh_token_not_opened",
               {{"connection", held.source().id.str()}, {"code", to_string(credential.error().code)}});
    co_await set_aside(held, clock_.now() + unopened_pause);
    co_return std::unexpected(credential.error());
  }
  const bool ours = co_await held.keeper.hold_for(std::min(options_.timeout, options_.lease / 2));
  if (!ours) {
    auto left = co_await leave_unsent(held);
    co_return left;
  }
  const auto answer = co_await endpoint_.refresh(held.registration, std::move(url), std::move(*credential),
                                                 held.source().scope, options_.timeout, held.row.pair);
  Verdict verdict;
  if (answer) {
    const bool holds_tokens = answer->response.status >= 200 && answer->response.status < 300;
    if (holds_tokens) co_await saver_.keep(held, *answer);  // a crash from here on loses nothing
    verdict = judge_token_answer(answer->response, held.registration.provider, answer->sent, clock_.now());
  } else {
    verdict = judge_transport_error(answer.error());
  }
  pass.used();
  auto outcome = co_await conclude(held, std::move(verdict));
  co_await leave_escrow(held);
  co_return outcome;
}

}  // namespace evergrant
