// The client against a real server over HTTP: the fault kit's.
#include "evergrant/remote_tokens.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "evergrant/testing/bench.hpp"

namespace evergrant::inline library {
namespace {

using namespace std::chrono_literals;

class BenchsClock final : public Clock {
 public:
  explicit BenchsClock(testing::Bench& bench) : bench_{bench} {}
  [[nodiscard]] Time now() const override { return bench_.clock().now(); }

 private:
  testing::Bench& bench_;
};

class RemoteTokensTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<RemoteTokens> client(const std::string& key) {
    auto made = RemoteTokens::make({.url = bench.url(),
                                    .api_key = Secret{key},
                                    .threads = Threads::own,
                                    .clock = std::make_shared<BenchsClock>(bench)});
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
  }
  static std::string text(const Result<TokenLease>& lease) {
    return lease ? std::string{lease->reveal()} : std::string{to_string(lease.error().code)};
  }

  testing::Bench bench;
  const std::string realm = "4620816365000000001";
  const std::string id = bench.connect("acme", realm);
  std::unique_ptr<RemoteTokens> tokens = client(bench.api_key());
};

TEST_F(RemoteTokensTest, a_lease_is_fetched_once_and_then_at_hand) {
  const auto lease = tokens->get({.connection = id}).wait();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->connection(), id);
  EXPECT_EQ(lease->realm(), realm);
  EXPECT_EQ(lease->generation(), 1);
  bench.lose_power();  // nobody can be asked
  auto again = tokens->get({.connection = id});
  EXPECT_TRUE(again.is_ready());
  EXPECT_EQ(text(again.wait()), lease->reveal());
}

TEST_F(RemoteTokensTest, by_realm_it_is_the_same_token) {
  const auto lease = tokens->get({.registration = "sandbox", .realm = realm}).wait();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->connection(), id);
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), lease->reveal());
}

TEST_F(RemoteTokensTest, it_is_asked_for_anew_ahead_of_its_end) {
  const auto first = tokens->get({.connection = id}).wait();
  bench.clock().advance(59min + 30s);
  const auto second = tokens->get({.connection = id, .min_ttl = 10min}).wait();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->generation(), 2);
  EXPECT_NE(second->reveal(), first->reveal());
}

// The server's own rule for a token that is good still.
TEST_F(RemoteTokensTest, a_valid_token_in_its_last_half_minute_is_not_waited_for_as_long_as_a_missing_one) {
  bench.provider().settings(R"({"access_lifetime": 300})");
  const std::string short_lived = bench.connect("acme", "4620816365000000002");
  bench.provider().hang();
  bench.clock().advance(4min + 40s);
  const auto before = bench.clock().now();
  const auto lease = tokens->get({.connection = short_lived}).wait();
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->generation(), 1);
  EXPECT_LE(bench.clock().now() - before, 3s);
}

TEST_F(RemoteTokensTest, a_token_that_the_api_refused_is_replaced_and_never_given_again) {
  const auto refused = tokens->get({.connection = id}).wait();
  ASSERT_TRUE(tokens->get({.registration = "sandbox", .realm = realm}).wait());
  bench.provider().expire_access_token(id);
  const auto fresh = tokens->invalidate(*refused).wait();
  ASSERT_TRUE(fresh) << fresh.error().message;
  EXPECT_EQ(fresh->generation(), 2);
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), fresh->reveal());
  EXPECT_EQ(text(tokens->get({.registration = "sandbox", .realm = realm}).wait()), fresh->reveal());
  EXPECT_EQ(text(tokens->invalidate(*refused).wait()), fresh->reveal());
  EXPECT_EQ(bench.provider().refresh_requests(id), 1);
}

TEST_F(RemoteTokensTest, a_valid_lease_is_given_while_the_server_is_away) {
  const auto lease = tokens->get({.connection = id}).wait();
  bench.clock().advance(5min);  // older than a lease may be without being asked for again
  bench.lose_power();
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), lease->reveal());
  bench.clock().advance(1h);
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), "provider_unavailable");
}

TEST_F(RemoteTokensTest, what_the_provider_ended_is_not_given_any_more) {
  ASSERT_TRUE(tokens->get({.connection = id}).wait());
  bench.provider().revoke(id);
  bench.clock().advance(2h);
  EXPECT_EQ(text(tokens->get({.connection = id}).wait()), "reauth_required");
}

TEST_F(RemoteTokensTest, errors_are_the_servers) {
  EXPECT_EQ(text(tokens->get({.connection = "con_none"}).wait()), "not_found");
  EXPECT_EQ(text(tokens->get({.registration = "sandbox", .realm = "1"}).wait()), "not_found");
  EXPECT_EQ(text(tokens->get({}).wait()), "invalid_argument");
  EXPECT_EQ(text(client("evg_wrong")->get({.connection = id}).wait()), "unauthenticated");
  const auto wrong = RemoteTokens::make({.url = "tokens.example.com"});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("tokens.example.com"), std::string::npos);
}

TEST_F(RemoteTokensTest, many_who_want_the_same_ask_once) {
  std::vector<Pending<TokenLease>> waiting;
  for (int i = 0; i < 50; ++i) waiting.push_back(tokens->get({.connection = id}));
  std::string token;
  for (auto& one : waiting) {
    const auto lease = one.wait();
    ASSERT_TRUE(lease) << lease.error().message;
    token = token.empty() ? std::string{lease->reveal()} : token;
    EXPECT_EQ(lease->reveal(), token);
  }
}

TEST_F(RemoteTokensTest, who_waits_when_it_ends_is_given_an_error) {
  bench.lose_power();
  auto waiting = tokens->get({.connection = id});
  tokens.reset();
  EXPECT_FALSE(waiting.wait());
}

}  // namespace
}  // namespace evergrant::inline library
