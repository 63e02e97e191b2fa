#include "lifecycle/refresh_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

Connection aged(Duration life, Duration age) {
  Connection row;
  row.id = ConnectionId{"con_1"};
  row.tokens.access_token = Sealed{"a"};
  row.tokens.refresh_token = Sealed{"r"};
  row.created_at = new_year - age;
  row.last_refreshed_at = new_year - age;
  row.access_expires_at = new_year - age + life;
  return row;
}

Provider rotating(Rotation rotation, Duration grace = 0s) {
  Provider provider;
  provider.refresh.rotation = rotation;
  provider.refresh.grace = grace;
  return provider;
}

Verdict failed(FailureClass kind, std::string code = "x") {
  Verdict verdict;
  verdict.failure = kind;
  verdict.code = std::move(code);
  return verdict;
}

TEST(Margins, follow_the_life_of_the_token_where_the_profile_is_silent) {
  struct Row {
    std::optional<Duration> life;
    Duration advisory, mandatory;
  };
  const std::vector<Row> table{
      {1h, 6min, 30s},            // ten per cent
      {5min, 1min, 30s},          // at least a minute
      {90s, 45s, 22500ms},        // never more than half of the life
      {24h, 144min, 30s},         //
      {std::nullopt, 1min, 30s},  // unknown
      {Duration{0}, 0s, 0s},      // nothing to divide
  };
  for (const Row& row : table) {
    const Margins margins = margins_of(Provider{}, row.life);
    EXPECT_EQ(margins.advisory, row.advisory) << row.life.value_or(-1ms).count();
    EXPECT_EQ(margins.mandatory, row.mandatory) << row.life.value_or(-1ms).count();
  }
}

TEST(Margins, never_reach_beyond_what_the_provider_allows) {
  Provider provider;
  provider.refresh.earliest_before_expiry = 30s;  // Exact Online
  EXPECT_EQ(margins_of(provider, 10min).advisory, 30s);
}

TEST(Margins, nothing_is_refreshed_behind_a_caller_whose_token_would_die_of_it) {
  Provider provider;
  provider.refresh.invalidates_old_access_token = true;
  const Margins margins = margins_of(provider, 1h);
  EXPECT_EQ(margins.advisory, margins.mandatory);
}

TEST(DecideRead, goes_by_what_is_left_of_the_life) {
  struct Row {
    Duration left, min_ttl;
    ReadAction action;
  };
  const std::vector<Row> table{
      {1h, 0s, ReadAction::serve},
      {6min + 1s, 0s, ReadAction::serve},
      {6min, 0s, ReadAction::serve_and_refresh},
      {31s, 0s, ReadAction::serve_and_refresh},
      {30s, 0s, ReadAction::refresh_or_serve},
      {1ms, 0s, ReadAction::refresh_or_serve},
      {0s, 0s, ReadAction::refresh_or_fail},
      {-1h, 0s, ReadAction::refresh_or_fail},
      {20min, 10min, ReadAction::serve},
      {20min, 30min, ReadAction::refresh_or_serve},
      {55min, 2h, ReadAction::serve},  // clamped to 54 minutes: a fresh token serves for the advisory margin
      {53min, 2h, ReadAction::refresh_or_serve},
  };
  for (const Row& row : table) {
    const Connection connection = aged(1h, 1h - row.left);
    EXPECT_EQ(decide_read(connection, Provider{}, 1h, row.min_ttl, new_year), row.action)
        << row.left.count() << " left, at least " << row.min_ttl.count();
  }
}

TEST(DecideRead, serves_what_does_not_expire_and_what_cannot_be_renewed) {
  Connection forever = aged(1h, 0s);
  forever.access_expires_at.reset();
  EXPECT_EQ(decide_read(forever, Provider{}, std::nullopt, 10h, new_year), ReadAction::serve);
  Connection last = aged(1h, 59min + 50s);
  last.tokens.refresh_token = {};
  EXPECT_EQ(decide_read(last, Provider{}, 1h, 0s, new_year), ReadAction::serve);
}

