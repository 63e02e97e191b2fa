#include "api/json_body.hpp"

#include <gtest/gtest.h>

namespace evergrant {
namespace {

HttpRequest request_with(std::string body, std::string type = "application/json") {
  HttpRequest request;
  request.body = std::move(body);
  if (!type.empty()) request.headers.add("Content-Type", std::move(type));
  return request;
}
JsonBody body_of(std::string text) { return JsonBody::parse(request_with(std::move(text)), 16).value(); }
// The problem after `read` has asked for its fields; empty: there is none.
template <class Read>
std::string problem_of(std::string text, Read read) {
  auto body = body_of(std::move(text));
  read(body);
  const auto finished = body.finish();
  return finished ? "" : finished.error().message;
}

TEST(JsonBody, takes_json_objects_only) {
  for (const auto* text : {"", "[]", "1", "null", "{", "{}x", R"({"a":1,"a":2})", "{'a':1}", R"({"a":1,})",
                           R"({"a":{"b":{"c":{"d":1}}}})", "{\"a\":\"\xff\"}"}) {
    const auto body = JsonBody::parse(request_with(text), 3);
    ASSERT_FALSE(body) << text;
    EXPECT_TRUE(body.error().code == Errc::invalid_argument || body.error().code == Errc::too_large) << text;
  }
  EXPECT_TRUE(JsonBody::parse(request_with("{}"), 3));
}

TEST(JsonBody, wants_to_be_told_that_it_is_json) {
  for (const auto* type : {"", "text/plain", "application/jsonx", "application/x-www-form-urlencoded"}) {
    EXPECT_FALSE(JsonBody::parse(request_with("{}", type), 3)) << type;
  }
  EXPECT_TRUE(JsonBody::parse(request_with("{}", "Application/JSON; charset=utf-8"), 3));
}

TEST(JsonBody, a_field_that_nobody_asked_for_is_named) {
  const auto problem = problem_of(R"({"tenant":"a","tenent":"b"})", [](JsonBody& body) { body.text("tenant", 10); });
  EXPECT_TRUE(problem.contains("'tenent'")) << problem;
}

TEST(JsonBody, a_required_text_is_there_and_printable) {
  const auto read = [](JsonBody& body) { body.text("name", 5); };
  EXPECT_EQ(problem_of(R"({"name":"abc"})", read), "");
  for (const auto* text : {"{}", R"({"name":null})", R"({"name":""})", R"({"name":"abcdef"})", R"({"name":7})",
                           R"({"name":["a"]})", R"({"name":"a\n"})", R"({"name":"a\u0000"})", R"({"name":"\u202e"})"}) {
    EXPECT_TRUE(problem_of(text, read).contains("'name'")) << text;
  }
}

TEST(JsonBody, the_first_problem_is_the_one_that_is_told) {
  const auto problem = problem_of(R"({"a":1,"b":2,"c":3})", [](JsonBody& body) {
    body.text("a", 5);
    body.text("b", 5);
  });
  EXPECT_TRUE(problem.contains("'a'")) << problem;
}

TEST(JsonBody, an_optional_text_may_be_absent_or_null) {
  auto body = body_of(R"({"a":null})");
  EXPECT_EQ(body.optional_text("a", 5), "");
  EXPECT_EQ(body.optional_text("b", 5), "");
  EXPECT_TRUE(body.finish());
}

TEST(JsonBody, a_secret_is_what_a_token_can_be) {
  auto body = body_of(R"({"token":"at-\"1\\"})");
  EXPECT_EQ(body.secret("token")->reveal(), "at-\"1\\");
  EXPECT_FALSE(body.secret("other"));
  EXPECT_TRUE(body.finish());
  const auto read = [](JsonBody& of) { EXPECT_FALSE(of.secret("token")); };
  for (const auto& text :
       {std::string{R"({"token":""})"}, std::string{R"({"token":7})"}, std::string{R"({"token":"a\r\nb"})"},
        std::string{R"({"token":"é"})"}, R"({"token":")" + std::string(65'537, 'x') + "\"}"}) {
    const auto problem = problem_of(text, read);
    EXPECT_TRUE(problem.contains("'token'")) << text.substr(0, 40);
    EXPECT_FALSE(problem.contains("xxx"));
  }
}

TEST(JsonBody, lists_are_bounded_and_hold_texts) {
  auto body = body_of(R"({"scopes":["a","b"]})");
  EXPECT_EQ(body.texts("scopes"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(body.texts("absent").empty());
  EXPECT_TRUE(body.finish());
  std::string many = R"({"scopes":["a")";
  for (int i = 0; i < 200; ++i) many += ",\"a\"";
  for (const auto& text : {std::string{R"({"scopes":"a"})"}, std::string{R"({"scopes":["a",7]})"},
                           std::string{R"({"scopes":[""]})"}, std::string{R"({"scopes":["a\n"]})"}, many + "]}"}) {
    EXPECT_TRUE(problem_of(text, [](JsonBody& of) { of.texts("scopes"); }).contains("'scopes'")) << text.substr(0, 40);
  }
}

TEST(JsonBody, objects_within_are_read_each_on_its_own_and_named_by_their_place) {
  auto body = body_of(R"({"pairs":[{"pair":"user"},{"pair":""}]})");
  auto items = body.objects("pairs", 2);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].text("pair", 10), "user");
  EXPECT_TRUE(items[0].finish());
  items[1].text("pair", 10);
  EXPECT_TRUE(items[1].finish().error().message.starts_with("'pairs.1.pair': expected"));
  EXPECT_TRUE(body.finish());
  for (const auto* text : {R"({"pairs":{}})", R"({"pairs":[1]})", R"({"pairs":[{},{},{}]})"}) {
    EXPECT_EQ(problem_of(text, [](JsonBody& of) { of.objects("pairs", 2); }),
              "'pairs': expected a list of at most 2 objects");
  }
  EXPECT_TRUE(body_of("{}").objects("pairs", 2).empty());
}

