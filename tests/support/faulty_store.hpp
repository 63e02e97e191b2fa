// A Store that fails on demand: forwards to another until a test says otherwise.
//
// Operations are named as the methods of Store are: "commit", "claim" … Not synchronised: use it from one executor, and set
// it up while nothing runs.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "store/store.hpp"

namespace evergrant::test {

class FaultyStore : public Store {
 public:
  using Hook = std::function<void()>;
  explicit FaultyStore(Store& inner) : inner_{inner} {}

  // For simulations: asked twice about each operation, before it has any effect and after, and may wait each time.
  enum class Moment : std::uint8_t { before, after };
  enum class Interference : std::uint8_t { none, fail };  // `fail` after the effect loses the answer
  using Interposer = std::function<Task<Interference>(std::string operation, Moment moment)>;
  void interpose(Interposer interposer) { interposer_ = std::move(interposer); }

  // The next `times` calls of `operation` change nothing and answer `error`.
  void fail_next(const std::string& operation, int times = 1, Errc error = Errc::store_unavailable) {
    Plan& plan = plan_of(operation);
    plan.failures = times;
    plan.error = error;
  }
  // Every call of `operation` fails while `failing`.
  void fail_always(const std::string& operation, bool failing) { plan_of(operation).always = failing; }
  // Every operation fails while `failing`: the database is away.
  void fail_all(bool failing) { all_fail_ = failing; }
  // The next `times` calls of `operation` take effect, but their answer is lost: `store_unavailable`.
  void lose_next_answer(const std::string& operation, int times = 1) { plan_of(operation).lost_answers = times; }
  // The next call of `operation` waits, before it has any effect, until the test sets what this returns.
  [[nodiscard]] Completion<bool> hold_next(const std::string& operation) { return plan_of(operation).hold.emplace(); }
  // Run before each call of `operation` takes effect, or after it did (not after one that failed here).
  void before(const std::string& operation, Hook hook) { plan_of(operation).before = std::move(hook); }
  void after(const std::string& operation, Hook hook) { plan_of(operation).after = std::move(hook); }
  // How often `operation` was called, failures included.
  [[nodiscard]] int calls(const std::string& operation) { return plan_of(operation).calls; }