TEST(DecideRead, respects_when_the_provider_lets_itself_be_asked) {
  Provider exact;
  exact.refresh.earliest_before_expiry = 30s;
  EXPECT_EQ(decide_read(aged(10min, 5min), exact, 10min, 10min, new_year), ReadAction::serve);
  EXPECT_EQ(decide_read(aged(10min, 10min - 20s), exact, 10min, 0s, new_year), ReadAction::serve_and_refresh);
  Provider zoho;
  zoho.refresh.min_interval = 2min;
  EXPECT_EQ(decide_read(aged(1h, 1min), zoho, 1h, 2h, new_year), ReadAction::serve);
}

// The reading path asks `served_until` alone where nobody asks for more.
TEST(DecideRead, serves_for_certain_until_the_instant_that_is_said_ahead) {
  Provider usual, wide, exact, zoho, replaces, none;
  wide.refresh.advisory_margin = 20min;
  exact.refresh.earliest_before_expiry = 30s;
  zoho.refresh.min_interval = 2min;
  replaces.refresh.invalidates_old_access_token = true;
  none.refresh.mode = RefreshMode::none;
  for (const Provider& provider : {usual, wide, exact, zoho, replaces, none}) {
    for (const auto life : {std::optional<Duration>{1h}, std::optional<Duration>{10s}, std::optional<Duration>{}}) {
      Connection connection = aged(life.value_or(1h), 0s);
      if (!life) connection.access_expires_at.reset();
      const Time until = served_until(connection, provider, life);
      const auto decided = [&](Time now) { return decide_read(connection, provider, life, 0s, now); };
      if (!life) EXPECT_EQ(until, Time::max());
      if (!life) continue;
      for (Time now = new_year; now < until; now += *life / 100) EXPECT_EQ(decided(now), ReadAction::serve);
      EXPECT_EQ(decided(until - 1ms), ReadAction::serve);
      EXPECT_LE(until, *connection.access_expires_at);
    }
  }
  EXPECT_EQ(decide_read(aged(1h, 0s), usual, 1h, 0s, served_until(aged(1h, 0s), usual, 1h)), ReadAction::serve_and_refresh);
}

class DrawNextDue : public ::testing::Test {
 protected:
  TokenSet tokens(Duration life) const {
    TokenSet set;
    set.refresh_token = Secret{"r"};
    set.access_expires_at = new_year + life;
    return set;
  }
  SeededRandom random;
  Registration registration = some_registration();
};

TEST_F(DrawNextDue, a_used_connection_comes_between_half_its_life_and_the_advisory_margin) {
  for (int i = 0; i < 1000; ++i) {
    const Time due = draw_next_due(registration, tokens(1h), new_year, new_year, random).value();
    EXPECT_GE(due, new_year + 30min);
    EXPECT_LE(due, new_year + 54min);
  }
}

TEST_F(DrawNextDue, a_hundred_thousand_that_begin_together_spread_to_less_than_twice_the_mean) {
  // A simulated working day of connections that all began in the same instant; the first round is the worst.
  constexpr int count = 100'000;
  constexpr Duration slot = 1min;
  std::vector<int> per_slot(8 * 60, 0);
  for (int i = 0; i < count; ++i) {
    for (Time at = new_year; at < new_year + 8h;) {
      TokenSet set = tokens(1h);
      set.access_expires_at = at + 1h;
      at = draw_next_due(registration, set, at, at, random).value();
      if (at < new_year + 8h) ++per_slot[static_cast<std::size_t>((at - new_year) / slot)];
    }
  }
  int total = 0;
  for (const int requests : per_slot) total += requests;
  const double mean =
      static_cast<double>(total) / static_cast<double>(per_slot.size() - 30);  // nothing is due before half a life
  EXPECT_LE(*std::ranges::max_element(per_slot), 2 * mean);
}

