#include <gtest/gtest.h>

#include "crypto/jose.hpp"
#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class Reconnect : public ConnectBench {
 protected:
  ConnectionId connected(const std::string& answer) {
    fake.answer(200, answer);
    const auto result = connect_fake();
    if (!result || result->status != "connected") throw std::logic_error("not connected");
    return *result->connection;
  }
  // Gives consent to the same account again.
  ConnectResult again(const std::string& answer, ConnectRequest asked = request("fake")) {
    fake.answer(200, answer);
    return connect_fake(std::move(asked)).value();
  }
};

TEST_F(Reconnect, the_id_stays_and_the_old_grant_is_to_be_revoked) {
  const auto id = connected(answer_with("at-1", "rt-1"));
  ASSERT_EQ(read(id), "at-1");
  const auto result = again(answer_with("at-2", "rt-2"));
  EXPECT_EQ(result.status, "connected");
  EXPECT_EQ(result.connection, id);
  EXPECT_EQ(row(id).generation, 2);
  EXPECT_EQ(read(id), "at-2") << "the old one is not in memory any more";
  ASSERT_EQ(outbox(id).size(), 1U);
  EXPECT_EQ(outbox(id).front().kind, OutboxKind::revoke_replaced);
  EXPECT_EQ(outbox(id).front().generation, 1);
  EXPECT_EQ(events(), (std::vector<std::string>{"connected", "reconnected"}));
  fake.answer(200, "");
  work_off_outbox();
  EXPECT_TRUE(fake.last().body.contains("token=rt-1"));
  EXPECT_TRUE(outbox(id).empty());
  EXPECT_EQ(row(id).status, Status::active);
}

TEST_F(Reconnect, where_the_provider_keeps_one_grant_the_old_one_is_left_alone) {
  ASSERT_EQ(connect("1")->status, "connected");  // the sandbox ends all grants of a realm with one
  const auto second = connect("1");
  ASSERT_EQ(second->status, "connected");
  EXPECT_EQ(row(*second->connection).generation, 2);
  EXPECT_TRUE(outbox(*second->connection).empty());
}

TEST_F(Reconnect, the_same_token_given_again_is_not_revoked) {
  const auto id = connected(answer_with("at-1", "rt-1"));
  again(answer_with("at-2", "rt-1"));
  EXPECT_TRUE(outbox(id).empty()) << "the same refresh token";
  again(answer_with("at-2", "rt-3"));
  EXPECT_TRUE(outbox(id).empty()) << "the same access token";
}

TEST_F(Reconnect, a_dead_grant_is_not_revoked) {
  const auto id = connected(answer_with("at-1", "rt-1"));
  Event event;
  event.at = clock.now();
  ASSERT_TRUE(run(executor, sqlite->change_status(id, Status::active, Status::reauth_required, "dead", event)));
  again(answer_with("at-2", "rt-2"));
  EXPECT_EQ(row(id).status, Status::active);
  EXPECT_TRUE(outbox(id).empty());
}

TEST_F(Reconnect, a_hundred_and_fifty_times_leaves_no_old_grant_behind) {
  const auto id = connected(answer_with("at-0", "rt-0"));
  int revoked = 0;
  fake.otherwise([&](const OutboundRequest& sent) -> TransportAnswer {
    revoked += sent.url.ends_with("/revoke") ? 1 : 0;
    return http_answer(200, "");
  });
  work_off_outbox();
  for (int i = 1; i <= 150; ++i) {
    const auto number = std::to_string(i);
    fake.answer(200, answer_with("at-" + number, "rt-" + number));
    const Flow flow = begin(request("fake"));
    ASSERT_EQ(callback("fake", "code=c&state=" + flow.state(), flow.cookie)->status, "connected");
    executor.advance(1s);
  }
  executor.advance(10s);
  EXPECT_EQ(revoked, 150);
  EXPECT_TRUE(outbox(id).empty());
  EXPECT_EQ(row(id).generation, 151);
  EXPECT_EQ(rows().size(), 1U);
}

TEST_F(Reconnect, a_refresh_in_between_is_what_is_replaced) {
  const auto id = connected(answer_with("at-1", "rt-1"));
  bool refreshed = false;
  store.before("reconnect", [&] {
    if (std::exchange(refreshed, true)) return;
    fake.answer(200, answer_with("at-2", "rt-2"));
    ASSERT_TRUE(run(executor, world().tokens.refresh(id, 1, std::nullopt)));
  });
  const auto result = again(answer_with("at-new", "rt-new"));
  EXPECT_EQ(result.status, "connected");
  EXPECT_EQ(row(id).generation, 3);
  EXPECT_EQ(read(id), "at-new");
  ASSERT_EQ(outbox(id).size(), 1U);
  EXPECT_EQ(outbox(id).front().generation, 2) << "the refreshed tokens are the old ones now";
}

TEST_F(Reconnect, two_first_flows_of_one_account_make_one_connection) {
  bool done = false;
  store.before("create", [&] {
    if (std::exchange(done, true)) return;
    fake.answer(200, answer_with("at-first", "rt-first"));
    ASSERT_EQ(connect_fake()->status, "connected");
  });
  const auto result = again(answer_with("at-second", "rt-second"));
  EXPECT_EQ(result.status, "connected");
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows().front().generation, 2);
  EXPECT_EQ(read(*result.connection), "at-second");
}

