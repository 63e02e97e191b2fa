// The Store on SQLite: each operation is a function of a Database, handed to the writer or to a reader. Private to store/.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "store/sqlite_check.hpp"
#include "store/sqlite_jobs.hpp"
#include "store/store.hpp"

namespace evergrant {

class SqliteStore final : public Store {
 public:
  // `reader` null: the writer serves reads too (inline execution). `check`: the one under way, if any.
  SqliteStore(std::unique_ptr<JobRunner> writer, std::unique_ptr<JobRunner> reader,
              std::unique_ptr<WholeCheck> check = nullptr)
      : writer_{std::move(writer)}, reader_{std::move(reader)}, check_{std::move(check)} {}

  Task<Result<Connection>> connection(ConnectionId id) override;
  Task<Result<Connection>> connection_of(RegistrationId registration, RealmId realm) override;
  Task<Result<Page<Connection>>> connections(ConnectionFilter filter, std::string cursor, int limit) override;
  Task<Result<std::vector<Connection>>> pairs_of(ConnectionId main) override;
  Task<Result<>> create(Connection connection, std::vector<Connection> pairs, Event event) override;
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
  Task<Result<>> move_due(std::vector<Move> moves, Time now) override;
  Task<Result<>> touch(std::vector<std::pair<ConnectionId, Time>> used) override;
  Task<Result<std::vector<Connection>>> sharing(RegistrationId registration, std::string upstream_grant) override;
  Task<Result<ConnectionStats>> stats(Time now) override;
  Task<Result<Page<EndingGrant>>> ending(GrantEnd end, Time now, Duration within, std::string cursor, int limit) override;
  Task<Result<>> give_notice(ReauthNotice notice, std::optional<ReauthNotice> expected, Event event) override;
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
  template <class T = void>
  using Body = std::move_only_function<Result<T>(Database&)>;
  template <class T = void>
  Task<Result<T>> write(std::type_identity_t<Body<T>> body) {
    return submit<T>(*writer_, std::move(body));
  }
  template <class T = void>
  Task<Result<T>> read(std::type_identity_t<Body<T>> body) {
    return submit<T>(reader_ ? *reader_ : *writer_, std::move(body));
  }
  template <class T>
  static Task<Result<T>> submit(JobRunner& runner, Body<T> body) {
    const Completion<Result<T>> done;
    runner.submit(std::make_unique<TypedJob<T>>(std::move(body), done));
    Result<T> result = co_await done;
    co_return result;
  }

  std::mutex stats_mutex_;
  std::optional<ConnectionStats> stats_;  // where counting took long
  std::chrono::steady_clock::time_point stats_good_until_;
  const std::unique_ptr<JobRunner> writer_;  // both carry out what is queued before they end, which uses what is above
  const std::unique_ptr<JobRunner> reader_;
  const std::unique_ptr<WholeCheck> check_;
};

}  // namespace evergrant
