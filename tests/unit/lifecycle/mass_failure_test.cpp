// Many connections of one registration fail for good at once: nothing changes its state until an operator has looked.
#include <gtest/gtest.h>

#include "lifecycle/mass_failure_guard.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
using Step = MassFailureGuard::Step;

ConnectionId another() {
  static int made = 0;
  return ConnectionId{"con_" + std::to_string(++made)};
}

TEST(MassFailureGuard, holds_when_both_the_number_and_the_share_are_unusual) {
  struct Row {
    int refreshed, refused;
    Step last;
  };
  for (const auto& [refreshed, refused, last] : std::vector<Row>{{0, 9, Step::believe},
                                                                 {0, 10, Step::begin_hold},
                                                                 {40, 10, Step::believe},  // 20 %, not more
                                                                 {39, 10, Step::begin_hold},
                                                                 {100, 25, Step::believe},
                                                                 {100, 26, Step::begin_hold}}) {
    MassFailureGuard guard{{}};
    for (int i = 0; i < refreshed; ++i) guard.refreshed(new_year);
    for (int i = 1; i < refused; ++i)
      EXPECT_EQ(guard.refused(another(), true, new_year), Step::believe) << refreshed << ' ' << i;
    EXPECT_EQ(guard.refused(another(), true, new_year), last) << refreshed << ' ' << refused;
  }
}

TEST(MassFailureGuard, a_connection_counts_once_however_its_failures_alternate) {
  MassFailureGuard guard{{}};
  const ConnectionId one{"con_one"};
  for (int i = 0; i < 50; ++i) EXPECT_EQ(guard.refused(one, true, new_year + i * 10s), Step::believe);
}

TEST(MassFailureGuard, forgets_what_is_older_than_its_window) {
  MassFailureGuard guard{{}};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(guard.refused(another(), true, new_year + i * 2min), Step::believe)
        << "one every two minutes is how customers leave";
  }
  EXPECT_LE(guard.counts(new_year + 200min).failed, 5);
  EXPECT_EQ(guard.counts(new_year + 300min).failed, 0);
}

TEST(MassFailureGuard, counts_a_connection_once_however_often_it_is_confirmed) {
  MassFailureGuard guard{{}};
  for (int i = 0; i < 9; ++i) EXPECT_EQ(guard.refused(another(), true, new_year), Step::believe);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(guard.refused(another(), false, new_year), Step::believe);
  EXPECT_EQ(guard.refused(another(), true, new_year), Step::begin_hold);
  EXPECT_EQ(guard.refused(another(), false, new_year), Step::hold);
}

TEST(MassFailureGuard, believes_for_a_while_after_a_release_and_can_be_switched_off) {
  MassFailureGuard guard{{}};
  for (int i = 0; i < 10; ++i) (void)guard.refused(another(), true, new_year);
  ASSERT_TRUE(guard.holding());
  guard.release(new_year);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(guard.refused(another(), true, new_year + 29min), Step::believe);
  for (int i = 0; i < 9; ++i) (void)guard.refused(another(), true, new_year + 45min);
  EXPECT_EQ(guard.refused(another(), true, new_year + 45min), Step::begin_hold);
  MassFailureGuard off{{.least = 0}};
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(off.refused(another(), true, new_year), Step::believe);
}

class MassFailureTest : public RefreshBench {
 protected:
  void connect_many(int count, const std::string& registration = "books") {
    for (int i = 0; i < count; ++i) connect(registration + std::to_string(i), registration);
  }
  int with_status(Status status) {
    const auto stats = run(node().executor, sqlite->stats(clock.now())).value();
    for (const auto& [one, count] : stats.by_status) {
      if (one == status) return static_cast<int>(count);
    }
    return 0;
  }
  std::vector<Event> events(const std::string& type) {
    auto all = run(node().executor, sqlite->events({}, std::nullopt, {}, 1000)).value().items;
    std::erase_if(all, [&](const Event& event) { return event.type != type; });
    return all;
  }
  void provider_refuses_everybody() {
    HttpResponse refusal;
    refusal.status = 400;
    refusal.headers.add("Content-Type", "application/json");
    refusal.body = R"({"error":"invalid_grant"})";
    provider->always = refusal;
  }
};

// Those that were refused and confirmed before the tenth was: what cannot be told from customers who leave.
constexpr int believed_at_most = 9;

