#include "testing/faulty_store.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace evergrant::test {

void FaultyStore::fail_next(const std::string& operation, int times, Errc error) {
  Plan& plan = plan_of(operation);
  plan.failures = times;
  plan.error = error;
}

Task<Result<Connection>> FaultyStore::connection(ConnectionId id) {
  return pass("connection", inner_.connection(std::move(id)));
}

Task<Result<Connection>> FaultyStore::connection_of(RegistrationId registration, RealmId realm) {
  return pass("connection_of", inner_.connection_of(std::move(registration), std::move(realm)));
}

Task<Result<Page<Connection>>> FaultyStore::connections(ConnectionFilter filter, std::string cursor, int limit) {
  return pass("connections", inner_.connections(std::move(filter), std::move(cursor), limit));
}

Task<Result<std::vector<Connection>>> FaultyStore::pairs_of(ConnectionId main) {
  return pass("pairs_of", inner_.pairs_of(std::move(main)));
}

Task<Result<>> FaultyStore::create(Connection connection, std::vector<Connection> pairs, Event event) {
  return pass("create", inner_.create(std::move(connection), std::move(pairs), std::move(event)));
}

Task<Result<>> FaultyStore::reconnect(Replacement main, PairChanges pairs, Event event) {
  return pass("reconnect", inner_.reconnect(std::move(main), std::move(pairs), std::move(event)));
}

Task<Result<Claim>> FaultyStore::claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                                       std::optional<Attempt> attempt) {
  return pass("claim", inner_.claim(std::move(id), expected, std::move(owner), now, until, std::move(attempt)));
}

Task<Result<>> FaultyStore::renew(ConnectionId id, Fence fence, Time until) {
  return pass("renew", inner_.renew(std::move(id), fence, until));
}

Task<Result<>> FaultyStore::keep_answer(AttemptId attempt, Fence fence, Sealed answer) {
  return pass("keep_answer", inner_.keep_answer(std::move(attempt), fence, std::move(answer)));
}

Task<Result<Status>> FaultyStore::commit(ConnectionId id, Fence fence, Generation expected, Fence asked, TokenUpdate update,
                                         Event event) {
  return pass("commit", inner_.commit(std::move(id), fence, expected, asked, std::move(update), std::move(event)));
}

Task<Result<Status>> FaultyStore::revive(ConnectionId id, Generation expected, Fence asked, TokenUpdate update,
                                         Event event) {
  return pass("revive", inner_.revive(std::move(id), expected, asked, std::move(update), std::move(event)));
}

Task<Result<Recorded>> FaultyStore::record_failure(ConnectionId id, Fence fence, Failure failure, Status status,
                                                   std::string reason, std::optional<Time> next_due_at, bool keep_attempt,
                                                   Event event) {
  return pass("record_failure", inner_.record_failure(std::move(id), fence, std::move(failure), status, std::move(reason),
                                                      next_due_at, keep_attempt, std::move(event)));
}

Task<Result<>> FaultyStore::release(ConnectionId id, Fence fence) {
  return pass("release", inner_.release(std::move(id), fence));
}

Task<Result<std::int64_t>> FaultyStore::free_leases(std::string owner) {
  return pass("free_leases", inner_.free_leases(std::move(owner)));
}

Task<Result<std::vector<Attempt>>> FaultyStore::unresolved_attempts(int limit) {
  return pass("unresolved_attempts", inner_.unresolved_attempts(limit));
}

Task<Result<>> FaultyStore::end_attempt(AttemptId attempt) {
  return pass("end_attempt", inner_.end_attempt(std::move(attempt)));
}

Task<Result<std::vector<Connection>>> FaultyStore::due(RegistrationId registration, Time now, int limit) {
  return pass("due", inner_.due(std::move(registration), now, limit));
}

Task<Result<>> FaultyStore::touch(std::vector<std::pair<ConnectionId, Time>> used) {
  return pass("touch", inner_.touch(std::move(used)));
}

