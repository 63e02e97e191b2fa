// What the reading path opens with: keys in memory, ready.
#include <atomic>
#include <thread>

#include "unit/store/vault_fixture.hpp"

namespace evergrant::test {
namespace {

class VaultOpeningTest : public VaultTest {
 protected:
  // The text, "absent", or the name of the error.
  static std::string now(const Vault& with, const Place& place, const Sealed& value) {
    const Opening opening{place, value};
    std::string out(opening.sealed.plain_size(), 'x');
    const auto size = with.open_into_now(opening, out);
    if (!size) return "absent";
    return *size ? out.substr(0, **size) : std::string{to_string(size->error().code)};
  }
  std::string now(const Place& place, const Sealed& value) const { return now(*vault, place, value); }
};

TEST_F(VaultOpeningTest, more_tenants_than_are_kept_ready_open_in_turn) {
  std::vector<Sealed> values;
  for (int i = 0; i < 20; ++i) values.push_back(sealed(some_place("tenant-" + std::to_string(i)), std::to_string(i)));
  for (int again = 0; again < 3; ++again) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(now(some_place("tenant-" + std::to_string(i)), values[i]), std::to_string(i));
    }
  }
}

// What was forgotten meanwhile keeps a key out of memory; that makes nothing sealed with it unreadable.
TEST_F(VaultOpeningTest, a_key_opens_whatever_else_is_forgotten_while_it_is_fetched) {
  const auto value = sealed(some_place());
  const auto cold = another_vault(*kek);
  start(*cold);
  std::optional<Result<Secret>> opened_cold;
  const auto gate = store.hold_next("tenant_keys");
  spawn(executor, [](Vault& with, Place place, Sealed what, std::optional<Result<Secret>>& out) -> Task<void> {
    auto plain = co_await with.open(std::move(place), std::move(what));  // ends when the gate opens
    out.emplace(std::move(plain));
  }(*cold, some_place(), value, opened_cold));
  executor.run_until_idle();
  ASSERT_FALSE(opened_cold);
  ASSERT_TRUE(get(cold->shred_tenant(TenantId{"somebody else"})));
  gate.set(true);
  executor.run_until_idle();
  ASSERT_TRUE(opened_cold);
  ASSERT_TRUE(*opened_cold) << opened_cold->error().message;
  EXPECT_EQ((*opened_cold)->reveal(), "canary-token");
}

TEST_F(VaultOpeningTest, a_store_that_will_not_give_a_key_makes_nothing_unreadable) {
  const auto other = another_vault(*kek);
  start(*other);
  ASSERT_TRUE(get(other->rotate_root_key()));  // the first vault has not seen that key yet
  const Secret secret{"canary-token"};
  const auto value = get(other->seal(some_place(), secret)).value();
  store.fail_next("root_keys");
  EXPECT_EQ(opened(some_place(), value), "store_unavailable");
  EXPECT_EQ(opened(some_place(), value), "canary-token");
}

TEST_F(VaultOpeningTest, a_value_does_not_open_in_another_place_or_for_another_tenant) {
  const auto value = sealed(some_place());
  EXPECT_EQ(now(some_place(), value), "canary-token");
  EXPECT_EQ(now(some_place("acme", "con_2"), value), "sealed_broken");
  EXPECT_EQ(now(some_place("bolt"), value), "sealed_broken");
  EXPECT_EQ(now(some_place(), Sealed{"no record"}), "sealed_broken");
  EXPECT_EQ(now(some_place(), value), "canary-token");
}

TEST_F(VaultOpeningTest, a_key_that_is_not_in_memory_is_for_those_who_wait) {
  const auto value = sealed(some_place());
  const auto second = another_vault(*kek);
  start(*second);
  EXPECT_EQ(now(*second, some_place(), value), "absent");
  EXPECT_EQ(opened(*second, some_place(), value), "canary-token");
  EXPECT_EQ(now(*second, some_place(), value), "canary-token");
}

