// Further token pairs of a connection (REF-23): rows of their own that are made, replaced, ended and revoked with the main
// one.
#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct TokenPairs : StoreContract {
  static Connection pair_of(const Connection& main, const std::string& id, const std::string& name = "user") {
    auto row = some_connection(id, main.realm.str(), main.tenant.str());
    row.pair = name;
    row.main = main.id;
    row.tokens.refresh_token = Sealed{"refresh-" + id};
    return row;
  }
  // Two rows: con_1 and its pair con_2.
  Connection connected() {
    auto main = some_connection("con_1", "realm-1");
    ok(store->create(main, {pair_of(main, "con_2")}, some_event("connected", main)));
    return main;
  }
  Connection at_id(const std::string& id) { return get(store->connection(ConnectionId{id})).value(); }
  std::vector<Connection> pairs() { return get(store->pairs_of(ConnectionId{"con_1"})).value(); }
  std::vector<Event> events_of(const std::string& id) {
    return get(store->events({}, ConnectionId{id}, "", 100)).value().items;
  }
};
INSTANTIATE_TEST_SUITE_P(Sqlite, TokenPairs, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(TokenPairs, a_pair_is_a_row_that_knows_its_main_one) {
  const auto main = connected();
  EXPECT_EQ(at_id("con_2").pair, "user");
  EXPECT_EQ(at_id("con_2").main, main.id);
  EXPECT_EQ(at_id("con_1").pair, "");
  EXPECT_EQ(at_id("con_1").main, ConnectionId{});
  ASSERT_EQ(pairs().size(), 1U);
  EXPECT_EQ(pairs()[0].id, ConnectionId{"con_2"});
  EXPECT_TRUE(get(store->pairs_of(ConnectionId{"con_2"})).value().empty());
  EXPECT_TRUE(get(store->pairs_of(ConnectionId{})).value().empty()) << "main rows name nobody";
}

TEST_P(TokenPairs, a_realm_has_one_live_row_of_each_name) {
  const auto main = connected();
  EXPECT_EQ(get(store->connection_of(RegistrationId{"books"}, RealmId{"realm-1"})).value().id, main.id);
  EXPECT_EQ(code_of(store->create(pair_of(main, "con_3"), {})), Errc::conflict);
  ok(store->create(pair_of(main, "con_4", "admin"), {}));
  EXPECT_EQ(pairs().size(), 2U);
}

TEST_P(TokenPairs, a_connection_is_made_with_all_its_pairs_or_not_at_all) {
  auto main = some_connection("con_1", "realm-1");
  EXPECT_EQ(code_of(store->create(main, {pair_of(main, "con_2"), pair_of(main, "con_3")}, some_event("connected", main))),
            Errc::conflict);
  EXPECT_EQ(code_of(store->connection(main.id)), Errc::not_found);
  EXPECT_TRUE(events_of("con_1").empty());
}

TEST_P(TokenPairs, a_list_has_main_rows_only_if_it_is_asked_so) {
  connected();
  ConnectionFilter filter;
  EXPECT_EQ(get(store->connections(filter, "", 100)).value().items.size(), 2U);
  filter.visible_connections = std::vector{ConnectionId{"con_1"}};
  EXPECT_EQ(get(store->connections(filter, "", 100)).value().items.size(), 2U) << "with its further pairs";
  filter.visible_connections = std::vector{ConnectionId{"con_2"}};
  EXPECT_EQ(get(store->connections(filter, "", 100)).value().items.size(), 1U);
  filter.visible_connections.reset();
  filter.main_only = true;
  const auto page = get(store->connections(filter, "", 100)).value();
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].id, ConnectionId{"con_1"});
}

TEST_P(TokenPairs, each_has_its_own_lease_generation_and_due_time) {
  connected();
  ASSERT_TRUE(get(store->claim(ConnectionId{"con_1"}, 1, "node", at(3100), at(3200), std::nullopt)));
  const auto claim = get(store->claim(ConnectionId{"con_2"}, 1, "node", at(3100), at(3200), std::nullopt));
  ASSERT_TRUE(claim) << "the main one's lease does not hold it up";
  ok(store->commit(ConnectionId{"con_2"}, claim->connection.lease.fence, 1, claim->connection.lease.fence, some_update(),
                   {}));
  EXPECT_EQ(at_id("con_2").generation, 2);
  EXPECT_EQ(at_id("con_2").pair, "user");
  EXPECT_EQ(at_id("con_1").generation, 1);
}

TEST_P(TokenPairs, an_event_about_a_pair_is_one_of_its_connection) {
  connected();
  ok(store->append_event(some_event("refreshed", at_id("con_2"))));
  const auto told = events_of("con_1");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].pair, "");
  EXPECT_EQ(told[1].type, "refreshed");
  EXPECT_EQ(told[1].connection, ConnectionId{"con_1"});
  EXPECT_EQ(told[1].pair, "user");
}

