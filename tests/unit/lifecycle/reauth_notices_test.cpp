// Which notices are due: a table. No clock, no store.
#include "lifecycle/reauth_notices.hpp"

#include <gtest/gtest.h>

#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration day = 24h;
const std::vector<Duration> usual{30 * day, 7 * day, 1 * day};

EndingGrant grant_of(GrantEnd end, Duration whole) {
  EndingGrant grant;
  grant.connection = ConnectionId{"con_1"};
  grant.registration = RegistrationId{"books"};
  grant.tenant = TenantId{"acme \"&\" co"};
  grant.realm = RealmId{"r"};
  grant.generation = 3;
  grant.end = end;
  grant.since = new_year;
  grant.ends_at = new_year + whole;
  return grant;
}

struct NoticeRow {
  const char* name;
  GrantEnd end;
  Duration whole;                    // from `since` to the end
  Duration left;                     // at the look
  std::optional<Duration> lead;      // given before
  Duration moved;                    // the end, since then
  std::optional<Duration> expected;  // lead of the notice
};

constexpr auto idle = GrantEnd::idle;
constexpr auto absolute = GrantEnd::absolute;
constexpr auto none = std::nullopt;

const std::vector<NoticeRow> notice_rows{
    {"far from its end", absolute, 1825 * day, 31 * day, none, 0s, none},
    {"at the first lead", absolute, 1825 * day, 30 * day, none, 0s, 30 * day},
    {"between two leads, not yet told", absolute, 1825 * day, 20 * day, none, 0s, 30 * day},
    {"between two leads, told", absolute, 1825 * day, 20 * day, 30 * day, 0s, none},
    {"at the second lead", absolute, 1825 * day, 7 * day, 30 * day, 0s, 7 * day},
    {"all leads at once: the most urgent", absolute, 1825 * day, 5h, none, 0s, 1 * day},
    {"a clock that went back after the notice", absolute, 1825 * day, 7 * day + 10min, 7 * day, 0s, none},
    {"an end that shifted with the clock", absolute, 1825 * day, 1 * day, 1 * day, 10min, none},
    {"passed, last told a day before", absolute, 1825 * day, 0s, 1 * day, 0s, 0s},
    {"passed long ago, never told", absolute, 1825 * day, -40 * day, none, 0s, 0s},
    {"passed and told", absolute, 1825 * day, -1 * day, 0s, 0s, none},
    {"passed and told, the end shifted by minutes", absolute, 1825 * day, -1min, 0s, 10min, none},
    {"a new end after the old one had passed", absolute, 1825 * day, 7 * day, 0s, 400 * day, 7 * day},
    {"a new end after all was told, far from it", absolute, 1825 * day, 90 * day, 1 * day, 90 * day, none},
    {"an eleven-hour session is not announced as it begins", absolute, 11h, 11h, none, 0s, none},
    {"an eleven-hour session that has passed", absolute, 11h, -1min, none, 0s, 0s},
    {"a lead of half of the time", absolute, 60 * day, 30 * day, none, 0s, 30 * day},
    {"a lead of more than half of the time", absolute, 59 * day, 29 * day, none, 0s, none},
    {"a week's grant: nothing a month ahead", absolute, 7 * day, 6 * day, none, 0s, none},
    {"a week's grant: the day before", absolute, 7 * day, 1 * day, none, 0s, 1 * day},
    {"idle: leads up to half of the window", idle, 100 * day, 30 * day, none, 0s, 30 * day},
    {"idle: a lead of more than half of the window says nothing", idle, 50 * day, 29 * day, none, 0s, none},
    {"idle: a week's window, the day before", idle, 7 * day, 23h, none, 0s, 1 * day},
    {"idle: used again after the notice, then left again", idle, 100 * day, 30 * day, 30 * day, 70 * day, 30 * day},
    {"idle: the smallest move of a refresh is a new end", idle, 14 * day, 7 * day, 7 * day, 7 * day, 7 * day},
};

TEST(DueNotice, is_given_once_for_each_lead_and_end) {
  for (const NoticeRow& one : notice_rows) {
    EndingGrant grant = grant_of(one.end, one.whole);
    if (one.lead) {
      grant.given = ReauthNotice{.connection = grant.connection,
                                 .end = one.end,
                                 .ends_at = grant.ends_at - one.moved,
                                 .lead = *one.lead,
                                 .at = new_year};
    }
    EXPECT_EQ(due_notice(grant, usual, grant.ends_at - one.left), one.expected) << one.name;
  }
}

TEST(DueNotice, without_leads_tells_only_that_the_end_has_passed) {
  const EndingGrant grant = grant_of(absolute, 100 * day);
  EXPECT_EQ(due_notice(grant, {}, grant.ends_at - 1ms), std::nullopt);
  EXPECT_EQ(due_notice(grant, {}, grant.ends_at), Duration{0});
}

TEST(DueNotice, looked_at_every_quarter_of_an_hour_for_a_year_each_lead_comes_once_in_order) {
  EndingGrant grant = grant_of(absolute, 365 * day);
  std::vector<Duration> given;
  for (Time now = new_year; now < grant.ends_at + 2 * day; now += 15min) {
    const auto lead = due_notice(grant, usual, now);
    if (!lead) continue;
    given.push_back(*lead);
    grant.given =
        ReauthNotice{.connection = grant.connection, .end = grant.end, .ends_at = grant.ends_at, .lead = *lead, .at = now};
  }
  EXPECT_EQ(given, (std::vector<Duration>{30 * day, 7 * day, 1 * day, 0s}));
}

TEST(ReauthDueEvent, says_which_end_how_long_is_left_and_how_to_connect_again) {
  const EndingGrant grant = grant_of(absolute, 100 * day);
  const Event event = reauth_due_event(grant, grant.ends_at - (6 * day + 23h + 10min));
  EXPECT_EQ(event.type, "reauth_due");
  EXPECT_EQ(event.code, "absolute_end");
  EXPECT_EQ(event.generation, 3);
  EXPECT_EQ(event.detail,
            "The refresh token ends at 2026-04-11T00:00:00.000Z, in 6 days and 23 hours, whatever is done with it (absolute "
            "end). To connect again: POST /v1/connect-sessions {\"registration\":\"books\",\"tenant\":\"acme \\\"&\\\" "
            "co\",\"connection\":\"con_1\"} and send the customer to the url in its answer.");
}

TEST(ReauthDueEvent, says_of_a_passed_end_that_the_provider_has_the_last_word) {
  const EndingGrant grant = grant_of(idle, 100 * day);
  const Event event = reauth_due_event(grant, grant.ends_at + 2h);
  EXPECT_EQ(event.code, "idle_end_passed");
  EXPECT_TRUE(
      event.detail.starts_with("By the provider's own word the refresh token ended at 2026-04-11T00:00:00.000Z, 2 hours "
                               "ago (it was not used for too long). The provider has not refused it yet"))
      << event.detail;
}

TEST(InWords, names_the_two_largest_units) {
  EXPECT_EQ(in_words(30 * day), "30 days");
  EXPECT_EQ(in_words(1 * day + 1h + 59min), "1 day and 1 hour");
  EXPECT_EQ(in_words(65min), "1 hour and 5 minutes");
  EXPECT_EQ(in_words(1min + 59s), "1 minute");
  EXPECT_EQ(in_words(59s), "less than a minute");
}

}  // namespace
}  // namespace evergrant::test