Task<Result<std::vector<Connection>>> FaultyStore::sharing(RegistrationId registration, std::string upstream_grant) {
  return pass("sharing", inner_.sharing(std::move(registration), std::move(upstream_grant)));
}

Task<Result<ConnectionStats>> FaultyStore::stats(Time now) { return pass("stats", inner_.stats(now)); }

Task<Result<>> FaultyStore::change_status(ConnectionId id, Status from, Status to, std::string reason, Event event) {
  return pass("change_status", inner_.change_status(std::move(id), from, to, std::move(reason), std::move(event)));
}

Task<Result<std::vector<Store::Pause>>> FaultyStore::paused() { return pass("paused", inner_.paused()); }

Task<Result<>> FaultyStore::pause(Pause pause) { return pass("pause", inner_.pause(std::move(pause))); }

Task<Result<>> FaultyStore::resume(RegistrationId registration) {
  return pass("resume", inner_.resume(std::move(registration)));
}

Task<Result<std::vector<Store::Hold>>> FaultyStore::holds() { return pass("holds", inner_.holds()); }

Task<Result<>> FaultyStore::hold(Hold hold, Event event) {
  return pass("hold", inner_.hold(std::move(hold), std::move(event)));
}

Task<Result<>> FaultyStore::release_hold(RegistrationId registration, Time at, Event event) {
  return pass("release_hold", inner_.release_hold(std::move(registration), at, std::move(event)));
}

Task<Result<Connection>> FaultyStore::begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                                       Event event) {
  return pass("begin_revocation",
              inner_.begin_revocation(std::move(id), tell_provider, std::move(reason), now, std::move(event)));
}

Task<Result<std::int64_t>> FaultyStore::enqueue(OutboxItem item) { return pass("enqueue", inner_.enqueue(std::move(item))); }

Task<Result<>> FaultyStore::move_due(std::vector<Move> moves, Time now) {
  return pass("move_due", inner_.move_due(std::move(moves), now));
}

Task<Result<Page<EndingGrant>>> FaultyStore::ending(GrantEnd end, Time now, Duration within, std::string cursor, int limit) {
  return pass("ending", inner_.ending(end, now, within, std::move(cursor), limit));
}

Task<Result<>> FaultyStore::give_notice(ReauthNotice notice, std::optional<ReauthNotice> expected, Event event) {
  return pass("give_notice", inner_.give_notice(std::move(notice), std::move(expected), std::move(event)));
}

Task<Result<std::vector<OutboxItem>>> FaultyStore::outbox_due(Time now, int limit) {
  return pass("outbox_due", inner_.outbox_due(now, limit));
}

Task<Result<std::vector<OutboxItem>>> FaultyStore::outbox_of(ConnectionId id) {
  return pass("outbox_of", inner_.outbox_of(std::move(id)));
}

Task<Result<>> FaultyStore::outbox_retry(std::int64_t item, Time next_try_at, std::string error) {
  return pass("outbox_retry", inner_.outbox_retry(item, next_try_at, std::move(error)));
}

Task<Result<>> FaultyStore::outbox_done(std::int64_t item, std::string outcome, Event event) {
  return pass("outbox_done", inner_.outbox_done(item, std::move(outcome), std::move(event)));
}

Task<Result<>> FaultyStore::create_session(ConnectSession session, int max_pending) {
  return pass("create_session", inner_.create_session(std::move(session), max_pending));
}

Task<Result<ConnectSession>> FaultyStore::session(SessionId id) { return pass("session", inner_.session(std::move(id))); }

Task<Result<ConnectSession>> FaultyStore::open_session(std::string token_hash, Time now) {
  return pass("open_session", inner_.open_session(std::move(token_hash), now));
}

Task<Result<>> FaultyStore::arm_session(SessionId id, std::string state_hash, std::string browser_hash,
                                        std::string expected_issuer, Sealed secrets) {
  return pass("arm_session", inner_.arm_session(std::move(id), std::move(state_hash), std::move(browser_hash),
                                                std::move(expected_issuer), std::move(secrets)));
}

