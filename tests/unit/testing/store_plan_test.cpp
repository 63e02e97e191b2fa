#include "testing/store_plan.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "testing/faulty_store.hpp"

namespace evergrant::testing {
namespace {

using enum StoreVerdict;
constexpr auto before = StoreMoment::before;
constexpr auto after = StoreMoment::after;

struct Row {
  std::string what;
  std::function<void(StorePlan&)> fault;
  struct Asked {
    std::string operation;
    StoreMoment moment;
    StoreVerdict verdict;
  };
  std::vector<Asked> story;
};

const std::vector<Row> table{
    {"without a fault all is well", [](StorePlan&) {}, {{"commit", before, proceed}, {"commit", after, proceed}}},
    {"refused writes leave reads alone",
     [](StorePlan& plan) { plan.refuse_writes(); },
     {{"commit", before, fail}, {"connection", before, proceed}, {"probe", before, fail}}},
    {"away, reads fail too",
     [](StorePlan& plan) { plan.go_away(); },
     {{"connection", before, fail}, {"commit", before, fail}}},
    {"down from a step on",
     [](StorePlan& plan) { plan.refuse_writes_from(StoreStep::keep_answer); },
     {{"claim", before, proceed}, {"keep_answer", before, fail}, {"claim", before, fail}, {"due", before, proceed}}},
    {"so many failures, then none",
     [](StorePlan& plan) { plan.fail_next(StoreStep::commit, 2); },
     {{"claim", before, proceed}, {"commit", before, fail}, {"commit", before, fail}, {"commit", before, proceed}}},
    {"failures add up",
     [](StorePlan& plan) {
       plan.fail_next(StoreStep::claim, 1);
       plan.fail_next(StoreStep::claim, 1);
     },
     {{"claim", before, fail}, {"claim", before, fail}, {"claim", before, proceed}}},
    {"any write is any that is no read",
     [](StorePlan& plan) { plan.fail_next(StoreStep::any_write, 1); },
     {{"events", before, proceed}, {"append_audit", before, fail}, {"append_audit", before, proceed}}},
    {"a lost answer is lost after the effect",
     [](StorePlan& plan) { plan.lose_next_answer(StoreStep::commit, 1); },
     {{"commit", before, proceed}, {"commit", after, fail}, {"commit", before, proceed}, {"commit", after, proceed}}},
    {"power goes before, once",
     [](StorePlan& plan) { plan.lose_power(StoreStep::claim, before); },
     {{"commit", before, proceed}, {"claim", before, lose_power}, {"claim", before, proceed}, {"claim", after, proceed}}},
    {"power goes after, once",
     [](StorePlan& plan) { plan.lose_power(StoreStep::claim, after); },
     {{"claim", before, proceed}, {"claim", after, lose_power}, {"claim", after, proceed}}},
    {"a revocation is begin_revocation",
     [](StorePlan& plan) { plan.fail_next(StoreStep::revoke, 1); },
     {{"begin_revocation", before, fail}}},
};

TEST(StorePlan, each_fault_fails_what_it_names) {
  for (const auto& row : table) {
    StorePlan plan;
    row.fault(plan);
    for (std::size_t i = 0; i < row.story.size(); ++i) {
      const auto& asked = row.story[i];
      EXPECT_EQ(plan.decide(asked.operation, asked.moment), asked.verdict) << row.what << ", line " << i;
    }
  }
}

// An operation that is new in Store is put in one of the two lists.
TEST(StorePlan, every_operation_of_the_store_is_known_to_read_or_to_write) {
  const std::set<std::string_view> writes{"create",
                                          "reconnect",
                                          "claim",
                                          "renew",
                                          "keep_answer",
                                          "commit",
                                          "revive",
                                          "record_failure",
                                          "release",
                                          "free_leases",
                                          "end_attempt",
                                          "move_due",
                                          "touch",
                                          "give_notice",
                                          "change_status",
                                          "pause",
                                          "resume",
                                          "hold",
                                          "release_hold",
                                          "begin_revocation",
                                          "enqueue",
                                          "outbox_retry",
                                          "outbox_done",
                                          "create_session",
                                          "open_session",
                                          "arm_session",
                                          "take_session",
                                          "finish_session",
                                          "add_key",
                                          "replace_active_key",
                                          "rewrap_key",
                                          "reserve_seals",
                                          "retire_key",
                                          "shred_tenant_keys",
                                          "reseal",
                                          "create_caller",
                                          "derive_caller",
                                          "revoke_caller",
                                          "append_audit",
                                          "append_event",
                                          "begin_idempotent",
                                          "finish_idempotent",
                                          "forget_idempotent",
                                          "sweep",
                                          "set_meta",
                                          "probe"};
  for (const auto operation : test::FaultyStore::operations) {
    EXPECT_NE(is_read(operation), writes.contains(operation)) << operation;
  }
}

TEST(StorePlan, clearing_ends_every_fault_and_keeps_the_counts) {
  for (const auto& row : table) {
    StorePlan plan;
    row.fault(plan);
    plan.clear();
    for (const std::string operation : {"claim", "keep_answer", "commit", "connection", "begin_revocation", "probe"}) {
      EXPECT_EQ(plan.decide(operation, before), proceed) << row.what;
      EXPECT_EQ(plan.decide(operation, after), proceed) << row.what;
    }
    EXPECT_EQ(plan.calls(StoreStep::commit), 1);
    EXPECT_EQ(plan.calls(StoreStep::any_write), 5);
  }
}

}  // namespace
}  // namespace evergrant::testing
