// Ends that are near, notices given once, due times moved in batches.
#include <set>

#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct Notices : StoreContract {
  Connection grant(const std::string& id, std::optional<Time> idle, std::optional<Time> absolute,
                   Status status = Status::active) {
    Connection c = some_connection(id, "realm-" + id);
    c.tokens = {};
    c.status = status;
    c.last_refreshed_at = at(100);
    c.refresh_idle_expires_at = idle;
    c.refresh_absolute_expires_at = absolute;
    ok(store->create(c, {}));
    return c;
  }
  std::string near(GrantEnd end, Time now, Duration within = 0s) {
    std::string ids;
    for (const auto& one : get(store->ending(end, now, within, {}, 100)).value().items) ids += one.connection.str() + ' ';
    return ids;
  }
  static ReauthNotice notice(const std::string& id, Time ends_at, Duration lead) {
    return {.connection = ConnectionId{id}, .end = GrantEnd::idle, .ends_at = ends_at, .lead = lead, .at = at(5)};
  }
  std::size_t events() { return get(store->events({}, std::nullopt, {}, 100)).value().items.size(); }
};
INSTANTIATE_TEST_SUITE_P(Sqlite, Notices, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(Notices, an_idle_end_is_near_when_half_of_its_time_is_over) {
  grant("con_1", at(1100), std::nullopt);
  grant("con_2", std::nullopt, at(1100));
  EXPECT_EQ(near(GrantEnd::idle, at(599)), "");
  EXPECT_EQ(near(GrantEnd::idle, at(600)), "con_1 ");
  const EndingGrant one = get(store->ending(GrantEnd::idle, at(600), 0s, {}, 10)).value().items.at(0);
  EXPECT_EQ(one.registration, RegistrationId{"books"});
  EXPECT_EQ(one.tenant, TenantId{"acme"});
  EXPECT_EQ(one.realm, RealmId{"realm-con_1"});
  EXPECT_EQ(one.generation, 1);
  EXPECT_EQ(one.end, GrantEnd::idle);
  EXPECT_EQ(one.ends_at, at(1100));
  EXPECT_EQ(one.since, at(100));
  EXPECT_FALSE(one.given);
}

TEST_P(Notices, an_idle_end_is_found_where_the_last_token_set_put_it) {
  const auto days = [](int number) { return at(0) + std::chrono::days{number}; };
  struct Row {
    std::optional<Time> before, after;
    Time near;
  };
  int number = 0;
  for (const Row& row : {Row{days(100), days(110), days(60)},     // later
                         Row{days(100), days(30), days(20)},      // sooner
                         Row{std::nullopt, days(110), days(60)},  // for the first time
                         Row{days(100), days(12), days(11)}}) {   // a short one
    const Connection c = grant("con_" + std::to_string(++number), row.before, std::nullopt);
    ASSERT_TRUE(get(store->claim(c.id, 1, "node", days(9), days(10), std::nullopt)));
    auto update = some_update();
    update.tokens = {};
    update.at = days(10);
    update.refresh_idle_expires_at = row.after;
    ASSERT_TRUE(get(store->commit(c.id, 1, 1, 1, update, {})));
    EXPECT_FALSE(near(GrantEnd::idle, row.near - 1ms).contains(c.id.str() + ' ')) << number;
    EXPECT_TRUE(near(GrantEnd::idle, row.near).contains(c.id.str() + ' ')) << number;
  }
}

TEST_P(Notices, pages_of_idle_ends_go_on_over_many_days) {
  for (int i = 0; i < 60; ++i) grant("con_" + std::to_string(100 + i), at(0) + std::chrono::days{30 + i / 2}, std::nullopt);
  std::set<std::string> seen;
  std::string cursor;
  do {
    const auto page = get(store->ending(GrantEnd::idle, at(0) + std::chrono::days{90}, 0s, cursor, 7)).value();
    for (const auto& one : page.items) EXPECT_TRUE(seen.insert(one.connection.str()).second) << one.connection.str();
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 60U);
}

TEST_P(Notices, an_absolute_end_is_near_within_the_time_that_is_asked_for) {
  grant("con_1", std::nullopt, at(1000));
  EXPECT_EQ(near(GrantEnd::absolute, at(500), 499s), "");
  EXPECT_EQ(near(GrantEnd::absolute, at(500), 500s), "con_1 ");
  EXPECT_EQ(get(store->ending(GrantEnd::absolute, at(500), 500s, {}, 10)).value().items.at(0).since, at(0));
}

TEST_P(Notices, a_reconnect_is_when_an_absolute_end_began) {
  grant("con_1", std::nullopt, at(1000));
  auto update = some_update();
  update.tokens = {};
  ok(store->reconnect(ConnectionId{"con_1"}, 1, update, std::nullopt, {}));
  EXPECT_EQ(get(store->ending(GrantEnd::absolute, at(864000), 0s, {}, 10)).value().items.at(0).since, update.at);
}

TEST_P(Notices, only_active_and_quarantined_connections_have_ends_to_tell_of) {
  grant("con_1", at(200), std::nullopt);
  grant("con_2", at(200), std::nullopt, Status::quarantined);
  grant("con_3", at(200), std::nullopt, Status::reauth_required);
  grant("con_4", at(200), std::nullopt, Status::revoking);
  grant("con_5", at(200), std::nullopt, Status::revoked);
  EXPECT_EQ(near(GrantEnd::idle, at(1000)), "con_1 con_2 ");
  EXPECT_EQ(code_of(store->give_notice(notice("con_3", at(200), 0s), std::nullopt, {})), Errc::stale);
}

TEST_P(Notices, pages_go_on_where_the_last_one_ended) {
  for (int i = 0; i < 7; ++i) grant("con_" + std::to_string(i), i < 4 ? at(1000) : at(1000 + i), std::nullopt);
  std::string ids, cursor;
  int pages = 0;
  do {
    auto page = get(store->ending(GrantEnd::idle, at(2000), 0s, cursor, 2)).value();
    for (const auto& one : page.items) ids += one.connection.str() + ' ';
    cursor = page.next;
    ++pages;
  } while (!cursor.empty());
  EXPECT_EQ(ids, "con_0 con_1 con_2 con_3 con_4 con_5 con_6 ");
  EXPECT_EQ(pages, 4);
}

TEST_P(Notices, each_is_given_once_with_its_event) {
  const Connection c = grant("con_1", at(90000), std::nullopt);
  const auto first = notice("con_1", at(90000), 24h);
  ok(store->give_notice(first, std::nullopt, some_event("reauth_due", c)));
  EXPECT_EQ(code_of(store->give_notice(first, std::nullopt, some_event("reauth_due", c))), Errc::stale);
  EXPECT_EQ(events(), 1U);
  EXPECT_EQ(get(store->ending(GrantEnd::idle, at(80000), 0s, {}, 10)).value().items.at(0).given, first);
  const auto passed = notice("con_1", at(90000), 0s);
  ok(store->give_notice(passed, first, some_event("reauth_due", c)));
  EXPECT_EQ(events(), 2U);
  EXPECT_EQ(near(GrantEnd::idle, at(99000)), "") << "all is said";
}

TEST_P(Notices, a_later_end_is_to_be_told_of_again) {
  grant("con_1", at(90000), std::nullopt);
  ok(store->give_notice(notice("con_1", at(90000) - 30min, 0s), std::nullopt, {}));
  EXPECT_EQ(near(GrantEnd::idle, at(99000)), "") << "the same end, shifted";
  ok(store->give_notice(notice("con_1", at(90000) - 31min, 0s), notice("con_1", at(90000) - 30min, 0s), {}));
  EXPECT_EQ(near(GrantEnd::idle, at(99000)), "con_1 ");
}

TEST_P(Notices, due_times_move_unless_somebody_was_there_first) {
  for (const std::string id : {"con_1", "con_2", "con_3"}) grant(id, std::nullopt, std::nullopt);
  (void)get(store->claim(ConnectionId{"con_2"}, 1, "node", at(4000), at(4060), std::nullopt)).value();
  ok(store->move_due({{ConnectionId{"con_1"}, at(3000), at(5000)},
                      {ConnectionId{"con_2"}, at(3000), at(5000)},
                      {ConnectionId{"con_3"}, at(2999), at(5000)},
                      {ConnectionId{"con_unknown"}, at(3000), at(5000)}},
                     at(4001)));
  EXPECT_EQ(get(store->connection(ConnectionId{"con_1"})).value().next_due_at, at(5000));
  EXPECT_EQ(get(store->connection(ConnectionId{"con_2"})).value().next_due_at, at(3000)) << "being refreshed";
  EXPECT_EQ(get(store->connection(ConnectionId{"con_3"})).value().next_due_at, at(3000)) << "moved by somebody else";
}

}  // namespace
}  // namespace evergrant::test
