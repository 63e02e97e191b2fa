#include "access/rate_limits.hpp"

#include <gtest/gtest.h>

#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

Caller limited_caller(const char* id, std::int64_t per_minute) {
  Caller caller;
  caller.id = CallerId{id};
  caller.policy.requests_per_minute = per_minute;
  return caller;
}

class RateLimitsTest : public ::testing::Test {
 protected:
  int admitted(const Caller& caller, int tries) {
    int let_in = 0;
    for (int i = 0; i < tries; ++i) let_in += limits.refuse(caller) ? 0 : 1;
    return let_in;
  }
  VirtualClock clock;
  RateLimits limits{clock};
};

TEST_F(RateLimitsTest, a_caller_has_its_limit_at_once_and_then_evenly) {
  const Caller caller = limited_caller("cal_1", 60);
  EXPECT_EQ(admitted(caller, 100), 60);
  EXPECT_EQ(limits.refuse(caller), 1s) << "one a second";
  clock.advance(999ms);
  EXPECT_EQ(limits.refuse(caller), 1ms);
  clock.advance(1ms);
  EXPECT_EQ(admitted(caller, 5), 1);
  clock.advance(10s);
  EXPECT_EQ(admitted(caller, 100), 10);
  clock.advance(10min);
  EXPECT_EQ(admitted(caller, 100), 60) << "what was not used does not add up";
}

TEST_F(RateLimitsTest, callers_do_not_share_and_no_limit_is_none) {
  EXPECT_EQ(admitted(limited_caller("cal_1", 3), 10), 3);
  EXPECT_EQ(admitted(limited_caller("cal_2", 3), 10), 3);
  const Caller free = limited_caller("cal_3", 0);
  EXPECT_FALSE(has_rate_limit(free));
  EXPECT_EQ(admitted(free, 10'000), 10'000);
}

TEST_F(RateLimitsTest, derived_keys_draw_on_their_ancestors_too) {
  const Caller parent = limited_caller("cal_1", 10);
  Caller child = limited_caller("cal_2", 4);
  child.ancestors = {{.id = parent.id, .name = "", .requests_per_minute = 10}};
  Caller heir = limited_caller("cal_3", 0);
  heir.ancestors = child.ancestors;
  EXPECT_TRUE(has_rate_limit(heir));
  EXPECT_EQ(admitted(child, 10), 4);
  EXPECT_EQ(admitted(heir, 10), 6) << "ten together";
  EXPECT_EQ(admitted(parent, 10), 0);
}

TEST_F(RateLimitsTest, a_request_that_an_ancestor_refuses_costs_the_key_itself_nothing) {
  const Caller parent = limited_caller("cal_1", 60);
  Caller child = limited_caller("cal_2", 2);
  child.ancestors = {{.id = parent.id, .name = "", .requests_per_minute = 60}};
  EXPECT_EQ(admitted(parent, 60), 60);
  EXPECT_EQ(admitted(child, 50), 0);
  clock.advance(1s);
  EXPECT_EQ(admitted(child, 5), 1);
}

TEST_F(RateLimitsTest, a_clock_that_was_set_back_locks_nobody_out) {
  const Caller caller = limited_caller("cal_1", 5);
  EXPECT_EQ(admitted(caller, 5), 5);
  clock.advance(-1h);
  EXPECT_EQ(admitted(caller, 10), 5);
}

TEST_F(RateLimitsTest, odd_limits_are_kept_over_time) {
  for (const std::int64_t per_minute : {1, 7, 90'001}) {
    const Caller caller = limited_caller(("cal_" + std::to_string(per_minute)).c_str(), per_minute);
    const auto burst = admitted(caller, static_cast<int>(per_minute) + 10);
    EXPECT_EQ(burst, per_minute);
    std::int64_t later = 0;
    for (int second = 0; second < 120; ++second) {
      clock.advance(1s);
      later += admitted(caller, 2000);
    }
    EXPECT_NEAR(static_cast<double>(later), static_cast<double>(2 * per_minute), 1.0);
  }
}

TEST(FailedKeysTest, who_fails_too_often_gets_no_further_look_for_a_while) {
  VirtualClock clock;
  FailedKeys failed{clock};
  for (int i = 0; i < 99; ++i) failed.note("192.0.2.1");
  EXPECT_FALSE(failed.refuse("192.0.2.1"));
  failed.note("192.0.2.1");
  EXPECT_EQ(failed.refuse("192.0.2.1"), 600ms);
  EXPECT_FALSE(failed.refuse("192.0.2.2")) << "others are not held for it";
  clock.advance(600ms);
  EXPECT_FALSE(failed.refuse("192.0.2.1")) << "one a while";
  failed.note("192.0.2.1");
  EXPECT_TRUE(failed.refuse("192.0.2.1"));
  clock.advance(1min);
  EXPECT_FALSE(failed.refuse("192.0.2.1"));
}

TEST(FailedKeysTest, an_ipv6_network_counts_as_one) {
  VirtualClock clock;
  FailedKeys failed{clock};
  for (int i = 0; i < 100; ++i) failed.note("2001:db8:1:2::" + std::to_string(i + 1));
  EXPECT_TRUE(failed.refuse("2001:db8:1:2:aaaa::1"));
  EXPECT_FALSE(failed.refuse("2001:db8:1:3::1"));
}

// As the bytes say, not the text: it leaves out zeros, and names the network link.
TEST(FailedKeysTest, an_address_counts_however_it_is_written) {
  struct Row {
    std::string noted, asked;
    bool refused;
  };
  for (const auto& [noted, asked, refused] : std::initializer_list<Row>{
           {"2001:db8::1:2:3:4", "2001:db8::5:6:7:8", true},
           {"2001:db8::1", "2001:db8:0:0:ffff::1", true},
           {"2001:db8::1", "2001:0db8:0000:0000::2", true},
           {"2001:db8::1", "2001:db8:0:1::1", false},
           {"2001:db8:0:1::1", "2001:db8::1:0:0:1", false},
           {"::1:0:0:0:1", "::2:0:0:0:1", false},
           {"fe80::1%eth0", "fe80::2%eth1", true},
           {"::ffff:192.0.2.1", "192.0.2.1", true},
           {"192.0.2.1", "::ffff:c000:201", true},
           {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
       }) {
    VirtualClock clock;
    FailedKeys failed{clock};
    for (int i = 0; i < 100; ++i) failed.note(noted);
    EXPECT_EQ(failed.refuse(asked).has_value(), refused) << noted << ' ' << asked;
  }
}

TEST(FailedKeysTest, a_flood_from_everywhere_is_forgotten_rather_than_kept) {
  VirtualClock clock;
  FailedKeys failed{clock};
  for (int i = 0; i < 400'000; ++i) failed.note("198.51." + std::to_string(i / 1000) + "." + std::to_string(i % 1000));
  for (int i = 0; i < 100; ++i) failed.note("192.0.2.1");
  EXPECT_TRUE(failed.refuse("192.0.2.1"));
}

}  // namespace
}  // namespace evergrant::test
