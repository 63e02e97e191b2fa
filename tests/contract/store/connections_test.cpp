#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct ConnectionRecords : StoreContract {};
INSTANTIATE_TEST_SUITE_P(Sqlite, ConnectionRecords, ::testing::Values(Kind::file_with_threads, Kind::memory_inline),
                         name_of);

TEST_P(ConnectionRecords, every_column_comes_back_as_it_went_in) {
  auto c = some_connection("con_1", "realm-1");
  c.status = Status::quarantined;
  c.reason = "held";
  c.generation = 7;
  c.token_type = "MAC";
  c.missing_scope = {"a b", "\"quoted\""};
  c.extras = {{"instance_url", "https://example.com"}, {"k", ""}};
  c.refresh_idle_expires_at = at(1);
  c.refresh_absolute_expires_at = at(2);
  c.issuer = "https://issuer.example";
  c.subject = "sub";
  c.sign_in_nonce = "ab12";
  c.signed_in_at = at(7);
  c.upstream_grant = "grant";
  c.last_used_at = at(3);
  c.last_refreshed_at = at(4);
  c.lease = {"node", at(5), 6};
  c.failure = {FailureClass::transient, 3, at(6), "http_503", "tid"};
  ok(store->create(c, {}));
  const auto back = read();
  EXPECT_EQ(back.registration, c.registration);
  EXPECT_EQ(back.tenant, c.tenant);
  EXPECT_EQ(back.realm, c.realm);
  EXPECT_EQ(back.status, c.status);
  EXPECT_EQ(back.reason, c.reason);
  EXPECT_EQ(back.generation, c.generation);
  EXPECT_EQ(back.tokens, c.tokens);
  EXPECT_EQ(back.token_type, c.token_type);
  EXPECT_EQ(back.scope, c.scope);
  EXPECT_EQ(back.missing_scope, c.missing_scope);
  EXPECT_EQ(back.extras, c.extras);
  EXPECT_EQ(back.access_expires_at, c.access_expires_at);
  EXPECT_EQ(back.refresh_idle_expires_at, c.refresh_idle_expires_at);
  EXPECT_EQ(back.refresh_absolute_expires_at, c.refresh_absolute_expires_at);
  EXPECT_EQ(back.issuer, c.issuer);
  EXPECT_EQ(back.subject, c.subject);
  EXPECT_EQ(back.sign_in_nonce, c.sign_in_nonce);
  EXPECT_EQ(back.signed_in_at, c.signed_in_at);
  EXPECT_EQ(back.upstream_grant, c.upstream_grant);
  EXPECT_EQ(back.next_due_at, c.next_due_at);
  EXPECT_EQ(back.last_used_at, c.last_used_at);
  EXPECT_EQ(back.last_refreshed_at, c.last_refreshed_at);
  EXPECT_EQ(back.lease, c.lease);
  EXPECT_EQ(back.failure, c.failure);
  EXPECT_EQ(back.created_at, c.created_at);
  EXPECT_EQ(back.updated_at, c.updated_at);
}

TEST_P(ConnectionRecords, an_unknown_connection_is_not_found) {
  EXPECT_EQ(code_of(store->connection(ConnectionId{"con_9"})), Errc::not_found);
  EXPECT_EQ(code_of(store->connection_of(RegistrationId{"books"}, RealmId{"realm-9"})), Errc::not_found);
}

TEST_P(ConnectionRecords, a_realm_has_one_live_connection) {
  created();
  const auto second = some_connection("con_2", "realm-1", "other-tenant");
  EXPECT_EQ(code_of(store->create(second, some_event("connected", second))), Errc::conflict);
  EXPECT_EQ(code_of(store->connection(ConnectionId{"con_2"})), Errc::not_found);
  EXPECT_EQ(event_types(), std::vector<std::string>{"connected"}) << "a refused create leaves no event";
  auto elsewhere = some_connection("con_3", "realm-1");
  elsewhere.registration = RegistrationId{"books-sandbox"};
  ok(store->create(elsewhere, {}));
}

TEST_P(ConnectionRecords, a_revoked_connection_frees_its_realm) {
  created();
  ASSERT_TRUE(get(store->begin_revocation(ConnectionId{"con_1"}, false, "gone", at(20), {})));
  EXPECT_EQ(code_of(store->connection_of(RegistrationId{"books"}, RealmId{"realm-1"})), Errc::not_found);
  created("con_2");
  EXPECT_EQ(get(store->connection_of(RegistrationId{"books"}, RealmId{"realm-1"})).value().id, ConnectionId{"con_2"});
}

TEST_P(ConnectionRecords, a_text_is_a_value_and_never_a_statement) {
  const std::string evil = "x'); DROP TABLE connections; --";
  auto c = some_connection("con_1", evil, evil);
  ok(store->create(c, {}));
  ConnectionFilter filter;
  filter.tenant = TenantId{evil};
  filter.visible_tenants = std::vector{TenantId{evil}};
  const auto page = get(store->connections(filter, {}, 10)).value();
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].realm, RealmId{evil});
}

