#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct RefreshSteps : StoreContract {};
INSTANTIATE_TEST_SUITE_P(Sqlite, RefreshSteps, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(RefreshSteps, a_claim_takes_the_lease_and_raises_the_fence) {
  const auto c = created();
  const auto claim = claimed("con_1", "node-a", some_attempt("att_1", c));
  EXPECT_EQ(claim.connection.lease, (Lease{"node-a", at(3060), 1}));
  EXPECT_EQ(claim.connection.tokens, c.tokens);
  EXPECT_FALSE(claim.unresolved);
  EXPECT_EQ(read().lease, claim.connection.lease);
  const auto attempts = get(store->unresolved_attempts(10)).value();
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0].id, AttemptId{"att_1"});
  EXPECT_EQ(attempts[0].fence, 1);
  EXPECT_EQ(attempts[0].generation, 1);
  EXPECT_EQ(attempts[0].sent_at, at(3000));
  EXPECT_TRUE(attempts[0].answer.empty());
}

TEST_P(RefreshSteps, a_held_lease_refuses_everyone_until_it_runs_out) {
  const auto c = created();
  claimed();
  for (const std::string owner : {"node-a", "node-b"}) {
    EXPECT_EQ(code_of(store->claim(c.id, 1, owner, at(3059), at(3120), {})), Errc::busy) << owner;
  }
  const auto second = get(store->claim(c.id, 1, "node-b", at(3060), at(3120), {})).value();
  EXPECT_EQ(second.connection.lease.fence, 2);
}

TEST_P(RefreshSteps, the_leases_of_a_dead_owner_are_freed_and_nothing_that_it_still_writes_is_taken) {
  const auto c = created();
  created("con_2", "realm-2");
  const auto dead = claimed("con_1", "node-a", some_attempt("att_1", c));
  claimed("con_2", "node-b");
  EXPECT_EQ(get(store->free_leases("node-a")).value(), 0) << "its request may still be on its way";
  EXPECT_EQ(read("con_1").lease.owner, "node-a");
  ok(store->keep_answer(AttemptId{"att_1"}, dead.connection.lease.fence, Sealed{"raw answer"}));
  EXPECT_EQ(get(store->free_leases("node-a")).value(), 1);
  EXPECT_EQ(get(store->free_leases("node-a")).value(), 0);
  EXPECT_EQ(get(store->free_leases("")).value(), 0);
  EXPECT_EQ(read("con_2").lease.owner, "node-b");
  EXPECT_EQ(code_of(store->commit(c.id, dead.connection.lease.fence, 1, dead.connection.lease.fence, some_update(), {})),
            Errc::stale);
  EXPECT_EQ(code_of(store->renew(c.id, dead.connection.lease.fence, at(4000))), Errc::stale);
  const auto next = get(store->claim(c.id, 1, "node-c", at(3001), at(3061), {})).value();
  EXPECT_EQ(next.connection.lease.fence, 2);
  ASSERT_TRUE(next.unresolved) << "what it sent is still to be resolved";
  EXPECT_EQ(next.unresolved->id, AttemptId{"att_1"});
}

TEST_P(RefreshSteps, a_claim_is_refused_for_each_state_with_its_own_error) {
  struct Case {
    Status status;
    Errc error;
  };
  int number = 0;
  for (const auto& [status, error] :
       {Case{Status::reauth_required, Errc::reauth_required}, Case{Status::revoking, Errc::revoked},
        Case{Status::revoked, Errc::revoked}, Case{Status::quarantined, Errc::quarantined}}) {
    ++number;
    auto c = some_connection("con_" + std::to_string(number), "realm-" + std::to_string(number));
    c.status = status;
    ok(store->create(c, {}));
    EXPECT_EQ(code_of(store->claim(c.id, 1, "node", at(0), at(60), some_attempt("att_x", c))), error) << to_string(status);
  }
  created("con_8", "realm-8");
  EXPECT_EQ(code_of(store->claim(ConnectionId{"con_8"}, 2, "node", at(0), at(60), {})), Errc::stale);
  EXPECT_EQ(code_of(store->claim(ConnectionId{"con_9"}, 1, "node", at(0), at(60), {})), Errc::not_found);
  EXPECT_TRUE(get(store->unresolved_attempts(10)).value().empty()) << "a refused claim leaves no attempt";
}

