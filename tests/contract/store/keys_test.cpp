#include "base/random.hpp"
#include "contract/store/store_contract.hpp"
#include "crypto/aead.hpp"

namespace evergrant::test {
namespace {

struct Keys : StoreContract {
  static StoredKey some_key(const std::string& id, const std::string& tenant, const std::string& wrapped_by) {
    StoredKey key;
    key.id = KeyId{id};
    key.tenant = TenantId{tenant};
    key.wrapped = std::string{"wrapped\0", 8} + id;
    key.wrapped_by = wrapped_by;
    key.created_at = at(1);
    return key;
  }
  void with_root_and_tenant_key() {
    ok(store->add_key(some_key("rk_1", "", "kek")));
    ok(store->add_key(some_key("tk_1", "acme", "rk_1")));
  }
  Sealed sealed_by(const std::string& key) {
    return seal(KeyId{key}, Secret{std::string(key_bytes, 'k')}, "place", "token", random).value();
  }
  std::string states(const std::vector<StoredKey>& keys) {
    std::string all;
    for (const auto& key : keys) {
      all += key.id.str() + (key.state == KeyState::active ? "+" : key.state == KeyState::retired ? "x" : "-");
    }
    return all;
  }
  std::vector<StoredKey> of(const std::string& tenant) { return get(store->tenant_keys(TenantId{tenant})).value(); }
  SystemRandom random;
};
INSTANTIATE_TEST_SUITE_P(Sqlite, Keys, ::testing::Values(Kind::file_with_threads, Kind::memory_inline), name_of);

TEST_P(Keys, every_column_comes_back_as_it_went_in) {
  auto key = some_key("rk_1", "", "kek");
  key.seals = 5;
  ok(store->add_key(key));
  const auto back = get(store->root_keys()).value()[0];
  EXPECT_EQ(back.id, key.id);
  EXPECT_EQ(back.tenant, key.tenant);
  EXPECT_EQ(back.wrapped, key.wrapped);
  EXPECT_EQ(back.wrapped_by, key.wrapped_by);
  EXPECT_EQ(back.state, key.state);
  EXPECT_EQ(back.seals, 5);
  EXPECT_EQ(back.created_at, key.created_at);
  EXPECT_EQ(back.purpose, KeyPurpose::sealing);
}

TEST_P(Keys, one_key_of_each_purpose_is_active) {
  with_root_and_tenant_key();
  EXPECT_EQ(code_of(store->add_key(some_key("rk_2", "", "kek"))), Errc::conflict);
  EXPECT_EQ(code_of(store->add_key(some_key("tk_2", "acme", "rk_1"))), Errc::conflict);
  ok(store->add_key(some_key("tk_3", "bolt", "rk_1")));
  auto index = some_key("ik_1", "acme", "rk_1");
  index.purpose = KeyPurpose::indexing;
  ok(store->add_key(index));
  auto installation = some_key("ik_2", "", "rk_1");
  installation.purpose = KeyPurpose::indexing;
  ok(store->add_key(installation));
  EXPECT_EQ(states(get(store->root_keys()).value()), "rk_1+");
  EXPECT_EQ(states(of("acme")), "ik_1+tk_1+");
  EXPECT_EQ(states(of("")), "ik_2+");
}

TEST_P(Keys, a_key_under_an_unknown_or_retired_root_key_is_refused) {
  with_root_and_tenant_key();
  EXPECT_EQ(code_of(store->add_key(some_key("tk_2", "bolt", "rk_9"))), Errc::key_unavailable);
  EXPECT_EQ(code_of(store->replace_active_key(some_key("tk_2", "acme", "tk_1"))), Errc::key_unavailable);
  EXPECT_EQ(states(of("acme")), "tk_1+") << "the refused replacement changed nothing";
  ok(store->replace_active_key(some_key("rk_2", "", "kek")));
  ok(store->rewrap_key(KeyId{"tk_1"}, some_key("tk_1", "", "").wrapped, "anew", "rk_2"));
  ok(store->retire_key(KeyId{"rk_1"}));
  EXPECT_EQ(code_of(store->add_key(some_key("tk_3", "bolt", "rk_1"))), Errc::key_unavailable);
  EXPECT_EQ(code_of(store->rewrap_key(KeyId{"tk_1"}, "anew", "back", "rk_1")), Errc::key_unavailable);
}

TEST_P(Keys, a_replacement_leaves_the_former_for_opening) {
  with_root_and_tenant_key();
  auto next = some_key("tk_2", "acme", "rk_1");
  next.created_at = at(2);
  ok(store->replace_active_key(next));
  EXPECT_EQ(states(of("acme")), "tk_1-tk_2+");
  EXPECT_EQ(states(get(store->root_keys()).value()), "rk_1+");
}

TEST_P(Keys, rewrapping_compares_what_it_replaces) {
  with_root_and_tenant_key();
  const auto old_wrapped = some_key("tk_1", "acme", "").wrapped;
  EXPECT_EQ(code_of(store->rewrap_key(KeyId{"tk_1"}, "something else", "new", "rk_1")), Errc::stale);
  EXPECT_EQ(code_of(store->rewrap_key(KeyId{"tk_9"}, old_wrapped, "new", "rk_1")), Errc::stale);
  ok(store->rewrap_key(KeyId{"tk_1"}, old_wrapped, "new", "rk_1"));
  EXPECT_EQ(of("acme")[0].wrapped, "new");
  EXPECT_EQ(code_of(store->rewrap_key(KeyId{"tk_1"}, old_wrapped, "newer", "rk_1")), Errc::stale);
}

TEST_P(Keys, those_under_a_root_key_are_found) {
  with_root_and_tenant_key();
  ok(store->add_key(some_key("tk_2", "bolt", "rk_1")));
  EXPECT_EQ(get(store->tenant_keys_wrapped_by(KeyId{"rk_1"}, 10)).value().size(), 2U);
  EXPECT_EQ(get(store->tenant_keys_wrapped_by(KeyId{"rk_1"}, 1)).value().size(), 1U);
  EXPECT_TRUE(get(store->tenant_keys_wrapped_by(KeyId{"kek"}, 10)).value().empty()) << "a root key is no tenant key";
}

TEST_P(Keys, seals_are_reserved_and_add_up) {
  with_root_and_tenant_key();
  EXPECT_EQ(get(store->reserve_seals(KeyId{"tk_1"}, 100)).value(), 100);
  EXPECT_EQ(get(store->reserve_seals(KeyId{"tk_1"}, 20)).value(), 120);
  EXPECT_EQ(of("acme")[0].seals, 120);
  EXPECT_EQ(code_of(store->reserve_seals(KeyId{"tk_9"}, 1)), Errc::not_found);
}

TEST_P(Keys, a_key_is_retired_only_when_nothing_needs_it) {
  with_root_and_tenant_key();
  const auto tk = KeyId{"tk_1"};
  EXPECT_EQ(code_of(store->retire_key(KeyId{"tk_9"})), Errc::not_found);
  EXPECT_EQ(code_of(store->retire_key(tk)), Errc::conflict) << "active";
  EXPECT_EQ(code_of(store->retire_key(KeyId{"rk_1"})), Errc::conflict);
  auto c = some_connection("con_1", "realm-1");
  c.tokens.refresh_token = sealed_by("tk_1");
  ok(store->create(c, {}));
  ok(store->replace_active_key(some_key("tk_2", "acme", "rk_1")));
  EXPECT_EQ(code_of(store->retire_key(tk)), Errc::conflict) << "a connection needs it";

  auto moved = c.tokens;
  moved.refresh_token = sealed_by("tk_2");
  ok(store->reseal(c.id, 1, c.tokens, moved));
  const auto fence = claimed("con_1", "node", some_attempt("att_1", c)).connection.lease.fence;
  ok(store->keep_answer(AttemptId{"att_1"}, fence, sealed_by("tk_1")));
  EXPECT_EQ(code_of(store->retire_key(tk)), Errc::conflict) << "a kept answer needs it";
  ok(store->end_attempt(AttemptId{"att_1"}));

  OutboxItem item;
  item.connection = c.id;
  item.tenant = c.tenant;
  item.tokens.access_token = sealed_by("tk_1");
  const auto queued = get(store->enqueue(item)).value();
  EXPECT_EQ(code_of(store->retire_key(tk)), Errc::conflict) << "a revocation needs it";
  ok(store->outbox_done(queued, "", {}));

  auto session = some_session("cs_1");
  session.secrets = sealed_by("tk_1");
  ok(store->create_session(session, 9));
  EXPECT_EQ(code_of(store->retire_key(tk)), Errc::conflict) << "a connect session needs it";
  ok(store->finish_session(session.id, "connected", {}));

  ok(store->retire_key(tk));
  ok(store->retire_key(tk));
  EXPECT_EQ(states(of("acme")), "tk_1xtk_2+");
  EXPECT_EQ(of("acme")[0].wrapped, "") << "a retired key is gone";
  EXPECT_EQ(code_of(store->reserve_seals(tk, 1)), Errc::not_found);
}

// A connection that is made while an off-boarding ends must not lose its tokens.
TEST_P(Keys, shredding_what_must_be_unused_spares_the_keys_of_a_living_connection) {
  with_root_and_tenant_key();
  auto c = some_connection("con_1", "realm-1");
  c.tokens.refresh_token = sealed_by("tk_1");
  ok(store->create(c, {}));
  EXPECT_EQ(code_of(store->shred_tenant_keys(TenantId{"acme"}, true)), Errc::conflict);
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "", at(1), {})));
  EXPECT_EQ(code_of(store->shred_tenant_keys(TenantId{"acme"}, true)), Errc::conflict) << "the provider is not told yet";
  EXPECT_EQ(states(of("acme")), "tk_1+");
  const auto waiting = get(store->outbox_of(c.id)).value();
  ok(store->outbox_done(waiting.at(0).id, "revoked", {}));
  EXPECT_EQ(get(store->shred_tenant_keys(TenantId{"acme"}, true)).value(), 1);
}