TEST_P(ConnectionRecords, pages_hold_every_connection_once_in_order_of_age) {
  for (int i = 0; i < 7; ++i) {
    auto c = some_connection("con_" + std::to_string(9 - i), "realm-" + std::to_string(i));
    c.created_at = at(i / 2);  // pairs of the same age
    ok(store->create(c, {}));
  }
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const auto page = get(store->connections({}, cursor, 2)).value();
    EXPECT_LE(page.items.size(), 2U);
    for (const auto& c : page.items) seen.push_back(c.id.str());
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"con_8", "con_9", "con_6", "con_7", "con_4", "con_5", "con_3"}));
}

TEST_P(ConnectionRecords, a_full_last_page_has_no_next) {
  created();
  EXPECT_EQ(get(store->connections({}, {}, 1)).value().next, "");
}

TEST_P(ConnectionRecords, a_cursor_from_elsewhere_is_refused) {
  created();
  for (const std::string bad : {"x", "!!!!", "YTE", "czE", "YXh4LGNvbg", "YTEyMzQ="}) {
    EXPECT_EQ(code_of(store->connections({}, bad, 10)), Errc::invalid_argument) << bad;
  }
}

TEST_P(ConnectionRecords, filters_and_visibility_hold_together) {
  auto a = some_connection("con_1", "r1", "acme");
  auto b = some_connection("con_2", "r2", "bolt");
  b.registration = RegistrationId{"crm"};
  b.status = Status::reauth_required;
  auto c = some_connection("con_3", "r3", "acme");
  c.registration = RegistrationId{"crm"};
  for (const auto& connection : {a, b, c}) ok(store->create(connection, {}));
  const auto ids = [&](const ConnectionFilter& filter) {
    std::string all;
    for (const auto& connection : get(store->connections(filter, {}, 10)).value().items) all += connection.id.str().back();
    return all;
  };
  ConnectionFilter f;
  EXPECT_EQ(ids(f), "123");
  f.tenant = TenantId{"acme"};
  EXPECT_EQ(ids(f), "13");
  f.registration = RegistrationId{"crm"};
  EXPECT_EQ(ids(f), "3");
  f.visible_tenants = std::vector{TenantId{"bolt"}};
  EXPECT_EQ(ids(f), "");
  f = {};
  f.visible_tenants = std::vector{TenantId{"bolt"}, TenantId{"else"}};
  EXPECT_EQ(ids(f), "2");
  f.visible_tenants = std::vector<TenantId>{};
  EXPECT_EQ(ids(f), "");
  f = {};
  f.visible_connections = std::vector{ConnectionId{"con_1"}, ConnectionId{"con_3"}};
  EXPECT_EQ(ids(f), "13");
  f.visible_tenants = std::vector{TenantId{"bolt"}};
  EXPECT_EQ(ids(f), "");
  f = {};
  f.visible_connections = std::vector<ConnectionId>{};
  EXPECT_EQ(ids(f), "");
  f = {};
  f.visible_registrations = std::vector{RegistrationId{"crm"}};
  EXPECT_EQ(ids(f), "23");
  f.status = Status::reauth_required;
  EXPECT_EQ(ids(f), "2");
  f = {};
  f.realm = RealmId{"r1"};
  EXPECT_EQ(ids(f), "1");
}

TEST_P(ConnectionRecords, a_reconnect_replaces_the_token_set_under_the_same_id) {
  auto c = some_connection("con_1", "realm-1");
  c.sign_in_nonce = "ab12";
  c.signed_in_at = at(7);
  ok(store->create(c, some_event("connected", c)));
  auto held = claimed();
  auto update = some_update();
  update.issuer = "https://issuer.example";
  update.sign_in_nonce = "";
  OutboxItem replaced;
  replaced.kind = OutboxKind::revoke_replaced;
  replaced.connection = c.id;
  replaced.tokens = c.tokens;
  replaced.generation = 1;
  ok(store->reconnect(c.id, 1, update, replaced, some_event("reconnected", c)));
  const auto now = read();
  EXPECT_EQ(now.generation, 2);
  EXPECT_EQ(now.status, Status::active);
  EXPECT_EQ(now.tokens, update.tokens);
  EXPECT_EQ(now.extras, update.extras);
  EXPECT_EQ(now.issuer, "https://issuer.example");
  EXPECT_EQ(now.subject, "");
  EXPECT_EQ(now.sign_in_nonce, "");
  EXPECT_EQ(now.signed_in_at, std::nullopt);
  EXPECT_EQ(now.lease.owner, "");
  EXPECT_EQ(now.created_at, c.created_at);
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "reconnected"}));
  const auto outbox = get(store->outbox_of(c.id)).value();
  ASSERT_EQ(outbox.size(), 1U);
  EXPECT_EQ(outbox[0].kind, OutboxKind::revoke_replaced);
  EXPECT_EQ(outbox[0].tokens, c.tokens);
  EXPECT_EQ(code_of(store->renew(c.id, held.connection.lease.fence, at(4000))), Errc::stale) << "the refresh lost its fence";
}