// Idle ones, short lives, a keepalive of the profile's own: of those that begin in one instant, at any time after.
TEST_F(DrawNextDue, whatever_begins_together_never_comes_at_more_than_twice_the_mean) {
  struct Kind {
    const char* name;
    Duration life, margin;
    bool in_use;
    std::optional<Duration> keepalive_every;
  };
  const std::vector<Kind> kinds{{"idle", 1h, 0s, false, std::nullopt},
                                {"idle, 30 days", 1h, 0s, false, std::chrono::days{30}},
                                {"two minutes", 2min, 0s, true, std::nullopt},
                                {"four minutes", 4min, 0s, true, std::nullopt},
                                {"ten minutes", 10min, 0s, true, std::nullopt},
                                {"an hour", 1h, 0s, true, std::nullopt},
                                {"an hour, a margin of 20 minutes", 1h, 20min, true, std::nullopt},
                                {"a day", 24h, 0s, true, std::nullopt}};
  for (const Kind& kind : kinds) {
    registration.provider.refresh.keepalive_every = kind.keepalive_every;
    registration.provider.refresh.advisory_margin = kind.margin;
    constexpr int count = 20'000;
    constexpr std::size_t slots = 200;
    const Duration period = kind.in_use ? kind.life : Duration{std::chrono::days{30}};
    const Duration slot = period / 40;
    std::vector<int> per_slot(slots, 0);
    for (int i = 0; i < count; ++i) {
      for (Time at = new_year; at < new_year + slots * slot;) {
        TokenSet set = tokens(kind.life);
        set.access_expires_at = at + kind.life;
        at = draw_next_due(registration, set, kind.in_use ? std::optional{at} : std::nullopt, at, random).value();
        if (at < new_year + slots * slot) ++per_slot[static_cast<std::size_t>((at - new_year) / slot)];
      }
    }
    double late = 0;  // the second half: by then they are spread
    for (std::size_t i = slots / 2; i < slots; ++i) late += per_slot[i];
    EXPECT_LE(*std::ranges::max_element(per_slot), 2 * late / (slots / 2.0)) << kind.name;
  }
}

TEST_F(DrawNextDue, an_idle_connection_is_kept_alive_inside_a_third_of_its_window) {
  for (int i = 0; i < 1000; ++i) {
    const Time due = draw_next_due(registration, tokens(1h), std::nullopt, new_year, random).value();
    EXPECT_GE(due, new_year + std::chrono::days{15});
    EXPECT_LE(due, new_year + std::chrono::days{30});
  }
}

TEST_F(DrawNextDue, what_the_provider_says_about_the_idle_end_wins_over_the_profile) {
  TokenSet set = tokens(1h);
  set.refresh_idle_expires_at = new_year + std::chrono::days{10};
  EXPECT_LE(draw_next_due(registration, set, std::nullopt, new_year, random).value(), new_year + std::chrono::days{3});
}

TEST_F(DrawNextDue, use_long_ago_is_no_use) {
  EXPECT_GT(draw_next_due(registration, tokens(1h), new_year - 3h, new_year, random).value(),
            new_year + std::chrono::days{1});
}

TEST_F(DrawNextDue, nothing_is_due_without_a_refresh_token_or_a_reason) {
  TokenSet bare = tokens(1h);
  bare.refresh_token.reset();
  EXPECT_FALSE(draw_next_due(registration, bare, new_year, new_year, random));
  registration.keepalive = false;
  EXPECT_FALSE(draw_next_due(registration, tokens(1h), std::nullopt, new_year, random));
  EXPECT_TRUE(draw_next_due(registration, tokens(1h), new_year, new_year, random));
}

