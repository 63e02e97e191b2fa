// The announcer on virtual time, with the scheduler beside it: nothing twice, nothing missed, no state changed.
#include "lifecycle/reauth_announcer.hpp"

#include <gtest/gtest.h>

#include "support/refresh_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

constexpr Duration one_day = 24h;

class ReauthAnnouncerTest : public RefreshBench {
 protected:
  ~ReauthAnnouncerTest() override {
    for (auto& one : announcers) one->stop();
    node().executor.run_until_idle();
  }
  // `keepalive` off: nothing moves the idle end.
  void settings(bool keepalive, std::optional<Duration> absolute = std::nullopt) {
    change_profile([&](Registration& registration) {
      registration.keepalive = keepalive;
      registration.provider.refresh.absolute_window = absolute;
    });
  }
  ReauthAnnouncer& announcer() {
    return *announcers.emplace_back(
        std::make_unique<ReauthAnnouncer>(node().store, *registrations, clock, node().metrics, *log));
  }
  void start() {
    spawn(node().executor, announcer().run());  // ends after `stop`
    node().executor.run_until_idle();
  }
  // As connect does, with the absolute end.
  void connect_with_ends(const std::string& id) {
    const auto [access, refresh] = provider->grant(id);
    TokenSet tokens;
    tokens.access_token = Secret{access};
    tokens.refresh_token = Secret{refresh};
    tokens.access_expires_at = clock.now() + provider->lifetime;
    Connection row;
    row.id = ConnectionId{id};
    row.registration = RegistrationId{"books"};
    row.tenant = TenantId{"acme"};
    row.realm = RealmId{"realm-" + id};
    row.created_at = row.updated_at = clock.now();
    auto update = run(node().executor, node().service.seal_tokens(row, 1, std::move(tokens)));
    ASSERT_TRUE(update);
    row.tokens = update->tokens;
    row.access_expires_at = update->access_expires_at;
    row.refresh_idle_expires_at = update->refresh_idle_expires_at;
    row.refresh_absolute_expires_at = update->refresh_absolute_expires_at;
    row.next_due_at = update->next_due_at;
    row.last_refreshed_at = update->at;
    ASSERT_TRUE(run(node().executor, sqlite->create(row, {})));
  }
  std::vector<Event> notices() {
    std::vector<Event> found;
    std::string cursor;
    while (true) {
      auto page = run(node().executor, sqlite->events({}, std::nullopt, cursor, 1000)).value();
      if (page.items.empty()) return found;
      for (Event& event : page.items) {
        if (event.type == "reauth_due") found.push_back(std::move(event));
      }
      cursor = page.next;
    }
  }
  // "absolute_end 30" for each, with the days that were left.
  std::vector<std::string> told(GrantEnd end) {
    std::vector<std::string> texts;
    const Connection now = row("con_1");
    const Time ends = end == GrantEnd::idle ? *now.refresh_idle_expires_at : *now.refresh_absolute_expires_at;
    for (const Event& event : notices()) {
      const bool about_idle = event.code.starts_with("idle");
      if (about_idle != (end == GrantEnd::idle)) continue;
      texts.push_back(event.code + ' ' + std::to_string(std::chrono::round<std::chrono::days>(ends - event.at).count()));
    }
    return texts;
  }
  std::vector<std::unique_ptr<ReauthAnnouncer>> announcers;
};

using Told = std::vector<std::string>;

TEST_F(ReauthAnnouncerTest, an_idle_end_that_nothing_moves_is_announced_and_the_connection_stays_active) {
  settings(false);
  connect("con_1");
  start();
  let_pass(120 * one_day);
  EXPECT_EQ(told(GrantEnd::idle), (Told{"idle_end 30", "idle_end 7", "idle_end 1", "idle_end_passed 0"}));
  EXPECT_EQ(row("con_1").status, Status::active) << "only the provider's refusal ends a grant (I4)";
  EXPECT_EQ(provider->token_requests, 0);
}

TEST_F(ReauthAnnouncerTest, keep_alive_leaves_nothing_to_announce) {
  options.look_every = 1h;
  settings(true);
  connect("con_1");
  start_scheduler();
  start();
  let_pass(300 * one_day);
  EXPECT_GT(provider->token_requests, 9);
  EXPECT_TRUE(notices().empty());
}

TEST_F(ReauthAnnouncerTest, an_absolute_end_is_announced_while_refreshes_go_on) {
  options.look_every = 1h;
  settings(true, 200 * one_day);
  connect_with_ends("con_1");
  start_scheduler();
  start();
  let_pass(201 * one_day);
  EXPECT_GT(provider->token_requests, 5);
  EXPECT_EQ(told(GrantEnd::absolute),
            (Told{"absolute_end 30", "absolute_end 7", "absolute_end 1", "absolute_end_passed 0"}));
}