TEST_P(ConnectionRecords, a_reconnect_brings_back_a_connection_that_needed_the_customer) {
  auto c = created();
  const auto held = claimed();
  const Failure failure{FailureClass::grant, 1, at(1), "invalid_grant", ""};
  ok(store->record_failure(c.id, held.connection.lease.fence, failure, Status::reauth_required, "refused", {}, false, {}));
  ok(store->reconnect(c.id, 1, some_update(), {}, {}));
  EXPECT_EQ(read().status, Status::active);
  EXPECT_EQ(read().failure, Failure{});
  EXPECT_EQ(read().reason, "");
}

TEST_P(ConnectionRecords, a_reconnect_that_is_stale_or_too_late_changes_nothing) {
  auto c = created();
  EXPECT_EQ(code_of(store->reconnect(c.id, 2, some_update(), {}, some_event("reconnected", c))), Errc::stale);
  EXPECT_EQ(code_of(store->reconnect(ConnectionId{"con_9"}, 1, some_update(), {}, {})), Errc::not_found);
  EXPECT_EQ(read().tokens, c.tokens);
  EXPECT_EQ(event_types(), std::vector<std::string>{"connected"});
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "asked", at(20), {})));
  EXPECT_EQ(code_of(store->reconnect(c.id, 1, some_update(), {}, {})), Errc::revoked);
  EXPECT_EQ(read().status, Status::revoking);
}

TEST_P(ConnectionRecords, touch_moves_the_last_use_forward_only) {
  created();
  ok(store->touch({{ConnectionId{"con_1"}, at(50)}, {ConnectionId{"con_9"}, at(60)}}));
  EXPECT_EQ(read().last_used_at, at(50));
  ok(store->touch({{ConnectionId{"con_1"}, at(40)}}));
  EXPECT_EQ(read().last_used_at, at(50));
}

TEST_P(ConnectionRecords, sharing_finds_the_live_connections_of_one_upstream_grant) {
  for (const std::string id : {"con_1", "con_2", "con_3"}) {
    auto c = some_connection(id, "realm-" + id);
    c.upstream_grant = id == "con_3" ? "" : "grant";
    ok(store->create(c, {}));
  }
  EXPECT_EQ(get(store->sharing(RegistrationId{"books"}, "grant")).value().size(), 2U);
  EXPECT_EQ(get(store->sharing(RegistrationId{"crm"}, "grant")).value().size(), 0U);
  EXPECT_EQ(get(store->sharing(RegistrationId{"books"}, "")).value().size(), 0U)
      << "no grant is shared by those without one";
  ASSERT_TRUE(get(store->begin_revocation(ConnectionId{"con_1"}, false, "", at(1), {})));
  EXPECT_EQ(get(store->sharing(RegistrationId{"books"}, "grant")).value().size(), 1U);
}

TEST_P(ConnectionRecords, statistics_count_what_is_there) {
  const auto empty = get(store->stats(at(0))).value();
  EXPECT_TRUE(empty.by_status.empty());
  EXPECT_FALSE(empty.oldest_due);
  created("con_1", "r1");
  created("con_2", "r2");
  auto revoking = created("con_3", "r3");
  ASSERT_TRUE(get(store->begin_revocation(revoking.id, true, "", at(1), {})));
  claimed("con_2");
  const auto stats = get(store->stats(at(3000))).value();
  EXPECT_EQ(stats.by_status, (std::vector<std::pair<Status, std::int64_t>>{{Status::active, 2}, {Status::revoking, 1}}));
  EXPECT_EQ(stats.due, 1) << "one of the two has a running lease";
  EXPECT_EQ(stats.outbox, 1);
  EXPECT_EQ(stats.oldest_due, at(3000));
}

TEST_P(ConnectionRecords, an_operator_holds_and_releases) {
  auto c = created();
  ok(store->change_status(c.id, Status::active, Status::quarantined, "held", some_event("quarantined", c)));
  EXPECT_EQ(read().status, Status::quarantined);
  EXPECT_EQ(read().reason, "held");
  EXPECT_EQ(code_of(store->change_status(c.id, Status::active, Status::quarantined, "", some_event("x", c))), Errc::stale);
  EXPECT_EQ(code_of(store->change_status(ConnectionId{"con_9"}, Status::active, Status::quarantined, "", {})),
            Errc::not_found);
  ok(store->change_status(c.id, Status::quarantined, Status::active, "", some_event("released", c)));
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "quarantined", "released"}));
}

}  // namespace
}  // namespace evergrant::test