TEST(JsonBody, numbers_are_whole_and_in_their_range) {
  auto body = body_of(R"({"a":5,"b":5.0,"c":true,"d":false})");
  EXPECT_EQ(body.integer("a", 1, 10), 5);
  EXPECT_EQ(body.integer("b", 1, 10), 5);
  EXPECT_TRUE(body.boolean("c", false));
  EXPECT_FALSE(body.boolean("d", true));
  EXPECT_TRUE(body.boolean("e", true));
  EXPECT_TRUE(body.finish());
  for (const auto* text : {R"({"a":0})", R"({"a":11})", R"({"a":5.5})", R"({"a":"5"})", R"({"a":1e30})",
                           R"({"a":18446744073709551615})", R"({"a":true})"}) {
    EXPECT_TRUE(problem_of(text, [](JsonBody& of) { EXPECT_FALSE(of.integer("a", 1, 10)); }).contains("'a'")) << text;
  }
  EXPECT_TRUE(problem_of(R"({"c":"true"})", [](JsonBody& of) { of.boolean("c", false); }).contains("'c'"));
}

TEST(JsonBody, times_are_rfc_3339_or_seconds) {
  auto body = body_of(R"({"a":"2026-11-23T15:04:05Z","b":1795446245})");
  EXPECT_EQ(body.time("a"), from_epoch_ms(1'795'446'245'000));
  EXPECT_EQ(body.time("b"), from_epoch_ms(1'795'446'245'000));
  EXPECT_FALSE(body.time("c"));
  EXPECT_TRUE(body.finish());
  for (const auto* text :
       {R"({"a":"tomorrow"})", R"({"a":0})", R"({"a":-5})", R"({"a":1.5})", R"({"a":99999999999999})", R"({"a":{}})"}) {
    EXPECT_TRUE(problem_of(text, [](JsonBody& of) { EXPECT_FALSE(of.time("a")); }).contains("'a'")) << text;
  }
}

TEST(TokenBody, is_json_whatever_the_token_holds) {
  TokenLease lease;
  lease.connection = ConnectionId{"con_1"};
  lease.realm = RealmId{"re\"alm"};
  lease.token_type = "Bearer";
  lease.scope = {"a", "b"};
  lease.generation = 3;
  const Time now = from_epoch_ms(1'795'446'245'678);
  lease.expires_at = now + std::chrono::minutes{1} - Duration{1};
  for (const auto* token : {"plain-token", "quo\"te", "back\\slash", "con\x01trol", "ümlaut"}) {
    lease.access_token = Secret{token};
    const auto body = boost::json::parse(token_body(lease, now)).as_object();
    EXPECT_EQ(body.at("access_token").as_string(), token);
    EXPECT_EQ(body.at("expires_in").as_int64(), 59) << "never more than there is";
    EXPECT_EQ(body.at("expires_at").as_string(), "2026-11-23T15:05:05.677Z");
    EXPECT_EQ(body.at("scope").as_string(), "a b");
    EXPECT_EQ(body.at("realm").as_string(), "re\"alm");
    EXPECT_EQ(body.at("generation").as_int64(), 3);
  }
  lease.expires_at.reset();
  const auto body = boost::json::parse(token_body(lease, now)).as_object();
  EXPECT_TRUE(body.at("expires_at").is_null());
  EXPECT_TRUE(body.at("expires_in").is_null());
}

TEST(ToJson, a_connection_shows_no_token_and_no_seal) {
  Connection connection;
  connection.id = ConnectionId{"con_1"};
  connection.tokens.access_token.bytes = "sealed-canary";
  connection.tokens.refresh_token.bytes = "sealed-canary";
  connection.upstream_grant = "index-canary";
  const auto body = to_json(connection);
  EXPECT_FALSE(boost::json::serialize(body).contains("canary"));
  EXPECT_FALSE(body.at("access_only").as_bool());
  connection.tokens.refresh_token = {};
  EXPECT_TRUE(to_json(connection).at("access_only").as_bool());
}

TEST(ToJson, a_token_that_is_exchanged_for_the_next_does_not_end_with_itself) {
  Connection connection;
  connection.tokens.access_token = Sealed{"sealed"};
  EXPECT_TRUE(to_json(connection).at("access_only").as_bool());
  connection.refresh_idle_expires_at = from_epoch_ms(1);
  EXPECT_FALSE(to_json(connection).at("access_only").as_bool());
}

TEST(ToJson, a_pair_names_its_main_one) {
  Connection connection;
  EXPECT_TRUE(to_json(connection).at("main").is_null());
  EXPECT_EQ(to_json(connection).at("pair"), "");
  connection.pair = "user";
  connection.main = ConnectionId{"con_1"};
  EXPECT_EQ(to_json(connection).at("main"), "con_1");
  EXPECT_EQ(to_json(connection).at("pair"), "user");
}

TEST(ToJson, a_caller_shows_neither_key_nor_hash_and_a_key_not_its_wrapping) {
  Caller caller;
  caller.key_hash = "hash-canary";
  caller.key_prefix = "egk_abcdef";
  EXPECT_FALSE(boost::json::serialize(to_json(caller)).contains("canary"));
  StoredKey key;
  key.wrapped = "wrapped-canary";
  EXPECT_FALSE(boost::json::serialize(to_json(key)).contains("canary"));
}

}  // namespace
}  // namespace evergrant
