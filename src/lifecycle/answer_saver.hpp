// Makes what a provider answered durable, however long the store refuses: a rotated refresh token that only this process
// knows is never dropped (design section 5, steps 4 and 5). What is repeated is the saving, never the exchange.
// On the engine's executor.
#pragma once

#include "lifecycle/held_grant.hpp"
#include "lifecycle/refresh_report.hpp"
#include "lifecycle/token_cache.hpp"
#include "lifecycle/token_sealing.hpp"
#include "oauth/token_endpoint.hpp"

namespace evergrant {

// What the timeline says about a stored answer.
struct AnswerNote {
  bool rotated = false;
  std::string correlation;
};

class AnswerSaver {
 public:
  AnswerSaver(Store& store, Vault& vault, Clock& clock, const Log& log, TokenSealing& sealing, TokenCache& cache,
              RefreshReport& report, const Registrations& registrations, std::string owner, Duration lease, Escrow* escrow);
  AnswerSaver(const AnswerSaver&) = delete;
  AnswerSaver& operator=(const AnswerSaver&) = delete;

  // Seals the raw answer into the attempt; comes back when it is durable, in the store or else in the escrow, or when the
  // attempt was settled by others.
  Task<void> keep(HeldGrant& held, const RawTokenAnswer& answer);
  // The kept answer of an earlier attempt. Errors: sealed_broken, key_unavailable, invalid_argument (not a journal), those
  // of the store.
  Task<Result<RawTokenAnswer>> read_kept(const Connection& row, const Attempt& attempt);
  // Nobody will ever read it; any other error may pass, and the answer may hold all that is left of a grant.
  [[nodiscard]] static bool is_unusable(const Error& error) noexcept {
    return error.code == Errc::sealed_broken || error.code == Errc::invalid_argument;
  }

  // Stores the new token set for the held row, and before it for all that share the grant, so that a crash between leaves
  // the attempt open. Whoever lost the lease meanwhile stores it all the same, unless the answer to a later request is
  // there; a connection that was given up for a refusal is active again by it. Comes back when it is durable (I2) or must
  // not be stored: errors `revoked` (the new tokens wait in the outbox, I5), `quarantined` (the kept answer waits for the
  // operator).
  Task<Result<>> commit(HeldGrant& held, TokenSet tokens, AnswerNote note);

  // The tokens of an escrowed answer are where they belong.
  Task<void> end_escrow(HeldGrant& held);

  // Gives the tokens of one grant to everybody else who shares it; how many have them now.
  Task<int> share(Connection row, const TokenSet& tokens, const AnswerNote& note);
  // Gives them to one row, under the fence that the caller holds, or under its own lease where `fence` is 0.
  Task<Result<>> adopt(Connection row, Fence fence, TokenSet tokens);
  // As commit, for one row without a lease: the answer to the request that was sent under `asked`, found after its process
  // is gone. Errors: stale (it may not be stored as things are).
  Task<Result<>> store_late(Connection row, Fence asked, TokenSet tokens);
  // Tokens that must not stay alive: into the outbox, whatever it takes (I5).
  Task<void> enqueue_revocation(Connection row, OutboxKind kind, TokenSet tokens);

 private:
  enum class Step : std::uint8_t { done, again, newer, revoked, quarantined };
  struct Place {  // one row to be written, with the fence to write under
    Connection row;
    Fence fence = 0;  // 0: it is not claimed, or the lease was lost
    Fence asked = 0;  // of the request that the tokens answer; 0: it was another row's, and `fence` stands for it
  };
  static bool revives(const Place& place);
  static bool is_superseded(const Place& place, const Connection& row);
  Task<Step> store_once(Place& place, const TokenSet& tokens, const AnswerNote& note);
  Task<Result<>> claim(Place& place);
  Task<Result<Status>> write(const Place& place, TokenUpdate update, Event event);
  void hurry(const Place& place, TokenUpdate& update) const;
  Task<bool> is_outdated(const HeldGrant& held);
  Task<Step> look_again(Place& place, const std::optional<SealedTokens>& ours, Errc why);
  Task<Step> store_until_done(Place& place, const TokenSet& tokens, const AnswerNote& note);
  Task<void> end_attempt(const HeldGrant& held);
  Task<std::optional<Errc>> keep_once(HeldGrant& held, std::optional<Sealed>& sealed);
  Task<void> pause_before_retry(int& tries, std::string_view what, const Connection& row, Errc why);
  void remember(const Place& place, TokenUpdate update, Time asked_at, TokenCache::Ticket ticket);

  Store& store_;
  Vault& vault_;
  Clock& clock_;
  const Log& log_;
  TokenSealing& sealing_;
  TokenCache& cache_;
  RefreshReport& report_;
  const Registrations& registrations_;
  std::string owner_;
  Duration lease_;
  Escrow* escrow_;
  int unsaved_ = 0;
};

}  // namespace evergrant
