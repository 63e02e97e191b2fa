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
  // Every operation of Store.
  static constexpr auto operations = std::to_array<std::string_view>({"connection",
                                                                      "connection_of",
                                                                      "connections",
                                                                      "pairs_of",
                                                                      "create",
                                                                      "reconnect",
                                                                      "claim",
                                                                      "renew",
                                                                      "keep_answer",
                                                                      "commit",
                                                                      "revive",
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
                                                                      "derive_caller",
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

  using Hook = std::function<void()>;
  explicit FaultyStore(Store& inner) : inner_{inner} {}

  // For simulations: asked twice about each operation, before it has any effect and after, and may wait each time.
  enum class Moment : std::uint8_t { before, after };
  enum class Interference : std::uint8_t { none, fail };  // `fail` after the effect loses the answer
  using Interposer = std::function<Task<Interference>(std::string operation, Moment moment)>;
  void interpose(Interposer interposer) { interposer_ = std::move(interposer); }

  // The next `times` calls of `operation` change nothing and answer `error`.
  void fail_next(const std::string& operation, int times = 1, Errc error = Errc::store_unavailable);
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

  Task<Result<Connection>> connection(ConnectionId id) override;
  Task<Result<Connection>> connection_of(RegistrationId registration, RealmId realm) override;
  Task<Result<Page<Connection>>> connections(ConnectionFilter filter, std::string cursor, int limit) override;
  Task<Result<std::vector<Connection>>> pairs_of(ConnectionId main) override;
  using Store::create;
  Task<Result<>> create(Connection connection, std::vector<Connection> pairs, Event event) override;
  using Store::reconnect;
  Task<Result<>> reconnect(Replacement main, PairChanges pairs, Event event) override;
  Task<Result<Claim>> claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                            std::optional<Attempt> attempt) override;
  Task<Result<>> renew(ConnectionId id, Fence fence, Time until) override;
  Task<Result<>> keep_answer(AttemptId attempt, Fence fence, Sealed answer) override;
  Task<Result<Status>> commit(ConnectionId id, Fence fence, Generation expected, Fence asked, TokenUpdate update,
                              Event event) override;
  Task<Result<Status>> revive(ConnectionId id, Generation expected, Fence asked, TokenUpdate update, Event event) override;
  Task<Result<Recorded>> record_failure(ConnectionId id, Fence fence, Failure failure, Status status, std::string reason,
                                        std::optional<Time> next_due_at, bool keep_attempt, Event event) override;
  Task<Result<>> release(ConnectionId id, Fence fence) override;
  Task<Result<std::int64_t>> free_leases(std::string owner) override;
  Task<Result<std::vector<Attempt>>> unresolved_attempts(int limit) override;
  Task<Result<>> end_attempt(AttemptId attempt) override;
  Task<Result<std::vector<Connection>>> due(RegistrationId registration, Time now, int limit) override;
  Task<Result<>> touch(std::vector<std::pair<ConnectionId, Time>> used) override;
  Task<Result<std::vector<Connection>>> sharing(RegistrationId registration, std::string upstream_grant) override;
  Task<Result<ConnectionStats>> stats(Time now) override;
  Task<Result<>> change_status(ConnectionId id, Status from, Status to, std::string reason, Event event) override;
  Task<Result<std::vector<Pause>>> paused() override;
  Task<Result<>> pause(Pause pause) override;
  Task<Result<>> resume(RegistrationId registration) override;
  Task<Result<std::vector<Hold>>> holds() override;
  Task<Result<>> hold(Hold hold, Event event) override;
  Task<Result<>> release_hold(RegistrationId registration, Time at, Event event) override;
  Task<Result<Connection>> begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                            Event event) override;
  Task<Result<std::int64_t>> enqueue(OutboxItem item) override;
  Task<Result<>> move_due(std::vector<Move> moves, Time now) override;
  Task<Result<Page<EndingGrant>>> ending(GrantEnd end, Time now, Duration within, std::string cursor, int limit) override;
  Task<Result<>> give_notice(ReauthNotice notice, std::optional<ReauthNotice> expected, Event event) override;
  Task<Result<std::vector<OutboxItem>>> outbox_due(Time now, int limit) override;
  Task<Result<std::vector<OutboxItem>>> outbox_of(ConnectionId id) override;
  Task<Result<>> outbox_retry(std::int64_t item, Time next_try_at, std::string error) override;
  Task<Result<>> outbox_done(std::int64_t item, std::string outcome, Event event) override;
  Task<Result<>> create_session(ConnectSession session, int max_pending) override;
  Task<Result<ConnectSession>> session(SessionId id) override;
  Task<Result<ConnectSession>> open_session(std::string token_hash, Time now) override;
  Task<Result<>> arm_session(SessionId id, std::string state_hash, std::string browser_hash, std::string expected_issuer,
                             Sealed secrets) override;
  Task<Result<ConnectSession>> take_session(std::string state_hash, Time now) override;
  Task<Result<>> finish_session(SessionId id, std::string outcome, std::optional<ConnectionId> connection) override;
  Task<Result<std::vector<StoredKey>>> root_keys() override;
  Task<Result<std::vector<StoredKey>>> tenant_keys(TenantId tenant) override;
  Task<Result<std::vector<StoredKey>>> tenant_keys_wrapped_by(KeyId root_key, int limit) override;
  Task<Result<>> add_key(StoredKey key) override;
  Task<Result<>> replace_active_key(StoredKey key) override;
  Task<Result<>> rewrap_key(KeyId id, std::string old_wrapped, std::string wrapped, std::string wrapped_by) override;
  Task<Result<std::int64_t>> reserve_seals(KeyId id, std::int64_t count) override;
  Task<Result<>> retire_key(KeyId id) override;
  Task<Result<std::int64_t>> shred_tenant_keys(TenantId tenant, bool unless_used) override;
  Task<Result<std::vector<SealedPlace>>> sealed_by(TenantId tenant, KeyId key, int limit, ConnectionId after) override;
  Task<Result<>> reseal(ConnectionId id, Generation generation, SealedTokens expected, SealedTokens tokens) override;
  Task<Result<>> create_caller(Caller caller) override;
  Task<Result<>> derive_caller(Caller caller, int most_living) override;
  Task<Result<Caller>> caller_by_key_hash(std::string key_hash) override;
  Task<Result<Caller>> caller(CallerId id) override;
  Task<Result<Page<Caller>>> callers(std::string cursor, int limit) override;
  Task<Result<>> revoke_caller(CallerId id, Time at) override;
  Task<Result<>> append_audit(std::vector<AuditEntry> entries) override;
  Task<Result<Page<AuditEntry>>> audit(std::optional<ConnectionId> connection, std::optional<CallerId> caller,
                                       std::string cursor, int limit) override;
  Task<Result<>> append_event(Event event) override;
  Task<Result<Page<Event>>> timeline(ConnectionId connection, std::string cursor, int limit) override;
  Task<Result<Page<Event>>> events(ConnectionFilter filter, std::optional<ConnectionId> connection, std::string cursor,
                                   int limit) override;
  Task<Result<std::optional<IdempotentAnswer>>> begin_idempotent(std::string scoped_key, std::string request_hash,
                                                                 Time now) override;
  Task<Result<>> finish_idempotent(std::string scoped_key, int status, std::string body) override;
  Task<Result<>> forget_idempotent(std::string scoped_key) override;
  Task<Result<SweepReport>> sweep(RetentionCutoffs cutoffs, int limit) override;
  Task<Result<std::optional<std::string>>> meta(std::string name) override;
  Task<Result<>> set_meta(std::string name, std::string value) override;
  Task<Result<>> probe() override;

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
  Plan& plan_of(const std::string& operation);

  [[nodiscard]] bool must_fail(Plan& plan) const;

  template <class T>
  Task<Result<T>> pass(std::string operation, Task<Result<T>> task);

  static std::unexpected<Error> refused(const std::string& operation);

  Store& inner_;
  Interposer interposer_;
  std::map<std::string, Plan> plans_;
  bool all_fail_ = false;
};

}  // namespace evergrant::test
