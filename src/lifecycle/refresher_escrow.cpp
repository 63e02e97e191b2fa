// Step 8, the escrow: answers that the store refused go to it when it is back, or when another process starts, before their
// connections are refreshed from the old token.
#include <utility>

#include "lifecycle/refresher.hpp"

namespace evergrant {

namespace {

bool is_over(const Connection& row) { return row.status == Status::revoking || row.status == Status::revoked; }
bool is_unopened(Errc code) { return code == Errc::sealed_broken || code == Errc::key_unavailable; }

}  // namespace

Error no_room_for_answer(const EscrowStatus& status) {
  if (status.room < status.capacity) {
    return {Errc::store_unavailable,
            "The disk has no room for the escrow, so no refresh is sent whose answer could be lost.",
            "Make room on the escrow's disk: it goes on by itself. See evergrant doctor."};
  }
  return {Errc::store_unavailable, "The escrow is full, so no refresh is sent whose answer could be lost.",
          "Its answers wait for the store: evergrant doctor shows how many."};
}

bool Refresher::has_escrowed() const { return escrow_ != nullptr && escrow_->status().answers > 0; }

Task<Result<>> Refresher::replay_escrow() {
  if (escrow_ == nullptr) co_return Result<>{};
  const auto dead = co_await escrow_->adopt();
  if (!dead) co_return std::unexpected(dead.error());
  for (EscrowedAnswer& answer : escrow_->pending()) {
    const auto delivered = co_await deliver(std::move(answer));
    if (!delivered && delivered.error().code == Errc::store_unavailable) co_return delivered;
  }
  // Now that the store knows which requests were answered: under the other leases one may still be on its way (I1).
  for (const std::string& owner : *dead) {
    const auto freed = co_await store_.free_leases(owner);
    if (!freed) co_return std::unexpected(freed.error());
    const auto settled = co_await escrow_->settled(owner);
    if (!settled) log_.warning("owner_not_settled", {{"owner", owner}, {"why", settled.error().message}});
    log_.info("leases_of_the_dead_freed", {{"owner", owner}, {"leases", *freed}});
  }
  report_.escrow(escrow_->status());
  co_return Result<>{};
}

// The answer goes once its tokens are where they belong. Where others were first, the row says what they are worth.
Task<void> Refresher::leave_escrow(HeldGrant& held) {
  if (!held.escrowed) co_return;
  if (held.stored) {
    co_await saver_.end_escrow(held);
    co_return;
  }
  const auto delivered = co_await deliver_of(held.row.id);
  if (!delivered) log_.debug("escrow_not_delivered", {{"connection", held.row.id.str()}});
}

Task<Result<>> Refresher::deliver_of(ConnectionId connection) {
  for (EscrowedAnswer& answer : escrow_->pending()) {
    if (answer.connection != connection) continue;
    auto delivered = co_await deliver(std::move(answer));
    if (!delivered) co_return delivered;
  }
  report_.escrow(escrow_->status());
  co_return Result<>{};
}

// Leaves the escrow only when the store has the answer, or when nothing can come of it any more.
Task<Result<>> Refresher::deliver(EscrowedAnswer answer) {
  auto row = co_await store_.connection(answer.connection);
  if (!row && row.error().code != Errc::not_found) co_return std::unexpected(row.error());
  if (!row) {
    auto aside = co_await put_aside(answer, "the store knows no such connection");
    co_return aside;
  }
  const auto kept = co_await keep_escrowed(answer, *row);
  if (kept) {
    log_.info("escrow_delivered", {{"connection", answer.connection.str()}, {"generation", answer.generation}});
    auto removed = co_await escrow_->remove(answer.attempt);
    co_return removed;
  }
  if (is_unopened(kept.error().code)) {
    auto ended = co_await end_unopened(answer, *row, kept.error());
    co_return ended;
  }
  if (kept.error().code != Errc::stale) co_return kept;
  auto ended = co_await end_superseded(answer, std::move(*row));
  co_return ended;
}

Task<Result<>> Refresher::keep_escrowed(const EscrowedAnswer& answer, const Connection& row) {
  auto kept = co_await store_.keep_answer(answer.attempt, answer.fence, answer.answer);
  if (kept || kept.error().code != Errc::key_unavailable) co_return kept;
  const Place place = place_of(row, "answer", answer.generation);
  const auto plain = co_await vault_.open(place, answer.answer);  // its key was replaced since
  if (!plain) co_return std::unexpected(plain.error());
  auto sealed = co_await vault_.seal(place, *plain);
  if (!sealed) co_return std::unexpected(sealed.error());
  kept = co_await store_.keep_answer(answer.attempt, answer.fence, std::move(*sealed));
  co_return kept;
}

// The attempt was settled without the answer: by another process that could not know of it, or by this one with it. What its
// tokens are worth, the row says.
Task<Result<>> Refresher::end_superseded(const EscrowedAnswer& answer, Connection row) {
  const Attempt attempt{.id = answer.attempt,
                        .connection = row.id,
                        .registration = row.registration,
                        .generation = answer.generation,
                        .fence = answer.fence,
                        .sent_at = answer.at,
                        .answer = answer.answer};
  const bool over = is_over(row);
  const Registration* registration = registrations_.find(row.registration);
  if (!over && row.tokens_fence >= answer.fence) {
    auto dropped = co_await drop(answer, "newer tokens are stored");
    co_return dropped;
  }
  if (registration == nullptr) co_return Result<>{};  // kept until it is configured again
  const auto kept = co_await saver_.read_kept(row, attempt);
  if (!kept && is_unopened(kept.error().code)) {
    auto ended = co_await end_unopened(answer, row, kept.error());
    co_return ended;
  }
  if (!kept) co_return std::unexpected(kept.error());
  if (over) {
    auto told = co_await end_kept(attempt, std::move(row));
    if (!told) co_return told;
    auto dropped = co_await drop(answer, "its tokens are being revoked");
    co_return dropped;
  }
  Verdict verdict = judge_token_answer(kept->response, registration->provider, kept->sent, clock_.now());
  if (verdict.failure == FailureClass::none) {
    auto stored = co_await store_escrowed(std::move(row), answer.fence, std::move(*verdict.tokens));
    if (!stored) co_return stored;
  }
  auto dropped =
      co_await drop(answer, verdict.failure == FailureClass::none ? "its tokens are stored" : "it holds no tokens");
  co_return dropped;
}

// Another process knew only of a lost answer, asked again, and may have been told that the grant is over. It is not: here
// are the tokens that came of it.
Task<Result<>> Refresher::store_escrowed(Connection row, Fence asked, TokenSet tokens) {
  if (!tokens.refresh_token && !row.tokens.refresh_token.empty()) {
    auto previous = co_await sealing_.open_refresh(row);
    if (!previous) co_return std::unexpected(previous.error());
    tokens.refresh_token = std::move(*previous);
  }
  if (!row.lease.owner.empty() && row.lease.until && *row.lease.until > clock_.now()) {
    co_return fail(Errc::busy, "connection " + row.id.str() + " is being refreshed");
  }
  if (row.status == Status::quarantined) co_return fail(Errc::quarantined, "connection " + row.id.str() + " is on hold");
  auto stored = co_await saver_.store_late(std::move(row), asked, std::move(tokens));
  co_return stored;
}

// Nobody reads it now. It holds its connection up only where its tokens are the newest and its key may come back.
Task<Result<>> Refresher::end_unopened(const EscrowedAnswer& answer, const Connection& row, Error error) {
  const bool broken = error.code == Errc::sealed_broken;
  log_.error("escrow_answer_not_opened", {{"connection", answer.connection.str()}, {"code", to_string(error.code)}});
  if (broken && is_over(row)) {
    auto dropped = co_await drop(answer, "its tenant's keys are shredded");
    co_return dropped;
  }
  if (!broken && !is_over(row) && row.tokens_fence < answer.fence) co_return std::unexpected(std::move(error));
  auto aside = co_await put_aside(answer, "it cannot be opened");
  co_return aside;
}

Task<Result<>> Refresher::put_aside(const EscrowedAnswer& answer, std::string_view why) {
  log_.error("escrow_answer_set_aside",
             {{"connection", answer.connection.str()}, {"generation", answer.generation}, {"why", why}});
  auto moved = co_await escrow_->set_aside(answer.attempt);
  co_return moved;
}

Task<Result<>> Refresher::drop(const EscrowedAnswer& answer, std::string_view why) {
  log_.info("escrow_answer_ended",
            {{"connection", answer.connection.str()}, {"generation", answer.generation}, {"why", why}});
  auto removed = co_await escrow_->remove(answer.attempt);
  co_return removed;
}

}  // namespace evergrant