TEST_P(TokenPairs, a_revocation_takes_all_of_them) {
  connected();
  const auto held = get(store->claim(ConnectionId{"con_2"}, 1, "node", at(3100), at(3200), std::nullopt));
  ASSERT_TRUE(held);
  const auto main = get(store->begin_revocation(ConnectionId{"con_1"}, true, "asked", at(20), {}));
  ASSERT_TRUE(main);
  EXPECT_EQ(main->id, ConnectionId{"con_1"});
  EXPECT_EQ(at_id("con_1").status, Status::revoking);
  EXPECT_EQ(at_id("con_2").status, Status::revoking);
  EXPECT_EQ(code_of(store->commit(ConnectionId{"con_2"}, held->connection.lease.fence, 1, held->connection.lease.fence,
                                  some_update(), {})),
            Errc::revoked);
  const auto item = get(store->outbox_of(ConnectionId{"con_2"})).value();
  ASSERT_EQ(item.size(), 1U);
  EXPECT_EQ(item[0].tokens, at_id("con_2").tokens);
  ok(store->outbox_done(item[0].id, "revoked", some_event("revoked", at_id("con_2"))));
  EXPECT_EQ(at_id("con_2").status, Status::revoked);
  EXPECT_TRUE(at_id("con_2").tokens.refresh_token.empty());
  EXPECT_EQ(at_id("con_1").status, Status::revoking) << "its own provider call is still to come";
  EXPECT_TRUE(pairs().empty());
}

TEST_P(TokenPairs, a_revocation_that_nobody_is_told_of_erases_all_of_them) {
  connected();
  ASSERT_TRUE(get(store->begin_revocation(ConnectionId{"con_1"}, false, "asked", at(20), {})));
  EXPECT_EQ(at_id("con_2").status, Status::revoked);
  EXPECT_TRUE(at_id("con_2").tokens.access_token.empty());
}

TEST_P(TokenPairs, consent_replaces_makes_and_ends_pairs_in_one_step) {
  const auto main = connected();
  ok(store->create(pair_of(main, "con_3", "admin"), {}));
  PairChanges changes;
  changes.replaced.push_back({ConnectionId{"con_2"}, 1, some_update("user"), std::nullopt});
  changes.ended.push_back({ConnectionId{"con_3"}, true});
  changes.made.push_back(pair_of(main, "con_4", "owner"));
  changes.reason = "not in the new consent";
  ok(store->reconnect({main.id, 1, some_update(), std::nullopt}, changes, some_event("reconnected", main)));
  EXPECT_EQ(at_id("con_1").generation, 2);
  EXPECT_EQ(at_id("con_2").generation, 2);
  EXPECT_EQ(at_id("con_2").tokens.access_token, Sealed{"accessuser"});
  EXPECT_EQ(at_id("con_3").status, Status::revoking);
  EXPECT_EQ(at_id("con_3").reason, "not in the new consent");
  EXPECT_EQ(get(store->outbox_of(ConnectionId{"con_3"})).value().size(), 1U);
  EXPECT_EQ(at_id("con_4").status, Status::active);
}

TEST_P(TokenPairs, a_pair_that_changed_meanwhile_stops_the_whole_step) {
  const auto main = connected();
  const auto claim = get(store->claim(ConnectionId{"con_2"}, 1, "node", at(3100), at(3200), std::nullopt));
  ok(store->commit(ConnectionId{"con_2"}, claim->connection.lease.fence, 1, claim->connection.lease.fence, some_update(),
                   {}));
  PairChanges changes;
  changes.replaced.push_back({ConnectionId{"con_2"}, 1, some_update("user"), std::nullopt});
  EXPECT_EQ(code_of(store->reconnect({main.id, 1, some_update("main"), std::nullopt}, changes, {})), Errc::stale);
  EXPECT_EQ(at_id("con_1").generation, 1) << "nothing of it was stored";
  PairChanges twice;
  twice.made.push_back(pair_of(main, "con_5"));
  EXPECT_EQ(code_of(store->reconnect({main.id, 1, some_update("main"), std::nullopt}, twice, {})), Errc::stale);
  EXPECT_EQ(at_id("con_1").generation, 1);
}

TEST_P(TokenPairs, a_pair_that_is_being_revoked_leaves_its_place_to_the_next) {
  const auto main = connected();
  PairChanges ended;
  ended.ended.push_back({ConnectionId{"con_2"}, true});
  ok(store->reconnect({main.id, 1, some_update(), std::nullopt}, ended, {}));
  PairChanges made;
  made.made.push_back(pair_of(main, "con_3"));
  ok(store->reconnect({main.id, 2, some_update(), std::nullopt}, made, {}));
  ASSERT_EQ(pairs().size(), 2U);
  EXPECT_EQ(pairs()[0].id, ConnectionId{"con_3"}) << "the living one first";
  EXPECT_EQ(pairs()[1].status, Status::revoking);
}

TEST_P(TokenPairs, counts_are_of_connections) {
  connected();
  const auto stats = get(store->stats(at(0))).value();
  ASSERT_EQ(stats.by_status.size(), 1U);
  EXPECT_EQ(stats.by_status[0], (std::pair{Status::active, std::int64_t{1}}));
}

}  // namespace
}  // namespace evergrant::test
