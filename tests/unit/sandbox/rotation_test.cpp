#include <gtest/gtest.h>

#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxRotation : ::testing::Test, SandboxBench {};

TEST_F(SandboxRotation, sometimes_keeps_the_value_and_counts_its_life_down) {
  const Tokens first = connect();
  clock.advance(5015s);
  const Tokens second = tokens(refresh(first.refresh));
  EXPECT_EQ(second.refresh, first.refresh);
  EXPECT_NE(second.access, first.access);
  EXPECT_EQ(number(second.answer, "x_refresh_token_expires_in"), 8'726'400 - 5015);
}

TEST_F(SandboxRotation, sometimes_changes_the_value_about_daily_and_starts_its_life_anew) {
  const Tokens first = connect();
  clock.advance(24h - 1ms);
  EXPECT_EQ(tokens(refresh(first.refresh)).refresh, first.refresh);
  clock.advance(2h + 1ms);
  const Tokens changed = tokens(refresh(first.refresh));
  EXPECT_NE(changed.refresh, first.refresh);
  EXPECT_EQ(number(changed.answer, "x_refresh_token_expires_in"), 8'726'400);
}

TEST_F(SandboxRotation, values_do_not_all_change_at_the_same_age) {
  int changed = 0;
  constexpr int grants = 40;
  std::vector<Tokens> issued;
  for (int i = 0; i < grants; ++i) issued.push_back(connect());
  clock.advance(25h);
  for (const auto& one : issued) changed += tokens(refresh(one.refresh)).refresh != one.refresh ? 1 : 0;
  EXPECT_GT(changed, 5);
  EXPECT_LT(changed, 35);
}

TEST_F(SandboxRotation, sometimes_lets_the_value_before_die_at_once_and_spares_the_grant) {
  set(R"({"rotate_every":0,"rotate_jitter":0})");
  const Tokens first = connect();
  const Tokens second = tokens(refresh(first.refresh));
  ASSERT_NE(second.refresh, first.refresh);
  EXPECT_EQ(refresh(first.refresh).status, 400);
  EXPECT_EQ(refresh(second.refresh).status, 200);
  EXPECT_EQ(number(grant(), "superseded_presented"), 1);
  EXPECT_EQ(grant().at("reuse_detected"), true);
}

TEST_F(SandboxRotation, the_value_before_may_live_on_by_switch_and_leads_to_the_current_one) {
  set(R"({"rotate_every":0,"rotate_jitter":0,"previous_value_lives":86400})");
  const Tokens first = connect();
  const Tokens second = tokens(refresh(first.refresh));
  clock.advance(24h - 1s);
  EXPECT_EQ(tokens(refresh(first.refresh)).refresh, second.refresh);
  clock.advance(1s);
  EXPECT_EQ(refresh(first.refresh).status, 400);
}

TEST_F(SandboxRotation, a_hundred_days_without_use_end_the_grant) {
  const Tokens kept = connect("1");
  const Tokens lost = connect("2");
  clock.advance(std::chrono::seconds{8'726'399});
  EXPECT_EQ(refresh(kept.refresh).status, 200);
  clock.advance(1s);
  EXPECT_EQ(refresh(lost.refresh).status, 400);
  EXPECT_EQ(text(grant(2), "ended_by"), "idle");
}

TEST_F(SandboxRotation, five_years_end_every_grant_however_much_it_is_used) {
  Tokens tokens_now = connect();
  const Time begin = clock.now();
  while (clock.now() + 90 * 24h < begin + 157'680'000s) {
    clock.advance(90 * 24h);
    tokens_now = tokens(refresh(tokens_now.refresh));
  }
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(begin + 157'680'000s - clock.now()).count();
  EXPECT_EQ(number(tokens_now.answer, "x_refresh_token_expires_in"), left) << "the last value does not outlive the grant";
  clock.set(begin + 157'680'000s);
  EXPECT_EQ(refresh(tokens_now.refresh).status, 400);
}

TEST_F(SandboxRotation, never_keeps_one_value_alive_by_use) {
  set(R"({"rotation":"never"})");
  const Tokens first = connect();
  for (int i = 0; i < 5; ++i) {
    clock.advance(90 * 24h);
    EXPECT_EQ(tokens(refresh(first.refresh)).refresh, first.refresh);
  }
}

TEST_F(SandboxRotation, grace_gives_a_new_value_each_time_and_takes_the_old_one_for_a_while) {
  set(R"({"rotation":"always_with_grace","grace":1800})");
  const Tokens first = connect();
  const Tokens lost = tokens(refresh(first.refresh));
  EXPECT_NE(lost.refresh, first.refresh);
  clock.advance(1799s);
  const Tokens replayed = tokens(refresh(first.refresh));
  EXPECT_NE(replayed.refresh, lost.refresh);
  clock.advance(1s);
  EXPECT_EQ(refresh(first.refresh).status, 400) << "the grace is over";
  EXPECT_EQ(refresh(replayed.refresh).status, 200) << "and nothing else is lost";
}

TEST_F(SandboxRotation, strict_ends_the_grant_when_an_old_value_comes_back) {
  set(R"({"rotation":"always_strict"})");
  const Tokens first = connect();
  const Tokens second = tokens(refresh(first.refresh));
  EXPECT_EQ(company_info(second.access).status, 200);
  EXPECT_EQ(refresh(first.refresh).status, 400);
  EXPECT_EQ(refresh(second.refresh).status, 400);
  EXPECT_EQ(company_info(second.access).status, 401);
  EXPECT_EQ(text(grant(), "ended_by"), "reuse");
}

TEST_F(SandboxRotation, self_refresh_has_no_refresh_token_and_renews_a_living_access_token) {
  set(R"({"rotation":"self_refresh"})");
  const Tokens first = connect();
  EXPECT_FALSE(first.answer.contains("refresh_token"));
  EXPECT_FALSE(first.answer.contains("x_refresh_token_expires_in"));
  clock.advance(3599s);
  const Tokens second = tokens(refresh(first.access));
  clock.advance(1s);
  EXPECT_EQ(refresh(first.access).status, 400) << "it has expired";
  EXPECT_EQ(refresh(second.access).status, 200);
}

TEST_F(SandboxRotation, an_access_token_is_no_refresh_token_elsewhere) { EXPECT_EQ(refresh(connect().access).status, 400); }

TEST_F(SandboxRotation, a_client_may_rotate_otherwise_than_the_sandbox) {
  sandbox.control("POST", "/clients", R"({"client_id":"sandbox-client","rotation":"always_strict"})");
  const Tokens first = connect();
  EXPECT_NE(tokens(refresh(first.refresh)).refresh, first.refresh);
}

TEST_F(SandboxRotation, a_refresh_kills_the_old_access_token_only_by_switch) {
  Tokens first = connect();
  Tokens second = tokens(refresh(first.refresh));
  EXPECT_EQ(company_info(first.access).status, 200);
  set(R"({"refresh_kills_access_token":true})");
  const Tokens third = tokens(refresh(second.refresh));
  EXPECT_EQ(company_info(first.access).status, 401);
  EXPECT_EQ(company_info(second.access).status, 401);
  EXPECT_EQ(company_info(third.access).status, 200);
}

}  // namespace
}  // namespace evergrant::test
