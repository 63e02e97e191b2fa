#include "contract/store/store_contract.hpp"

namespace evergrant::test {
namespace {

struct Revocation : StoreContract {};
INSTANTIATE_TEST_SUITE_P(Sqlite, Revocation, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(Revocation, begins_by_stopping_local_use_and_promising_to_tell_the_provider) {
  const auto c = created();
  const auto fence = claimed().connection.lease.fence;
  const auto after = get(store->begin_revocation(c.id, true, "asked for", at(20), some_event("revoking", c))).value();
  EXPECT_EQ(after.status, Status::revoking);
  EXPECT_EQ(after.reason, "asked for");
  EXPECT_FALSE(after.next_due_at);
  EXPECT_EQ(after.lease.owner, "");
  EXPECT_GT(after.lease.fence, fence);
  EXPECT_EQ(after.tokens, c.tokens) << "the tokens stay until the provider knows";
  const auto items = get(store->outbox_due(at(20), 10)).value();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].kind, OutboxKind::revoke_grant);
  EXPECT_EQ(items[0].connection, c.id);
  EXPECT_EQ(items[0].registration, c.registration);
  EXPECT_EQ(items[0].tenant, c.tenant);
  EXPECT_EQ(items[0].realm, c.realm);
  EXPECT_EQ(items[0].generation, 1);
  EXPECT_EQ(items[0].tokens, c.tokens);
  EXPECT_EQ(items[0].tries, 0);
  EXPECT_EQ(items[0].created_at, at(20));
  EXPECT_TRUE(get(store->due(c.registration, at(9999), 10)).value().empty());
}

TEST_P(Revocation, a_repeated_call_changes_nothing) {
  const auto c = created();
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "first", at(20), some_event("revoking", c))));
  const auto again = get(store->begin_revocation(c.id, true, "second", at(30), some_event("revoking", c))).value();
  EXPECT_EQ(again.reason, "first");
  EXPECT_EQ(get(store->outbox_of(c.id)).value().size(), 1U);
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "revoking"}));
  EXPECT_EQ(code_of(store->begin_revocation(ConnectionId{"con_9"}, true, "", at(20), {})), Errc::not_found);
}

TEST_P(Revocation, ends_with_the_last_item_and_erases_the_tokens) {
  const auto c = created();
  OutboxItem older;
  older.kind = OutboxKind::revoke_replaced;
  older.connection = c.id;
  older.tenant = c.tenant;
  const auto first = get(store->enqueue(older)).value();
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "asked for", at(20), {})));
  const auto items = get(store->outbox_of(c.id)).value();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].id, first);

  ok(store->outbox_done(items[1].id, "told", some_event("revoked", c)));
  EXPECT_EQ(read().status, Status::revoking) << "one item is open still";
  EXPECT_EQ(read().tokens, c.tokens);
  ok(store->outbox_done(items[0].id, "all told", some_event("revoked", c)));
  const auto now = read();
  EXPECT_EQ(now.status, Status::revoked);
  EXPECT_EQ(now.reason, "all told");
  EXPECT_EQ(now.tokens, SealedTokens{});
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "revoked"})) << "one end, one event";
  EXPECT_EQ(code_of(store->begin_revocation(c.id, true, "", at(30), {})), Errc::revoked);
}

TEST_P(Revocation, a_replaced_grant_that_is_told_leaves_its_connection_alone) {
  const auto c = created();
  OutboxItem item;
  item.kind = OutboxKind::revoke_replaced;
  item.connection = c.id;
  const auto id = get(store->enqueue(item)).value();
  ok(store->outbox_done(id, "told", some_event("replaced_grant_revoked", c)));
  EXPECT_EQ(read().status, Status::active);
  EXPECT_EQ(read().tokens, c.tokens);
  EXPECT_EQ(event_types(), (std::vector<std::string>{"connected", "replaced_grant_revoked"}));
}

TEST_P(Revocation, without_a_provider_to_tell_it_ends_at_once) {
  const auto c = created();
  const auto after = get(store->begin_revocation(c.id, false, "shared grant", at(20), some_event("revoked", c))).value();
  EXPECT_EQ(after.status, Status::revoked);
  EXPECT_EQ(after.reason, "shared grant");
  EXPECT_EQ(after.tokens, SealedTokens{});
  EXPECT_TRUE(get(store->outbox_of(c.id)).value().empty());
}

TEST_P(Revocation, an_item_comes_up_again_when_its_next_try_is_due) {
  const auto c = created();
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "", at(20), {})));
  const auto id = get(store->outbox_of(c.id)).value()[0].id;
  EXPECT_TRUE(get(store->outbox_due(at(19), 10)).value().empty());
  ok(store->outbox_retry(id, at(100), "http_503"));
  EXPECT_TRUE(get(store->outbox_due(at(99), 10)).value().empty());
  const auto due = get(store->outbox_due(at(100), 10)).value();
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].tries, 1);
  EXPECT_EQ(due[0].last_error, "http_503");
  EXPECT_EQ(due[0].next_try_at, at(100));
}

TEST_P(Revocation, an_item_that_is_ended_already_changes_nothing) {
  const auto c = created();
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "", at(20), {})));
  const auto id = get(store->outbox_of(c.id)).value()[0].id;
  ok(store->outbox_done(id, "told", {}));
  ok(store->outbox_done(id, "told twice", some_event("x", c)));
  ok(store->outbox_retry(id, at(100), "late"));
  EXPECT_EQ(read().reason, "told");
  EXPECT_EQ(event_types(), std::vector<std::string>{"connected"});
}

TEST_P(Revocation, item_numbers_are_never_used_twice) {
  OutboxItem item;
  item.connection = ConnectionId{"con_1"};
  const auto first = get(store->enqueue(item)).value();
  ok(store->outbox_done(first, "", {}));
  EXPECT_GT(get(store->enqueue(item)).value(), first);
}

TEST_P(Revocation, the_oldest_promise_comes_first) {
  for (const int seconds : {30, 10, 20}) {
    OutboxItem item;
    item.connection = ConnectionId{"con_" + std::to_string(seconds)};
    item.next_try_at = at(seconds);
    ASSERT_TRUE(get(store->enqueue(item)));
  }
  const auto due = get(store->outbox_due(at(25), 1)).value();
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].connection, ConnectionId{"con_10"});
}

}  // namespace
}  // namespace evergrant::test