TEST_F(DrawNextDue, exact_online_is_asked_in_the_last_half_minute_only) {
  registration.provider.refresh.earliest_before_expiry = 30s;
  for (int i = 0; i < 1000; ++i) {
    const Time due = draw_next_due(registration, tokens(10min), new_year, new_year, random).value();
    EXPECT_GE(due, new_year + 10min - 30s);
    EXPECT_LT(due, new_year + 10min);
  }
}

TEST(DecideFailure, a_terminal_answer_is_confirmed_while_the_access_token_lives) {
  SeededRandom random;
  Connection row = aged(1h, 30min);
  for (int count = 1; count <= 2; ++count) {
    const auto decision = decide_failure(row, Provider{}, failed(FailureClass::grant, "invalid_grant"), new_year, random);
    EXPECT_EQ(decision.status, Status::active);
    ASSERT_TRUE(decision.next_due_at);
    EXPECT_GT(*decision.next_due_at, new_year);
    EXPECT_LE(*decision.next_due_at, new_year + 1min);
    row.failure = decision.failure;
  }
  const auto last = decide_failure(row, Provider{}, failed(FailureClass::grant, "invalid_grant"), new_year, random);
  EXPECT_EQ(last.status, Status::reauth_required);
  EXPECT_FALSE(last.reason.empty());
}

TEST(DecideFailure, a_terminal_answer_is_believed_when_the_access_token_is_dead) {
  SeededRandom random;
  const auto decision = decide_failure(aged(1h, 2h), Provider{}, failed(FailureClass::grant), new_year, random);
  EXPECT_EQ(decision.status, Status::reauth_required);
}

TEST(DecideFailure, other_failures_between_begin_the_confirmation_anew) {
  SeededRandom random;
  Connection row = aged(1h, 30min);
  row.failure = {FailureClass::grant, 2, new_year, "invalid_grant", {}};
  row.failure = decide_failure(row, Provider{}, failed(FailureClass::transient), new_year, random).failure;
  EXPECT_EQ(decide_failure(row, Provider{}, failed(FailureClass::grant), new_year, random).status, Status::active);
}

TEST(DecideFailure, no_count_of_other_failures_ends_a_grant) {
  for (const auto kind : {FailureClass::transient, FailureClass::registration}) {
    SeededRandom random;
    Connection row = aged(1h, 1000h);
    for (int i = 0; i < 1000; ++i) {
      const auto decision = decide_failure(row, rotating(Rotation::always_strict), failed(kind), new_year, random);
      ASSERT_EQ(decision.status, Status::active);
      ASSERT_TRUE(decision.next_due_at);
      row.failure = decision.failure;
    }
  }
}

TEST(DecideFailure, back_off_grows_is_jittered_and_capped) {
  SeededRandom random;
  Connection row = aged(1h, 10min);
  Duration longest{0};
  for (int i = 0; i < 40; ++i) {
    const auto decision = decide_failure(row, Provider{}, failed(FailureClass::transient), new_year, random);
    const Duration wait = *decision.next_due_at - new_year;
    EXPECT_GE(wait, 200ms);
    EXPECT_LE(wait, std::min<Duration>(5min, backoff_ceiling(i + 1, 1s, 5min)));
    longest = std::max(longest, wait);
    row.failure = decision.failure;
  }
  EXPECT_GT(longest, 2min);
}

TEST(DecideFailure, somebody_who_waits_is_not_made_to_wait_a_quarter_of_an_hour) {
  SeededRandom random;
  Connection row = aged(1h, 2h);
  row.last_used_at = new_year;
  row.failure = {FailureClass::transient, 50, new_year, "http_503", {}};
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(*decide_failure(row, Provider{}, failed(FailureClass::transient), new_year, random).next_due_at,
              new_year + 30s);
  }
}

