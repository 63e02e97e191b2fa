// The seam to durable state. It stores sealed values only and knows no key.
//
// Every operation is one transaction: durable when its Task completes with a value, without effect when it fails.
// Writes to a connection compare and swap on generation, lease fence or status: a writer that is stale changes nothing
// and gets `stale` (I3). Methods may be called on any executor and resume there; thread-safe. Errors, besides those named:
// `store_unavailable` (it refuses; nothing was changed, or for a lost COMMIT: read again before believing so), and
// `key_unavailable` where a sealed value is written whose key was retired or shredded meanwhile: seal it again.
// Pages: `limit` is taken as 1 to 1000; a cursor that is not one of ours is `invalid_argument`.
// An Event whose `type` is empty is not recorded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "model/caller.hpp"
#include "model/connection.hpp"
#include "model/event.hpp"
#include "store/records.hpp"

namespace evergrant {

class Store {
 public:
  virtual ~Store() = default;

  // Connections ------------------------------------------------------------------------------------------------
  // Errors: not_found.
  virtual Task<Result<Connection>> connection(ConnectionId id) = 0;
  // The live (not revoked) connection of a realm: its main row. Errors: not_found.
  virtual Task<Result<Connection>> connection_of(RegistrationId registration, RealmId realm) = 0;
  virtual Task<Result<Page<Connection>>> connections(ConnectionFilter filter, std::string cursor, int limit) = 0;
  // The rows of a connection's further token pairs that are not revoked, by name; one that is being revoked comes after the
  // one that took its place.
  virtual Task<Result<std::vector<Connection>>> pairs_of(ConnectionId main) = 0;
  // Errors: conflict if (registration, realm) has a live connection already. `pairs` belong to it.
  virtual Task<Result<>> create(Connection connection, std::vector<Connection> pairs, Event event) = 0;
  Task<Result<>> create(Connection connection, Event event) { return create(std::move(connection), {}, std::move(event)); }
  // Reconnect: replaces the token set under the same id, status becomes active, the old tokens go to the outbox where
  // `replaced` is given. Expects generation `expected`; the new one is expected + 1. Clears lease and failure (a refresh in
  // flight loses its fence); all requests until then count as sent before these tokens. The changes of further pairs are
  // made in the same transaction: all or none. Errors: stale, not_found, revoked.
  virtual Task<Result<>> reconnect(Replacement main, PairChanges pairs, Event event) = 0;
  Task<Result<>> reconnect(ConnectionId id, Generation expected, TokenUpdate update, std::optional<OutboxItem> replaced,
                           Event event) {
    return reconnect({std::move(id), expected, std::move(update), std::move(replaced)}, {}, std::move(event));
  }