TEST_F(Reconnect, another_account_than_the_one_to_reconnect_is_refused) {
  const auto id = connected(answer_with("at-1", "rt-1"));
  auto asked = request("fake");
  asked.connection = id;
  const auto result = again(answer_with("at-2", "rt-2", "another"), asked);
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.code, Errc::conflict);
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_EQ(row(id).generation, 1);
  asked.connection = id;
  EXPECT_EQ(again(answer_with("at-3", "rt-3"), asked).connection, id);
}

TEST_F(Reconnect, a_grant_that_says_no_account_does_not_replace_one_of_a_known_account) {
  fake_one.provider.realm.scopes = {"read"};
  const auto id = connected(answer_with("at-1", "rt-1", "a-1", R"(,"scope":"read write")"));
  auto asked = request("fake");
  asked.connection = id;
  const auto result = again(answer_with("at-2", "rt-2", "", R"(,"scope":"write")"), asked);
  EXPECT_EQ(result.code, Errc::conflict);
  EXPECT_EQ(row(id).generation, 1);
  EXPECT_EQ(read(id), "at-1");
}

class ReconnectOfUser : public Reconnect {
 protected:
  ReconnectOfUser() {
    fake_one.scopes = {"openid"};
    fake_one.provider.issuer = "https://fake.test";
    fake_one.provider.endpoints.jwks = "https://fake.test/jwks";
    fake_one.provider.id_token.algorithms = {"ES256"};
    fake_one.provider.realm.source = RealmSource::none;
    fake.otherwise([this](const OutboundRequest& sent) -> TransportAnswer {
      if (sent.url.ends_with("/jwks")) return http_answer(200, R"({"keys":[)" + key.public_jwk() + "]}");
      const auto now = to_epoch_ms(clock.now()) / 1000;
      const std::string claims = R"({"iss":"https://fake.test","aud":"client","sub":")" + user + R"(","iat":)" +
                                 std::to_string(now) + R"(,"exp":)" + std::to_string(now + 600) + "}";
      return http_answer(200, answer_with("at-of-" + user, "rt-of-" + user, "",
                                          R"(,"id_token":")" + key.sign(claims, "JWT").value() + '"'));
    });
  }
  ConnectResult sign_in(const std::string& name, const std::optional<ConnectionId>& id = {}) {
    user = name;
    auto asked = request("fake");
    asked.connection = id;
    return connect_fake(std::move(asked)).value();
  }
  SigningKey key = SigningKey::generate("ES256", "k").value();
  std::string user;
};

TEST_F(ReconnectOfUser, only_the_same_user_brings_a_connection_without_account_back) {
  const auto id = sign_in("alice").connection.value();
  EXPECT_EQ(row(id).subject, "alice");
  EXPECT_EQ(proven_realm(row(id)), RealmId{});
  EXPECT_EQ(sign_in("bob", id).code, Errc::conflict);
  EXPECT_EQ(row(id).generation, 1);
  EXPECT_EQ(row(id).subject, "alice");
  EXPECT_EQ(sign_in("alice", id).connection, id);
  EXPECT_EQ(row(id).generation, 2);
}

TEST_F(Reconnect, an_account_that_is_being_disconnected_is_not_brought_back) {
  const auto id = connected(answer_with("at-1", "rt-1"));
  ASSERT_TRUE(revoke(id));
  const auto result = again(answer_with("at-2", "rt-2"));
  EXPECT_EQ(result.code, Errc::conflict);
  EXPECT_EQ(row(id).status, Status::revoking);
  fake.answer(200, "");
  fake.answer(200, "");  // the grant of the consent that came too late is ended too
  work_off_outbox();
  ASSERT_EQ(row(id).status, Status::revoked);
  const auto anew = again(answer_with("at-3", "rt-3"));
  EXPECT_EQ(anew.status, "connected");
  EXPECT_NE(anew.connection, id) << "a new connection with a life of its own";
}

class SharedUpstream : public Reconnect {
 protected:
  SharedUpstream() {
    fake_one.provider.revoke.shared_grant_key = "portal";
    fake_one.provider.revoke.cascade = Cascade::all;
  }
  static std::string of_portal(const std::string& number, const std::string& account, const std::string& portal) {
    return answer_with("at-" + number, "rt-" + number, account, R"(,"portal":)" + portal);
  }
};

TEST_F(SharedUpstream, connections_of_one_upstream_grant_know_each_other) {
  const auto first = connected(of_portal("1", "a-1", "77"));
  const auto second = connected(of_portal("2", "a-2", "77"));
  const auto elsewhere = connected(of_portal("3", "a-3", "78"));
  EXPECT_FALSE(row(first).upstream_grant.empty());
  EXPECT_EQ(row(first).upstream_grant, row(second).upstream_grant);
  EXPECT_NE(row(first).upstream_grant, row(elsewhere).upstream_grant);
  EXPECT_FALSE(row(first).upstream_grant.contains("77")) << "a blind index, not the value";
}

TEST_F(SharedUpstream, a_reconnect_does_not_end_the_others_grant) {
  const auto first = connected(of_portal("1", "a-1", "77"));
  connected(of_portal("2", "a-2", "77"));
  again(of_portal("4", "a-1", "77"));
  EXPECT_EQ(row(first).generation, 2);
  EXPECT_TRUE(outbox(first).empty());
}

}  // namespace
}  // namespace evergrant::test