TEST(DecideFailure, retry_after_is_honoured) {
  SeededRandom random;
  Verdict verdict = failed(FailureClass::transient, "http_429");
  verdict.retry_after = 2min;
  for (int i = 0; i < 100; ++i) {
    const Time due = decide_failure(aged(1h, 0s), Provider{}, verdict, new_year, random).next_due_at.value();
    EXPECT_GE(due, new_year + 2min);
    EXPECT_LE(due, new_year + 3min);
  }
}

TEST(DecideFailure, an_operator_fault_pauses_and_kills_nothing) {
  SeededRandom random;
  const auto decision = decide_failure(aged(1h, 2h), Provider{}, failed(FailureClass::registration), new_year, random);
  EXPECT_TRUE(decision.pause_registration);
  EXPECT_EQ(decision.status, Status::active);
}

TEST(DecideFailure, an_ambiguous_end_keeps_the_attempt_and_waits_as_the_rotation_demands) {
  struct Row {
    Provider provider;
    Duration age;
    Duration least, most;  // until the next look
  };
  const std::vector<Row> table{
      {rotating(Rotation::never), 30min, 200ms, 1s},
      {rotating(Rotation::sometimes), 30min, 200ms, 1s},
      {rotating(Rotation::always_with_grace, 30min), 30min, 200ms, 1s},
      {rotating(Rotation::always_with_grace, 2s), 30min, 1ms, 500ms},        // while the grace window is open
      {rotating(Rotation::always_strict), 30min, 29min + 30s, 29min + 30s},  // the access token's end
      {rotating(Rotation::always_strict), 2h, 200ms, 1s},
  };
  SeededRandom random;
  for (const Row& row : table) {
    const auto decision = decide_failure(aged(1h, row.age), row.provider, failed(FailureClass::ambiguous), new_year, random);
    EXPECT_TRUE(decision.keep_attempt);
    EXPECT_EQ(decision.status, Status::active);
    ASSERT_TRUE(decision.next_due_at);
    EXPECT_GE(*decision.next_due_at - new_year, row.least);
    EXPECT_LE(*decision.next_due_at - new_year, row.most);
  }
}

TEST(DecideFailure, an_ambiguous_end_that_names_a_time_is_asked_again_then_if_the_grace_window_allows_it) {
  SeededRandom random;
  Verdict verdict = failed(FailureClass::ambiguous, "http_504");
  verdict.retry_after = 1min;
  const auto patient =
      decide_failure(aged(1h, 30min), rotating(Rotation::always_with_grace, 30min), verdict, new_year, random).next_due_at;
  EXPECT_GE(patient.value(), new_year + 1min);
  const auto in_a_hurry =
      decide_failure(aged(1h, 30min), rotating(Rotation::always_with_grace, 40s), verdict, new_year, random).next_due_at;
  EXPECT_LE(in_a_hurry.value(), new_year + 10s);
}

TEST(DecideFailure, what_is_held_back_keeps_its_state_and_is_looked_at_ever_more_seldom) {
  SeededRandom random;
  struct Row {
    int failures;
    Duration least, most;
  };
  for (const auto& [failures, least, most] :
       std::vector<Row>{{1, 30s, 1min}, {2, 1min, 2min}, {3, 2min, 4min}, {50, 7min + 30s, 15min}}) {
    FailureDecision decision;
    decision.failure = {FailureClass::grant, failures, new_year, "invalid_grant", {}};
    decision.status = Status::reauth_required;
    decision.reason = "gone";
    const auto held = held_back(decision, new_year, random);
    EXPECT_EQ(held.status, Status::active);
    EXPECT_TRUE(held.reason.empty());
    EXPECT_TRUE(held.held);
    EXPECT_GE(held.next_due_at.value() - new_year, least);
    EXPECT_LE(held.next_due_at.value() - new_year, most);
  }
}

