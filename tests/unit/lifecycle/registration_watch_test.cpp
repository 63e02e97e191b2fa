// What one process learns of a registration, and what an operator says at one of them, reaches every process on the store.
#include <gtest/gtest.h>

#include "lifecycle/registration_standing.hpp"
#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

TEST(RegistrationStanding, a_pause_follows_the_stored_row) {
  struct Row {
    bool paused, written, stored;
    PauseStep step;
  };
  for (const auto& [paused, written, stored, step] : std::vector<Row>{{false, true, false, PauseStep::none},
                                                                      {false, true, true, PauseStep::pause},
                                                                      {true, true, true, PauseStep::none},
                                                                      {true, false, true, PauseStep::none},
                                                                      {true, true, false, PauseStep::resume},
                                                                      {true, false, false, PauseStep::write}}) {
    EXPECT_EQ(follow_pause(paused, written, stored), step) << paused << written << stored;
  }
}

TEST(RegistrationStanding, a_hold_follows_the_stored_row_and_no_release_from_before_it_began) {
  struct Row {
    std::optional<Time> held_since;
    bool written;
    std::optional<StoredHold> stored;
    HoldStep step;
  };
  const StoredHold open{.since = new_year, .released_at = std::nullopt};
  const StoredHold released{.since = new_year, .released_at = new_year + 10s};
  for (const auto& [held_since, written, stored, step] :
       std::vector<Row>{{std::nullopt, true, std::nullopt, HoldStep::none},
                        {std::nullopt, true, open, HoldStep::hold},
                        {std::nullopt, true, released, HoldStep::believe},
                        {new_year + 5s, true, open, HoldStep::none},
                        {new_year + 5s, true, released, HoldStep::release},
                        {new_year + 10s, false, released, HoldStep::release},
                        {new_year + 11s, false, released, HoldStep::write},
                        {new_year + 11s, true, released, HoldStep::none},
                        {new_year, true, std::nullopt, HoldStep::none},
                        {new_year, false, std::nullopt, HoldStep::write}}) {
    EXPECT_EQ(follow_hold(held_since, written, stored), step);
  }
}

class RegistrationWatchTest : public RefreshBench {
 protected:
  RegistrationWatchTest() {
    options.forced_interval = 0s;
    options.follow_every = RefreshOptions{}.follow_every;
  }

  // Longer than it takes until the others have noticed.
  static constexpr Duration soon = 4s;

  Engine& other() {
    if (others.empty()) others.push_back(make_engine(&node().executor));
    return *others.front();
  }
  void start_both() {
    start_scheduler();
    spawn(other().executor, other().service.run());  // ends with the engine
    node().executor.run_until_idle();
  }
  Result<TokenLease> force_at(Engine& at, const std::string& id) {
    return run_through_time(at.executor, at.service.refresh(ConnectionId{id}, std::nullopt, std::nullopt));
  }
  std::size_t events(const std::string& type) {
    auto all = run(node().executor, sqlite->events({}, std::nullopt, {}, 1000)).value().items;
    return static_cast<std::size_t>(std::ranges::count(all, type, &Event::type));
  }
  std::string metrics(Engine& at) { return at.metrics.render(); }
  bool holds(Engine& at) {
    return metrics(at).find(R"(evergrant_mass_failure{registration="books"} 1)") != std::string::npos;
  }

  void provider_refuses_everybody() {
    HttpResponse refusal;
    refusal.status = 400;
    refusal.headers.add("Content-Type", "application/json");
    refusal.body = R"({"error":"invalid_grant"})";
    provider->always = refusal;
  }
  // Each is refused and confirmed, until one too many is.
  void fail_many_at(Engine& at, int from, int to) {
    for (int i = from; i < to; ++i) force_at(at, "con_" + std::to_string(i));
  }
};

TEST_F(RegistrationWatchTest, a_pause_reaches_the_other_process_and_so_does_its_end) {
  for (const std::string id : {"con_1", "con_2", "con_3"}) connect(id);
  start_both();
  provider->answer_next(401, R"({"error":"invalid_client"})");
  ASSERT_EQ(text(force_at(node(), "con_1")), "registration_paused");
  let_pass(soon);
  EXPECT_EQ(text(force_at(other(), "con_2")), "registration_paused");
  EXPECT_EQ(provider->token_requests, 1) << "the other one did not ask with the same secret";
  ASSERT_TRUE(run(other().executor, other().service.resume(RegistrationId{"books"})));
  EXPECT_EQ(text(force_at(other(), "con_2")), "at-con_2-2");
  let_pass(soon);
  EXPECT_EQ(text(force_at(node(), "con_3")), "at-con_3-2") << "nobody resumed it here";
  EXPECT_EQ(events("registration_paused"), 1U);
  EXPECT_EQ(events("registration_resumed"), 1U);
}