TEST_F(VaultOpeningTest, a_key_that_was_ready_is_gone_once_its_tenant_is_shredded) {
  const auto value = sealed(some_place());
  const auto other = sealed(some_place("bolt"));
  EXPECT_EQ(now(some_place(), value), "canary-token");
  EXPECT_EQ(now(some_place("bolt"), other), "canary-token");
  ASSERT_TRUE(get(vault->shred_tenant(TenantId{"acme"})));
  EXPECT_EQ(now(some_place(), value), "absent");
  EXPECT_EQ(now(some_place("bolt"), other), "canary-token");
}

TEST_F(VaultOpeningTest, a_value_that_knows_its_key_keeps_it_from_nobody) {
  const auto value = sealed(some_place());
  const Opening opening{some_place(), value};
  std::string out(opening.sealed.plain_size(), 'x');
  for (int i = 0; i < 8; ++i) {  // others take its key's place among those that are ready
    ASSERT_TRUE(vault->open_into_now(opening, out).value());
    const std::string tenant = "tenant-" + std::to_string(i);
    EXPECT_EQ(now(some_place(tenant), sealed(some_place(tenant))), "canary-token");
  }
  EXPECT_EQ(out, "canary-token");
  ASSERT_TRUE(opening.known_key());
  ASSERT_TRUE(get(vault->shred_tenant(TenantId{"acme"})));
  EXPECT_FALSE(opening.known_key()) << "nothing keeps it alive";
  EXPECT_FALSE(vault->open_into_now(opening, out));
}

TEST_F(VaultOpeningTest, a_value_that_knew_its_key_opens_with_the_same_key_fetched_anew) {
  const auto row = stored("con_1");  // its tenant's keys are in use
  const Opening opening{place_of(row, "access_token", 1), row.tokens.access_token};
  std::string out(opening.sealed.plain_size(), 'x');
  ASSERT_TRUE(vault->open_into_now(opening, out).value());
  ASSERT_TRUE(opening.known_key());
  EXPECT_FALSE(get(vault->shred_tenant(TenantId{"acme"}, true))) << "in use: it only leaves memory";
  EXPECT_FALSE(vault->open_into_now(opening, out));
  EXPECT_EQ(access_token(*vault, "con_1"), "access_token of con_1");
  for (int i = 0; i < 2; ++i) {
    out.assign(out.size(), 'x');
    const auto again = vault->open_into_now(opening, out);
    ASSERT_TRUE(again && *again);
    EXPECT_EQ(out, "access_token of con_1");
  }
}

TEST_F(VaultOpeningTest, a_key_that_was_ready_is_gone_once_it_is_retired) {
  const auto late = sealed(some_place("acme", "con_late"));
  stored("con_1");
  const auto key = tenant_keys("acme")[0].id;
  EXPECT_EQ(now(some_place("acme", "con_late"), late), "canary-token");
  ASSERT_TRUE(get(vault->rotate_tenant_key(TenantId{"acme"})));
  EXPECT_EQ(now(some_place("acme", "con_late"), late), "canary-token");
  ASSERT_TRUE(get(vault->retire(key)));
  EXPECT_EQ(now(some_place("acme", "con_late"), late), "absent");
}

TEST_F(VaultOpeningTest, threads_open_while_keys_are_made_and_shredded) {
  const auto steady = sealed(some_place());
  std::atomic<bool> stop = false;
  std::atomic<int> bad = 0;
  {
    std::vector<std::jthread> serving;
    for (int i = 0; i < 3; ++i) {
      serving.emplace_back([&] {
        while (!stop) bad += now(some_place(), steady) == "canary-token" ? 0 : 1;
      });
    }
    for (int i = 0; i < 50; ++i) {
      const auto place = some_place("tenant-" + std::to_string(i));
      const auto value = sealed(place);
      EXPECT_EQ(now(place, value), "canary-token");
      EXPECT_TRUE(get(vault->shred_tenant(place.tenant)));
      EXPECT_EQ(now(place, value), "absent");
    }
    stop = true;
  }
  EXPECT_EQ(bad.load(), 0);
}

}  // namespace
}  // namespace evergrant::test