// Of a refresh that a revocation overtook: its tokens are at the provider, and only this key opens them.
TEST_P(Keys, shredding_what_must_be_unused_spares_the_key_of_a_kept_answer) {
  with_root_and_tenant_key();
  auto c = some_connection("con_1", "realm-1");
  c.tokens.refresh_token = sealed_by("tk_1");
  ok(store->create(c, {}));
  const auto fence = claimed("con_1", "node", some_attempt("att_1", c)).connection.lease.fence;
  ok(store->keep_answer(AttemptId{"att_1"}, fence, sealed_by("tk_1")));
  ASSERT_TRUE(get(store->begin_revocation(c.id, true, "", at(1), {})));
  ok(store->outbox_done(get(store->outbox_of(c.id)).value().at(0).id, "revoked", {}));
  EXPECT_EQ(code_of(store->shred_tenant_keys(TenantId{"acme"}, true)), Errc::conflict);
  EXPECT_EQ(states(of("acme")), "tk_1+");
  ok(store->end_attempt(AttemptId{"att_1"}));
  EXPECT_EQ(get(store->shred_tenant_keys(TenantId{"acme"}, true)).value(), 1);
}

// A process that has not noticed a rotation must not store what could never be opened.
TEST_P(Keys, nothing_sealed_by_a_lost_key_is_stored) {
  with_root_and_tenant_key();
  auto c = created();
  const auto lost = sealed_by("tk_lost");
  auto other = some_connection("con_2", "realm-2");
  other.tokens.extras = lost;
  EXPECT_EQ(code_of(store->create(other, {})), Errc::key_unavailable);
  auto update = some_update();
  update.tokens.access_token = lost;
  EXPECT_EQ(code_of(store->reconnect(c.id, 1, update, {}, {})), Errc::key_unavailable);
  OutboxItem replaced;
  replaced.tokens.refresh_token = lost;
  EXPECT_EQ(code_of(store->reconnect(c.id, 1, some_update(), replaced, {})), Errc::key_unavailable);
  EXPECT_EQ(read().tokens, c.tokens) << "what it had written before it failed is undone";
  const auto fence = claimed("con_1", "node", some_attempt("att_1", c)).connection.lease.fence;
  EXPECT_EQ(code_of(store->commit(c.id, fence, 1, fence, update, {})), Errc::key_unavailable);
  EXPECT_EQ(code_of(store->keep_answer(AttemptId{"att_1"}, fence, lost)), Errc::key_unavailable);
  EXPECT_EQ(code_of(store->reseal(c.id, 1, c.tokens, update.tokens)), Errc::key_unavailable);
  OutboxItem item;
  item.tokens.refresh_token = lost;
  EXPECT_EQ(code_of(store->enqueue(item)), Errc::key_unavailable);
  auto session = some_session("cs_1");
  session.secrets = lost;
  EXPECT_EQ(code_of(store->create_session(session, 9)), Errc::key_unavailable);
  EXPECT_EQ(read().tokens, c.tokens);
}