TEST_F(ReauthAnnouncerTest, a_clock_that_jumps_back_and_forth_repeats_and_misses_nothing) {
  settings(false);
  connect("con_1");
  start();
  for (int i = 0; i < 102 * 24; ++i) {  // at every hour, ten minutes to one side and back
    clock.advance(i % 2 == 0 ? 10min : -10min);
    let_pass(1h);
  }
  EXPECT_EQ(told(GrantEnd::idle), (Told{"idle_end 30", "idle_end 7", "idle_end 1", "idle_end_passed 0"}));
}

TEST_F(ReauthAnnouncerTest, after_a_sleep_the_most_urgent_is_told_once) {
  settings(false);
  connect("con_1");
  start();
  let_pass(71 * one_day);
  clock.advance(28 * one_day + 20h);  // suspended: the timers stood still
  let_pass(15min);
  EXPECT_EQ(told(GrantEnd::idle), (Told{"idle_end 30", "idle_end 0"}));
  clock.advance(9h);
  let_pass(15min);
  EXPECT_EQ(told(GrantEnd::idle), (Told{"idle_end 30", "idle_end 0", "idle_end_passed 0"}));
}

TEST_F(ReauthAnnouncerTest, two_processes_tell_it_once) {
  settings(false);
  connect("con_1");
  clock.advance(75 * one_day);
  ReauthAnnouncer& first = announcer();
  ReauthAnnouncer& second = announcer();
  bool between = false;
  node().store.before("give_notice", [&] {  // the other one comes between reading and recording
    if (std::exchange(between, true)) return;
    ReauthAnnouncer other{*sqlite, *registrations, clock, node().metrics, *log};
    VirtualExecutor elsewhere{clock};
    EXPECT_EQ(run(elsewhere, other.look()).value(), 1);
  });
  EXPECT_EQ(run(node().executor, first.look()).value(), 0);
  EXPECT_EQ(run(node().executor, second.look()).value(), 0);
  EXPECT_EQ(notices().size(), 1U);
}

TEST_F(ReauthAnnouncerTest, a_store_that_is_away_is_asked_again) {
  settings(false);
  connect("con_1");
  clock.advance(75 * one_day);
  node().store.fail_next("give_notice");
  start();
  EXPECT_TRUE(notices().empty());
  let_pass(15min);
  EXPECT_EQ(notices().size(), 1U);
}

TEST_F(ReauthAnnouncerTest, more_than_a_page_is_told_in_one_look) {
  settings(false);
  for (int i = 0; i < 450; ++i) connect("con_" + std::to_string(i));
  clock.advance(75 * one_day);
  EXPECT_EQ(run(node().executor, announcer().look()).value(), 450);
  EXPECT_EQ(run(node().executor, announcer().look()).value(), 0);
}

TEST_F(ReauthAnnouncerTest, who_needs_the_customer_already_is_left_alone) {
  settings(false);
  connect("con_1");
  connect("con_2");
  ASSERT_TRUE(run(node().executor,
                  sqlite->change_status(ConnectionId{"con_1"}, Status::active, Status::reauth_required, "refused", {})));
  ASSERT_TRUE(run(node().executor,
                  sqlite->change_status(ConnectionId{"con_2"}, Status::active, Status::quarantined, "on hold", {})));
  clock.advance(75 * one_day);
  EXPECT_EQ(run(node().executor, announcer().look()).value(), 1);
  EXPECT_EQ(notices().at(0).connection, ConnectionId{"con_2"});
}

TEST_F(ReauthAnnouncerTest, a_reconnect_begins_a_new_time) {
  settings(false, 40 * one_day);
  connect_with_ends("con_1");
  clock.advance(39 * one_day + 1h);
  EXPECT_EQ(run(node().executor, announcer().look()).value(), 1);
  const auto [access, refresh] = provider->grant("con_1");
  TokenSet tokens;
  tokens.access_token = Secret{access};
  tokens.refresh_token = Secret{refresh};
  tokens.refresh_absolute_expires_at = clock.now() + 8h;  // shorter than every lead: no news to whoever connects now
  auto update = run(node().executor, node().service.seal_tokens(row("con_1"), 2, std::move(tokens)));
  ASSERT_TRUE(update);
  ASSERT_TRUE(run(node().executor, sqlite->reconnect(ConnectionId{"con_1"}, 1, std::move(*update), std::nullopt, {})));
  EXPECT_EQ(run(node().executor, announcer().look()).value(), 0);
  clock.advance(9h);
  EXPECT_EQ(run(node().executor, announcer().look()).value(), 1);
  EXPECT_EQ(notices().back().code, "absolute_end_passed");
}

}  // namespace
}  // namespace evergrant::test