TEST_P(RefreshSteps, a_commit_stores_the_new_token_set_and_ends_lease_and_attempt) {
  auto c = created();
  const auto claim = claimed("con_1", "node-a", some_attempt("att_1", c));
  auto update = some_update();
  update.subject = "sub";
  ok(store->commit(c.id, claim.connection.lease.fence, 1, claim.connection.lease.fence, update, some_event("refreshed", c)));
  const auto now = read();
  EXPECT_EQ(now.generation, 2);
  EXPECT_EQ(now.tokens, update.tokens);
  EXPECT_EQ(now.scope, update.scope);
  EXPECT_EQ(now.missing_scope, update.missing_scope);
  EXPECT_EQ(now.extras, update.extras);
  EXPECT_EQ(now.access_expires_at, update.access_expires_at);
  EXPECT_EQ(now.refresh_idle_expires_at, update.refresh_idle_expires_at);
  EXPECT_EQ(now.refresh_absolute_expires_at, update.refresh_absolute_expires_at);
  EXPECT_EQ(now.next_due_at, update.next_due_at);
  EXPECT_EQ(now.last_refreshed_at, update.at);
  EXPECT_EQ(now.subject, "sub");
  EXPECT_EQ(now.lease.owner, "");
  EXPECT_EQ(now.lease.fence, 1);
  EXPECT_TRUE(get(store->unresolved_attempts(10)).value().empty());
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "refreshed"}));
}

// Each way of being late, and each step that must then change nothing (I3).
TEST_P(RefreshSteps, a_writer_with_a_stale_fence_changes_nothing) {
  const auto c = created();
  const auto first = claimed("con_1", "node-a", some_attempt("att_1", c)).connection.lease.fence;
  ASSERT_TRUE(get(store->claim(c.id, 1, "node-b", at(3060), at(3120), {})));
  const auto before = read();
  EXPECT_EQ(code_of(store->commit(c.id, first, 1, first, some_update(), some_event("refreshed", c))), Errc::stale);
  EXPECT_EQ(code_of(store->renew(c.id, first, at(9999))), Errc::stale);
  EXPECT_EQ(code_of(store->release(c.id, first)), Errc::stale);
  EXPECT_EQ(code_of(store->record_failure(c.id, first, {}, Status::reauth_required, "x", {}, false, some_event("x", c))),
            Errc::stale);
  const auto after = read();
  EXPECT_EQ(after.tokens, before.tokens);
  EXPECT_EQ(after.status, before.status);
  EXPECT_EQ(after.lease, before.lease);
  EXPECT_EQ(after.generation, 1);
  EXPECT_EQ(event_types(), std::vector<std::string>{"connected"});
  EXPECT_EQ(get(store->unresolved_attempts(10)).value().size(), 1U);
}

TEST_P(RefreshSteps, a_freed_lease_gives_no_right_even_with_its_last_fence) {
  const auto c = created();
  const auto fence = claimed().connection.lease.fence;
  ok(store->release(c.id, fence));
  EXPECT_EQ(code_of(store->commit(c.id, fence, 1, fence, some_update(), {})), Errc::stale);
  EXPECT_EQ(code_of(store->renew(c.id, fence, at(9999))), Errc::stale);
  EXPECT_EQ(code_of(store->release(c.id, fence)), Errc::stale);
}

TEST_P(RefreshSteps, a_commit_for_another_generation_is_stale) {
  const auto c = created();
  const auto fence = claimed().connection.lease.fence;
  EXPECT_EQ(code_of(store->commit(c.id, fence, 2, fence, some_update(), {})), Errc::stale);
  EXPECT_EQ(code_of(store->commit(ConnectionId{"con_9"}, fence, 1, fence, some_update(), {})), Errc::stale);
  EXPECT_EQ(read().tokens, c.tokens);
}

TEST_P(RefreshSteps, a_lease_that_ran_out_unclaimed_may_still_commit) {
  const auto c = created();
  const auto fence = claimed().connection.lease.fence;  // until 3060; the commit comes at any later time
  ok(store->commit(c.id, fence, 1, fence, some_update(), {}));
  EXPECT_EQ(read().generation, 2);
}