TEST_P(Keys, shredding_erases_all_keys_of_the_tenant_and_of_no_other) {
  with_root_and_tenant_key();
  ok(store->replace_active_key(some_key("tk_2", "acme", "rk_1")));
  ok(store->add_key(some_key("tk_3", "bolt", "rk_1")));
  EXPECT_EQ(get(store->shred_tenant_keys(TenantId{"acme"})).value(), 2);
  EXPECT_TRUE(of("acme").empty());
  EXPECT_EQ(states(of("bolt")), "tk_3+");
  EXPECT_EQ(states(get(store->root_keys()).value()), "rk_1+");
  EXPECT_EQ(get(store->shred_tenant_keys(TenantId{"acme"})).value(), 0);
  EXPECT_EQ(code_of(store->shred_tenant_keys(TenantId{})), Errc::invalid_argument) << "the root keys are not a tenant's";
}

TEST_P(Keys, records_under_a_key_are_found_in_pages) {
  with_root_and_tenant_key();
  for (int i = 1; i <= 5; ++i) {
    auto c = some_connection("con_" + std::to_string(i), "realm-" + std::to_string(i), i == 4 ? "bolt" : "acme");
    if (i != 2) c.tokens.extras = sealed_by("tk_1");
    ok(store->create(c, {}));
  }
  const auto first = get(store->sealed_by(TenantId{"acme"}, KeyId{"tk_1"}, 2, {})).value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].connection, ConnectionId{"con_1"});
  EXPECT_EQ(first[0].registration, RegistrationId{"books"});
  EXPECT_EQ(first[0].realm, RealmId{"realm-1"});
  EXPECT_EQ(first[0].generation, 1);
  EXPECT_EQ(first[0].tokens, read().tokens);
  EXPECT_EQ(first[1].connection, ConnectionId{"con_3"});
  const auto second = get(store->sealed_by(TenantId{"acme"}, KeyId{"tk_1"}, 2, first[1].connection)).value();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].connection, ConnectionId{"con_5"});
}

TEST_P(Keys, resealing_compares_generation_and_tokens) {
  const auto c = created();
  SealedTokens anew{Sealed{"a"}, Sealed{"b"}, Sealed{"c"}};
  EXPECT_EQ(code_of(store->reseal(c.id, 2, c.tokens, anew)), Errc::stale);
  EXPECT_EQ(code_of(store->reseal(c.id, 1, anew, anew)), Errc::stale);
  EXPECT_EQ(code_of(store->reseal(ConnectionId{"con_9"}, 1, c.tokens, anew)), Errc::stale);
  ok(store->reseal(c.id, 1, c.tokens, anew));
  EXPECT_EQ(read().tokens, anew);
  EXPECT_EQ(read().generation, 1);
}

}  // namespace
}  // namespace evergrant::test
