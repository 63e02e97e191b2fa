// Reading and refreshing while everything else works: single flight, margins, failures of the provider.
#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class RefreshTest : public RefreshBench {};

TEST_F(RefreshTest, a_valid_token_is_served_without_asking_the_provider) {
  connect("con_1");
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  EXPECT_EQ(provider->token_requests, 0);
}

TEST_F(RefreshTest, what_was_read_once_is_served_from_memory_by_its_realm_too) {
  connect("con_1");
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {}));
  read("con_1");
  const auto by_id = node().service.read_now(ConnectionId{"con_1"}, {});
  ASSERT_TRUE(by_id);
  EXPECT_EQ(by_id->access_token.reveal(), "at-con_1-1");
  const auto by_realm = node().service.read_now_of(RegistrationId{"books"}, RealmId{"realm-con_1"}, {});
  ASSERT_TRUE(by_realm);
  EXPECT_EQ(by_realm->connection.str(), "con_1");
  EXPECT_FALSE(node().service.read_now_of(RegistrationId{"sheets"}, RealmId{"realm-con_1"}, {}));
}

// A row that was not read again is asked for in a moment, not when the entry is too old to be served.
TEST_F(RefreshTest, a_recheck_that_fails_puts_off_none) {
  connect("con_1");
  read("con_1");
  const auto rows_read = [&] { return node().store.calls("connection"); };
  const auto read_from_memory = [&] {
    EXPECT_TRUE(node().service.read_now(ConnectionId{"con_1"}, {}));
    let_pass(250ms);
  };
  let_pass(31s);
  node().store.fail_always("connection", true);
  const int before = rows_read();
  for (int i = 0; i < 3; ++i) read_from_memory();
  EXPECT_EQ(rows_read(), before + 1) << "the readers of one entry ask once";
  node().store.fail_always("connection", false);
  let_pass(5s);
  for (int i = 0; i < 3; ++i) read_from_memory();
  EXPECT_EQ(rows_read(), before + 2);
  let_pass(29s);
  read_from_memory();
  EXPECT_EQ(rows_read(), before + 2) << "it was read again, and is as new as any";
}

TEST_F(RefreshTest, sixty_four_readers_at_the_moment_of_expiry_cause_one_request) {
  connect("con_1");
  provider->latency = 200ms;
  let_pass(1h);
  std::vector<std::shared_ptr<Reading>> readers;
  for (int i = 0; i < 64; ++i) readers.push_back(start_read("con_1"));
  let_pass(1s);
  for (const auto& reader : readers) {
    ASSERT_TRUE(reader->result);
    EXPECT_EQ(text(*reader->result), "at-con_1-2");
  }
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_EQ(row("con_1").generation, 2);
  EXPECT_EQ(open_attempts(), 0U);
}

TEST_F(RefreshTest, the_refresh_goes_on_when_its_reader_has_gone) {
  connect("con_1");
  provider->latency = 5s;
  let_pass(1h);
  EXPECT_EQ(text(read("con_1", {.deadline = 1s})), "deadline_exceeded");
  let_pass(5s);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, inside_the_advisory_margin_the_old_token_is_served_and_a_new_one_fetched_behind) {
  connect("con_1");
  read("con_1");
  let_pass(55min);
  read("con_1");
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(read("con_1"));
  node().executor.run_until_idle();
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, a_valid_token_is_served_at_once_while_its_provider_hangs_for_a_minute) {
  connect("con_1");
  read("con_1");
  provider->hangs = true;
  let_pass(55min);
  const Time before = clock.now();
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(text(run(node().executor, node().service.token(ConnectionId{"con_1"}, {}))), "at-con_1-1");
    EXPECT_EQ(clock.now() - before, Duration{i * 1s});
    let_pass(1s);
  }
  EXPECT_GE(provider->token_requests, 1);
}