TEST(WaitWhileValid, is_half_of_what_is_left_and_without_patience_two_seconds_of_the_refresh) {
  struct Row {
    Duration left, age;
    bool patient;
    Duration wait;
  };
  for (const auto& [left, age, patient, wait] : std::vector<Row>{{30s, 0s, true, 15s},
                                                                 {30s, 20s, true, 15s},
                                                                 {30s, 0s, false, 2s},
                                                                 {30s, 500ms, false, 1500ms},
                                                                 {30s, 2s, false, 0s},
                                                                 {30s, 1h, false, 0s},
                                                                 {3s, 0s, false, 1500ms},
                                                                 {0s, 0s, true, 0s}}) {
    EXPECT_EQ(wait_while_valid(left, age, patient), wait) << left.count() << ' ' << age.count();
  }
}

Provider killing(Provider provider) {  // the access token before each refresh
  provider.refresh.invalidates_old_access_token = true;
  return provider;
}

TEST(DecideRecovery, is_told_by_the_rotation_profile) {
  struct Row {
    Provider provider;
    Duration token_age, sent_ago;
    Recovery recovery;
  };
  const std::vector<Row> table{
      {rotating(Rotation::never), 10min, 1h, Recovery::replay},
      {rotating(Rotation::sometimes), 10min, 100h, Recovery::replay},
      {rotating(Rotation::self_refresh), 10min, 1h, Recovery::replay},
      {rotating(Rotation::always_with_grace, 10min), 10min, 9min, Recovery::replay},
      {rotating(Rotation::always_with_grace, 10min), 10min, 10min, Recovery::wait},
      {rotating(Rotation::always_with_grace, 10min), 2h, 10min, Recovery::replay_once},
      {rotating(Rotation::always_strict), 10min, 1s, Recovery::wait},
      {rotating(Rotation::always_strict), 59min + 30s, 1s, Recovery::replay_once},  // inside the mandatory margin
      {rotating(Rotation::always_strict), 2h, 1h, Recovery::replay_once},
      {Provider{}, 10min, 1s, Recovery::wait},  // an unknown rotation is taken for strict
      {Provider{}, 2h, 1s, Recovery::replay_once},
      {killing(rotating(Rotation::always_strict)), 10min, 1s, Recovery::replay_once},
      {killing(rotating(Rotation::always_strict)), 2h, 1s, Recovery::replay_once},
      {killing(rotating(Rotation::always_with_grace, 10min)), 10min, 9min, Recovery::replay},
      {killing(rotating(Rotation::always_with_grace, 10min)), 10min, 10min, Recovery::replay_once},
      {killing(rotating(Rotation::never)), 10min, 1h, Recovery::replay},
  };
  for (const Row& row : table) {
    Attempt attempt;
    attempt.sent_at = new_year - row.sent_ago;
    EXPECT_EQ(decide_recovery(aged(1h, row.token_age), row.provider, attempt, new_year), row.recovery);
  }
}

TEST(DecideRecovery, after_a_week_of_lost_answers_a_person_must_look) {
  Connection row = aged(1h, 200h);
  row.failure = {FailureClass::ambiguous, 900, new_year - std::chrono::days{8}, "no_answer", {}};
  EXPECT_EQ(decide_recovery(row, rotating(Rotation::always_strict), Attempt{}, new_year), Recovery::quarantine);
  EXPECT_EQ(decide_recovery(row, rotating(Rotation::never), Attempt{}, new_year), Recovery::replay);
  row.access_expires_at = new_year + 10min;
  EXPECT_EQ(decide_recovery(row, killing(rotating(Rotation::always_strict)), Attempt{}, new_year), Recovery::quarantine);
}

TEST(OthersMayHaveSent, unless_the_answer_was_found_by_whoever_claimed_next) {
  EXPECT_FALSE(others_may_have_sent(7, 7));
  EXPECT_FALSE(others_may_have_sent(7, 8));
  EXPECT_TRUE(others_may_have_sent(7, 9));
  EXPECT_TRUE(others_may_have_sent(7, 0)) << "without a lease";
}

}  // namespace
}  // namespace evergrant::test
