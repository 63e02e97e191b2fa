#include "testing/faulty_store.hpp"

#include <gtest/gtest.h>

#include "base/log.hpp"
#include "store/sqlite_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

struct FaultyStoreTest : ::testing::Test {
  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<Store> inner = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  FaultyStore store{*inner};

  std::string value() { return run(executor, store.meta("name")).value().value_or("none"); }
};

TEST_F(FaultyStoreTest, forwards_until_told_otherwise) {
  ASSERT_TRUE(run(executor, store.set_meta("name", "1")));
  EXPECT_EQ(value(), "1");
  EXPECT_EQ(store.calls("set_meta"), 1);
}

TEST_F(FaultyStoreTest, a_failing_call_has_no_effect_and_the_next_one_has) {
  store.fail_next("set_meta", 1, Errc::stale);
  EXPECT_EQ(run(executor, store.set_meta("name", "1")).error().code, Errc::stale);
  EXPECT_EQ(value(), "none");
  EXPECT_TRUE(run(executor, store.set_meta("name", "1")));
}

TEST_F(FaultyStoreTest, a_lost_answer_has_its_effect) {
  store.lose_next_answer("set_meta");
  EXPECT_EQ(run(executor, store.set_meta("name", "1")).error().code, Errc::store_unavailable);
  EXPECT_EQ(value(), "1");
}

TEST_F(FaultyStoreTest, everything_fails_while_the_database_is_away) {
  store.fail_all(true);
  EXPECT_FALSE(run(executor, store.probe()));
  store.fail_all(false);
  EXPECT_TRUE(run(executor, store.probe()));
}

Task<void> set_and_note(Store& store, bool& done) {
  const auto result = co_await store.set_meta("name", "1");
  done = result.has_value();
}

TEST_F(FaultyStoreTest, a_held_call_waits_without_effect) {
  const auto hold = store.hold_next("set_meta");
  bool done = false;
  spawn(executor, set_and_note(store, done));  // ends once the hold is let go
  executor.run_until_idle();
  EXPECT_FALSE(done);
  EXPECT_EQ(value(), "none");
  hold.set(true);
  executor.run_until_idle();
  EXPECT_TRUE(done);
  EXPECT_EQ(value(), "1");
}

TEST_F(FaultyStoreTest, a_misspelt_operation_is_a_bug_in_the_test) {
  EXPECT_THROW(store.fail_next("comit"), std::invalid_argument);
}

}  // namespace
}  // namespace evergrant::test