TEST_F(RefreshTest, inside_the_mandatory_margin_readers_wait_two_seconds_for_a_refresh_that_hangs_and_are_served) {
  connect("con_1");
  provider->hangs = true;
  let_pass(59min + 35s);
  const Time before = clock.now();
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  EXPECT_EQ(clock.now() - before, 2s);
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  EXPECT_EQ(clock.now() - before, 2s);  // of the refresh, not of each reader
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, who_names_a_deadline_or_wants_more_life_waits_for_it_half_of_what_is_left_at_most) {
  connect("con_1");
  provider->hangs = true;
  let_pass(59min + 36s);
  const Time before = clock.now();
  EXPECT_EQ(text(read("con_1", {.deadline = 5s})), "at-con_1-1");
  EXPECT_EQ(clock.now() - before, 5s);
  EXPECT_EQ(text(read("con_1", {.min_ttl = 5min})), "at-con_1-1");
  EXPECT_EQ(clock.now() - before, 5s + 9500ms);
}

TEST_F(RefreshTest, a_provider_that_hangs_delays_no_other_registration) {
  options.concurrency = 2;
  for (int i = 0; i < 10; ++i) connect("con_" + std::to_string(i));
  connect("con_other", "sheets");
  let_pass(1h);
  provider->hangs = true;
  for (int i = 0; i < 10; ++i) start_read("con_" + std::to_string(i));
  node().executor.run_until_idle();
  EXPECT_EQ(provider->token_requests, 2);  // its own cap
  provider->hangs = false;
  const Time before = clock.now();
  EXPECT_EQ(text(read("con_other")), "at-con_other-2");
  EXPECT_EQ(clock.now(), before);
}

TEST_F(RefreshTest, a_still_valid_token_is_served_when_its_refresh_fails) {
  connect("con_1");
  provider->always = HttpResponse{503, {}, "down"};
  let_pass(59min + 45s);
  EXPECT_EQ(text(read("con_1")), "at-con_1-1");
  EXPECT_EQ(row("con_1").failure.kind, FailureClass::transient);
  let_pass(15s);
  EXPECT_EQ(text(read("con_1", {.deadline = 100ms})), "provider_unavailable");
  EXPECT_EQ(row("con_1").status, Status::active);
}

TEST_F(RefreshTest, the_provider_coming_back_ends_the_outage_for_a_reader_who_waits) {
  connect("con_1");
  let_pass(2h);
  provider->answer_next(503, "down");
  provider->answer_next(502, "down");
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 3);
  EXPECT_EQ(row("con_1").failure, Failure{});
}

TEST_F(RefreshTest, readers_do_not_hammer_a_provider_that_is_down) {
  connect("con_1");
  let_pass(1h);
  provider->always = HttpResponse{503, {}, "down"};
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(text(read("con_1", {.deadline = 1ms})), "provider_unavailable");
    let_pass(1s);
  }
  EXPECT_LT(provider->token_requests, 120);
}

TEST_F(RefreshTest, retry_after_is_kept_even_if_a_thousand_readers_ask) {
  connect("con_1");
  let_pass(1h);
  provider->answer_next(429, R"({"error":"slow_down"})", "Retry-After", "45");
  const Time asked = clock.now();
  for (int i = 0; i < 1000; ++i) {
    read("con_1", {.deadline = 1ms});
    let_pass(100ms);
  }
  ASSERT_GE(provider->requested_at.size(), 2U);
  EXPECT_GE(provider->requested_at[1] - asked, 45s);
}

TEST_F(RefreshTest, asking_for_more_life_than_the_provider_gives_costs_one_request_per_margin) {
  connect("con_1");
  provider->latency = 10ms;
  for (int i = 0; i < 600; ++i) {  // ten minutes, one read a second
    EXPECT_TRUE(read("con_1", {.min_ttl = 24h}));
    let_pass(1s);
  }
  EXPECT_LE(provider->token_requests, 2);
}

