#include <algorithm>

#include "unit/store/vault_fixture.hpp"

namespace evergrant::test {
namespace {

struct RotationTest : VaultTest {
  void expect_all_open(Vault& with, int count) {
    for (int i = 1; i <= count; ++i) {
      const std::string id = "con_" + std::to_string(i);
      EXPECT_EQ(access_token(with, id), "access_token of " + id);
    }
  }
};

TEST_F(RotationTest, after_a_new_kek_the_old_one_is_needed_no_more) {
  stored("con_1");
  const auto next = some_kek('b', random);
  const auto both = another_vault(*next, {kek.get()});
  start(*both);
  const auto report = get(both->rewrap_root_keys()).value();
  EXPECT_EQ(report.rewrapped_root_keys, 1);
  EXPECT_EQ(get(both->rewrap_root_keys()).value().rewrapped_root_keys, 0);
  const auto alone = another_vault(*next);
  start(*alone);
  expect_all_open(*alone, 1);
  EXPECT_EQ(get(another_vault(*kek)->start()).error().code, Errc::key_unavailable);
}

TEST_F(RotationTest, a_new_root_key_takes_over_all_tenant_keys_and_leaves_the_records) {
  stored("con_1", "acme");
  stored("con_2", "bolt");
  const auto before = read("con_1").tokens;
  const auto report = get(vault->rotate_root_key()).value();
  EXPECT_EQ(report.rewrapped_tenant_keys, 3) << "two tenants and the installation's indexing key";
  EXPECT_EQ(read("con_1").tokens, before);
  const auto roots = root_keys();
  ASSERT_EQ(roots.size(), 2U);
  for (const auto& key : tenant_keys("acme"))
    EXPECT_NE(key.wrapped_by, roots[0].state == KeyState::active ? roots[1].id.str() : roots[0].id.str());
  const auto second = another_vault(*kek);
  start(*second);
  expect_all_open(*second, 2);
}

TEST_F(RotationTest, a_rotation_of_the_root_key_that_was_interrupted_continues_without_a_third_key) {
  for (int i = 1; i <= 5; ++i) stored("con_" + std::to_string(i), "tenant-" + std::to_string(i));
  int done = 0;
  store.after("rewrap_key", [&] {
    if (++done == 2) store.fail_all(true);
  });
  EXPECT_FALSE(get(vault->rotate_root_key()));
  store.fail_all(false);
  store.after("rewrap_key", {});
  expect_all_open(*vault, 5);
  const auto second = another_vault(*kek);  // as after a restart
  start(*second);
  expect_all_open(*second, 5);
  const auto report = get(second->rotate_root_key()).value();
  EXPECT_EQ(report.rewrapped_tenant_keys, 4) << "of six, two were done";
  EXPECT_EQ(root_keys().size(), 2U);
  EXPECT_EQ(get(vault->retire(root_keys()[0].state == KeyState::active ? root_keys()[1].id : root_keys()[0].id)).has_value(),
            true);
  const auto third = another_vault(*kek);
  start(*third);
  expect_all_open(*third, 5);
}

TEST_F(RotationTest, a_new_tenant_key_seals_every_record_of_the_tenant_anew) {
  stored("con_1");
  stored("con_2");
  stored("con_3", "bolt");
  const auto bolt = read("con_3").tokens;
  const auto old_key = tenant_keys("acme")[0].id;
  const auto report = get(vault->rotate_tenant_key(TenantId{"acme"})).value();
  EXPECT_EQ(report.resealed_records, 2);
  EXPECT_EQ(report.unreadable_records, 0);
  EXPECT_EQ(read("con_3").tokens, bolt);
  for (const std::string id : {"con_1", "con_2"}) {
    const auto tokens = read(id).tokens;
    for (const auto* value : {&tokens.access_token, &tokens.refresh_token, &tokens.extras})
      EXPECT_NE(key_of(*value), old_key);
  }
  expect_all_open(*vault, 3);
}

TEST_F(RotationTest, a_rotation_of_a_tenant_key_that_was_interrupted_continues_without_a_third_key) {
  for (int i = 1; i <= 5; ++i) stored("con_" + std::to_string(i));
  int done = 0;
  store.after("reseal", [&] {
    if (++done == 2) store.fail_all(true);
  });
  EXPECT_FALSE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  store.fail_all(false);
  const auto second = another_vault(*kek);
  start(*second);
  expect_all_open(*second, 5);
  EXPECT_EQ(get(second->rotate_tenant_key(TenantId{"acme"})).value().resealed_records, 3);
  EXPECT_EQ(tenant_keys("acme").size(), 2U);
  expect_all_open(*second, 5);
  expect_all_open(*vault, 5);
}

TEST_F(RotationTest, a_record_that_is_refreshed_during_the_rotation_keeps_its_newer_tokens) {
  const auto c = stored("con_1");
  bool refreshed = false;
  store.before("reseal", [&] {
    if (std::exchange(refreshed, true)) return;
    const auto fence = run(executor, sqlite->claim(c.id, 1, "node", at(0), at(60), {})).value().connection.lease.fence;
    auto update = some_update();
    update.tokens = {sealed(place_of(c, "access_token", 2), "newer"), sealed(place_of(c, "refresh_token", 2), "newer"), {}};
    ASSERT_TRUE(run(executor, sqlite->commit(c.id, fence, 1, fence, update, {})));
  });
  const auto report = get(vault->rotate_tenant_key(TenantId{"acme"}));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(access_token(*vault, "con_1"), "newer");
  EXPECT_EQ(read("con_1").generation, 2);
}

TEST_F(RotationTest, an_unreadable_record_is_counted_and_the_others_go_on) {
  for (int i = 1; i <= 3; ++i) stored("con_" + std::to_string(i));
  const auto c = read("con_2");
  auto altered = c.tokens;
  altered.refresh_token.bytes.back() = static_cast<char>(altered.refresh_token.bytes.back() ^ 1);
  ASSERT_TRUE(get(store.reseal(c.id, 1, c.tokens, altered)));
  const auto report = get(vault->rotate_tenant_key(TenantId{"acme"})).value();
  EXPECT_EQ(report.resealed_records, 2);
  EXPECT_EQ(report.unreadable_records, 1);
  EXPECT_EQ(read("con_2").tokens, altered) << "reported, never dropped";
  expect_all_open(*vault, 1);
}

TEST_F(RotationTest, more_unreadable_keys_than_a_batch_do_not_hide_the_readable_ones) {
  for (int i = 0; i < 130; ++i) {
    const std::string tenant = "tenant-" + std::to_string(i);
    sealed(some_place(tenant));
    if (i == 0) continue;
    const auto key = tenant_keys(tenant)[0];
    ASSERT_TRUE(get(store.rewrap_key(key.id, key.wrapped, key.wrapped + "x", key.wrapped_by)));
  }
  const auto report = get(vault->rotate_root_key()).value();
  EXPECT_EQ(report.unreadable_records, 129);
  EXPECT_EQ(report.rewrapped_tenant_keys, 2);
}

TEST_F(RotationTest, a_key_in_use_is_not_retired) {
  stored("con_1");
  const auto root = root_keys()[0].id;
  const auto key = tenant_keys("acme")[0].id;
  EXPECT_EQ(get(vault->retire(root)).error().code, Errc::conflict);
  EXPECT_EQ(get(vault->retire(key)).error().code, Errc::conflict);
  store.fail_always("reseal", true);  // a new key, and nothing moved to it yet
  EXPECT_FALSE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  store.fail_always("reseal", false);
  EXPECT_EQ(get(vault->retire(key)).error().code, Errc::conflict);
  expect_all_open(*vault, 1);
  ASSERT_TRUE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  EXPECT_TRUE(get(vault->retire(key)));
  expect_all_open(*vault, 1);
  const auto keys = tenant_keys("acme");
  const auto retired = std::ranges::find(keys, key, &StoredKey::id);
  ASSERT_NE(retired, keys.end());
  EXPECT_EQ(retired->state, KeyState::retired);
  EXPECT_EQ(retired->wrapped, "");
}

TEST_F(RotationTest, a_replaced_key_is_retired_by_itself_once_no_process_can_be_sealing_with_it) {
  stored("con_1");
  executor.advance(1s);
  EXPECT_EQ(get(vault->rotate_tenant_key(TenantId{"acme"})).value().retired_keys, 0);
  executor.advance(2h);
  EXPECT_EQ(get(vault->rotate_tenant_key(TenantId{"acme"})).value().retired_keys, 1);
  EXPECT_EQ(get(vault->rotate_root_key()).value().retired_keys, 0);
  executor.advance(2h);
  EXPECT_EQ(get(vault->rotate_root_key()).value().retired_keys, 1);
  expect_all_open(*vault, 1);
}

TEST_F(RotationTest, another_process_notices_a_rotation_within_its_minute) {
  stored("con_1");
  const auto second = another_vault(*kek);
  start(*second);
  const Secret plain{"x"};
  const auto old_key = key_of(get(second->seal(some_place(), plain)).value());
  ASSERT_TRUE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  executor.advance(61s);
  EXPECT_NE(key_of(get(second->seal(some_place(), plain)).value()), old_key);
}

TEST_F(RotationTest, what_was_sealed_by_a_key_retired_meanwhile_is_refused_by_the_store) {
  stored("con_1");
  const auto late = sealed(place_of(some_connection("con_2", "realm-con_2"), "access_token", 1));
  const auto key = tenant_keys("acme")[0].id;
  ASSERT_TRUE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  ASSERT_TRUE(get(vault->retire(key)));
  auto c = some_connection("con_2", "realm-con_2");
  c.tokens.access_token = late;
  EXPECT_EQ(get(store.create(c, {})).error().code, Errc::key_unavailable);
  EXPECT_EQ(get(store.connection(c.id)).error().code, Errc::not_found);
}

TEST_F(RotationTest, a_shredded_tenant_is_unreadable_at_once_and_others_are_not) {
  stored("con_1", "acme");
  stored("con_2", "bolt");
  EXPECT_EQ(get(vault->shred_tenant(TenantId{"acme"})).value(), 1);
  const auto c = read("con_1");
  EXPECT_FALSE(vault->open_now(place_of(c, "access_token", 1), c.tokens.access_token)) << "not in memory any more";
  EXPECT_EQ(access_token(*vault, "con_1"), "sealed_broken");
  EXPECT_EQ(access_token(*vault, "con_2"), "access_token of con_2");
  EXPECT_TRUE(tenant_keys("acme").empty());
}

TEST_F(RotationTest, a_load_under_way_does_not_bring_a_shredded_key_back) {
  stored("con_1");
  const auto second = another_vault(*kek);
  start(*second);
  store.after("tenant_keys", [&] {
    store.after("tenant_keys", {});  // once: the rows are read, then the tenant is shredded, then the load goes on
    VirtualExecutor inner{clock};
    ASSERT_TRUE(run(inner, second->shred_tenant(TenantId{"acme"})));
  });
  EXPECT_EQ(access_token(*second, "con_1"), "sealed_broken");
  const auto c = read("con_1");
  EXPECT_FALSE(second->open_now(place_of(c, "access_token", 1), c.tokens.access_token));
}

}  // namespace
}  // namespace evergrant::test
