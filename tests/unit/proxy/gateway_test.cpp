#include "proxy/gateway.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace evergrant {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Headers headers_of(const Fields& fields) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

const Fields by_id{{"X-Evergrant-Connection", "con_1"}};
const Fields by_realm{{"x-evergrant-registration", "books"}, {"X-EVERGRANT-REALM", "17"}};

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

TEST(GatewayQuestion, names_a_connection_or_a_registration_and_a_realm) {
  const auto one = read_gateway_question(headers_of(by_id));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->connection, ConnectionId{"con_1"});
  EXPECT_FALSE(one->call);
  const auto other = read_gateway_question(headers_of(with(by_realm, {{"X-Evergrant-Pair", "user"}})));
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->connection.empty());
  EXPECT_EQ(other->registration, RegistrationId{"books"});
  EXPECT_EQ(other->realm, RealmId{"17"});
  EXPECT_EQ(other->pair, "user");
}

TEST(GatewayQuestion, what_names_none_or_more_than_one_is_refused) {
  const std::vector<Fields> refused{
      {},
      {{"X-Evergrant-Connection", ""}},
      {{"X-Evergrant-Registration", "books"}},
      {{"X-Evergrant-Realm", "17"}},
      with(by_id, by_id),
      with(by_id, by_realm),
      with(by_id, {{"X-Evergrant-Realm", "17"}}),
      with(by_realm, {{"X-Evergrant-Realm", "18"}}),
      with(by_realm, {{"x-evergrant-realm", "17"}}),
      {{"X-Evergrant-Connection", "con_\x01"}},
      {{"X-Evergrant-Registration", "books"}, {"X-Evergrant-Realm", std::string(501, 'x')}},
      with(by_id, {{"X-Original-URI", "/a"}, {"X-Forwarded-Uri", "/b"}}),
      with(by_id, {{"X-Original-URI", "/a"}, {"X-Original-URI", "/b"}}),
      with(by_id, {{"X-Original-Method", "GET"}, {"X-Forwarded-Method", "POST"}}),
  };
  for (const auto& fields : refused) {
    const auto question = read_gateway_question(headers_of(fields));
    ASSERT_FALSE(question) << (fields.empty() ? "" : fields.back().first);
    EXPECT_EQ(question.error().code, Errc::invalid_argument);
  }
}

TEST(GatewayQuestion, the_original_call_is_told_as_each_gateway_tells_it) {
  const std::vector<Fields> told{{{"X-Original-Method", "PUT"}, {"X-Original-URI", "/v3/x?a=b?c"}},
                                 {{"X-Forwarded-Method", "PUT"}, {"X-Forwarded-Uri", "/v3/x"}},
                                 {{"X-Forwarded-Method", "PUT"},
                                  {"X-Original-Method", "PUT"},
                                  {"X-Original-URI", "/v3/x"},
                                  {"X-Original-URI", "/v3/x"}}};
  for (const auto& fields : told) {
    const auto question = read_gateway_question(headers_of(with(by_id, fields)));
    ASSERT_TRUE(question);
    ASSERT_TRUE(question->call);
    EXPECT_EQ(question->call->method, "PUT");
    EXPECT_EQ(question->call->path, "/v3/x");
  }
}

TEST(FoldGatewayPath, a_path_behind_the_prefix_becomes_the_original_call) {
  HttpRequest envoy{
      .method = "POST", .path = "/v1/auth-request/v3/x", .query = "a=b", .headers = {}, .body = {}, .remote = {}};
  fold_gateway_path(envoy);
  EXPECT_EQ(envoy.method, "GET");
  EXPECT_EQ(envoy.path, "/v1/auth-request");
  EXPECT_EQ(envoy.query, "");
  EXPECT_EQ(envoy.headers.find("X-Original-Method"), "POST");
  EXPECT_EQ(envoy.headers.find("X-Original-URI"), "/v3/x?a=b");
  for (const std::string path : {"/v1/auth-request", "/v1/auth-requests", "/v1/connections", "/v1/auth-request%2fx"}) {
    HttpRequest other{.method = "POST", .path = path, .query = "q", .headers = {}, .body = {}, .remote = {}};
    fold_gateway_path(other);
    EXPECT_EQ(other.path, path);
    EXPECT_EQ(other.method, "POST");
    EXPECT_TRUE(other.headers.all().empty());
  }
}

TEST(FoldGatewayPath, a_client_that_tells_another_call_itself_is_found_out) {
  HttpRequest request{.method = "GET",
                      .path = "/v1/auth-request/v3/company/18/x",
                      .query = {},
                      .headers = headers_of(with(by_id, {{"X-Original-URI", "/v3/company/17/x"}})),
                      .body = {},
                      .remote = {}};
  fold_gateway_path(request);
  EXPECT_FALSE(read_gateway_question(request.headers));
}

TEST(CheckGatewayCall, a_path_that_names_another_realm_or_hides_one_is_refused) {
  InjectProfile profile;
  profile.realm_path = "/v3/company/{realm}/";
  const auto passes = [&](const std::string& path) {
    return check_gateway_call(profile, "17", {.method = "GET", .path = path}).has_value();
  };
  EXPECT_TRUE(passes("/v3/company/17/invoice"));
  EXPECT_TRUE(passes("")) << "not told";
  for (const std::string path : {"/v3/company/18/invoice", "/v3/company/%31%38/invoice", "/v3/company/17/../18/invoice",
                                 "/v3/company/17%2f..%2f18/invoice", "/v3//company/18/x", "/gateway/v3/company/18/x",
                                 "/v3/company/17/x#y", "/v3/company", "v3/company/17"}) {
    const auto checked = check_gateway_call(profile, "17", {.method = "GET", .path = path});
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().code, Errc::forbidden) << path;
  }
}

TEST(GatewayFields, hold_the_credential_and_what_the_profile_adds) {
  InjectProfile profile;
  profile.header = "X-Api-Token";
  profile.format = "Token {token}";
  profile.extra_headers = {{"xero-tenant-id", "{realm}"}};
  TokenLease lease;
  lease.realm = RealmId{"17"};
  lease.access_token = Secret{"at-17"};
  const auto fields = gateway_fields(profile, lease);
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 2U);
  EXPECT_EQ(fields->at(0).name + ": " + fields->at(0).value, "xero-tenant-id: 17");
  EXPECT_EQ(fields->at(1).name + ": " + fields->at(1).value, "X-Api-Token: Token at-17");
  lease.realm = RealmId{"17\r\nX: y"};
  EXPECT_FALSE(gateway_fields(profile, lease));
}

TEST(GatewayStatus, gateways_see_what_they_can_act_upon) {
  EXPECT_EQ(gateway_status(Errc::unauthenticated), 401);
  EXPECT_EQ(gateway_status(Errc::invalid_argument), 400);
  for (const auto code : {Errc::not_found, Errc::forbidden, Errc::reauth_required, Errc::revoked, Errc::quarantined}) {
    EXPECT_EQ(gateway_status(code), 403);
  }
  for (const auto code : {Errc::provider_unavailable, Errc::registration_paused, Errc::store_unavailable, Errc::busy}) {
    EXPECT_EQ(gateway_status(code), 503);
  }
  EXPECT_EQ(gateway_status(Errc::rate_limited), 429);
  EXPECT_EQ(gateway_status(Errc::internal), 500);
}

}  // namespace
}  // namespace evergrant
