#include <gtest/gtest.h>

#include "access/access_control.hpp"
#include "store/sqlite_store.hpp"
#include "testing/faulty_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class AuditTest : public ::testing::Test {
 protected:
  static AuditEntry entry(const std::string& action) {
    AuditEntry made;
    made.caller = CallerId{"cal_1"};
    made.action = action;
    made.result = "ok";
    return made;
  }
  // Newest first.
  std::vector<std::string> written() {
    const auto page = run(executor, sqlite->audit(std::nullopt, std::nullopt, "", 1000));
    std::vector<std::string> actions;
    for (const auto& one : page->items) actions.push_back(one.action);
    return actions;
  }
  static std::size_t lines_with(const std::string& text, std::string_view word) {
    std::size_t found = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
  }

  void flush_into(VirtualExecutor& on, std::optional<bool>& ended) {
    spawn(on,
          [](Audit& target, std::optional<bool>& into) -> Task<void> {  // ends when what it waits for is written, or refused
            const auto flushed = co_await target.flush();
            into = flushed.has_value();
          }(audit, ended));
    on.run_until_idle();
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  VirtualExecutor other{clock};  // as of another thread
  std::string lines;
  std::unique_ptr<Log> log = Log::into(lines);
  std::unique_ptr<Log> silent = Log::silent();
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *silent));
  FaultyStore store{*sqlite};
  Audit audit{store, clock, *log, 3};
};

TEST_F(AuditTest, entries_are_durable_after_a_flush_with_the_time_they_were_made) {
  ASSERT_TRUE(audit.record(entry("first")));
  const Time made = clock.now();
  executor.advance(10s);
  ASSERT_TRUE(audit.record(entry("second")));
  EXPECT_TRUE(written().empty());
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(written(), (std::vector<std::string>{"second", "first"}));
  const auto page = run(executor, sqlite->audit(std::nullopt, std::nullopt, "", 10));
  EXPECT_EQ(page->items.at(1).at, made);
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(store.calls("append_audit"), 1) << "nothing waits, so nothing is written";
}

TEST_F(AuditTest, every_field_comes_back_in_its_place_however_long_it_is) {
  Audit large{store, clock, *log};
  for (const std::size_t size : {0U, 1U, 449U, 450U, 451U, 452U, 453U, 454U, 455U, 511U, 512U, 513U, 5000U}) {
    AuditEntry made = entry("action");
    made.result = "result";
    made.registration = RegistrationId{"registration"};
    made.tenant = TenantId{"tenant"};
    made.connection = ConnectionId{"connection"};
    made.fingerprint = "fingerprint";
    made.detail = std::string(size, 'd');
    made.remote = "remote";
    ASSERT_TRUE(large.record(made));
    ASSERT_TRUE(run(executor, large.flush()));
    const auto page = run(executor, sqlite->audit(std::nullopt, std::nullopt, "", 1));
    const AuditEntry& back = page->items.at(0);
    EXPECT_EQ(back.caller.str(), "cal_1");
    EXPECT_EQ(back.action, "action");
    EXPECT_EQ(back.result, "result");
    EXPECT_EQ(back.registration.str(), "registration");
    EXPECT_EQ(back.tenant.str(), "tenant");
    EXPECT_EQ(back.connection.str(), "connection");
    EXPECT_EQ(back.fingerprint, "fingerprint");
    EXPECT_EQ(back.detail, made.detail);
    EXPECT_EQ(back.remote, "remote");
  }
}

TEST_F(AuditTest, what_happens_again_is_counted_from_its_first_time_to_its_last) {
  const Time first = clock.now();
  ASSERT_TRUE(audit.record(entry("again")));
  ASSERT_TRUE(audit.record(entry("once")));
  executor.advance(1s);
  ASSERT_TRUE(audit.record(entry("again")));
  executor.advance(1s);
  const Time last = clock.now();
  ASSERT_TRUE(audit.record(entry("again")));
  const AuditNote late{.caller = "cal_1", .action = "again", .result = "ok"};
  ASSERT_TRUE(audit.record(late, first)) << "of a thread that was slower";
  ASSERT_TRUE(run(executor, audit.flush()));
  const auto page = run(executor, sqlite->audit(std::nullopt, std::nullopt, "", 10));
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[0].action, "once");
  EXPECT_EQ(page->items[0].count, 1);
  EXPECT_EQ(page->items[0].last_at, std::nullopt);
  EXPECT_EQ(page->items[1].count, 4);
  EXPECT_EQ(page->items[1].at, first);
  EXPECT_EQ(page->items[1].last_at, last);
}

TEST_F(AuditTest, fields_that_read_the_same_in_a_row_are_two_notes) {
  AuditEntry one = entry("a");
  AuditEntry other = entry("a");
  one.registration = RegistrationId{"ab"};
  one.tenant = TenantId{"c"};
  other.registration = RegistrationId{"a"};
  other.tenant = TenantId{"bc"};
  ASSERT_TRUE(audit.record(one));
  ASSERT_TRUE(audit.record(other));
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(written().size(), 2U);
}