Task<Result<ConnectSession>> FaultyStore::take_session(std::string state_hash, Time now) {
  return pass("take_session", inner_.take_session(std::move(state_hash), now));
}

Task<Result<>> FaultyStore::finish_session(SessionId id, std::string outcome, std::optional<ConnectionId> connection) {
  return pass("finish_session", inner_.finish_session(std::move(id), std::move(outcome), std::move(connection)));
}

Task<Result<std::vector<StoredKey>>> FaultyStore::root_keys() { return pass("root_keys", inner_.root_keys()); }

Task<Result<std::vector<StoredKey>>> FaultyStore::tenant_keys(TenantId tenant) {
  return pass("tenant_keys", inner_.tenant_keys(std::move(tenant)));
}

Task<Result<std::vector<StoredKey>>> FaultyStore::tenant_keys_wrapped_by(KeyId root_key, int limit) {
  return pass("tenant_keys_wrapped_by", inner_.tenant_keys_wrapped_by(std::move(root_key), limit));
}

Task<Result<>> FaultyStore::add_key(StoredKey key) { return pass("add_key", inner_.add_key(std::move(key))); }

Task<Result<>> FaultyStore::replace_active_key(StoredKey key) {
  return pass("replace_active_key", inner_.replace_active_key(std::move(key)));
}

Task<Result<>> FaultyStore::rewrap_key(KeyId id, std::string old_wrapped, std::string wrapped, std::string wrapped_by) {
  return pass("rewrap_key",
              inner_.rewrap_key(std::move(id), std::move(old_wrapped), std::move(wrapped), std::move(wrapped_by)));
}

Task<Result<std::int64_t>> FaultyStore::reserve_seals(KeyId id, std::int64_t count) {
  return pass("reserve_seals", inner_.reserve_seals(std::move(id), count));
}

Task<Result<>> FaultyStore::retire_key(KeyId id) { return pass("retire_key", inner_.retire_key(std::move(id))); }

Task<Result<std::int64_t>> FaultyStore::shred_tenant_keys(TenantId tenant, bool unless_used) {
  return pass("shred_tenant_keys", inner_.shred_tenant_keys(std::move(tenant), unless_used));
}

Task<Result<std::vector<SealedPlace>>> FaultyStore::sealed_by(TenantId tenant, KeyId key, int limit, ConnectionId after) {
  return pass("sealed_by", inner_.sealed_by(std::move(tenant), std::move(key), limit, std::move(after)));
}

Task<Result<>> FaultyStore::reseal(ConnectionId id, Generation generation, SealedTokens expected, SealedTokens tokens) {
  return pass("reseal", inner_.reseal(std::move(id), generation, std::move(expected), std::move(tokens)));
}

Task<Result<>> FaultyStore::create_caller(Caller caller) {
  return pass("create_caller", inner_.create_caller(std::move(caller)));
}

Task<Result<>> FaultyStore::derive_caller(Caller caller, int most_living) {
  return pass("derive_caller", inner_.derive_caller(std::move(caller), most_living));
}

Task<Result<Caller>> FaultyStore::caller_by_key_hash(std::string key_hash) {
  return pass("caller_by_key_hash", inner_.caller_by_key_hash(std::move(key_hash)));
}

Task<Result<Caller>> FaultyStore::caller(CallerId id) { return pass("caller", inner_.caller(std::move(id))); }

Task<Result<Page<Caller>>> FaultyStore::callers(std::string cursor, int limit) {
  return pass("callers", inner_.callers(std::move(cursor), limit));
}

Task<Result<>> FaultyStore::revoke_caller(CallerId id, Time at) {
  return pass("revoke_caller", inner_.revoke_caller(std::move(id), at));
}

Task<Result<>> FaultyStore::append_audit(std::vector<AuditEntry> entries) {
  return pass("append_audit", inner_.append_audit(std::move(entries)));
}