TEST_P(RefreshSteps, a_renewed_lease_lasts) {
  const auto c = created();
  const auto fence = claimed().connection.lease.fence;
  ok(store->renew(c.id, fence, at(4000)));
  EXPECT_EQ(code_of(store->claim(c.id, 1, "node-b", at(3999), at(5000), {})), Errc::busy);
}

TEST_P(RefreshSteps, an_answer_is_kept_with_its_attempt) {
  const auto c = created();
  const auto fence = claimed("con_1", "node-a", some_attempt("att_1", c)).connection.lease.fence;
  ok(store->keep_answer(AttemptId{"att_1"}, fence, Sealed{"raw answer"}));
  EXPECT_EQ(get(store->unresolved_attempts(10)).value()[0].answer, Sealed{"raw answer"});
  EXPECT_EQ(code_of(store->keep_answer(AttemptId{"att_1"}, fence + 1, Sealed{"other"})), Errc::stale);
  EXPECT_EQ(code_of(store->keep_answer(AttemptId{"att_9"}, fence, Sealed{"other"})), Errc::stale);
}

TEST_P(RefreshSteps, an_answer_is_kept_even_while_the_connection_is_revoking) {
  const auto c = created();
  const auto fence = claimed("con_1", "node-a", some_attempt("att_1", c)).connection.lease.fence;
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "asked", at(3001), {})));
  ok(store->keep_answer(AttemptId{"att_1"}, fence, Sealed{"raw answer"}));
  EXPECT_EQ(code_of(store->commit(c.id, fence, 1, fence, some_update(), some_event("refreshed", c))), Errc::revoked);
  EXPECT_EQ(read().status, Status::revoking);
  EXPECT_EQ(read().generation, 1);
  EXPECT_EQ(get(store->unresolved_attempts(10)).value()[0].answer, Sealed{"raw answer"});
}

TEST_P(RefreshSteps, the_next_holder_learns_of_an_attempt_without_outcome) {
  const auto c = created();
  claimed("con_1", "node-a", some_attempt("att_1", c));
  auto second = some_attempt("att_2", c);
  const auto claim = get(store->claim(c.id, 1, "node-b", at(3060), at(3120), second)).value();
  ASSERT_TRUE(claim.unresolved);
  EXPECT_EQ(claim.unresolved->id, AttemptId{"att_1"});
  ok(store->keep_answer(AttemptId{"att_1"}, 1, Sealed{"late answer"}));
  const auto third = get(store->claim(c.id, 1, "node-c", at(3120), at(3180), {})).value();
  EXPECT_EQ(third.unresolved->id, AttemptId{"att_1"}) << "the one with an answer matters more than the latest";
  ok(store->commit(c.id, 3, 1, 3, some_update(), {}));
  EXPECT_TRUE(get(store->unresolved_attempts(10)).value().empty()) << "the commit settles every attempt of the generation";
}

TEST_P(RefreshSteps, of_several_attempts_without_an_answer_the_first_stands_for_all) {
  const auto c = created();
  claimed("con_1", "node-a", some_attempt("att_1", c));
  ASSERT_TRUE(get(store->claim(c.id, 1, "node-b", at(3060), at(3120), some_attempt("att_2", c))));
  const auto third = get(store->claim(c.id, 1, "node-c", at(3120), at(3180), {})).value();
  ASSERT_TRUE(third.unresolved);
  EXPECT_EQ(third.unresolved->id, AttemptId{"att_1"}) << "the provider's grace window counts from it";
  ok(store->keep_answer(AttemptId{"att_1"}, 1, Sealed{"first"}));
  ok(store->keep_answer(AttemptId{"att_2"}, 2, Sealed{"second"}));
  const auto fourth = get(store->claim(c.id, 1, "node-d", at(3180), at(3240), {})).value();
  EXPECT_EQ(fourth.unresolved->answer, Sealed{"second"}) << "of answers, the latest is the newest token set";
}