  // Refresh, design section 5 -----------------------------------------------------------------------------------
  // Step 2. Takes the lease if it is free or ran out at `now`, status is active and the generation is `expected`; raises the
  // fence. With `attempt`, writes it in the same transaction (its fence is filled in).
  // Errors: busy (someone holds the lease), stale (another generation), not_found, revoked, reauth_required, quarantined.
  virtual Task<Result<Claim>> claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                                    std::optional<Attempt> attempt) = 0;
  // Errors: stale.
  virtual Task<Result<>> renew(ConnectionId id, Fence fence, Time until) = 0;
  // Step 4, first half. `fence` is the attempt's own. Allowed even while the connection is revoking (I5: the token must be
  // revoked too). An empty answer takes back one that turned out to hold no tokens. Errors: stale (the attempt was ended).
  virtual Task<Result<>> keep_answer(AttemptId attempt, Fence fence, Sealed answer) = 0;
  // Step 5: new token set, generation + 1, lease and failure cleared; only if fence and generation are current and the
  // status is active (or quarantined: it stays so, but no rotated token is thrown away). `asked` is the fence of the request
  // that these tokens answer, `fence` itself or an earlier one; it becomes `tokens_fence` and must be higher than that was.
  // Ends the attempts since then up to `asked`, and that of `fence`, whose holder sent nothing; those that others sent later
  // stay. Gives the status that the connection has. Errors: stale, and revoked if a revocation began meanwhile (the caller
  // queues the new tokens).
  virtual Task<Result<Status>> commit(ConnectionId id, Fence fence, Generation expected, Fence asked, TokenUpdate update,
                                      Event event) = 0;
  // As commit, after a refusal was recorded: an answer came all the same, to a request that was sent after the one that the
  // row's tokens answer. The status is reauth_required and becomes active; no lease is needed, since nobody holds one.
  virtual Task<Result<Status>> revive(ConnectionId id, Generation expected, Fence asked, TokenUpdate update,
                                      Event event) = 0;
  // Step 6: records the failure, frees the lease, ends the attempt unless `keep_attempt`. `status`: the new one, with
  // reason. Errors: stale. With `keep_attempt` false and a status other than active, every open attempt of the grant ends.
  // reauth_required is not recorded where another attempt has a kept answer: then the lease is freed, the own attempt ended,
  // and the outcome is `answer_waits`: that answer is to be committed.
  virtual Task<Result<Recorded>> record_failure(ConnectionId id, Fence fence, Failure failure, Status status,
                                                std::string reason, std::optional<Time> next_due_at, bool keep_attempt,
                                                Event event) = 0;
  // Frees the lease and ends the attempt without a failure (nothing was sent). Errors: stale.
  virtual Task<Result<>> release(ConnectionId id, Fence fence) = 0;
  // Frees the leases of an owner that is dead for certain where a kept answer is to be committed, but for those whose own
  // attempt has none. Under all others a request may be on its way (I1): they run out, after its deadline. Fences stay, so
  // that nothing of the owner's writes is taken any more. How many were freed.
  virtual Task<Result<std::int64_t>> free_leases(std::string owner) = 0;
  // Oldest first. Also attempts of connections that have moved on since (revoked, or replaced by a reconnect).
  virtual Task<Result<std::vector<Attempt>>> unresolved_attempts(int limit) = 0;
  // Ends an attempt whose outcome is settled elsewhere: its connection is revoked or has the tokens of a later request or
  // grant, and what the kept answer holds is dealt with. Unknown ids are ignored.
  virtual Task<Result<>> end_attempt(AttemptId attempt) = 0;
  // Active connections of a registration with next_due_at <= now and no running lease, soonest first.
  virtual Task<Result<std::vector<Connection>>> due(RegistrationId registration, Time now, int limit) = 0;
  // Moves next_due_at of active connections in one batch. Those whose next_due_at is no longer `from`, or that are being
  // refreshed at `now`, are left alone.
  struct Move {
    ConnectionId connection;
    Time from, to;
  };
  virtual Task<Result<>> move_due(std::vector<Move> moves, Time now) = 0;
  // last_used_at in one batch; unknown ids are ignored.
  virtual Task<Result<>> touch(std::vector<std::pair<ConnectionId, Time>> used) = 0;
  // Live connections that share an upstream grant (REF-22, REV-06).
  virtual Task<Result<std::vector<Connection>>> sharing(RegistrationId registration, std::string upstream_grant) = 0;
  // Counted anew unless that took long: then what was counted is good for a hundred times as long.
  virtual Task<Result<ConnectionStats>> stats(Time now) = 0;
  // Active and quarantined connections with an end to be looked at: idle ends of which half of the time is over at `now`
  // (`within` is not asked: keep-alive comes sooner, so these are few), absolute ends until now + within. Left out: whose
  // passed end was announced.
  virtual Task<Result<Page<EndingGrant>>> ending(GrantEnd end, Time now, Duration within, std::string cursor, int limit) = 0;
  // Records notice and event in one transaction, so that each is given once. Errors: stale if the last notice about this end
  // is not `expected`, or the connection is no longer active or quarantined.
  virtual Task<Result<>> give_notice(ReauthNotice notice, std::optional<ReauthNotice> expected, Event event) = 0;

  // Operators hold (quarantined) and release (active). What is released with a refresh token counts as expired and due now:
  // nothing of it is served before the provider has confirmed it. Errors: stale if the status is not `from`, not_found.
  virtual Task<Result<>> change_status(ConnectionId id, Status from, Status to, std::string reason, Event event) = 0;

