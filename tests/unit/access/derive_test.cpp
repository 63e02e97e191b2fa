#include "access/derive.hpp"

#include <gtest/gtest.h>

#include "store/sqlite_store.hpp"
#include "testing/faulty_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
using CallerPointer = std::shared_ptr<const Caller>;

class DeriveTest : public ::testing::Test {
 protected:
  static Policy readers() {
    return {.verbs = {Verb::token_read}, .registrations = {RegistrationId{"*"}}, .tenants = {TenantId{"*"}}};
  }
  NewCaller root(std::optional<Duration> lifetime = std::nullopt) {
    return std::move(run(executor, callers.create("an application", readers(), lifetime)).value());
  }
  static std::string header(const NewCaller& caller) { return "Bearer " + std::string{caller.key.reveal()}; }
  Result<CallerPointer> come_in(const NewCaller& caller) { return run(executor, callers.authenticate(header(caller))); }
  Result<NewCaller> from(const NewCaller& parent, Duration lifetime = 15min) {
    auto known = come_in(parent);
    if (!known) return std::unexpected(known.error());
    return run(executor, derive(store, clock, random, *known, {.name = "a job", .wanted = {}, .lifetime = lifetime}));
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  SystemRandom random;
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  FaultyStore store{*sqlite};
  Callers callers{store, clock, random};
};

TEST_F(DeriveTest, a_derived_key_comes_in_with_its_ancestors_and_lives_for_minutes) {
  const auto parent = root();
  const auto child = from(parent, 60s);
  ASSERT_TRUE(child) << child.error().message;
  const auto known = come_in(*child);
  ASSERT_TRUE(known);
  ASSERT_EQ((*known)->ancestors.size(), 1U);
  EXPECT_EQ((*known)->ancestors[0].id, parent.caller.id);
  EXPECT_EQ((*known)->ancestors[0].name, "an application");
  executor.advance(59999ms);
  EXPECT_TRUE(come_in(*child));
  executor.advance(1ms);
  EXPECT_FALSE(come_in(*child));
  EXPECT_TRUE(come_in(parent));
}

TEST_F(DeriveTest, it_never_lives_longer_than_its_parent) {
  const auto parent = root(100s);
  const auto child = from(parent, 24h);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->caller.expires_at, parent.caller.expires_at);
  for (const auto lifetime : {Duration{0}, Duration{-1s}, Duration{24h + 1ms}}) {
    const auto refused = from(root(), lifetime);
    ASSERT_FALSE(refused) << lifetime.count();
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  }
}

TEST_F(DeriveTest, three_derivations_are_the_deepest) {
  auto key = root();
  for (int i = 0; i < 3; ++i) {
    auto next = from(key);
    ASSERT_TRUE(next) << i;
    key = std::move(*next);
  }
  EXPECT_EQ((*come_in(key))->ancestors.size(), 3U);
  const auto fourth = from(key);
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().code, Errc::forbidden);
}

TEST_F(DeriveTest, revoking_a_key_ends_all_that_derives_from_it_at_once_also_in_the_cache) {
  const auto parent = root();
  const auto child = std::move(from(parent).value());
  const auto grandchild = std::move(from(child).value());
  const auto sibling = std::move(from(parent).value());
  for (const auto* key : {&parent, &child, &grandchild, &sibling})
    ASSERT_TRUE(callers.authenticate_now(header(*key), clock.now()) || come_in(*key));
  ASSERT_TRUE(run(executor, callers.revoke(child.caller.id)));
  EXPECT_FALSE(callers.authenticate_now(header(grandchild), clock.now()));
  EXPECT_FALSE(come_in(child));
  EXPECT_FALSE(come_in(grandchild));
  EXPECT_TRUE(come_in(sibling));
  EXPECT_TRUE(come_in(parent));
  ASSERT_TRUE(run(executor, callers.revoke(parent.caller.id)));
  EXPECT_FALSE(callers.authenticate_now(header(sibling), clock.now()));
  EXPECT_FALSE(come_in(sibling));
}

TEST_F(DeriveTest, nothing_derives_from_a_key_that_was_revoked_elsewhere_a_moment_ago) {
  const auto parent = root();
  ASSERT_TRUE(come_in(parent));  // cached
  Callers elsewhere{*sqlite, clock, random};
  ASSERT_TRUE(run(executor, elsewhere.revoke(parent.caller.id)));
  const auto child = from(parent);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Errc::gone);
}

TEST_F(DeriveTest, what_does_not_fit_the_parent_is_refused) {
  const auto parent = root();
  WantedPolicy wider;
  wider.verbs = {Verb::revoke};
  const auto child = run(executor, derive(store, clock, random, *come_in(parent), {.name = {}, .wanted = wider}));
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, Errc::forbidden);
  const auto unnamed = run(executor, derive(store, clock, random, *come_in(parent), {.name = {}, .wanted = {}}));
  ASSERT_TRUE(unnamed);
  EXPECT_EQ(unnamed->caller.name, "derived from an application");
}

}  // namespace
}  // namespace evergrant::test
