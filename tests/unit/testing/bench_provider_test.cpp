// Each fault of the provider, as an application's test meets it.
#include <gtest/gtest.h>

#include <functional>

#include "application.hpp"

namespace evergrant::testing {
namespace {

using namespace std::chrono_literals;

class BenchProviderTest : public ::testing::Test {
 protected:
  static BenchOptions with_grace() {
    BenchOptions options;
    options.rotation = Rotation::always_with_grace;
    return options;
  }
  Answer refresh() { return call(bench.url() + "/v1/connections/" + connection + "/refresh", bench.api_key(), "{}"); }

  Bench bench{with_grace()};
  std::string connection = bench.connect("acme", some_realm);
};

TEST_F(BenchProviderTest, a_lost_answer_was_processed_and_is_made_good) {
  bench.provider().lose_next_answer();
  bench.clock().advance(1h);
  const auto grant = bench.provider().grant(connection);
  EXPECT_EQ(grant.refresh_requests, 2);
  EXPECT_EQ(grant.refresh_tokens_issued, 3);
  EXPECT_EQ(grant.superseded_presented, 1);
  EXPECT_EQ(bench.connection(connection).generation, 2);
}

TEST_F(BenchProviderTest, a_lost_request_was_not_processed) {
  bench.provider().lose_next_request();
  bench.clock().advance(1h);
  const auto grant = bench.provider().grant(connection);
  EXPECT_EQ(grant.refresh_requests, 2);
  EXPECT_EQ(grant.refresh_tokens_issued, 2);
  EXPECT_EQ(grant.superseded_presented, 0);
}

TEST_F(BenchProviderTest, an_unreachable_one_sees_no_request_until_it_behaves) {
  bench.provider().be_unreachable();
  bench.clock().advance(90min);
  EXPECT_EQ(bench.provider().refresh_requests(connection), 0);
  EXPECT_EQ(bench.connection(connection).status, "active");
  EXPECT_GT(bench.connection(connection).failures, 0);
  bench.provider().behave();
  bench.clock().advance(1h);
  EXPECT_EQ(read_token(bench).status, 200);
}

TEST_F(BenchProviderTest, one_that_hangs_delays_no_valid_token_and_processes_nothing) {
  bench.provider().hang();
  bench.clock().advance(58min);
  EXPECT_GE(bench.provider().refresh_requests(connection), 1);
  const auto now = bench.clock().now();
  EXPECT_EQ(read_token(bench).status, 200);
  EXPECT_EQ(bench.clock().now(), now);
  bench.clock().advance(3h);
  EXPECT_EQ(bench.provider().grant(connection).refreshes, 0);
  EXPECT_EQ(read_token(bench).status, 503);
}

TEST_F(BenchProviderTest, an_answer_of_ones_own_is_given_so_often_and_nothing_processed) {
  bench.provider().answer_next(503, "busy", 1, Endpoint::refresh, 7s);
  EXPECT_EQ(refresh().status, 503);
  EXPECT_EQ(bench.provider().grant(connection).refreshes, 0);
  const auto seen = bench.provider().requests().back();
  EXPECT_EQ(seen.status, 503);
  EXPECT_EQ(seen.grant_type, "refresh_token");
  EXPECT_EQ(seen.outcome, "answered");
  bench.clock().advance(1min);
  EXPECT_EQ(bench.connection(connection).generation, 2);
}

TEST_F(BenchProviderTest, a_terminal_answer_ends_the_connection) {
  bench.provider().answer_next(400, R"({"error":"invalid_grant"})", 5);
  bench.clock().advance(2h);
  EXPECT_EQ(bench.connection(connection).status, "reauth_required");
  const auto answer = read_token(bench);
  EXPECT_EQ(answer.text("code"), "reauth_required");
}

TEST_F(BenchProviderTest, a_spoilt_answer_was_processed) {
  for (const auto how : {Garbled::malformed_json, Garbled::truncated_json, Garbled::empty_body}) {
    Bench other{with_grace()};
    const auto account = other.connect("acme", some_realm);
    other.provider().garble_next(how);
    other.clock().advance(2h);
    EXPECT_EQ(other.connection(account).status, "active");
    EXPECT_GE(other.provider().grant(account).refresh_requests, 2);
    EXPECT_EQ(read_token(other).status, 200);
  }
}

TEST_F(BenchProviderTest, faults_of_the_api_are_the_applications_to_meet) {
  bench.provider().answer_next(429, {}, 1, Endpoint::api);
  EXPECT_EQ(call_api(bench), 429);
  EXPECT_EQ(call_api(bench), 200);
  bench.provider().lose_next_answer(1, Endpoint::api);
  EXPECT_EQ(call_api(bench), 0);
  bench.provider().delay(30s, Endpoint::api);
  const auto now = bench.clock().now();
  EXPECT_EQ(call_api(bench), 200);
  EXPECT_EQ(bench.clock().now() - now, 30s);
}

TEST_F(BenchProviderTest, any_fault_of_the_control_api_can_be_injected) {
  bench.provider().inject(R"({"endpoint": "api", "count": 1, "status": 418})");
  EXPECT_EQ(call_api(bench), 418);
  EXPECT_EQ(call_api(bench), 200);
  EXPECT_THROW(bench.provider().inject(R"({"endpoint": "api", "colour": 1})"), BenchError);
  EXPECT_THROW(bench.provider().inject("not json"), BenchError);
  EXPECT_THROW(bench.provider().settings(R"({"weather": 1})"), BenchError);
}

TEST_F(BenchProviderTest, a_revoked_grant_asks_for_a_new_connection_and_gets_one) {
  bench.provider().revoke(connection);
  EXPECT_EQ(call_api(bench), 401);
  EXPECT_EQ(refresh().status, 503);  // not believed at once while the token is valid by the clock …
  EXPECT_EQ(bench.connection(connection).status, "active");
  bench.clock().advance(10min);  // … but when it is confirmed
  EXPECT_EQ(refresh().text("code"), "reauth_required");
  EXPECT_EQ(bench.connection(connection).status, "reauth_required");
  EXPECT_EQ(bench.provider().grant(connection).ended_by, "provider");
  EXPECT_EQ(bench.events(connection).back().type, "reauth_required");
  EXPECT_EQ(bench.connect("acme", some_realm), connection);
  EXPECT_EQ(bench.connection(connection).status, "active");
  EXPECT_TRUE(bench.provider().grant(connection).alive);
  EXPECT_EQ(call_api(bench), 200);
}

TEST_F(BenchProviderTest, an_access_token_that_expired_early_is_replaced_on_demand) {
  bench.provider().expire_access_token(connection);
  EXPECT_EQ(call_api(bench), 401);
  EXPECT_EQ(refresh().status, 200);
  EXPECT_EQ(call_api(bench), 200);
}

TEST_F(BenchProviderTest, an_expired_refresh_token_ends_the_connection_at_the_next_refresh) {
  bench.provider().expire_refresh_token(connection);
  EXPECT_EQ(call_api(bench), 200);
  bench.clock().advance(2h);
  EXPECT_EQ(read_token(bench).text("code"), "reauth_required");
}

TEST_F(BenchProviderTest, a_provider_that_turns_strict_is_not_what_evergrant_was_told) {
  bench.provider().rotate_like(Rotation::always_strict);
  bench.provider().lose_next_answer();
  bench.clock().advance(1h);
  EXPECT_EQ(bench.provider().grant(connection).ended_by, "reuse");
}

TEST_F(BenchProviderTest, a_new_signing_key_is_fetched_while_connecting) {
  bench.provider().rotate_keys(false);
  EXPECT_NE(bench.connect("acme", "4620816365000000002"), connection);
}

TEST(BenchRotation, each_type_keeps_a_connection_for_a_day) {
  for (const auto rotation : {Rotation::never, Rotation::sometimes, Rotation::always_with_grace, Rotation::always_strict}) {
    BenchOptions options;
    options.rotation = rotation;
    Bench bench{options};
    const auto connection = bench.connect("acme", some_realm);
    for (int hour = 0; hour < 27; ++hour) {
      EXPECT_EQ(read_token(bench).status, 200);
      bench.clock().advance(1h);
    }
    const auto grant = bench.provider().grant(connection);
    EXPECT_GE(grant.refreshes, 27);
    EXPECT_EQ(grant.most_in_flight, 1);
    EXPECT_EQ(grant.superseded_presented, 0);
    const bool each_time = rotation == Rotation::always_with_grace || rotation == Rotation::always_strict;
    const int values = rotation == Rotation::never ? 1 : each_time ? grant.refreshes + 1 : 2;
    EXPECT_EQ(grant.refresh_tokens_issued, values);
  }
}

}  // namespace
}  // namespace evergrant::testing
