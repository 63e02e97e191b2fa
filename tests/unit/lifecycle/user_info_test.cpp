// UserInfo in the connect flow, and of a stored connection, at the sandbox provider.
#include "lifecycle/user_info_reader.hpp"

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class UserInfoFlow : public ConnectBench {
 protected:
  UserInfoFlow() {
    sandbox_one.scopes = {"openid", "email", "profile", "com.intuit.quickbooks.accounting"};
    sandbox_one.claims = {"email", "realmid"};
  }
  void fault(const std::string& rule) { ASSERT_EQ(sandbox.control("POST", "/faults", rule).status, 201); }
  void sound_again() { ASSERT_LT(sandbox.control("DELETE", "/faults", "").status, 300); }
  Result<boost::json::object> ask(const Connection& connection) {
    UserInfoReader reader{world().parts(*this), world().tokens};
    return run_through_time(executor, reader.read(connection, {}));
  }
};

TEST_F(UserInfoFlow, claims_that_the_registration_keeps_are_extras_of_the_connection) {
  const auto result = connect("1001");
  ASSERT_TRUE(result);
  ASSERT_EQ(result->status, "connected") << result->message;
  const auto connection = row(*result->connection);
  EXPECT_EQ(connection.extras.at("email"), "admin-1001@example.com");
  EXPECT_EQ(connection.extras.at("realmid"), "1001") << "of the ID token";
  EXPECT_FALSE(connection.extras.contains("givenName")) << "nobody asked for it";
}

TEST_F(UserInfoFlow, they_stay_with_a_refresh_and_are_the_new_users_after_a_reconnect) {
  const auto first = connect("1001");
  ASSERT_TRUE(first && first->connection);
  ASSERT_TRUE(run_through_time(executor, world().tokens.refresh(*first->connection, std::nullopt, std::nullopt)));
  EXPECT_EQ(row(*first->connection).extras.at("email"), "admin-1001@example.com");
  fault(R"({"endpoint":"userinfo","remove_members":["email"]})");
  const auto again = connect("1001");
  ASSERT_TRUE(again && again->connection == first->connection);
  EXPECT_FALSE(row(*first->connection).extras.contains("email")) << "the one before was another user's, for all we know";
}

TEST_F(UserInfoFlow, another_users_answer_ends_the_flow_and_nothing_is_stored) {
  fault(R"({"endpoint":"userinfo","set_members":{"sub":"somebody-else"}})");
  const auto result = connect("1001");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, "failed");
  EXPECT_EQ(result->code, Errc::forbidden);
  EXPECT_TRUE(rows().empty());
}

TEST_F(UserInfoFlow, claims_that_cannot_be_had_do_not_keep_anybody_from_connecting) {
  fault(R"({"endpoint":"userinfo","status":503})");
  const auto result = connect("1001");
  ASSERT_TRUE(result && result->connection) << result->message;
  EXPECT_FALSE(row(*result->connection).extras.contains("email"));
  EXPECT_TRUE(lines.contains("user_info_missing"));
}

TEST_F(UserInfoFlow, without_claims_to_keep_nobody_is_asked) {
  sandbox_one.claims.clear();
  fault(R"({"endpoint":"userinfo","set_members":{"sub":"somebody-else"}})");
  const auto result = connect("1001");
  ASSERT_TRUE(result && result->connection) << result->message;
}

TEST_F(UserInfoFlow, a_stored_connection_is_asked_with_a_token_that_is_good) {
  const auto connected = connect("1001");
  ASSERT_TRUE(connected && connected->connection);
  clock.advance(2h);
  const auto info = ask(row(*connected->connection));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->at("givenName"), "Ada");
  EXPECT_EQ(row(*connected->connection).generation, 2) << "it had expired";
}

TEST_F(UserInfoFlow, a_token_that_the_provider_refuses_is_refreshed_once) {
  const auto connected = connect("1001");
  ASSERT_TRUE(connected && connected->connection);
  fault(R"({"endpoint":"userinfo","status":401,"count":1})");
  EXPECT_TRUE(ask(row(*connected->connection)));
  EXPECT_EQ(row(*connected->connection).generation, 2);
  clock.advance(1min);
  fault(R"({"endpoint":"userinfo","status":401})");
  const auto refused = ask(row(*connected->connection));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::provider_rejected) << "our caller's credentials were good";
  EXPECT_EQ(row(*connected->connection).generation, 3);
  sound_again();
  EXPECT_TRUE(ask(row(*connected->connection)));
}

TEST_F(UserInfoFlow, a_stored_connection_is_told_of_its_own_user_only) {
  const auto connected = connect("1001");
  ASSERT_TRUE(connected && connected->connection);
  fault(R"({"endpoint":"userinfo","set_members":{"sub":"somebody-else"}})");
  const auto info = ask(row(*connected->connection));
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::forbidden);
}

TEST_F(UserInfoFlow, strict_sends_nobody_to_a_provider_that_falls_short) {
  sandbox_one.security = SecurityLevel::strict;
  sandbox_one.provider.metadata_mode = MetadataMode::discovery;
  auto link = start(request());
  ASSERT_TRUE(link);
  const auto step = open(token_of(*link));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Errc::provider_rejected);
  EXPECT_TRUE(step.error().message.contains("`iss`")) << step.error().message;
  EXPECT_EQ(outcome(link->id), "provider_rejected");
}

}  // namespace
}  // namespace evergrant::test