TEST_F(MassFailureTest, a_provider_that_refuses_everybody_costs_at_most_a_few_their_state) {
  connect_many(40);
  start_scheduler();
  for (int i = 0; i < 40; ++i) read("books" + std::to_string(i));
  let_pass(20min);
  provider_refuses_everybody();
  let_pass(3h);
  const int lost = with_status(Status::reauth_required);
  EXPECT_LE(lost, believed_at_most);
  EXPECT_EQ(with_status(Status::active), 40 - lost) << "each was refused, confirmed, and held";
  EXPECT_EQ(events("mass_failure").size(), 1U);
  EXPECT_FALSE(events("reauth_held").empty());
  EXPECT_EQ(run(node().executor, sqlite->holds()).value().size(), 1U);
  provider->always.reset();
  let_pass(1h);
  int served = 0;
  for (int i = 0; i < 40; ++i) served += read("books" + std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(served, 40 - lost);
}

TEST_F(MassFailureTest, once_an_operator_has_released_the_hold_the_provider_is_believed) {
  connect_many(40);
  start_scheduler();
  for (int i = 0; i < 40; ++i) read("books" + std::to_string(i));
  let_pass(20min);
  provider_refuses_everybody();
  let_pass(2h);
  const int held = with_status(Status::active);
  ASSERT_GE(held, 40 - believed_at_most);
  crash();  // what is held stays held
  start_scheduler();
  let_pass(1h);
  ASSERT_EQ(with_status(Status::active), held);
  ASSERT_TRUE(run(node().executor, node().service.release_hold(RegistrationId{"books"})));
  crash();  // and what is released stays released
  start_scheduler();
  let_pass(25min);
  EXPECT_EQ(with_status(Status::reauth_required), 40);
  EXPECT_EQ(events("mass_failure").size(), 1U);
  EXPECT_EQ(events("mass_failure_released").size(), 1U);
}

TEST_F(MassFailureTest, a_few_customers_who_leave_are_believed) {
  connect_many(40);
  start_scheduler();
  for (int i = 0; i < 40; ++i) read("books" + std::to_string(i));
  for (int i = 0; i < 7; ++i) provider->kill("books" + std::to_string(i));
  let_pass(3h);
  EXPECT_EQ(with_status(Status::reauth_required), 7);
  EXPECT_TRUE(events("mass_failure").empty());
}

TEST_F(MassFailureTest, there_is_nothing_to_release_where_nothing_is_held) {
  node();
  const auto released = run(node().executor, node().service.release_hold(RegistrationId{"books"}));
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().code, Errc::not_found);
}

class FairnessTest : public RefreshBench {};

TEST_F(FairnessTest, a_registration_that_hangs_keeps_a_bounded_number_waiting_and_delays_no_other) {
  options.concurrency = 2;
  for (int i = 0; i < 200; ++i) connect("books" + std::to_string(i), "books");
  connect("sheet", "sheets");
  let_pass(1h);
  const auto hanging = provider->hold_next_request();
  const auto hanging_too = provider->hold_next_request();
  std::vector<std::shared_ptr<Reading>> readings;
  for (int i = 0; i < 200; ++i) readings.push_back(start_read("books" + std::to_string(i), {.deadline = 10s}));
  node().executor.run_until_idle();
  const auto refused = std::ranges::count_if(readings, [](const auto& one) { return one->result.has_value(); });
  EXPECT_EQ(refused, 200 - 2 - 64) << "told at once";
  EXPECT_EQ(node().service.in_flight(), 66U);
  EXPECT_EQ(text(read("sheet")), "at-sheet-2");
  hanging.set(true);
  hanging_too.set(true);
  let_pass(10s);
  const auto served =
      std::ranges::count_if(readings, [](const auto& one) { return one->result && one->result->has_value(); });
  EXPECT_EQ(served, 66);
}

TEST_F(FairnessTest, thousands_due_at_a_registration_that_hangs_delay_no_refresh_of_another) {
  constexpr int stuck = 2000;
  constexpr int others_count = 60;
  options.concurrency = 8;
  std::vector<Store::Move> moves;
  const auto due_after = [&](const Connection& made, Duration wait) {
    moves.push_back({made.id, *made.next_due_at, clock.now() + wait});
  };
  for (int i = 0; i < stuck; ++i) due_after(connect("books" + std::to_string(i), "books"), 1s);
  for (int i = 0; i < others_count; ++i) due_after(connect("sheet" + std::to_string(i), "sheets"), (i + 2) * 1s);
  ASSERT_TRUE(run(node().executor, sqlite->move_due(std::move(moves), clock.now())));
  provider->hanging_host = "books.";
  options.look_every = 1s;
  crash();  // so that the options count
  start_scheduler();
  std::size_t most_under_way = 0;
  for (int i = 0; i < others_count; ++i) {
    let_pass(i == 0 ? 2s + 500ms : 1s);
    most_under_way = std::max(most_under_way, node().service.in_flight());
    if (i >= 5) EXPECT_EQ(row("sheet" + std::to_string(i - 5)).generation, 2) << "five seconds after it was due: " << i;
  }
  let_pass(5s);
  EXPECT_EQ(row("sheet" + std::to_string(others_count - 1)).generation, 2);
  EXPECT_GE(most_under_way, 8U + 8U) << "there was a crowd";
  EXPECT_LE(most_under_way, 8U + 8U + others_count) << "slots, as many that wait for one, and the others";
}

}  // namespace
}  // namespace evergrant::test
