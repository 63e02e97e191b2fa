// What the application does when its provider, or evergrant's store, misbehaves.
#include "company_client.hpp"

#include <gtest/gtest.h>

#include <evergrant/testing/bench.hpp>

namespace {

using namespace std::chrono_literals;
using evergrant::testing::Bench;
using evergrant::testing::BenchOptions;
using evergrant::testing::Rotation;
using evergrant::testing::StoreStep;

const std::string realm = "4620816365000000001";

class CompanyClientTest : public ::testing::Test {
 protected:
  static BenchOptions strict() {  // a refresh token that is used twice ends the grant
    BenchOptions options;
    options.rotation = Rotation::always_strict;
    return options;
  }

  Bench bench{strict()};
  std::string connection = bench.connect("acme", realm);
  CompanyClient client{{.evergrant = bench.url(),
                        .api_key = bench.api_key(),
                        .registration = Bench::registration(),
                        .provider_api = bench.provider().url()}};
};

TEST_F(CompanyClientTest, a_token_that_has_ended_is_replaced_without_notice) {
  bench.clock().advance(24h);
  EXPECT_NE(client.company_name(realm), "");
  EXPECT_GE(bench.connection(connection).generation, 2);
  EXPECT_EQ(bench.provider().grant(connection).superseded_presented, 0);
}

TEST_F(CompanyClientTest, a_lost_answer_costs_a_customer_of_a_forgiving_provider_nothing) {
  BenchOptions options;
  options.rotation = Rotation::always_with_grace;
  Bench forgiving{options};
  const auto account = forgiving.connect("acme", realm);
  const CompanyClient reader{{forgiving.url(), forgiving.api_key(), Bench::registration(), forgiving.provider().url()}};
  forgiving.provider().lose_next_answer();
  forgiving.clock().advance(1h);
  EXPECT_NE(reader.company_name(realm), "");
  EXPECT_EQ(forgiving.provider().refresh_requests(account), 2);
  EXPECT_EQ(forgiving.connection(account).status, "active");
}

TEST_F(CompanyClientTest, a_slow_provider_delays_nobody_while_the_token_is_valid) {
  bench.provider().hang();
  bench.clock().advance(58min);
  EXPECT_GE(bench.provider().refresh_requests(connection), 1);  // it has been asked, and does not answer
  const auto before = bench.clock().now();
  EXPECT_NE(client.company_name(realm), "");
  EXPECT_EQ(bench.clock().now(), before);
}

TEST_F(CompanyClientTest, a_provider_that_answers_late_is_waited_for) {
  bench.clock().advance(30min);
  bench.provider().expire_access_token(connection);
  bench.provider().delay(3s);
  const auto before = bench.clock().now();
  EXPECT_NE(client.company_name(realm), "");  // 401, a refresh, and the call again
  EXPECT_EQ(bench.clock().now() - before, 3s);
  EXPECT_EQ(bench.connection(connection).generation, 2);
}

TEST_F(CompanyClientTest, a_revocation_at_the_provider_asks_the_customer_to_connect_again) {
  bench.provider().revoke(connection);
  bench.clock().advance(1h);
  EXPECT_THROW((void)client.company_name(realm), ConnectAgain);
  EXPECT_EQ(bench.connection(connection).status, "reauth_required");

  EXPECT_EQ(bench.connect("acme", realm), connection);
  EXPECT_NE(client.company_name(realm), "");
}

TEST_F(CompanyClientTest, a_store_that_goes_down_between_rotation_and_save_loses_nothing) {
  bench.store().refuse_writes_from(StoreStep::keep_answer);
  bench.clock().advance(1h);
  EXPECT_EQ(bench.provider().grant(connection).refreshes, 1);  // the old refresh token is dead …
  EXPECT_EQ(bench.store().answers_kept_aside(), 1);            // … and the new one in no store yet

  bench.store().work_again();
  bench.clock().advance(10min);
  EXPECT_NE(client.company_name(realm), "");
  EXPECT_EQ(bench.connection(connection).generation, 2);
  EXPECT_EQ(bench.provider().grant(connection).superseded_presented, 0);
}

TEST_F(CompanyClientTest, evergrant_that_dies_after_the_rotation_goes_on_where_it_was) {
  bench.store().lose_power_after(StoreStep::keep_answer);
  bench.clock().advance(1h);
  EXPECT_THROW((void)client.company_name(realm), TryLater);

  bench.start_again();
  EXPECT_NE(client.company_name(realm), "");
  EXPECT_EQ(bench.connection(connection).status, "active");
}

}  // namespace