  Task<Result<Connection>> connection(ConnectionId id) override {
    return pass("connection", inner_.connection(std::move(id)));
  }
  Task<Result<Connection>> connection_of(RegistrationId registration, RealmId realm) override {
    return pass("connection_of", inner_.connection_of(std::move(registration), std::move(realm)));
  }
  Task<Result<Page<Connection>>> connections(ConnectionFilter filter, std::string cursor, int limit) override {
    return pass("connections", inner_.connections(std::move(filter), std::move(cursor), limit));
  }
  Task<Result<>> create(Connection connection, Event event) override {
    return pass("create", inner_.create(std::move(connection), std::move(event)));
  }
  Task<Result<>> reconnect(ConnectionId id, Generation expected, TokenUpdate update, std::optional<OutboxItem> replaced,
                           Event event) override {
    return pass("reconnect",
                inner_.reconnect(std::move(id), expected, std::move(update), std::move(replaced), std::move(event)));
  }
  Task<Result<Claim>> claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                            std::optional<Attempt> attempt) override {
    return pass("claim", inner_.claim(std::move(id), expected, std::move(owner), now, until, std::move(attempt)));
  }
  Task<Result<>> renew(ConnectionId id, Fence fence, Time until) override {
    return pass("renew", inner_.renew(std::move(id), fence, until));
  }
  Task<Result<>> keep_answer(AttemptId attempt, Fence fence, Sealed answer) override {
    return pass("keep_answer", inner_.keep_answer(std::move(attempt), fence, std::move(answer)));
  }
  Task<Result<Status>> commit(ConnectionId id, Fence fence, Generation expected, TokenUpdate update, Event event) override {
    return pass("commit", inner_.commit(std::move(id), fence, expected, std::move(update), std::move(event)));
  }
  Task<Result<>> record_failure(ConnectionId id, Fence fence, Failure failure, Status status, std::string reason,
                                std::optional<Time> next_due_at, bool keep_attempt, Event event) override {
    return pass("record_failure", inner_.record_failure(std::move(id), fence, std::move(failure), status, std::move(reason),
                                                        next_due_at, keep_attempt, std::move(event)));
  }
  Task<Result<>> release(ConnectionId id, Fence fence) override {
    return pass("release", inner_.release(std::move(id), fence));
  }
  Task<Result<std::int64_t>> free_leases(std::string owner) override {
    return pass("free_leases", inner_.free_leases(std::move(owner)));
  }
  Task<Result<std::vector<Attempt>>> unresolved_attempts(int limit) override {
    return pass("unresolved_attempts", inner_.unresolved_attempts(limit));
  }
  Task<Result<>> end_attempt(AttemptId attempt) override {
    return pass("end_attempt", inner_.end_attempt(std::move(attempt)));
  }
  Task<Result<std::vector<Connection>>> due(RegistrationId registration, Time now, int limit) override {
    return pass("due", inner_.due(std::move(registration), now, limit));
  }
  Task<Result<>> touch(std::vector<std::pair<ConnectionId, Time>> used) override {
    return pass("touch", inner_.touch(std::move(used)));
  }
  Task<Result<std::vector<Connection>>> sharing(RegistrationId registration, std::string upstream_grant) override {
    return pass("sharing", inner_.sharing(std::move(registration), std::move(upstream_grant)));
  }
  Task<Result<ConnectionStats>> stats(Time now) override { return pass("stats", inner_.stats(now)); }
  Task<Result<>> change_status(ConnectionId id, Status from, Status to, std::string reason, Event event) override {
    return pass("change_status", inner_.change_status(std::move(id), from, to, std::move(reason), std::move(event)));
  }
  Task<Result<std::vector<Pause>>> paused() override { return pass("paused", inner_.paused()); }
  Task<Result<>> pause(Pause pause) override { return pass("pause", inner_.pause(std::move(pause))); }
  Task<Result<>> resume(RegistrationId registration) override {
    return pass("resume", inner_.resume(std::move(registration)));
  }
  Task<Result<std::vector<Hold>>> holds() override { return pass("holds", inner_.holds()); }
  Task<Result<>> hold(Hold hold, Event event) override {
    return pass("hold", inner_.hold(std::move(hold), std::move(event)));
  }
  Task<Result<>> release_hold(RegistrationId registration, Time at, Event event) override {
    return pass("release_hold", inner_.release_hold(std::move(registration), at, std::move(event)));
  }
  Task<Result<Connection>> begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                            Event event) override {
    return pass("begin_revocation",
                inner_.begin_revocation(std::move(id), tell_provider, std::move(reason), now, std::move(event)));
  }
  Task<Result<std::int64_t>> enqueue(OutboxItem item) override { return pass("enqueue", inner_.enqueue(std::move(item))); }
  Task<Result<>> move_due(std::vector<Move> moves, Time now) override {
    return pass("move_due", inner_.move_due(std::move(moves), now));
  }
  Task<Result<Page<EndingGrant>>> ending(GrantEnd end, Time now, Duration within, std::string cursor, int limit) override {
    return pass("ending", inner_.ending(end, now, within, std::move(cursor), limit));
  }
  Task<Result<>> give_notice(ReauthNotice notice, std::optional<ReauthNotice> expected, Event event) override {
    return pass("give_notice", inner_.give_notice(std::move(notice), std::move(expected), std::move(event)));
  }
  Task<Result<std::vector<OutboxItem>>> outbox_due(Time now, int limit) override {
    return pass("outbox_due", inner_.outbox_due(now, limit));
  }
  Task<Result<std::vector<OutboxItem>>> outbox_of(ConnectionId id) override {
    return pass("outbox_of", inner_.outbox_of(std::move(id)));
  }
  Task<Result<>> outbox_retry(std::int64_t item, Time next_try_at, std::string error) override {
    return pass("outbox_retry", inner_.outbox_retry(item, next_try_at, std::move(error)));
  }
  Task<Result<>> outbox_done(std::int64_t item, std::string outcome, Event event) override {
    return pass("outbox_done", inner_.outbox_done(item, std::move(outcome), std::move(event)));
  }
  Task<Result<>> create_session(ConnectSession session, int max_pending) override {
    return pass("create_session", inner_.create_session(std::move(session), max_pending));
  }
  Task<Result<ConnectSession>> session(SessionId id) override { return pass("session", inner_.session(std::move(id))); }
  Task<Result<ConnectSession>> open_session(std::string token_hash, Time now) override {
    return pass("open_session", inner_.open_session(std::move(token_hash), now));
  }
  Task<Result<>> arm_session(SessionId id, std::string state_hash, std::string browser_hash, std::string expected_issuer,
                             Sealed secrets) override {
    return pass("arm_session", inner_.arm_session(std::move(id), std::move(state_hash), std::move(browser_hash),
                                                  std::move(expected_issuer), std::move(secrets)));
  }
  Task<Result<ConnectSession>> take_session(std::string state_hash, Time now) override {
    return pass("take_session", inner_.take_session(std::move(state_hash), now));
  }
  Task<Result<>> finish_session(SessionId id, std::string outcome, std::optional<ConnectionId> connection) override {
    return pass("finish_session", inner_.finish_session(std::move(id), std::move(outcome), std::move(connection)));
  }
  Task<Result<std::vector<StoredKey>>> root_keys() override { return pass("root_keys", inner_.root_keys()); }
  Task<Result<std::vector<StoredKey>>> tenant_keys(TenantId tenant) override {
    return pass("tenant_keys", inner_.tenant_keys(std::move(tenant)));
  }
  Task<Result<std::vector<StoredKey>>> tenant_keys_wrapped_by(KeyId root_key, int limit) override {
    return pass("tenant_keys_wrapped_by", inner_.tenant_keys_wrapped_by(std::move(root_key), limit));
  }
  Task<Result<>> add_key(StoredKey key) override { return pass("add_key", inner_.add_key(std::move(key))); }
  Task<Result<>> replace_active_key(StoredKey key) override {
    return pass("replace_active_key", inner_.replace_active_key(std::move(key)));
  }
  Task<Result<>> rewrap_key(KeyId id, std::string old_wrapped, std::string wrapped, std::string wrapped_by) override {
    return pass("rewrap_key",
                inner_.rewrap_key(std::move(id), std::move(old_wrapped), std::move(wrapped), std::move(wrapped_by)));
  }
  Task<Result<std::int64_t>> reserve_seals(KeyId id, std::int64_t count) override {
    return pass("reserve_seals", inner_.reserve_seals(std::move(id), count));
  }
  Task<Result<>> retire_key(KeyId id) override { return pass("retire_key", inner_.retire_key(std::move(id))); }
  Task<Result<std::int64_t>> shred_tenant_keys(TenantId tenant, bool unless_used) override {
    return pass("shred_tenant_keys", inner_.shred_tenant_keys(std::move(tenant), unless_used));
  }
  Task<Result<std::vector<SealedPlace>>> sealed_by(TenantId tenant, KeyId key, int limit, ConnectionId after) override {
    return pass("sealed_by", inner_.sealed_by(std::move(tenant), std::move(key), limit, std::move(after)));
  }
  Task<Result<>> reseal(ConnectionId id, Generation generation, SealedTokens expected, SealedTokens tokens) override {
    return pass("reseal", inner_.reseal(std::move(id), generation, std::move(expected), std::move(tokens)));
  }
  Task<Result<>> create_caller(Caller caller) override {
    return pass("create_caller", inner_.create_caller(std::move(caller)));
  }
  Task<Result<Caller>> caller_by_key_hash(std::string key_hash) override {
    return pass("caller_by_key_hash", inner_.caller_by_key_hash(std::move(key_hash)));
  }
  Task<Result<Caller>> caller(CallerId id) override { return pass("caller", inner_.caller(std::move(id))); }
  Task<Result<Page<Caller>>> callers(std::string cursor, int limit) override {
    return pass("callers", inner_.callers(std::move(cursor), limit));
  }
  Task<Result<>> revoke_caller(CallerId id, Time at) override {
    return pass("revoke_caller", inner_.revoke_caller(std::move(id), at));
  }
  Task<Result<>> append_audit(std::vector<AuditEntry> entries) override {
    return pass("append_audit", inner_.append_audit(std::move(entries)));
  }
  Task<Result<Page<AuditEntry>>> audit(std::optional<ConnectionId> connection, std::optional<CallerId> caller,
                                       std::string cursor, int limit) override {
    return pass("audit", inner_.audit(std::move(connection), std::move(caller), std::move(cursor), limit));
  }
  Task<Result<>> append_event(Event event) override { return pass("append_event", inner_.append_event(std::move(event))); }
  Task<Result<Page<Event>>> events(ConnectionFilter filter, std::optional<ConnectionId> connection, std::string cursor,
                                   int limit) override {
    return pass("events", inner_.events(std::move(filter), std::move(connection), std::move(cursor), limit));
  }
  Task<Result<std::optional<IdempotentAnswer>>> begin_idempotent(std::string scoped_key, std::string request_hash,
                                                                 Time now) override {
    return pass("begin_idempotent", inner_.begin_idempotent(std::move(scoped_key), std::move(request_hash), now));
  }
  Task<Result<>> finish_idempotent(std::string scoped_key, int status, std::string body) override {
    return pass("finish_idempotent", inner_.finish_idempotent(std::move(scoped_key), status, std::move(body)));
  }
  Task<Result<>> forget_idempotent(std::string scoped_key) override {
    return pass("forget_idempotent", inner_.forget_idempotent(std::move(scoped_key)));
  }
  Task<Result<SweepReport>> sweep(RetentionCutoffs cutoffs, int limit) override {
    return pass("sweep", inner_.sweep(cutoffs, limit));
  }
  Task<Result<std::optional<std::string>>> meta(std::string name) override {
    return pass("meta", inner_.meta(std::move(name)));
  }
  Task<Result<>> set_meta(std::string name, std::string value) override {
    return pass("set_meta", inner_.set_meta(std::move(name), std::move(value)));
  }
  Task<Result<>> probe() override { return pass("probe", inner_.probe()); }

 private:
  struct Plan {
    int calls = 0;
    int failures = 0;
    int lost_answers = 0;
    bool always = false;
    Errc error = Errc::store_unavailable;
    std::optional<Completion<bool>> hold;
    Hook before, after;
  };
  static constexpr auto operations = std::to_array<std::string_view>({"connection",
                                                                      "connection_of",
                                                                      "connections",
                                                                      "create",
                                                                      "reconnect",
                                                                      "claim",
                                                                      "renew",
                                                                      "keep_answer",
                                                                      "commit",
                                                                      "record_failure",
                                                                      "release",
                                                                      "free_leases",
                                                                      "unresolved_attempts",
                                                                      "end_attempt",
                                                                      "due",
                                                                      "touch",
                                                                      "sharing",
                                                                      "stats",
                                                                      "change_status",
                                                                      "paused",
                                                                      "pause",
                                                                      "resume",
                                                                      "holds",
                                                                      "hold",
                                                                      "release_hold",
                                                                      "begin_revocation",
                                                                      "enqueue",
                                                                      "move_due",
                                                                      "ending",
                                                                      "give_notice",
                                                                      "outbox_due",
                                                                      "outbox_of",
                                                                      "outbox_retry",
                                                                      "outbox_done",
                                                                      "create_session",
                                                                      "session",
                                                                      "open_session",
                                                                      "arm_session",
                                                                      "take_session",
                                                                      "finish_session",
                                                                      "root_keys",
                                                                      "tenant_keys",
                                                                      "tenant_keys_wrapped_by",
                                                                      "add_key",
                                                                      "replace_active_key",
                                                                      "rewrap_key",
                                                                      "reserve_seals",
                                                                      "retire_key",
                                                                      "shred_tenant_keys",
                                                                      "sealed_by",
                                                                      "reseal",
                                                                      "create_caller",
                                                                      "caller_by_key_hash",
                                                                      "caller",
                                                                      "callers",
                                                                      "revoke_caller",
                                                                      "append_audit",
                                                                      "audit",
                                                                      "append_event",
                                                                      "events",
                                                                      "begin_idempotent",
                                                                      "finish_idempotent",
                                                                      "forget_idempotent",
                                                                      "sweep",
                                                                      "meta",
                                                                      "set_meta",
                                                                      "probe"});

  Plan& plan_of(const std::string& operation) {
    if (std::ranges::find(operations, operation) == operations.end()) {
      throw std::invalid_argument("Store has no operation " + operation);
    }
    return plans_[operation];
  }

  [[nodiscard]] bool must_fail(Plan& plan) const {
    if (all_fail_ || plan.always) return true;
    if (plan.failures == 0) return false;
    --plan.failures;
    return true;
  }

  template <class T>
  Task<Result<T>> pass(std::string operation, Task<Result<T>> task) {
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

  static std::unexpected<Error> refused(const std::string& operation) {
    return fail(Errc::store_unavailable, "The simulation lets " + operation + " fail.", "None: it is a test.");
  }

  Store& inner_;
  Interposer interposer_;
  std::map<std::string, Plan> plans_;
  bool all_fail_ = false;
};

}  // namespace evergrant::test