Task<Result<Page<AuditEntry>>> FaultyStore::audit(std::optional<ConnectionId> connection, std::optional<CallerId> caller,
                                                  std::string cursor, int limit) {
  return pass("audit", inner_.audit(std::move(connection), std::move(caller), std::move(cursor), limit));
}

Task<Result<>> FaultyStore::append_event(Event event) { return pass("append_event", inner_.append_event(std::move(event))); }

Task<Result<Page<Event>>> FaultyStore::timeline(ConnectionId connection, std::string cursor, int limit) {
  return pass("timeline", inner_.timeline(std::move(connection), std::move(cursor), limit));
}

Task<Result<Page<Event>>> FaultyStore::events(ConnectionFilter filter, std::optional<ConnectionId> connection,
                                              std::string cursor, int limit) {
  return pass("events", inner_.events(std::move(filter), std::move(connection), std::move(cursor), limit));
}

Task<Result<std::optional<IdempotentAnswer>>> FaultyStore::begin_idempotent(std::string scoped_key, std::string request_hash,
                                                                            Time now) {
  return pass("begin_idempotent", inner_.begin_idempotent(std::move(scoped_key), std::move(request_hash), now));
}

Task<Result<>> FaultyStore::finish_idempotent(std::string scoped_key, int status, std::string body) {
  return pass("finish_idempotent", inner_.finish_idempotent(std::move(scoped_key), status, std::move(body)));
}

Task<Result<>> FaultyStore::forget_idempotent(std::string scoped_key) {
  return pass("forget_idempotent", inner_.forget_idempotent(std::move(scoped_key)));
}

Task<Result<SweepReport>> FaultyStore::sweep(RetentionCutoffs cutoffs, int limit) {
  return pass("sweep", inner_.sweep(cutoffs, limit));
}

Task<Result<std::optional<std::string>>> FaultyStore::meta(std::string name) {
  return pass("meta", inner_.meta(std::move(name)));
}

Task<Result<>> FaultyStore::set_meta(std::string name, std::string value) {
  return pass("set_meta", inner_.set_meta(std::move(name), std::move(value)));
}

Task<Result<>> FaultyStore::probe() { return pass("probe", inner_.probe()); }

FaultyStore::Plan& FaultyStore::plan_of(const std::string& operation) {
  if (std::ranges::find(operations, operation) == operations.end()) {
    throw std::invalid_argument("Store has no operation " + operation);
  }
  return plans_[operation];
}

bool FaultyStore::must_fail(Plan& plan) const {
  if (all_fail_ || plan.always) return true;
  if (plan.failures == 0) return false;
  --plan.failures;
  return true;
}

template <class T>
Task<Result<T>> FaultyStore::pass(std::string operation, Task<Result<T>> task) {
  Plan& plan = plan_of(operation);  // nodes of a map stay where they are
  ++plan.calls;
  if (plan.hold) {
    const Completion<bool> hold = *std::exchange(plan.hold, std::nullopt);
    co_await hold;
  }
  if (interposer_) {
    const Interference interference = co_await interposer_(operation, Moment::before);
    if (interference == Interference::fail) co_return refused(operation);
  }
  if (const Hook hook = plan.before) hook();  // a copy: a hook may replace itself
  if (must_fail(plan)) {
    const Errc code = all_fail_ || plan.always ? Errc::store_unavailable : plan.error;
    co_return fail(code, "The test lets " + operation + " fail.", "None: it is a test.");
  }
  Result<T> result = co_await std::move(task);
  if (const Hook hook = plan.after) hook();
  if (interposer_) {
    const Interference interference = co_await interposer_(operation, Moment::after);
    if (interference == Interference::fail) co_return refused(operation);
  }
  if (plan.lost_answers > 0) {
    --plan.lost_answers;
    co_return fail(Errc::store_unavailable, "The test lost the answer of " + operation + ".", "None: it is a test.");
  }
  co_return result;
}

std::unexpected<Error> FaultyStore::refused(const std::string& operation) {
  return fail(Errc::store_unavailable, "The simulation lets " + operation + " fail.", "None: it is a test.");
}

}  // namespace evergrant::test
