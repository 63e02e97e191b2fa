#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "access/access_control.hpp"
#include "store/sqlite_store.hpp"
#include "testing/faulty_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class CallersTest : public ::testing::Test {
 protected:
  static Policy everything() {
    return {.verbs = {Verb::admin}, .registrations = {RegistrationId{"*"}}, .tenants = {TenantId{"*"}}};
  }
  NewCaller make(std::optional<Duration> lifetime = std::nullopt) {
    auto made = run(executor, callers.create("an application", everything(), lifetime));
    if (!made) throw std::logic_error(made.error().message);
    return std::move(*made);
  }
  static std::string header(const NewCaller& caller) { return "Bearer " + std::string{caller.key.reveal()}; }
  Result<std::shared_ptr<const Caller>> come_in(Callers& at, std::optional<std::string> authorization) {
    return run(executor, at.authenticate(std::move(authorization)));
  }
  Errc refusal(std::optional<std::string> authorization) {
    const auto caller = come_in(callers, std::move(authorization));
    EXPECT_FALSE(caller);
    return caller ? Errc::internal : caller.error().code;
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  SystemRandom random;
  std::unique_ptr<Log> log = Log::silent();
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  FaultyStore store{*sqlite};
  Callers callers{store, clock, random};
};

TEST_F(CallersTest, a_key_is_shown_once_and_stored_as_a_hash) {
  const auto made = make();
  EXPECT_EQ(made.key.size(), 47U);
  EXPECT_TRUE(made.key.reveal().starts_with("egk_"));
  EXPECT_TRUE(made.key.reveal().starts_with(made.caller.key_prefix));
  EXPECT_LT(made.caller.key_prefix.size(), 12U);
  const auto stored = run(executor, store.caller(made.caller.id));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->key_hash.size(), 64U);
  EXPECT_FALSE(stored->key_hash.contains(made.key.reveal().substr(4)));
}

TEST_F(CallersTest, the_key_comes_in_and_the_scheme_has_no_case) {
  const auto made = make();
  const auto caller = come_in(callers, header(made));
  ASSERT_TRUE(caller);
  EXPECT_EQ((*caller)->id, made.caller.id);
  EXPECT_EQ((*caller)->policy.verbs, std::vector{Verb::admin});
  EXPECT_TRUE(come_in(callers, "bEARER " + std::string{made.key.reveal()}));
}

TEST_F(CallersTest, what_is_no_key_of_ours_is_refused_alike_and_without_a_look_into_the_store) {
  const auto made = make();
  const std::string key{made.key.reveal()};
  const std::vector<std::optional<std::string>> wrong{std::nullopt,
                                                      "",
                                                      "Bearer",
                                                      "Bearer ",
                                                      "Basic " + key,
                                                      key,
                                                      "Bearer " + key + "x",
                                                      "Bearer " + key.substr(0, 46),
                                                      "Bearer xyz_" + key.substr(4),
                                                      "Bearer " + key + ", Bearer " + key};
  std::set<std::string> messages;
  for (const auto& authorization : wrong) {
    const auto caller = come_in(callers, authorization);
    ASSERT_FALSE(caller) << authorization.value_or("(none)");
    EXPECT_EQ(caller.error().code, Errc::unauthenticated);
    messages.insert(caller.error().message);
  }
  EXPECT_EQ(store.calls("caller_by_key_hash"), 0);
  std::string unknown = key;
  unknown.back() = unknown.back() == 'A' ? 'B' : 'A';
  const auto caller = come_in(callers, "Bearer " + unknown);
  ASSERT_FALSE(caller);
  messages.insert(caller.error().message);
  EXPECT_EQ(messages.size(), 1U) << "an unknown key must not be told from a malformed one";
}

TEST_F(CallersTest, an_expired_key_is_refused_also_from_the_cache) {
  const auto made = make(3s);
  EXPECT_TRUE(come_in(callers, header(made)));
  executor.advance(2999ms);
  EXPECT_TRUE(callers.authenticate_now(header(made), clock.now()));
  executor.advance(1ms);
  EXPECT_FALSE(callers.authenticate_now(header(made), clock.now()));
  EXPECT_EQ(refusal(header(made)), Errc::unauthenticated);
}

