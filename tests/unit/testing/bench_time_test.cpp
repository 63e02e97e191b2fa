// What the virtual clock promises (include/evergrant/testing/clock.hpp).
#include <gtest/gtest.h>

#include <future>

#include "application.hpp"

namespace evergrant::testing {
namespace {

using namespace std::chrono_literals;

const BenchClock::Time new_year{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

BenchOptions at_new_year(Rotation rotation = Rotation::always_strict) {
  BenchOptions options;
  options.rotation = rotation;
  options.start_at = new_year;
  return options;
}

// What happened, with the millisecond.
std::vector<std::string> story(const Bench& bench, const std::string& connection) {
  std::vector<std::string> lines;
  for (const auto& event : bench.events(connection)) {
    lines.push_back(event.type + " " + std::to_string(event.generation) + " " +
                    std::to_string((event.at - new_year).count()));
  }
  return lines;
}

TEST(BenchTime, it_stands_still_until_it_is_told_to_move_and_then_moves_exactly) {
  Bench bench{at_new_year()};
  bench.connect("acme", some_realm);
  EXPECT_EQ(bench.clock().now(), new_year);
  EXPECT_EQ(call_api(bench), 200);
  EXPECT_EQ(bench.clock().now(), new_year);
  bench.clock().advance(90min + 1ms);
  EXPECT_EQ(bench.clock().now() - new_year, 90min + 1ms);
}

TEST(BenchTime, what_is_due_happens_at_its_own_instant_however_large_the_steps_are) {
  Bench at_once{at_new_year()};
  Bench in_steps{at_new_year()};
  const auto one = at_once.connect("acme", some_realm);
  const auto other = in_steps.connect("acme", some_realm);
  at_once.provider().lose_next_request(3);
  in_steps.provider().lose_next_request(3);
  for (int hour = 0; hour < 12; ++hour) {  // read each hour, or there is nothing to keep fresh
    at_once.clock().advance(1h);
    for (int i = 0; i < 60; ++i) in_steps.clock().advance(1min);
    EXPECT_EQ(read_token(at_once).status, 200);
    EXPECT_EQ(read_token(in_steps).status, 200);
  }
  const auto lines = story(at_once, one);
  EXPECT_GE(lines.size(), 12U);
  EXPECT_EQ(lines, story(in_steps, other));
}

TEST(BenchTime, when_advance_returns_nothing_is_left_to_do_until_more_time_passes) {
  Bench bench{at_new_year()};
  const auto connection = bench.connect("acme", some_realm);
  for (int hour = 0; hour < 48; ++hour) {
    EXPECT_EQ(read_token(bench).status, 200);
    bench.clock().advance(1h);
    const auto seen = bench.provider().requests().size();
    const auto lines = story(bench, connection);
    bench.clock().advance(0ms);
    EXPECT_EQ(bench.provider().requests().size(), seen);
    EXPECT_EQ(story(bench, connection), lines);
  }
}

TEST(BenchTime, a_connection_that_nobody_reads_is_kept_alive_for_forty_days) {
  Bench bench{at_new_year(Rotation::sometimes)};
  const auto connection = bench.connect("acme", some_realm);
  bench.clock().advance(std::chrono::days{40});
  EXPECT_GE(bench.connection(connection).generation, 3);
  EXPECT_EQ(call_api(bench), 200);
}

TEST(BenchTime, a_request_that_only_time_can_answer_takes_exactly_the_time_it_needs) {
  Bench bench{at_new_year()};
  const auto connection = bench.connect("acme", some_realm);
  bench.clock().advance(5h);  // nobody has read it for long: its token has ended
  bench.provider().delay(4s);
  const auto asked = bench.clock().now();
  const auto before = bench.connection(connection).generation;
  EXPECT_EQ(read_token(bench).status, 200);
  EXPECT_EQ(bench.clock().now() - asked, 4s);
  EXPECT_EQ(bench.connection(connection).generation, before + 1);
}

TEST(BenchTime, without_jumps_such_a_request_waits_for_advance) {
  Bench bench{at_new_year()};
  const auto connection = bench.connect("acme", some_realm);
  bench.clock().jump_for_waiting_requests(false);
  bench.provider().delay(4s);
  auto refreshed = std::async(std::launch::async, [&] {
    return call(bench.url() + "/v1/connections/" + connection + "/refresh", bench.api_key(), "{}").status;
  });
  bench.provider().wait_for_refresh_requests(connection, 1);
  bench.clock().advance(3999ms);
  EXPECT_EQ(bench.connection(connection).generation, 1);
  EXPECT_EQ(bench.clock().now() - new_year, 3999ms);
  bench.clock().advance(1ms);
  EXPECT_EQ(refreshed.get(), 200);
  EXPECT_EQ(bench.connection(connection).generation, 2);
  EXPECT_EQ(bench.clock().now() - new_year, 4s);
}

TEST(BenchTime, waiting_for_a_request_that_never_comes_ends) {
  Bench bench{at_new_year()};
  const auto connection = bench.connect("acme", some_realm);
  EXPECT_THROW(bench.provider().wait_for_refresh_requests(connection, 1, 0s), BenchError);
  EXPECT_NO_THROW(bench.provider().wait_for_refresh_requests(connection, 0, 0s));
}

TEST(BenchTime, time_does_not_go_back) {
  Bench bench{at_new_year()};
  EXPECT_THROW(bench.clock().advance(-1ms), BenchError);
  EXPECT_EQ(bench.clock().now(), new_year);
}

}  // namespace
}  // namespace evergrant::testing