TEST_F(AuditTest, what_the_store_refuses_waits_in_order_and_is_complained_about_once) {
  store.fail_next("append_audit", 2);
  ASSERT_TRUE(audit.record(entry("first")));
  EXPECT_FALSE(run(executor, audit.flush()));
  ASSERT_TRUE(audit.record(entry("second")));
  EXPECT_FALSE(run(executor, audit.flush()));
  EXPECT_EQ(lines_with(lines, "audit_not_written"), 1U);
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(written(), (std::vector<std::string>{"second", "first"}));
  store.fail_next("append_audit");
  ASSERT_TRUE(audit.record(entry("third")));
  EXPECT_FALSE(run(executor, audit.flush()));
  EXPECT_EQ(lines_with(lines, "audit_not_written"), 2U) << "a new outage is said again";
}

TEST_F(AuditTest, a_full_buffer_refuses_and_loses_nothing) {
  for (const auto* action : {"a", "b", "c"}) ASSERT_TRUE(audit.record(entry(action)));
  const auto refused = audit.record(entry("d"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::store_unavailable);
  EXPECT_FALSE(refused.error().hint.empty());
  EXPECT_FALSE(audit.check_room());
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_TRUE(audit.check_room());
  ASSERT_TRUE(audit.record(entry("e")));
  EXPECT_EQ(written(), (std::vector<std::string>{"c", "b", "a"}));
}

TEST_F(AuditTest, a_batch_on_its_way_counts_so_that_a_long_outage_stays_bounded) {
  for (const auto* action : {"a", "b", "c"}) ASSERT_TRUE(audit.record(entry(action)));
  const auto gate = store.hold_next("append_audit");
  store.fail_next("append_audit");
  std::optional<bool> flushed;
  flush_into(executor, flushed);
  EXPECT_FALSE(audit.record(entry("d"))) << "three are being written and may come back";
  gate.set(true);
  executor.run_until_idle();
  EXPECT_EQ(flushed, false);
  EXPECT_FALSE(audit.record(entry("d"))) << "they came back";
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(written(), (std::vector<std::string>{"c", "b", "a"}));
}

TEST_F(AuditTest, a_flush_beside_one_that_fails_ends_with_everything_in_the_trail_or_says_so) {
  for (const int refusals : {1, 2}) {
    std::optional<bool> first, second;
    ASSERT_TRUE(audit.record(entry("entry " + std::to_string(refusals))));
    const auto gate = store.hold_next("append_audit");
    store.fail_next("append_audit", refusals);
    flush_into(executor, first);
    flush_into(other, second);  // has nothing of its own to write
    EXPECT_EQ(second, std::nullopt);
    gate.set(true);
    executor.run_until_idle();
    other.run_until_idle();
    EXPECT_EQ(first, false);
    EXPECT_EQ(second, refusals == 1);
    EXPECT_EQ(written(), (std::vector<std::string>{"entry 1"})) << "what was refused twice is not there yet";
  }
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(written(), (std::vector<std::string>{"entry 2", "entry 1"}));
}

TEST_F(AuditTest, a_flush_that_throws_loses_nothing_and_keeps_no_other_waiting) {
  ASSERT_TRUE(audit.record(entry("a")));
  store.before("append_audit", [] { throw std::bad_alloc{}; });
  EXPECT_THROW(static_cast<void>(run(executor, audit.flush())), std::bad_alloc);
  store.before("append_audit", {});
  ASSERT_TRUE(run(executor, audit.flush()));
  EXPECT_EQ(written(), (std::vector<std::string>{"a"}));
}

TEST_F(AuditTest, a_flush_waits_for_what_another_took_that_came_back_from_a_third) {
  std::optional<bool> first, second, third;
  ASSERT_TRUE(audit.record(entry("a")));
  const auto gate_of_first = store.hold_next("append_audit");
  store.fail_next("append_audit");
  flush_into(executor, first);
  flush_into(other, second);
  gate_of_first.set(true);
  executor.run_until_idle();
  const auto gate_of_third = store.hold_next("append_audit");
  flush_into(executor, third);
  other.run_until_idle();
  EXPECT_EQ(second, std::nullopt);
  ASSERT_TRUE(audit.record(entry("later")));  // which none of them has promised
  gate_of_third.set(true);
  executor.run_until_idle();
  other.run_until_idle();
  EXPECT_EQ(first, false);
  EXPECT_EQ(second, true);
  EXPECT_EQ(third, true);
  EXPECT_EQ(written().back(), "a");
}

TEST_F(AuditTest, flushes_by_itself_until_it_is_stopped) {
  spawn(executor, audit.run(500ms));  // ends after `stop`
  ASSERT_TRUE(audit.record(entry("a")));
  executor.advance(500ms);
  EXPECT_EQ(written().size(), 1U);
  audit.stop();
  executor.advance(500ms);
  EXPECT_EQ(executor.timers(), 0U);
}

}  // namespace
}  // namespace evergrant::test
