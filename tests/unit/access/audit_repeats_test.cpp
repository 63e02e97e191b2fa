#include <gtest/gtest.h>

#include <atomic>
#include <thread>

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
    return read_in(audit, subject, caller, remote);
  }
  bool read_in(Audit& trail, std::uint64_t subject, std::string_view caller, std::string_view remote) {
    const AuditRepeat repeat{.subject = subject, .caller = caller, .remote = remote};
    return trail.record_again(repeat, clock.now()) || trail.record(repeat, note(subject, caller, remote), clock.now());
  }
  AuditNote note(std::uint64_t subject, std::string_view caller, std::string_view remote) {
    detail = "generation " + std::to_string(subject);
    return {
        .caller = caller, .action = "token.read", .result = "ok", .connection = "con_1", .detail = detail, .remote = remote};
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
  // Of all that is written.
  std::int64_t sum() {
    std::int64_t all = 0;
    Page<AuditEntry> page;
    do {
      page = std::move(*run(executor, sqlite->audit(std::nullopt, std::nullopt, page.next, 1000)));
      for (const AuditEntry& one : page.items) all += one.count;
    } while (!page.next.empty());
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
  EXPECT_TRUE(read(1, "cal_2", "192.0.2.2"));
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

TEST_F(AuditRepeatsTest, of_what_is_known_no_more_waits_than_there_is_room_for) {
  run_by_itself();
  for (const std::uint64_t subject : {1U, 2U, 3U, 4U}) {
    EXPECT_TRUE(read(subject));
    executor.advance(1s);
  }
  for (const std::uint64_t subject : {1U, 2U, 3U}) EXPECT_TRUE(read(subject));
  EXPECT_FALSE(read(4)) << "three wait";
  executor.advance(10s);
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

TEST_F(AuditRepeatsTest, what_is_read_while_a_flush_is_at_the_store_is_counted_where_it_was) {
  EXPECT_TRUE(read(1));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_TRUE(read(1));
  const auto gate = store.hold_next("append_audit");
  store.fail_next("append_audit");
  spawn(executor, [](Audit& target) -> Task<void> {  // ends when the gate opens
    const auto flushed = co_await target.flush();
    EXPECT_FALSE(flushed);
  }(audit));
  executor.run_until_idle();
  const AuditRepeat repeat{.subject = 1, .caller = "cal_1", .remote = "192.0.2.1"};
  EXPECT_TRUE(audit.record_again(repeat, clock.now())) << "it is in the trail, whatever becomes of this flush";
  gate.set(true);
  executor.run_until_idle();
  EXPECT_TRUE(audit.record_again(repeat, clock.now()));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{1, 1, 2}));
}

TEST_F(AuditRepeatsTest, two_tokens_of_which_the_same_is_said_are_one_entry_with_what_else_says_it) {
  const AuditNote same{
      .caller = "cal_1", .action = "token.read", .result = "ok", .connection = "con_1", .remote = "192.0.2.1"};
  for (const std::uint64_t subject : {1U, 2U}) {
    const AuditRepeat repeat{.subject = subject, .caller = "cal_1", .remote = "192.0.2.1"};
    ASSERT_TRUE(audit.record(repeat, same, clock.now()));
  }
  ASSERT_TRUE(audit.record(same, clock.now()));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(counts(), (std::vector<std::int64_t>{3}));
  for (const std::uint64_t subject : {3U, 4U, 5U}) EXPECT_TRUE(read(subject)) << "all the room is there again";
}

TEST_F(AuditRepeatsTest, more_callers_and_more_tokens_than_are_remembered_are_written_all_the_same) {
  Audit large{store, clock, *silent};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5000; ++i) EXPECT_TRUE(read_in(large, 1, "cal_" + std::to_string(i), "192.0.2.1"));
    for (std::uint64_t i = 0; i < 9000; ++i) EXPECT_TRUE(read_in(large, i + 10, "cal_1", "192.0.2.1"));
    ASSERT_TRUE(run(executor, large.flush()));
    EXPECT_EQ(sum(), (round + 1) * 14'000);
  }
}

TEST_F(AuditRepeatsTest, threads_that_read_while_it_is_flushed_are_all_counted) {
  constexpr int threads = 4, reads = 20'000;
  Audit large{store, clock, *silent};
  const Time now = clock.now();
  std::atomic<int> running = threads;
  std::vector<std::thread> readers;
  for (int number = 0; number < threads; ++number) {
    readers.emplace_back([&, number] {
      for (int i = 0; i < reads; ++i) {
        const std::string caller = "cal_" + std::to_string((number + i) % 3);
        const AuditRepeat repeat{.subject = static_cast<std::uint64_t>(i % 50), .caller = caller, .remote = "unix"};
        const std::string token = std::to_string(i % 50);
        const AuditNote said{.caller = caller, .action = "token.read", .detail = token, .remote = "unix"};
        if (!large.record_again(repeat, now)) EXPECT_TRUE(large.record(repeat, said, now));
      }
      --running;
    });
  }
  for (int i = 0; running > 0; ++i) {  // ends with the readers
    if (i % 5 == 4) store.fail_next("append_audit");
    static_cast<void>(run(executor, large.flush()));
  }
  for (std::thread& reader : readers) reader.join();
  static_cast<void>(run(executor, large.flush()));
  static_cast<void>(run(executor, large.flush()));  // the one before may have been refused
  EXPECT_EQ(sum(), threads * reads);
}

}  // namespace
}  // namespace evergrant::test
