// Stands directly on the database, below all faults: tells the oracle what took effect. No operation waits here.
#pragma once

#include "sim/oracle.hpp"
#include "testing/faulty_store.hpp"

namespace evergrant::sim {

class WatchedStore final : public test::FaultyStore {
 public:
  WatchedStore(Store& inner, Store& raw, Oracle& oracle) : FaultyStore{inner}, raw_{raw}, oracle_{oracle} {}

  Task<Result<Claim>> claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                            std::optional<Attempt> attempt) override {
    const Connection before = look(id);
    auto claimed = co_await FaultyStore::claim(id, expected, owner, now, until, attempt);
    if (claimed) oracle_.claimed(before, *claimed, attempt, now);
    co_return claimed;
  }
  Task<Result<>> renew(ConnectionId id, Fence fence, Time until) override {
    const Connection before = look(id);
    auto renewed = co_await FaultyStore::renew(id, fence, until);
    if (renewed) oracle_.fenced("renew", before, fence, std::nullopt);
    co_return renewed;
  }
  Task<Result<>> keep_answer(AttemptId attempt, Fence fence, Sealed answer) override {
    auto kept = co_await FaultyStore::keep_answer(attempt, fence, std::move(answer));
    if (kept) oracle_.answer_kept(attempt);
    co_return kept;
  }
  Task<Result<Status>> commit(ConnectionId id, Fence fence, Generation expected, Fence asked, TokenUpdate update,
                              Event event) override {
    const Connection before = look(id);
    auto committed = co_await FaultyStore::commit(id, fence, expected, asked, std::move(update), std::move(event));
    if (committed) oracle_.fenced("commit", before, fence, expected);
    oracle_.written("commit", before, {});
    co_return committed;
  }
  Task<Result<Status>> revive(ConnectionId id, Generation expected, Fence asked, TokenUpdate update, Event event) override {
    const Connection before = look(id);
    auto revived = co_await FaultyStore::revive(id, expected, asked, std::move(update), std::move(event));
    if (revived) oracle_.revived(before, expected, asked);
    oracle_.written("revive", before, {});
    co_return revived;
  }
  Task<Result<Recorded>> record_failure(ConnectionId id, Fence fence, Failure failure, Status status, std::string reason,
                                        std::optional<Time> next_due_at, bool keep_attempt, Event event) override {
    const Connection before = look(id);
    const Time at = event.at;
    auto recorded = co_await FaultyStore::record_failure(id, fence, std::move(failure), status, std::move(reason),
                                                         next_due_at, keep_attempt, std::move(event));
    if (recorded) oracle_.fenced("record_failure", before, fence, std::nullopt);
    oracle_.written("record_failure", before, at);
    co_return recorded;
  }
  Task<Result<>> release(ConnectionId id, Fence fence) override {
    const Connection before = look(id);
    auto released = co_await FaultyStore::release(id, fence);
    if (released) oracle_.fenced("release", before, fence, std::nullopt);
    co_return released;
  }
  Task<Result<>> change_status(ConnectionId id, Status from, Status to, std::string reason, Event event) override {
    const Connection before = look(id);
    const Time at = event.at;
    auto changed = co_await FaultyStore::change_status(id, from, to, std::move(reason), std::move(event));
    oracle_.written("change_status", before, at);
    co_return changed;
  }
  using FaultyStore::create;
  Task<Result<>> create(Connection connection, std::vector<Connection> pairs, Event event) override {
    Connection before;
    before.id = connection.id;
    before.generation = 0;
    auto created = co_await FaultyStore::create(std::move(connection), std::move(pairs), std::move(event));
    oracle_.written("create", before, {});
    co_return created;
  }
  using FaultyStore::reconnect;
  Task<Result<>> reconnect(Replacement main, PairChanges pairs, Event event) override {
    const Connection before = look(main.id);
    auto stored = co_await FaultyStore::reconnect(std::move(main), std::move(pairs), std::move(event));
    oracle_.written("reconnect", before, {});
    co_return stored;
  }
  Task<Result<Connection>> begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                            Event event) override {
    const Connection before = look(id);
    auto begun = co_await FaultyStore::begin_revocation(id, tell_provider, std::move(reason), now, std::move(event));
    if (begun) oracle_.revocation_stored(id.str());
    oracle_.written("begin_revocation", before, now);
    co_return begun;
  }

 private:
  Connection look(const ConnectionId& id) {
    auto row = at_once(raw_.connection(id));
    return row ? std::move(*row) : Connection{};
  }

  Store& raw_;
  Oracle& oracle_;
};

}  // namespace evergrant::sim
