// Ways to break a rule on purpose, outside the engine, so that the oracle is known to be able to fail. Each has the
// invariant that must be named.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "testing/faulty_store.hpp"

namespace evergrant::sim {

enum class Breakage : std::uint8_t {
  none,
  duplicate_sends,       // the network sends each token request twice
  unfenced_lease,        // the store gives a lease that another still holds
  unfenced_writes,       // the store takes a commit or a renewal whatever its fence
  lost_commit,           // the store says that it has committed, and has not
  no_attempt,            // the store leaves the attempt out
  forgotten_attempt,     // the store does not tell of the attempt that is unresolved
  dropped_answer,        // the store says that it has kept the raw answer, and has not
  dropped_late_answer,   // the store says that it has revived the connection, and has not
  freed_at_once,         // the leases of the dead are free though their requests may be on their way
  order_by_generation,   // whatever was stored last is taken for the answer to the latest request
  no_escrow,             // the engine has none: what the store refuses is in memory only
  outage_as_refusal,     // the network turns 503 into invalid_grant
  forgotten_revocation,  // the store says that the connection is revoking, and it is not
  untold_revocation,     // the network says that the provider has revoked, and it was not asked
};

struct BreakageName {
  Breakage breakage;
  std::string_view name;
  std::string_view invariant;
};
inline constexpr std::array breakages{
    BreakageName{Breakage::duplicate_sends, "duplicate_sends", "I1"},
    BreakageName{Breakage::unfenced_lease, "unfenced_lease", "I1"},
    BreakageName{Breakage::unfenced_writes, "unfenced_writes", "I3"},
    BreakageName{Breakage::lost_commit, "lost_commit", "I2"},
    BreakageName{Breakage::no_attempt, "no_attempt", "I6"},
    BreakageName{Breakage::forgotten_attempt, "forgotten_attempt", "I6"},
    BreakageName{Breakage::dropped_answer, "dropped_answer", "lost"},
    BreakageName{Breakage::dropped_late_answer, "dropped_late_answer", "lost"},
    BreakageName{Breakage::freed_at_once, "freed_at_once", "I1"},
    BreakageName{Breakage::order_by_generation, "order_by_generation", "lost"},
    BreakageName{Breakage::no_escrow, "no_escrow", "lost"},
    BreakageName{Breakage::outage_as_refusal, "outage_as_refusal", "I4"},
    BreakageName{Breakage::forgotten_revocation, "forgotten_revocation", "I5"},
    BreakageName{Breakage::untold_revocation, "untold_revocation", "I5"},
};

class BrokenStore final : public test::FaultyStore {
 public:
  BrokenStore(Store& inner, Breakage breakage) : FaultyStore{inner}, inner_{inner}, breakage_{breakage} {}

  Task<Result<Claim>> claim(ConnectionId id, Generation expected, std::string owner, Time now, Time until,
                            std::optional<Attempt> attempt) override {
    if (breakage_ == Breakage::no_attempt) attempt.reset();
    // By this clock every lease of today has run out.
    const Time when = breakage_ == Breakage::unfenced_lease ? now + std::chrono::hours{1} : now;
    auto claimed = co_await FaultyStore::claim(std::move(id), expected, std::move(owner), when, until, std::move(attempt));
    if (claimed && breakage_ == Breakage::forgotten_attempt) claimed->unresolved.reset();
    co_return claimed;
  }
  Task<Result<Status>> commit(ConnectionId id, Fence fence, Generation expected, Fence asked, TokenUpdate update,
                              Event event) override {
    if (breakage_ == Breakage::lost_commit) co_return Result<Status>{Status::active};
    if (breakage_ == Breakage::unfenced_writes) {
      const auto row = co_await inner_.connection(id);
      if (row) {
        fence = asked = row->lease.fence;
        expected = row->generation;
      }
    }
    auto committed =
        co_await FaultyStore::commit(std::move(id), fence, expected, asked, std::move(update), std::move(event));
    co_return committed;
  }
  Task<Result<Status>> revive(ConnectionId id, Generation expected, Fence asked, TokenUpdate update, Event event) override {
    if (breakage_ == Breakage::dropped_late_answer) co_return Result<Status>{Status::active};
    auto revived = co_await FaultyStore::revive(std::move(id), expected, asked, std::move(update), std::move(event));
    co_return revived;
  }
  Task<Result<Connection>> connection(ConnectionId id) override {
    auto row = co_await FaultyStore::connection(std::move(id));
    if (row && breakage_ == Breakage::order_by_generation && row->generation > 1) row->tokens_fence = row->lease.fence;
    co_return row;
  }
  Task<Result<std::int64_t>> free_leases(std::string owner) override {
    if (breakage_ != Breakage::freed_at_once) {
      auto freed = co_await FaultyStore::free_leases(std::move(owner));
      co_return freed;
    }
    const auto all = co_await inner_.connections({}, {}, 1000);
    if (!all) co_return std::unexpected(all.error());
    std::int64_t freed = 0;
    for (const Connection& row : all->items) {
      if (row.lease.owner != owner) continue;
      const auto released = co_await inner_.release(row.id, row.lease.fence);
      if (released) ++freed;
    }
    co_return freed;
  }
  Task<Result<>> renew(ConnectionId id, Fence fence, Time until) override {
    if (breakage_ == Breakage::unfenced_writes) {
      const auto row = co_await inner_.connection(id);
      if (row) fence = row->lease.fence;
    }
    auto renewed = co_await FaultyStore::renew(std::move(id), fence, until);
    co_return renewed;
  }
  Task<Result<>> keep_answer(AttemptId attempt, Fence fence, Sealed answer) override {
    if (breakage_ == Breakage::dropped_answer) co_return Result<>{};
    auto kept = co_await FaultyStore::keep_answer(std::move(attempt), fence, std::move(answer));
    co_return kept;
  }
  Task<Result<Connection>> begin_revocation(ConnectionId id, bool tell_provider, std::string reason, Time now,
                                            Event event) override {
    if (breakage_ == Breakage::forgotten_revocation) {
      auto row = co_await inner_.connection(std::move(id));
      if (row) row->status = Status::revoking;
      co_return row;
    }
    auto begun =
        co_await FaultyStore::begin_revocation(std::move(id), tell_provider, std::move(reason), now, std::move(event));
    co_return begun;
  }

 private:
  Store& inner_;
  Breakage breakage_;
};

}  // namespace evergrant::sim
