#include "unit/store/vault_fixture.hpp"

#include <set>

namespace evergrant::test {
namespace {

TEST_F(VaultTest, what_is_sealed_opens_in_its_place) {
  const auto value = sealed(some_place());
  EXPECT_EQ(opened(some_place(), value), "canary-token");
  EXPECT_EQ(value.bytes.find("canary"), std::string::npos);
}

TEST_F(VaultTest, the_same_text_never_seals_to_the_same_bytes) {
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) all.insert(sealed(some_place()).bytes);
  EXPECT_EQ(all.size(), 100U);
}

TEST_F(VaultTest, each_flipped_bit_breaks_it) {
  const auto value = sealed(some_place());
  for (std::size_t bit = 0; bit < value.bytes.size() * 8; ++bit) {
    auto flipped = value;
    flipped.bytes[bit / 8] = static_cast<char>(flipped.bytes[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(opened(some_place(), flipped), "sealed_broken") << "bit " << bit;
  }
}

TEST_F(VaultTest, each_truncation_and_extension_breaks_it) {
  const auto value = sealed(some_place());
  for (std::size_t size = 0; size < value.bytes.size(); ++size) {
    ASSERT_EQ(opened(some_place(), Sealed{value.bytes.substr(0, size)}), "sealed_broken") << "size " << size;
  }
  EXPECT_EQ(opened(some_place(), Sealed{value.bytes + '\0'}), "sealed_broken");
}

TEST_F(VaultTest, a_value_moved_to_any_other_place_breaks) {
  sealed(some_place("bolt"));  // so that the other tenant has a key
  const auto value = sealed(some_place());
  const auto moved = [&](auto change) {
    auto place = some_place();
    change(place);
    const auto now = vault->open_now(place, value);
    EXPECT_TRUE(now && !*now && now->error().code == Errc::sealed_broken);
    return opened(place, value);
  };
  EXPECT_EQ(moved([](Place& p) { p.tenant = TenantId{"bolt"}; }), "sealed_broken");
  EXPECT_EQ(moved([](Place& p) { p.registration = RegistrationId{"crm"}; }), "sealed_broken");
  EXPECT_EQ(moved([](Place& p) { p.realm = RealmId{"other"}; }), "sealed_broken");
  EXPECT_EQ(moved([](Place& p) { p.connection = ConnectionId{"con_2"}; }), "sealed_broken");
  EXPECT_EQ(moved([](Place& p) { p.field = "refresh_token"; }), "sealed_broken");
  EXPECT_EQ(moved([](Place& p) { p.generation = 2; }), "sealed_broken");
  EXPECT_EQ(opened(some_place(), value), "canary-token");
}

TEST_F(VaultTest, rows_swapped_in_the_database_break_both) {
  const auto a = stored("con_1");
  const auto b = stored("con_2");
  ASSERT_TRUE(get(store.reseal(a.id, 1, a.tokens, b.tokens)));
  ASSERT_TRUE(get(store.reseal(b.id, 1, b.tokens, a.tokens)));
  EXPECT_EQ(access_token(*vault, "con_1"), "sealed_broken");
  EXPECT_EQ(access_token(*vault, "con_2"), "sealed_broken");
}

TEST_F(VaultTest, a_fresh_vault_on_the_same_store_opens_everything) {
  const auto value = sealed(some_place());
  const auto second = another_vault(*kek);
  start(*second);
  EXPECT_FALSE(second->open_now(some_place(), value)) << "the tenant's key is not in memory yet";
  EXPECT_EQ(opened(*second, some_place(), value), "canary-token");
  const auto now = second->open_now(some_place(), value);
  ASSERT_TRUE(now);
  EXPECT_EQ((*now)->reveal(), "canary-token");
}

TEST_F(VaultTest, opening_into_a_buffer_gives_the_same) {
  const auto value = sealed(some_place());
  std::string buffer(plain_size(value), 'x');
  const auto size = vault->open_into_now(some_place(), value, buffer);
  ASSERT_TRUE(size && *size);
  EXPECT_EQ(buffer.substr(0, **size), "canary-token");
  auto elsewhere = some_place();
  elsewhere.generation = 2;
  const auto broken = vault->open_into_now(elsewhere, value, buffer);
  EXPECT_EQ(broken->error().code, Errc::sealed_broken);
  EXPECT_EQ(buffer.find("canary"), std::string::npos);
}

TEST_F(VaultTest, another_kek_opens_nothing_and_says_which_is_missing) {
  const auto other = some_kek('b', random);
  const auto stranger = another_vault(*other);
  const auto started = get(stranger->start());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::key_unavailable);
  EXPECT_NE(started.error().message.find(kek->id()), std::string::npos) << started.error().message;
  EXPECT_EQ(root_keys().size(), 1U) << "it made no key of its own";
}

TEST_F(VaultTest, an_altered_root_key_stops_the_start) {
  auto root = root_keys()[0];
  auto altered = root.wrapped;
  altered.back() = static_cast<char>(altered.back() ^ 1);
  ASSERT_TRUE(get(store.rewrap_key(root.id, root.wrapped, altered, root.wrapped_by)));
  EXPECT_EQ(get(another_vault(*kek)->start()).error().code, Errc::key_unavailable);
}

TEST_F(VaultTest, two_vaults_that_start_at_once_agree_on_the_keys) {
  const auto second = another_vault(*kek);
  start(*second);
  EXPECT_EQ(root_keys().size(), 1U);
  const auto value = sealed(some_place());
  const Secret plain{"from the second"};
  const auto other = get(second->seal(some_place(), plain)).value();
  EXPECT_EQ(tenant_keys("acme").size(), 1U);
  EXPECT_EQ(opened(some_place(), other), "from the second");
  EXPECT_EQ(opened(*second, some_place(), value), "canary-token");
}

TEST_F(VaultTest, a_tenant_key_that_was_made_elsewhere_meanwhile_is_used) {
  const auto second = another_vault(*kek);
  start(*second);
  store.after("tenant_keys", [&] {
    store.after("tenant_keys", {});  // once: between this vault's look and its making of a key, another makes one
    const Secret plain{"x"};
    VirtualExecutor inner{clock};
    ASSERT_TRUE(run(inner, second->seal(some_place(), plain)));
  });
  const auto value = sealed(some_place());
  EXPECT_EQ(tenant_keys("acme").size(), 1U);
  EXPECT_EQ(opened(*second, some_place(), value), "canary-token");
}

TEST_F(VaultTest, tenants_have_keys_of_their_own) {
  const auto a = sealed(some_place("acme"));
  const auto b = sealed(some_place("bolt"));
  EXPECT_NE(key_of(a), key_of(b));
}

TEST_F(VaultTest, seals_are_counted_in_steps_before_they_happen) {
  for (int i = 0; i < 5; ++i) sealed(some_place());
  EXPECT_EQ(tenant_keys("acme")[0].seals, std::int64_t{1} << 14);
  EXPECT_EQ(store.calls("reserve_seals"), 2) << "once for the root key, once for the tenant's";
}

TEST_F(VaultTest, a_key_that_sealed_two_to_the_32_times_is_replaced_by_itself) {
  const auto before = sealed(some_place());
  const auto key = tenant_keys("acme")[0];
  ASSERT_TRUE(get(store.reserve_seals(key.id, (std::int64_t{1} << 32) - key.seals)));  // others used it up
  executor.advance(1s);  // keys are listed in the order of their age
  const auto second = another_vault(*kek);
  start(*second);
  const Secret plain{"later"};
  const auto after = get(second->seal(some_place(), plain)).value();
  EXPECT_NE(key_of(after), key_of(before));
  EXPECT_EQ(tenant_keys("acme").size(), 2U);
  EXPECT_EQ(tenant_keys("acme")[0].state, KeyState::decrypt_only);
  EXPECT_EQ(opened(*second, some_place(), before), "canary-token");
  EXPECT_EQ(opened(*second, some_place(), after), "later");
}

TEST_F(VaultTest, a_store_that_is_away_is_no_broken_seal) {
  const auto value = sealed(some_place());
  const auto second = another_vault(*kek);
  start(*second);
  store.fail_all(true);
  EXPECT_EQ(opened(*second, some_place(), value), "store_unavailable");
  EXPECT_EQ(opened(some_place(), value), "canary-token") << "what is in memory still opens";
}

TEST_F(VaultTest, one_broken_tenant_key_leaves_other_tenants_alone) {
  const auto broken = sealed(some_place("acme"));
  const auto good = sealed(some_place("bolt"));
  const auto key = tenant_keys("acme")[0];
  ASSERT_TRUE(get(store.rewrap_key(key.id, key.wrapped, key.wrapped.substr(0, key.wrapped.size() - 1), key.wrapped_by)));
  const auto second = another_vault(*kek);
  start(*second);
  EXPECT_NE(opened(*second, some_place("acme"), broken), "canary-token");
  EXPECT_EQ(opened(*second, some_place("bolt"), good), "canary-token");
}

TEST_F(VaultTest, blind_indexes_compare_within_a_tenant_and_purpose_only) {
  const auto index = [&](Vault& with, const std::string& tenant, const std::string& purpose, const std::string& value) {
    return get(with.blind_index(TenantId{tenant}, purpose, value)).value();
  };
  const auto one = index(*vault, "acme", "grant", "hub-42");
  EXPECT_EQ(one.size(), 64U);
  EXPECT_EQ(index(*vault, "acme", "grant", "hub-42"), one);
  EXPECT_NE(index(*vault, "bolt", "grant", "hub-42"), one);
  EXPECT_NE(index(*vault, "acme", "other", "hub-42"), one);
  EXPECT_NE(index(*vault, "acme", "grant", "hub-43"), one);
  ASSERT_TRUE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  ASSERT_TRUE(get(vault->rotate_root_key()));
  const auto second = another_vault(*kek);
  start(*second);
  EXPECT_EQ(index(*second, "acme", "grant", "hub-42"), one) << "indexes outlive every rotation and restart";
}

TEST_F(VaultTest, a_fingerprint_is_the_same_everywhere_in_this_installation) {
  const std::string token = "canary-token";
  const auto one = vault->fingerprint(token);
  EXPECT_EQ(one.size(), 12U);
  const auto second = another_vault(*kek);
  start(*second);
  EXPECT_EQ(second->fingerprint(token), one);
  EXPECT_NE(second->fingerprint("another"), one);
}

}  // namespace
}  // namespace evergrant::test