TEST_P(RefreshSteps, a_failure_is_recorded_and_frees_the_lease) {
  auto c = created();
  const auto fence = claimed("con_1", "node-a", some_attempt("att_1", c)).connection.lease.fence;
  const Failure failure{FailureClass::transient, 2, at(3000), "http_503", "tid-1"};
  ok(store->record_failure(c.id, fence, failure, Status::active, "", at(3100), false, some_event("refresh_failed", c)));
  const auto now = read();
  EXPECT_EQ(now.failure, failure);
  EXPECT_EQ(now.status, Status::active);
  EXPECT_EQ(now.next_due_at, at(3100));
  EXPECT_EQ(now.lease.owner, "");
  EXPECT_EQ(now.tokens, c.tokens);
  EXPECT_EQ(now.generation, 1);
  EXPECT_TRUE(get(store->unresolved_attempts(10)).value().empty());
}

TEST_P(RefreshSteps, an_ambiguous_attempt_survives_its_failure_and_the_definite_failures_of_others) {
  auto c = created();
  const Failure failure{FailureClass::ambiguous, 1, at(3000), "timeout", ""};
  ok(store->record_failure(c.id, claimed("con_1", "a", some_attempt("att_1", c)).connection.lease.fence, failure,
                           Status::active, "", at(3100), true, {}));
  ok(store->record_failure(c.id, claimed("con_1", "b", some_attempt("att_2", c)).connection.lease.fence, failure,
                           Status::active, "", at(3100), false, {}));
  const auto left = get(store->unresolved_attempts(10)).value();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, AttemptId{"att_1"});
  ok(store->record_failure(c.id, claimed("con_1", "c").connection.lease.fence, failure, Status::reauth_required, "dead", {},
                           false, some_event("reauth_required", c)));
  EXPECT_TRUE(get(store->unresolved_attempts(10)).value().empty()) << "a dead grant has nothing left to resolve";
  EXPECT_EQ(read().reason, "dead");
  EXPECT_EQ(read().tokens, c.tokens) << "nothing but an explicit request deletes a refresh token";
}

TEST_P(RefreshSteps, a_release_ends_its_own_attempt_only) {
  auto c = created();
  claimed("con_1", "a", some_attempt("att_1", c));
  ASSERT_TRUE(get(store->claim(c.id, 1, "b", at(3060), at(3120), some_attempt("att_2", c))));
  ok(store->release(c.id, 2));
  EXPECT_EQ(get(store->unresolved_attempts(10)).value()[0].id, AttemptId{"att_1"});
  ok(store->end_attempt(AttemptId{"att_1"}));
  ok(store->end_attempt(AttemptId{"att_1"}));
  EXPECT_TRUE(get(store->unresolved_attempts(10)).value().empty());
}

TEST_P(RefreshSteps, a_commit_while_held_keeps_the_tokens_and_the_hold) {
  auto c = created();
  const auto fence = claimed().connection.lease.fence;
  ok(store->change_status(c.id, Status::active, Status::quarantined, "held", {}));
  ok(store->commit(c.id, fence, 1, fence, some_update(), {}));
  EXPECT_EQ(read().status, Status::quarantined);
  EXPECT_EQ(read().generation, 2);
}

TEST_P(RefreshSteps, due_gives_the_soonest_first_and_nothing_that_is_held_or_not_active) {
  for (int i = 1; i <= 5; ++i) {
    auto c = some_connection("con_" + std::to_string(i), "r" + std::to_string(i));
    c.next_due_at = at(1000 - i);
    if (i == 2) c.status = Status::reauth_required;
    if (i == 3) c.next_due_at = at(1001);
    if (i == 4) c.next_due_at.reset();
    ok(store->create(c, {}));
  }
  const auto ids = [&](Time now, int limit) {
    std::string all;
    for (const auto& c : get(store->due(RegistrationId{"books"}, now, limit)).value()) all += c.id.str().back();
    return all;
  };
  EXPECT_EQ(ids(at(1000), 10), "51");
  EXPECT_EQ(ids(at(1000), 1), "5");
  EXPECT_EQ(ids(at(1001), 10), "513");
  ASSERT_TRUE(get(store->claim(ConnectionId{"con_5"}, 1, "node", at(1000), at(1060), {})));
  EXPECT_EQ(ids(at(1000), 10), "1");
  EXPECT_EQ(ids(at(1060), 10), "513") << "a lease that ran out does not hide its connection";
}

}  // namespace
}  // namespace evergrant::test
