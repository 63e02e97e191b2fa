#include <gtest/gtest.h>

#include "access/access_control.hpp"
#include "store/sqlite_store.hpp"
#include "testing/faulty_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

// What is read again and again: a second makes it durable, ten seconds how often it was repeated since.
class AuditRepeatsTest : public ::testing::Test {
 protected:
  // As the reading path does it.
  bool read(std::uint64_t subject, std::string_view caller = "cal_1", std::string_view remote = "192.0.2.1") {
    const AuditRepeat repeat{.subject = subject, .caller = caller, .remote = remote};
    return audit.record_again(repeat, clock.now()) || audit.record(repeat, note(subject, caller, remote), clock.now());
  }
  AuditNote note(std::uint64_t subject, std::string_view caller, std::string_view remote) {
    detail = "generation " + std::to_string(subject);
    return {.caller = caller, .action = "token.read", .result = "ok", .connection = "con_1", .detail = detail, .remote = remote};
  }
  // Oldest first.
  std::vector<AuditEntry> written() {
    auto page = run(executor, sqlite->audit(std::nullopt, std::nullopt, "", 1000));
    std::ranges::reverse(page->items);
    return page->items;
  }
  std::vector<std::int64_t> counts() {
    std::vector<std::int64_t> all;
    for (const AuditEntry& one : written()) all.push_back(one.count);
    return all;
  }
  // It flushes every second.
  void run_by_itself() { spawn(executor, audit.run()); }
  ~AuditRepeatsTest() override {
    audit.stop();
    executor.advance(10s);
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  std::unique_ptr<Log> silent = Log::silent();
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *silent));
  FaultyStore store{*sqlite};
  Audit audit{store, clock, *silent, 3};
  std::string detail;
};

TEST_F(AuditRepeatsTest, the_first_reads_are_durable_within_a_second_and_their_repeats_within_ten) {
  run_by_itself();
  const Time start = clock.now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(read(1));
  executor.advance(1s);
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{3}));
  for (int second = 1; second < 9; ++second) {
    EXPECT_TRUE(read(1));
    executor.advance(1s);
  }
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{3})) << "only counted meanwhile";
  executor.advance(1s);
  ASSERT_EQ(counts(), (std::vector<std::int64_t>{3, 8}));
  const AuditEntry repeats = written().back();
  EXPECT_EQ(repeats.at, start + 1s);
  EXPECT_EQ(repeats.last_at, start + 8s);
  EXPECT_EQ(repeats.caller.str(), "cal_1");
  EXPECT_EQ(repeats.connection.str(), "con_1");
  EXPECT_EQ(repeats.detail, "generation 1");
  EXPECT_EQ(repeats.remote, "192.0.2.1");
}

TEST_F(AuditRepeatsTest, what_goes_on_is_written_every_ten_seconds_and_what_has_ended_is_new_when_it_comes_back) {
  run_by_itself();
  for (int second = 0; second < 30; ++second) {
    EXPECT_TRUE(read(1));
    executor.advance(1s);
  }
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{1, 9, 10, 10}));
  executor.advance(20s);
  EXPECT_EQ(counts().size(), 4U) << "of what nobody reads there is nothing to say";
  EXPECT_TRUE(read(1));
  executor.advance(1s);
  EXPECT_EQ(counts().size(), 5U);
}

TEST_F(AuditRepeatsTest, another_token_caller_or_address_is_new) {
  run_by_itself();
  EXPECT_TRUE(read(1));
  executor.advance(1s);
  EXPECT_TRUE(read(2));
  EXPECT_TRUE(read(1, "cal_2"));
  EXPECT_TRUE(read(1, "cal_1", "192.0.2.2"));
  executor.advance(1s);
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{1, 1, 1, 1}));
  EXPECT_EQ(written()[1].detail, "generation 2");
  EXPECT_EQ(written()[2].caller.str(), "cal_2");
  EXPECT_EQ(written()[3].remote, "192.0.2.2");
}

TEST_F(AuditRepeatsTest, names_that_read_the_same_in_a_row_are_two_callers) {
  EXPECT_TRUE(read(1, "ab", "c"));
  EXPECT_TRUE(read(1, "a", "bc"));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{1, 1}));
}

TEST_F(AuditRepeatsTest, a_flush_writes_the_repeats_too) {
  EXPECT_TRUE(read(1));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_TRUE(read(1));
  EXPECT_TRUE(read(1));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{1, 2}));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts().size(), 2U);
}

TEST_F(AuditRepeatsTest, the_same_noted_in_both_ways_is_one_entry_from_its_first_time_on) {
  const Time first = clock.now();
  ASSERT_TRUE(audit.record(note(1, "cal_1", "192.0.2.1"), first));
  executor.advance(1s);
  EXPECT_TRUE(read(1));
  EXPECT_TRUE(read(1));
  ASSERT_TRUE(run(executor, audit.flush()));
  ASSERT_EQ(counts(), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(written()[0].at, first);
  EXPECT_EQ(written()[0].last_at, first + 1s);
  for (const std::uint64_t subject : {2U, 3U, 4U}) EXPECT_TRUE(read(subject)) << "there is room for three as before";
}

TEST_F(AuditRepeatsTest, repeats_wait_for_room_like_everything_else) {
  for (const std::uint64_t subject : {1U, 2U, 3U}) EXPECT_TRUE(read(subject));
  EXPECT_FALSE(read(4));
  EXPECT_TRUE(read(1)) << "it is counted where it stands";
  ASSERT_TRUE(run(executor, audit.flush()));
  for (const std::uint64_t subject : {1U, 2U, 3U}) EXPECT_TRUE(read(subject)) << "known, and waiting again";
  EXPECT_FALSE(read(4));
  EXPECT_FALSE(audit.check_room());
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{2, 1, 1, 1, 1, 1}));
  EXPECT_TRUE(read(4));
}

TEST_F(AuditRepeatsTest, what_the_store_refuses_comes_later_and_once) {
  EXPECT_TRUE(read(1));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_TRUE(read(1));
  store.fail_next("append_audit");
  EXPECT_FALSE(run(executor, audit.flush()));
  EXPECT_TRUE(read(1));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{1, 1, 1}));
  for (const std::uint64_t subject : {2U, 3U, 4U}) EXPECT_TRUE(read(subject)) << "all the room is there again";
}

}  // namespace
}  // namespace evergrant::test