  // Registrations. What is stored about them: whether an operator fault paused them (CA-12), and whether so many of their
  // connections failed at once that state changes are held.
  struct Pause {
    RegistrationId registration;
    std::string code, detail;
    Time since;
  };
  virtual Task<Result<std::vector<Pause>>> paused() = 0;
  virtual Task<Result<>> pause(Pause pause) = 0;
  virtual Task<Result<>> resume(RegistrationId registration) = 0;
  struct Hold {
    RegistrationId registration;
    Time since;
    std::int64_t failed = 0, refreshed = 0;  // connections, in the window in which it began
    std::optional<Time> released_at;         // an operator has looked: the provider is believed again
  };
  virtual Task<Result<std::vector<Hold>>> holds() = 0;
  // The event is recorded in the same transaction. Replaces what is known about the registration.
  virtual Task<Result<>> hold(Hold hold, Event event) = 0;
  // Errors: not_found if nothing is held.
  virtual Task<Result<>> release_hold(RegistrationId registration, Time at, Event event) = 0;

  // Revocation --------------------------------------------------------------------------------------------------
  // Status becomes revoking and the outbox gets the connection's tokens, in one transaction; the lease loses its fence.
  // Its further token pairs go with it.
  // A repeated call changes nothing. `tell_provider` false (a shared grant, REV-06): no item is written, and unless others
  // are open the connection is revoked and its tokens erased at once. Returns the connection as it is then. Errors:
  // not_found, revoked.
  virtual Task<Result<Connection>> begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                                    Event event) = 0;
  virtual Task<Result<std::int64_t>> enqueue(OutboxItem item) = 0;
  virtual Task<Result<std::vector<OutboxItem>>> outbox_due(Time now, int limit) = 0;
  virtual Task<Result<std::vector<OutboxItem>>> outbox_of(ConnectionId id) = 0;
  virtual Task<Result<>> outbox_retry(std::int64_t item, Time next_try_at, std::string error) = 0;
  // Ends the item; when it was the connection's last and the connection is revoking: status revoked with `outcome` as its
  // reason, sealed tokens erased. An event of type `revoked` is recorded only then, others always. An item that is unknown
  // or ended already changes nothing, and neither does `outbox_retry` of one.
  virtual Task<Result<>> outbox_done(std::int64_t item, std::string outcome, Event event) = 0;

  // Connect sessions --------------------------------------------------------------------------------------------
  // Errors: rate_limited if the tenant has `max_pending` unexpired sessions already (AUTH-18).
  virtual Task<Result<>> create_session(ConnectSession session, int max_pending) = 0;
  virtual Task<Result<ConnectSession>> session(SessionId id) = 0;
  // First use of the link: stores what the redirect needs, once. Errors: gone (used, expired or unknown).
  virtual Task<Result<ConnectSession>> open_session(std::string token_hash, Time now) = 0;
  // After opening: records the state, browser binding, issuer and sealed secrets. Errors: gone.
  virtual Task<Result<>> arm_session(SessionId id, std::string state_hash, std::string browser_hash,
                                     std::string expected_issuer, Sealed secrets) = 0;
  // The callback's one use of a state: removes it from the row whatever comes of it. Errors: gone.
  virtual Task<Result<ConnectSession>> take_session(std::string state_hash, Time now) = 0;
  virtual Task<Result<>> finish_session(SessionId id, std::string outcome, std::optional<ConnectionId> connection) = 0;

  // Keys --------------------------------------------------------------------------------------------------------
  virtual Task<Result<std::vector<StoredKey>>> root_keys() = 0;
  virtual Task<Result<std::vector<StoredKey>>> tenant_keys(TenantId tenant) = 0;
  virtual Task<Result<std::vector<StoredKey>>> tenant_keys_wrapped_by(KeyId root_key, int limit) = 0;
  // Errors: conflict if an active key of that tenant (or an active root key) exists: the caller reads again; key_unavailable
  // if a tenant key is wrapped by a root key that is unknown or retired. The same error of the next two.
  virtual Task<Result<>> add_key(StoredKey key) = 0;
  // Makes `key` active and the active one decrypt_only, in one transaction.
  virtual Task<Result<>> replace_active_key(StoredKey key) = 0;
  // Compare-and-swap on `wrapped`. Errors: stale.
  virtual Task<Result<>> rewrap_key(KeyId id, std::string old_wrapped, std::string wrapped, std::string wrapped_by) = 0;
  // Reserves `count` more seals of a key and returns the total. Errors: not_found.
  virtual Task<Result<std::int64_t>> reserve_seals(KeyId id, std::int64_t count) = 0;
  // Errors: conflict while anything is still sealed or wrapped by it (checked in the same transaction).
  virtual Task<Result<>> retire_key(KeyId id) = 0;
  // Erases all keys of a tenant: its tokens cannot be opened any more. (A whole backup from before holds the wrapped
  // keys; it stops opening when the KEK is replaced and the old one destroyed.) Returns how many.
  // Errors: conflict with `unless_used`, where a connection of the tenant is not revoked, a revocation waits or a kept
  // answer is sealed by one of them (checked in the same transaction: a connection that is made at that moment must not lose
  // its tokens).
  virtual Task<Result<std::int64_t>> shred_tenant_keys(TenantId tenant, bool unless_used = false) = 0;
  // Records of a tenant that `key` sealed, for re-sealing, in the order of their ids, from after `after` on.
  virtual Task<Result<std::vector<SealedPlace>>> sealed_by(TenantId tenant, KeyId key, int limit, ConnectionId after) = 0;
  // Errors: stale if the generation is another or the tokens changed.
  virtual Task<Result<>> reseal(ConnectionId id, Generation generation, SealedTokens expected, SealedTokens tokens) = 0;

  // Callers, audit, events ----------------------------------------------------------------------------------------
  // A caller that is read has its ancestors filled in, and ends with the first of them that ends: `expires_at` and
  // `revoked_at` are the earliest of all. One whose ancestor is gone counts as revoked.
  virtual Task<Result<>> create_caller(Caller caller) = 0;
  // A derived key; its parent is the first of its ancestors. Errors: gone if that has ended at `created_at` or ends before
  // the key; rate_limited if it has `most_living` derived keys already that have not ended.
  virtual Task<Result<>> derive_caller(Caller caller, int most_living) = 0;
  virtual Task<Result<Caller>> caller_by_key_hash(std::string key_hash) = 0;  // Errors: not_found
  virtual Task<Result<Caller>> caller(CallerId id) = 0;
  virtual Task<Result<Page<Caller>>> callers(std::string cursor, int limit) = 0;
  // And all that derives from it. Errors: not_found; a repeated call changes nothing.
  virtual Task<Result<>> revoke_caller(CallerId id, Time at) = 0;
  virtual Task<Result<>> append_audit(std::vector<AuditEntry> entries) = 0;
  virtual Task<Result<Page<AuditEntry>>> audit(std::optional<ConnectionId> connection, std::optional<CallerId> caller,
                                               std::string cursor, int limit) = 0;  // newest first
  virtual Task<Result<>> append_event(Event event) = 0;
  // Oldest first, after `cursor`: an application polls with the last cursor it has seen. `next` is therefore never empty
  // once there was an event; a page without items is the last.
  virtual Task<Result<Page<Event>>> events(ConnectionFilter filter, std::optional<ConnectionId> connection,
                                           std::string cursor, int limit) = 0;
  // One connection's, newest first.
  virtual Task<Result<Page<Event>>> timeline(ConnectionId connection, std::string cursor, int limit) = 0;

  // Idempotency: nothing came back means: this request is the first, go on, then finish or forget it. One that was begun
  // with the same request five minutes ago and never finished counts as forgotten (its process died). -----------------
  virtual Task<Result<std::optional<IdempotentAnswer>>> begin_idempotent(std::string scoped_key, std::string request_hash,
                                                                         Time now) = 0;
  virtual Task<Result<>> finish_idempotent(std::string scoped_key, int status, std::string body) = 0;
  virtual Task<Result<>> forget_idempotent(std::string scoped_key) = 0;

  // House-keeping -------------------------------------------------------------------------------------------------
  // At most `limit` rows of each kind. `sessions` counts from their expiry. Goes by `sessions` too: attempts without an
  // answer of connections that have moved on. Goes by `revoked_connections` too: keys of tenants that have nothing left.
  virtual Task<Result<SweepReport>> sweep(RetentionCutoffs cutoffs, int limit) = 0;
  virtual Task<Result<std::optional<std::string>>> meta(std::string name) = 0;
  virtual Task<Result<>> set_meta(std::string name, std::string value) = 0;
  // Proves that a write can be made durable; for /readyz and `doctor`.
  virtual Task<Result<>> probe() = 0;
};

}  // namespace evergrant