TEST_F(CallersTest, a_known_key_is_answered_without_the_store_for_a_while) {
  const auto made = make();
  EXPECT_FALSE(callers.authenticate_now(header(made), clock.now())) << "never seen";
  ASSERT_TRUE(come_in(callers, header(made)));
  store.fail_all(true);
  executor.advance(5s);
  EXPECT_TRUE(callers.authenticate_now(header(made), clock.now()));
  EXPECT_TRUE(come_in(callers, header(made)));
  executor.advance(1ms);
  EXPECT_FALSE(callers.authenticate_now(header(made), clock.now()));
  EXPECT_EQ(refusal(header(made)), Errc::store_unavailable) << "not 'unauthenticated': the key may be good";
}

TEST_F(CallersTest, the_cache_does_not_outlive_a_clock_that_was_set_back) {
  const auto made = make();
  ASSERT_TRUE(come_in(callers, header(made)));
  clock.advance(-1h);
  EXPECT_FALSE(callers.authenticate_now(header(made), clock.now()));
}

TEST_F(CallersTest, a_revocation_is_seen_at_once_in_this_process) {
  const auto made = make();
  ASSERT_TRUE(come_in(callers, header(made)));
  ASSERT_TRUE(run(executor, callers.revoke(made.caller.id)));
  EXPECT_FALSE(callers.authenticate_now(header(made), clock.now()));
  EXPECT_EQ(refusal(header(made)), Errc::unauthenticated);
}

TEST_F(CallersTest, a_revocation_by_another_process_is_seen_within_the_cache_time) {
  const auto made = make();
  ASSERT_TRUE(come_in(callers, header(made)));
  Callers elsewhere{*sqlite, clock, random};
  ASSERT_TRUE(run(executor, elsewhere.revoke(made.caller.id)));
  executor.advance(5001ms);
  EXPECT_EQ(refusal(header(made)), Errc::unauthenticated);
}

TEST_F(CallersTest, a_row_that_was_read_before_a_revocation_is_not_kept) {
  const auto made = make();
  bool revoked = false;
  store.after("caller_by_key_hash", [&] {
    if (!std::exchange(revoked, true)) ASSERT_TRUE(run(executor, callers.revoke(made.caller.id)));
  });
  const auto crossing = come_in(callers, header(made));  // it was good when it was read
  EXPECT_FALSE(callers.authenticate_now(header(made), clock.now()));
  EXPECT_EQ(refusal(header(made)), Errc::unauthenticated);
}

TEST_F(CallersTest, names_and_policies_are_checked) {
  const auto code_of = [&](std::string name, Policy policy) {
    const auto made = run(executor, callers.create(std::move(name), std::move(policy), std::nullopt));
    return made ? Errc{} : made.error().code;
  };
  for (const auto& name : {std::string{}, std::string(101, 'a'), std::string{"a\nb"}, std::string{"a\xff"}}) {
    const auto made = run(executor, callers.create(name, everything(), std::nullopt));
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, Errc::invalid_argument);
  }
  Policy without_verbs = everything();
  without_verbs.verbs.clear();
  EXPECT_EQ(code_of("fine", without_verbs), Errc::invalid_argument);
  std::vector<Policy> unclear(6, everything());
  unclear[0].connections = {ConnectionId{"*"}};
  unclear[1].methods = {"get"};
  unclear[2].methods = {""};
  unclear[3].paths = {"invoice"};
  unclear[4].requests_per_minute = -1;
  unclear[5].requests_per_minute = 1'000'001;
  for (const auto& one : unclear) EXPECT_EQ(code_of("fine", one), Errc::invalid_argument);
  EXPECT_TRUE(run(executor, callers.create(std::string(100, 'a'), everything(), std::nullopt)));
}

TEST_F(CallersTest, two_keys_are_never_the_same) {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.emplace(make().key.reveal());
  EXPECT_EQ(keys.size(), 100U);
}

}  // namespace
}  // namespace evergrant::test
