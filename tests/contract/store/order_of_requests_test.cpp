// What is later is decided by the order of the requests: answers that come late, and refusals that come meanwhile.
#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct OrderOfRequests : StoreContract {
  // The request of the holder of fence `number`; the lease of the one before has run out.
  Claim sent(int number, Generation generation = 1) {
    auto attempt = some_attempt("att_" + std::to_string(number), read());
    const Time now = at(3000 + 60 * number);
    return get(store->claim(ConnectionId{"con_1"}, generation, "node-" + std::to_string(number), now, now + 1min, attempt))
        .value();
  }
  void answered(int number) {
    ok(store->keep_answer(AttemptId{"att_" + std::to_string(number)}, number, Sealed{"answer " + std::to_string(number)}));
  }
  Recorded refused(Fence fence) {
    const Failure failure{FailureClass::grant, 1, at(3000), "invalid_grant", ""};
    return get(store->record_failure(id, fence, failure, Status::reauth_required, "refused", {}, false,
                                     some_event("reauth_required", read())))
        .value();
  }
  std::string open() {
    std::string all;
    for (const auto& attempt : get(store->unresolved_attempts(10)).value()) all += attempt.id.str().back();
    return all;
  }
  const ConnectionId id{"con_1"};
};
INSTANTIATE_TEST_SUITE_P(Sqlite, OrderOfRequests, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(OrderOfRequests, a_commit_of_an_older_answer_leaves_the_attempts_of_later_requests_open) {
  created();
  sent(1);
  sent(2);
  sent(3);
  answered(1);
  ok(store->commit(id, 3, 1, 1, some_update(), {}));
  EXPECT_EQ(read().generation, 2);
  EXPECT_EQ(read().tokens_fence, 1);
  EXPECT_EQ(open(), "2") << "the holder of the lease sent nothing";
  const auto next = get(store->claim(id, 2, "node-d", at(4000), at(4060), {})).value();
  ASSERT_TRUE(next.unresolved) << "though it was sent for an earlier generation";
  EXPECT_EQ(next.unresolved->id, AttemptId{"att_2"});
  answered(2);
  ok(store->commit(id, 4, 2, 2, some_update("3"), {}));
  EXPECT_EQ(open(), "");
}

TEST_P(OrderOfRequests, the_answer_to_an_earlier_request_is_stale_whatever_the_generation) {
  created();
  sent(1);
  sent(2);
  ok(store->commit(id, 2, 1, 2, some_update(), {}));
  EXPECT_EQ(open(), "") << "what was sent before is settled by it";
  const auto fence = sent(3, 2).connection.lease.fence;
  EXPECT_EQ(code_of(store->commit(id, fence, 2, 1, some_update("3"), {})), Errc::stale);
  EXPECT_EQ(code_of(store->commit(id, fence, 2, 2, some_update("3"), {})), Errc::stale);
  EXPECT_EQ(read().tokens, some_update().tokens);
}

TEST_P(OrderOfRequests, all_requests_before_a_reconnect_are_of_the_old_grant) {
  created();
  sent(1);
  ok(store->reconnect(id, 1, some_update(), {}, {}));
  EXPECT_EQ(read().tokens_fence, 1);
  answered(1);
  const auto claim = sent(3, 2);
  EXPECT_FALSE(claim.unresolved) << "what its answer holds is to be revoked, not stored";
  EXPECT_EQ(code_of(store->commit(id, claim.connection.lease.fence, 2, 1, some_update("3"), {})), Errc::stale);
  EXPECT_EQ(refused(claim.connection.lease.fence), Recorded::failure) << "nor does it speak for the new grant";
  EXPECT_EQ(open(), "1");
}

TEST_P(OrderOfRequests, a_refusal_ends_no_answer_that_was_kept_meanwhile) {
  created();
  sent(1);
  sent(2);
  answered(1);
  EXPECT_EQ(refused(2), Recorded::answer_waits);
  const auto row = read();
  EXPECT_EQ(row.status, Status::active);
  EXPECT_EQ(row.failure.kind, FailureClass::none);
  EXPECT_EQ(row.lease.owner, "");
  EXPECT_EQ(open(), "1");
  EXPECT_EQ(event_types(), std::vector<std::string>{"connected"});
  const auto next = get(store->claim(id, 1, "node-c", at(3121), at(3181), {})).value();
  EXPECT_EQ(next.unresolved->answer, Sealed{"answer 1"});
}

TEST_P(OrderOfRequests, a_stale_refusal_is_stale_though_an_answer_waits) {
  created();
  sent(1);
  sent(2);
  answered(1);
  const auto before = read();
  EXPECT_EQ(code_of(store->record_failure(id, 1, {}, Status::reauth_required, "refused", {}, false, {})), Errc::stale);
  EXPECT_EQ(read().lease, before.lease);
  EXPECT_EQ(open(), "12");
}

TEST_P(OrderOfRequests, an_answer_without_tokens_is_taken_back_and_outweighs_nothing) {
  created();
  sent(1);
  answered(1);
  ok(store->keep_answer(AttemptId{"att_1"}, 1, Sealed{}));
  EXPECT_TRUE(sent(2).unresolved->answer.empty());
  EXPECT_EQ(refused(2), Recorded::failure);
  EXPECT_EQ(open(), "");
}

TEST_P(OrderOfRequests, the_own_answer_of_a_refused_request_is_no_other) {
  created();
  sent(1);
  answered(1);  // a 200 that says invalid_grant
  EXPECT_EQ(refused(1), Recorded::failure);
}

TEST_P(OrderOfRequests, a_late_answer_revives_a_connection_that_was_given_up) {
  const auto c = created();
  sent(1);
  sent(2);
  EXPECT_EQ(refused(2), Recorded::failure);
  EXPECT_EQ(code_of(store->keep_answer(AttemptId{"att_1"}, 1, Sealed{"late"})), Errc::stale);
  ok(store->revive(id, 1, 1, some_update(), some_event("released", c)));
  const auto row = read();
  EXPECT_EQ(row.status, Status::active);
  EXPECT_EQ(row.reason, "");
  EXPECT_EQ(row.failure.kind, FailureClass::none);
  EXPECT_EQ(row.generation, 2);
  EXPECT_EQ(row.tokens, some_update().tokens);
  EXPECT_EQ(row.tokens_fence, 1);
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "reauth_required", "released"}));
}