TEST_F(RegistrationWatchTest, a_probe_that_succeeds_at_one_process_ends_the_pause_at_all) {
  connect("con_1");
  connect("con_2");
  start_both();
  provider->answer_next(401, R"({"error":"invalid_client"})");
  force_at(node(), "con_1");
  let_pass(soon);
  ASSERT_EQ(text(force_at(other(), "con_2")), "registration_paused");
  let_pass(5min);  // the scheduler's own probe, by whichever comes first
  EXPECT_EQ(text(force_at(node(), "con_1")), "at-con_1-" + std::to_string(row("con_1").generation));
  EXPECT_EQ(text(force_at(other(), "con_2")), "at-con_2-" + std::to_string(row("con_2").generation));
}

TEST_F(RegistrationWatchTest, a_pause_that_the_store_refused_is_written_when_it_is_back) {
  connect("con_1");
  start_both();
  node().store.fail_next("pause");
  provider->answer_next(401, R"({"error":"invalid_client"})");
  force_at(node(), "con_1");
  ASSERT_TRUE(run(node().executor, sqlite->paused()).value().empty());
  let_pass(soon);
  EXPECT_EQ(run(node().executor, sqlite->paused()).value().size(), 1U) << "and not taken for one that was ended";
  EXPECT_EQ(text(force_at(node(), "con_1")), "registration_paused");
}

TEST_F(RegistrationWatchTest, a_hold_reaches_the_other_process_and_so_does_its_release) {
  for (int i = 0; i < 40; ++i) connect("con_" + std::to_string(i));
  start_both();
  provider_refuses_everybody();
  fail_many_at(node(), 0, 12);
  ASSERT_TRUE(holds(node()));
  EXPECT_FALSE(holds(other()));
  let_pass(soon);
  EXPECT_TRUE(holds(other()));
  ASSERT_TRUE(run(node().executor, node().service.release_hold(RegistrationId{"books"})));
  let_pass(soon);
  EXPECT_FALSE(holds(other()));
  EXPECT_EQ(events("mass_failure"), 1U);
  EXPECT_EQ(events("mass_failure_released"), 1U);
  let_pass(25min);
  EXPECT_EQ(events("mass_failure"), 1U) << "for half an hour both believe the provider";
}

TEST_F(RegistrationWatchTest, a_release_at_another_process_counts_before_it_was_noticed) {
  for (int i = 0; i < 40; ++i) connect("con_" + std::to_string(i));
  start_both();
  provider_refuses_everybody();
  fail_many_at(node(), 0, 12);
  fail_many_at(other(), 12, 24);
  ASSERT_TRUE(holds(node()));
  ASSERT_TRUE(holds(other()));
  ASSERT_TRUE(run(other().executor, other().service.release_hold(RegistrationId{"books"})));
  force_at(node(), "con_30");  // no time has passed in which it could have looked
  EXPECT_FALSE(holds(node()));
  EXPECT_EQ(events("mass_failure"), 1U);
}

TEST_F(RegistrationWatchTest, a_process_that_sees_the_failures_only_after_a_release_does_not_hold_again) {
  for (int i = 0; i < 40; ++i) connect("con_" + std::to_string(i));
  start_both();
  provider_refuses_everybody();
  fail_many_at(node(), 0, 12);
  ASSERT_TRUE(run(node().executor, node().service.release_hold(RegistrationId{"books"})));
  fail_many_at(other(), 12, 30);
  EXPECT_FALSE(holds(other()));
  EXPECT_EQ(events("mass_failure"), 1U);
}

TEST_F(RegistrationWatchTest, a_hold_that_the_store_refused_can_be_released_and_is_written_when_it_is_back) {
  for (int i = 0; i < 40; ++i) connect("con_" + std::to_string(i));
  start_both();
  provider_refuses_everybody();
  node().store.fail_next("hold");
  fail_many_at(node(), 0, 12);
  ASSERT_TRUE(holds(node()));
  ASSERT_TRUE(run(node().executor, sqlite->holds()).value().empty());
  let_pass(soon);
  EXPECT_EQ(run(node().executor, sqlite->holds()).value().size(), 1U);
  EXPECT_TRUE(holds(other())) << "it is a hold like any other";
  ASSERT_TRUE(run(node().executor, node().service.release_hold(RegistrationId{"books"})));
  EXPECT_FALSE(holds(node()));
}

TEST_F(RegistrationWatchTest, a_service_that_stops_does_not_wait_for_the_next_look) {
  connect("con_1");
  start_both();
  const Time before = clock.now();
  run_through_time(node().executor, [](TokenService& service) -> Task<bool> {
    co_await service.stop();
    co_return true;
  }(node().service));
  EXPECT_LT(clock.now() - before, 1s);
}

}  // namespace
}  // namespace evergrant::test
