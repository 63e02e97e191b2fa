#include "proxy/realm_gates.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

using namespace std::chrono_literals;

const RegistrationId gated_registration{"books"};
const RealmId first_realm{"1"};
const RealmId second_realm{"2"};

class RealmGatesTest : public testing::Test {
 protected:
  auto enter(const RealmId& realm, RealmLimits limits) { return gates.enter(gated_registration, realm, limits, now); }
  Time now{std::chrono::hours{1}};
  RealmGates gates;
};

TEST_F(RealmGatesTest, a_realm_gets_so_many_calls_at_once_and_others_their_own) {
  auto first = enter(first_realm, {.at_once = 2});
  auto second = enter(first_realm, {.at_once = 2});
  const auto third = enter(first_realm, {.at_once = 2});
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().limit, RealmLimit::at_once);
  EXPECT_GT(third.error().retry_after, 0ms);
  EXPECT_TRUE(enter(second_realm, {.at_once = 2}).has_value());
  EXPECT_TRUE(gates.enter(RegistrationId{"other"}, first_realm, {.at_once = 2}, now).has_value());
  first = {};
  EXPECT_TRUE(enter(first_realm, {.at_once = 2}).has_value());
}

TEST_F(RealmGatesTest, a_minute_holds_so_many_calls_wherever_it_begins) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(enter(first_realm, {.per_minute = 3}).has_value());
    now += 10s;
  }
  const auto refused = enter(first_realm, {.per_minute = 3});  // at 30 s
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().limit, RealmLimit::per_minute);
  EXPECT_EQ(refused.error().retry_after, 30s);
  now += 30s - 1ms;
  EXPECT_FALSE(enter(first_realm, {.per_minute = 3}).has_value());
  now += 1ms;
  EXPECT_TRUE(enter(first_realm, {.per_minute = 3}).has_value());
  EXPECT_FALSE(enter(first_realm, {.per_minute = 3}).has_value());
  now += 10s;
  EXPECT_TRUE(enter(first_realm, {.per_minute = 3}).has_value());
}

TEST_F(RealmGatesTest, a_second_sending_counts_within_the_minute) {
  auto ticket = enter(first_realm, {.per_minute = 2});
  ASSERT_TRUE(ticket.has_value());
  ticket->note_again(now);
  EXPECT_FALSE(enter(first_realm, {.per_minute = 2}).has_value());
}

TEST_F(RealmGatesTest, what_is_refused_takes_no_place) {
  auto held = enter(first_realm, {.at_once = 1, .per_minute = 2});
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(enter(first_realm, {.at_once = 1, .per_minute = 2}).has_value());
  held = {};
  EXPECT_TRUE(enter(first_realm, {.at_once = 1, .per_minute = 2}).has_value());
}

TEST_F(RealmGatesTest, a_clock_set_back_closes_no_gate_for_long) {
  ASSERT_TRUE(enter(first_realm, {.per_minute = 1}).has_value());
  now -= 30min;
  EXPECT_TRUE(enter(first_realm, {.per_minute = 1}).has_value());
}

TEST_F(RealmGatesTest, realms_at_rest_are_forgotten) {
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(enter(RealmId{std::to_string(i)}, {.per_minute = 5}).has_value());
    now += 100ms;
  }
  EXPECT_LT(gates.size(), 16U * 64 * 2);  // 600 were there within the last minute
}

TEST_F(RealmGatesTest, no_limit_leaves_no_trace) {
  ASSERT_TRUE(enter(first_realm, {}).has_value());
  EXPECT_EQ(gates.size(), 0U);
}

}  // namespace
}  // namespace evergrant