TEST_P(OrderOfRequests, nothing_else_is_revived) {
  const auto c = created();
  sent(1);
  EXPECT_EQ(code_of(store->revive(id, 1, 1, some_update(), {})), Errc::stale) << "it is active";
  EXPECT_EQ(refused(1), Recorded::failure);
  EXPECT_EQ(code_of(store->revive(id, 2, 1, some_update(), {})), Errc::stale) << "another generation";
  EXPECT_EQ(code_of(store->revive(id, 1, 0, some_update(), {})), Errc::stale) << "no later request";
  EXPECT_EQ(code_of(store->revive(id, 1, 2, some_update(), {})), Errc::stale) << "a request that was never claimed";
  ASSERT_TRUE(get(store->begin_revocation(id, true, "asked", at(3001), {})));
  EXPECT_EQ(code_of(store->revive(id, 1, 1, some_update(), {})), Errc::revoked);
  EXPECT_EQ(read().tokens, c.tokens);
}

// Where nothing rotates, no attempt is written: such a lease may stand for a request that is on its way.
TEST_P(OrderOfRequests, a_lease_of_the_dead_without_an_answer_to_commit_runs_out_by_itself) {
  created();
  claimed("con_1", "node-a");
  EXPECT_EQ(get(store->free_leases("node-a")).value(), 0);
  EXPECT_EQ(read().lease.owner, "node-a");
}

TEST_P(OrderOfRequests, a_lease_of_the_dead_that_was_taken_to_commit_an_answer_is_freed) {
  created();
  sent(1);
  answered(1);
  ASSERT_TRUE(get(store->claim(id, 1, "node-b", at(3120), at(3180), {})));
  EXPECT_EQ(get(store->free_leases("node-b")).value(), 1);
}

}  // namespace
}  // namespace evergrant::test
