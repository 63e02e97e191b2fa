#include "evergrant/testing/bench.hpp"

#include <gtest/gtest.h>

#include <future>

#include "application.hpp"

namespace evergrant::testing {
namespace {

using namespace std::chrono_literals;

TEST(Bench, serves_evergrants_api_and_the_providers_to_any_client) {
  Bench bench;
  const auto connection = bench.connect("acme", some_realm);
  const auto token = read_token(bench);
  EXPECT_EQ(token.status, 200);
  EXPECT_EQ(token.text("connection"), connection);
  EXPECT_EQ(call_api(bench), 200);
  EXPECT_EQ(call(bench.url() + "/v1/connections", "egk_wrong").status, 401);
}

TEST(Bench, tells_what_evergrant_knows_of_a_connection_and_its_story) {
  Bench bench;
  const auto connection = bench.connect("acme", some_realm);
  const auto state = bench.connection(connection);
  EXPECT_EQ(state.tenant, "acme");
  EXPECT_EQ(state.realm, some_realm);
  EXPECT_EQ(state.status, "active");
  EXPECT_EQ(state.generation, 1);
  EXPECT_EQ(*state.access_expires_at - bench.clock().now(), 1h);
  bench.clock().advance(1h);
  const auto story = bench.events(connection);
  ASSERT_EQ(story.size(), 2U);
  EXPECT_EQ(story[0].type, "connected");
  EXPECT_EQ(story[1].type, "refreshed");
  EXPECT_EQ(story[1].generation, 2);
  EXPECT_LT(story[0].at, story[1].at);
}

TEST(Bench, a_story_of_more_than_a_page_is_told_whole) {
  Bench bench;
  const auto connection = bench.connect("acme", some_realm);
  for (int hour = 0; hour < 110; ++hour) {
    EXPECT_EQ(read_token(bench).status, 200);
    bench.clock().advance(1h);
  }
  EXPECT_GT(bench.events(connection).size(), 100U);
  EXPECT_EQ(static_cast<std::int64_t>(bench.events(connection).size()), bench.connection(connection).generation);
}

TEST(Bench, what_cannot_be_done_throws_and_says_why) {
  Bench bench;
  const auto connection = bench.connect("acme", some_realm);
  EXPECT_THROW(bench.connect("globex", some_realm), BenchError);
  EXPECT_THROW((void)bench.connection("con_unknown"), BenchError);
  EXPECT_THROW((void)bench.provider().grant("con_unknown"), BenchError);
  EXPECT_THROW(bench.provider().revoke("con_unknown"), BenchError);
  bench.provider().answer_next(500, {}, 1, Endpoint::code);
  EXPECT_THROW(bench.connect("acme", "4620816365000000002"), BenchError);
  EXPECT_EQ(bench.connection(connection).status, "active");
}

TEST(Bench, several_live_side_by_side) {
  Bench one;
  Bench other;
  EXPECT_NE(one.url(), other.url());
  one.connect("acme", some_realm);
  one.clock().advance(24h);
  EXPECT_EQ(read_token(other).status, 404);
  EXPECT_EQ(read_token(one).status, 200);
}

TEST(Bench, a_thousand_readers_at_the_moment_of_expiry_cost_one_refresh) {
  BenchOptions options;
  options.rotation = Rotation::always_strict;
  Bench bench{options};
  const auto connection = bench.connect("acme", some_realm);
  bench.clock().advance(5h);  // nobody has read it for long: its token has ended
  const auto before = bench.provider().refresh_requests(connection);
  std::vector<std::future<long>> readers;
  for (int thread = 0; thread < 10; ++thread) {
    readers.push_back(std::async(std::launch::async, [&] {
      long failed = 0;
      for (int i = 0; i < 100; ++i) failed += read_token(bench).status == 200 ? 0 : 1;
      return failed;
    }));
  }
  for (auto& reader : readers) EXPECT_EQ(reader.get(), 0);
  EXPECT_EQ(bench.provider().refresh_requests(connection), before + 1);
}

TEST(Bench, may_be_torn_down_while_a_request_waits) {
  auto bench = std::make_unique<Bench>();
  const auto connection = bench->connect("acme", some_realm);
  bench->clock().jump_for_waiting_requests(false);
  bench->provider().hang();
  const auto url = bench->url() + "/v1/connections/" + connection + "/refresh";
  auto refreshed = std::async(std::launch::async, [url, key = bench->api_key()] { return call(url, key, "{}").status; });
  bench->provider().wait_for_refresh_requests(connection, 1);
  bench.reset();
  EXPECT_EQ(refreshed.get(), 0);
}

}  // namespace
}  // namespace evergrant::testing