TEST_F(RefreshTest, eight_callers_who_want_more_life_cause_one_request) {
  connect("con_1");
  provider->latency = 100ms;
  let_pass(30min);
  std::vector<std::shared_ptr<Reading>> readers;
  for (int i = 0; i < 8; ++i) readers.push_back(start_read("con_1", {.min_ttl = 2h}));
  let_pass(1s);
  for (const auto& reader : readers) EXPECT_EQ(text(*reader->result), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, an_answer_without_a_refresh_token_leaves_the_old_one_good) {
  profile(Rotation::never);
  connect("con_1");
  for (int i = 2; i < 6; ++i) {
    let_pass(1h);
    EXPECT_EQ(text(read("con_1")), "at-con_1-" + std::to_string(i));
  }
  EXPECT_TRUE(provider->alive("con_1"));
}

TEST_F(RefreshTest, ten_refreshes_in_a_row_rotate_without_reuse) {
  profile(Rotation::always_strict);
  connect("con_1");
  for (int i = 2; i < 12; ++i) {
    let_pass(1h);
    EXPECT_EQ(text(read("con_1")), "at-con_1-" + std::to_string(i));
  }
  EXPECT_EQ(provider->token_requests, 10);
  EXPECT_EQ(provider->reuses, 0);
}

TEST_F(RefreshTest, a_dead_grant_is_confirmed_while_its_access_token_lives_and_then_believed) {
  connect("con_1");
  start_scheduler();
  provider->kill("con_1");
  EXPECT_EQ(text(force("con_1")), "provider_unavailable");
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_TRUE(read("con_1"));
  let_pass(5min);
  EXPECT_EQ(row("con_1").status, Status::reauth_required);
  EXPECT_EQ(text(read("con_1")), "reauth_required");
  EXPECT_EQ(provider->token_requests, 3);
  let_pass(24h);
  EXPECT_EQ(provider->token_requests, 3);  // a dead grant is not asked about again
  EXPECT_FALSE(row("con_1").tokens.refresh_token.empty());
}

TEST_F(RefreshTest, a_provider_that_flaps_once_costs_nobody_a_grant) {
  connect("con_1");
  start_scheduler();
  provider->answer_next(400, R"({"error":"invalid_grant"})");
  force("con_1");
  let_pass(2min);
  EXPECT_EQ(row("con_1").status, Status::active);
  EXPECT_EQ(row("con_1").generation, 2);
}

TEST_F(RefreshTest, invalid_client_pauses_the_registration_and_touches_no_connection) {
  for (int i = 0; i < 5; ++i) connect("con_" + std::to_string(i));
  connect("con_other", "sheets");
  start_scheduler();
  let_pass(1min);
  provider->answer_next(401, R"({"error":"invalid_client"})");
  EXPECT_EQ(text(force("con_0")), "registration_paused");
  EXPECT_EQ(run(node().executor, sqlite->paused()).value().size(), 1U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(row("con_" + std::to_string(i)).status, Status::active);
    EXPECT_TRUE(read("con_" + std::to_string(i)));
  }
  EXPECT_EQ(text(force("con_1")), "registration_paused");
  EXPECT_EQ(provider->token_requests, 1);
  EXPECT_EQ(text(force("con_other")), "at-con_other-2");
  let_pass(5min);  // a probe finds the secret mended
  EXPECT_TRUE(run(node().executor, sqlite->paused()).value().empty());
  EXPECT_EQ(text(force("con_2")), "at-con_2-2");
}

TEST_F(RefreshTest, a_pause_survives_a_restart_and_the_first_request_is_the_probe) {
  connect("con_1");
  connect("con_2");
  ASSERT_TRUE(run(node().executor, sqlite->pause({RegistrationId{"books"}, "invalid_client", "", clock.now()})));
  crash();
  start_scheduler();
  provider->answer_next(401, R"({"error":"invalid_client"})");
  EXPECT_EQ(text(force("con_1")), "registration_paused");
  EXPECT_EQ(text(force("con_2")), "registration_paused");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, a_report_about_an_old_generation_is_answered_with_the_new_one) {
  connect("con_1");
  EXPECT_EQ(text(force("con_1", 1)), "at-con_1-2");
  EXPECT_EQ(text(force("con_1", 1)), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, an_api_that_always_says_401_causes_one_refresh_per_interval) {
  connect("con_1");
  for (int i = 0; i < 300; ++i) {
    const Generation current = row("con_1").generation;
    const auto lease = force("con_1", current);
    if (!lease) EXPECT_EQ(lease.error().code, Errc::rate_limited);
    EXPECT_EQ(lease.has_value(), i % 30 == 0) << i;
    let_pass(1s);
  }
  EXPECT_LE(provider->token_requests, 11);
  EXPECT_GE(provider->token_requests, 9);
}

TEST_F(RefreshTest, who_names_no_generation_is_given_what_the_last_forced_refresh_brought) {
  connect("con_1");
  EXPECT_EQ(text(force("con_1")), "at-con_1-2");
  EXPECT_EQ(text(force("con_1")), "at-con_1-2");
  EXPECT_EQ(text(force("con_1", 2)), "rate_limited") << "that one is reported as bad too";
  EXPECT_EQ(provider->token_requests, 1);
  let_pass(30s);
  EXPECT_EQ(text(force("con_1", 2)), "at-con_1-3");
}

TEST_F(RefreshTest, a_forced_refresh_that_failed_is_not_repeated_at_once_either) {
  connect("con_1");
  provider->answer_next(503, "");
  EXPECT_EQ(text(force("con_1")), "provider_unavailable");
  EXPECT_EQ(text(force("con_1")), "rate_limited");
  EXPECT_EQ(provider->token_requests, 1);
}

TEST_F(RefreshTest, a_second_forced_refresh_after_a_usual_one_works_at_once) {
  connect("con_1");
  let_pass(1h);
  EXPECT_EQ(text(read("con_1")), "at-con_1-2");
  EXPECT_EQ(text(force("con_1", 2)), "at-con_1-3");
}

TEST_F(RefreshTest, without_a_refresh_token_a_connection_serves_to_its_end_and_then_says_what_to_do) {
  node();
  store_grant("con_1", "books", "", "only-access", "");
  let_pass(59min + 59s);
  EXPECT_EQ(text(read("con_1")), "only-access");
  let_pass(1s);
  EXPECT_EQ(text(read("con_1")), "reauth_required");
  EXPECT_EQ(provider->token_requests, 0);
}

TEST_F(RefreshTest, a_forgotten_connection_is_not_served_from_memory) {
  connect("con_1");
  read("con_1");
  ASSERT_TRUE(run(node().executor, sqlite->begin_revocation(ConnectionId{"con_1"}, true, "asked", clock.now(), {})));
  node().service.forget(ConnectionId{"con_1"});
  EXPECT_FALSE(node().service.read_now(ConnectionId{"con_1"}, {}));
  EXPECT_EQ(text(read("con_1")), "revoked");
}

TEST_F(RefreshTest, what_another_process_revoked_is_noticed_when_the_row_is_read_again) {
  connect("con_1");
  read("con_1");
  ASSERT_TRUE(run(node().executor, sqlite->begin_revocation(ConnectionId{"con_1"}, true, "asked", clock.now(), {})));
  let_pass(31s);
  read("con_1");  // served, and read again behind
  let_pass(250ms);
  EXPECT_EQ(text(read("con_1")), "revoked");
}

TEST_F(RefreshTest, the_realm_finds_the_connection_that_took_its_place) {
  connect("con_1");
  const auto by_realm = [&] {
    return text(
        run_through_time(node().executor, node().service.token_of(RegistrationId{"books"}, RealmId{"realm-con_1"}, {})));
  };
  EXPECT_EQ(by_realm(), "at-con_1-1");
  EXPECT_EQ(by_realm(), "at-con_1-1");
}

TEST_F(RefreshTest, every_refresh_is_in_the_connections_timeline) {
  connect("con_1");
  let_pass(1h);
  provider->answer_next(503, "down");
  read("con_1");
  const auto events = run(node().executor, sqlite->events({}, ConnectionId{"con_1"}, "", 10)).value().items;
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].type, "refresh_failed");
  EXPECT_EQ(events[0].code, "http_503");
  EXPECT_EQ(events[1].type, "refreshed");
  EXPECT_EQ(events[1].generation, 2);
}

TEST_F(RefreshTest, stopping_lets_what_is_under_way_end_and_takes_nothing_new) {
  connect("con_1");
  connect("con_2");
  provider->latency = 2s;
  let_pass(1h);
  const auto reading = start_read("con_1");
  node().executor.run_until_idle();
  struct Stopped {
    bool done = false;
  };
  auto stopped = std::make_shared<Stopped>();
  spawn(node().executor, [](TokenService& service, std::shared_ptr<Stopped> mark) -> Task<void> {
    co_await service.stop();
    mark->done = true;
  }(node().service, stopped));
  node().executor.run_until_idle();
  EXPECT_FALSE(stopped->done);
  EXPECT_EQ(text(run(node().executor, node().service.token(ConnectionId{"con_2"}, {}))), "provider_unavailable");
  let_pass(3s);
  EXPECT_TRUE(stopped->done);
  EXPECT_EQ(text(*reading->result), "at-con_1-2");
  EXPECT_EQ(provider->token_requests, 1);
}

}  // namespace
}  // namespace evergrant::test
