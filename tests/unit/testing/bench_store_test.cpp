// The store's faults and losses of power, as an application's test meets them.
#include <gtest/gtest.h>

#include <functional>
#include <future>

#include "application.hpp"

namespace evergrant::testing {
namespace {

using namespace std::chrono_literals;

class BenchStoreTest : public ::testing::Test {
 protected:
  static BenchOptions strict() {
    BenchOptions options;
    options.rotation = Rotation::always_strict;
    return options;
  }
  // One refresh, one new refresh token, none used twice: nothing was lost.
  void expect_unharmed() {
    const auto grant = bench.provider().grant(connection);
    EXPECT_TRUE(grant.alive) << grant.ended_by;
    EXPECT_EQ(grant.superseded_presented, 0);
    EXPECT_EQ(bench.connection(connection).status, "active");
    EXPECT_EQ(call_api(bench), 200);
  }

  Bench bench{strict()};
  std::string connection = bench.connect("acme", some_realm);
};

TEST_F(BenchStoreTest, a_store_that_refuses_writes_still_serves_tokens) {
  bench.store().refuse_writes();
  EXPECT_EQ(call_api(bench), 200);
  bench.clock().advance(50min);
  EXPECT_EQ(bench.provider().refresh_requests(connection), 0);  // no claim, no request
  EXPECT_EQ(call_api(bench), 200);
  bench.store().work_again();
  bench.clock().advance(2h);
  expect_unharmed();
}

TEST_F(BenchStoreTest, down_between_rotation_and_save_the_answer_is_kept_aside_and_saved_later) {
  bench.store().refuse_writes_from(StoreStep::keep_answer);
  bench.clock().advance(1h);
  EXPECT_EQ(bench.provider().grant(connection).refresh_tokens_issued, 2);
  EXPECT_EQ(bench.store().answers_kept_aside(), 1);
  EXPECT_EQ(bench.connection(connection).generation, 1);
  bench.store().work_again();
  bench.clock().advance(10min);
  EXPECT_EQ(bench.store().answers_kept_aside(), 0);
  EXPECT_EQ(bench.connection(connection).generation, 2);
  expect_unharmed();
}

TEST_F(BenchStoreTest, a_commit_that_fails_or_whose_answer_is_lost_is_made_good) {
  bench.store().fail_next(StoreStep::commit);
  bench.clock().advance(1h);
  EXPECT_GE(bench.store().calls(StoreStep::commit), 2);
  bench.store().lose_next_answer(StoreStep::commit);
  bench.clock().advance(2h);
  expect_unharmed();
}

TEST_F(BenchStoreTest, a_database_that_is_away_comes_back) {
  bench.store().go_away();
  bench.clock().advance(5min);
  EXPECT_EQ(bench.connection(connection).status, "active");  // the bench looks past the fault
  EXPECT_THROW(bench.connect("acme", "4620816365000000002"), BenchError);
  bench.store().work_again();
  bench.clock().advance(2h);
  expect_unharmed();
}

struct PowerLoss {
  std::string moment;
  std::function<void(BenchStore&)> fault;
};

class BenchPowerTest : public BenchStoreTest, public ::testing::WithParamInterface<PowerLoss> {};

TEST_P(BenchPowerTest, power_lost_at_a_step_loses_no_grant) {
  GetParam().fault(bench.store());
  bench.clock().advance(65min);
  EXPECT_FALSE(bench.running());
  EXPECT_EQ(read_token(bench).status, 0);
  bench.start_again();
  EXPECT_TRUE(bench.running());
  bench.clock().advance(5min);
  expect_unharmed();
  EXPECT_EQ(bench.connection(connection).generation, 2);
}

INSTANTIATE_TEST_SUITE_P(
    , BenchPowerTest,
    ::testing::Values(PowerLoss{"before_claim", [](BenchStore& store) { store.lose_power_before(StoreStep::claim); }},
                      PowerLoss{"after_keep_answer",
                                [](BenchStore& store) { store.lose_power_after(StoreStep::keep_answer); }},
                      PowerLoss{"before_commit", [](BenchStore& store) { store.lose_power_before(StoreStep::commit); }},
                      PowerLoss{"after_commit", [](BenchStore& store) { store.lose_power_after(StoreStep::commit); }}),
    [](const auto& info) { return info.param.moment; });

TEST_F(BenchStoreTest, power_lost_after_sending_to_a_strict_provider_is_told_truthfully) {
  bench.store().lose_power_before(StoreStep::keep_answer);  // it has rotated, and nobody has read the answer
  bench.clock().advance(65min);
  bench.start_again();
  bench.clock().advance(2h);
  EXPECT_NE(bench.connection(connection).status, "active");
  EXPECT_NE(bench.connection(connection).reason, "");
}

TEST_F(BenchStoreTest, open_requests_are_closed_unanswered_and_the_key_works_after_the_start) {
  bench.clock().jump_for_waiting_requests(false);
  bench.provider().hang();
  auto refreshed = std::async(std::launch::async, [&] {
    return call(bench.url() + "/v1/connections/" + connection + "/refresh", bench.api_key(), "{}").status;
  });
  bench.provider().wait_for_refresh_requests(connection, 1);
  bench.lose_power();
  EXPECT_EQ(refreshed.get(), 0);
  EXPECT_FALSE(bench.running());
  EXPECT_THROW(bench.connect("acme", "4620816365000000002"), BenchError);
  bench.provider().behave();
  bench.start_again();
  EXPECT_THROW(bench.start_again(), BenchError);
  EXPECT_EQ(read_token(bench).status, 200);
}

TEST_F(BenchStoreTest, a_start_on_a_store_that_is_away_fails_and_can_be_tried_again) {
  bench.lose_power();
  bench.store().go_away();
  EXPECT_THROW(bench.start_again(), BenchError);
  EXPECT_FALSE(bench.running());
  bench.store().work_again();
  bench.start_again();
  expect_unharmed();
}

}  // namespace
}  // namespace evergrant::testing
