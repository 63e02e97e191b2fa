#include <gtest/gtest.h>

#include "support/connect_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

class ConnectCallback : public ConnectBench {
 protected:
  static constexpr const char* realm = "4620816365000000007";

  Flow begin_with(const std::string& hint) {
    auto asked = request();
    asked.login_hint = hint;
    return begin(std::move(asked));
  }
  void sandbox_set(const std::string& settings) { ASSERT_EQ(sandbox.control("POST", "/settings", settings).status, 200); }
  void sandbox_fault(const std::string& rule) { ASSERT_EQ(sandbox.control("POST", "/faults", rule).status, 201); }
  // The callback is refused without a word about it, and nothing goes to the provider.
  void expect_unknown(const std::string& registration, const std::string& query, const Secret& cookie) {
    const int sent = sandbox_transport.sent();
    const auto result = callback(registration, query, cookie);
    EXPECT_FALSE(result) << query;
    EXPECT_EQ(sandbox_transport.sent(), sent) << "nothing may be sent for " << query;
    EXPECT_TRUE(rows().empty());
  }
  ConnectResult finish(const Flow& flow, const std::string& query, const std::string& registration = "sandbox") {
    auto result = callback(registration, query, flow.cookie);
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? std::move(*result) : ConnectResult{};
  }
  static std::string with(const std::string& query, std::string_view name, const std::string& value) {
    Parameters parameters = form_decode(query).value();
    std::erase_if(parameters, [&](const auto& one) { return one.first == name; });
    parameters.emplace_back(name, value);
    return form_encode(parameters);
  }
};

TEST_F(ConnectCallback, consent_becomes_a_connection_whose_token_can_be_read) {
  auto asked = request();
  asked.login_hint = std::string{"realm:"} + realm;
  asked.return_to = "https://app.example/back/done";
  const Flow flow = begin(asked);
  const auto result = finish(flow, consent(flow.location));
  EXPECT_EQ(result.status, "connected");
  EXPECT_EQ(result.return_to, "https://app.example/back/done");
  ASSERT_TRUE(result.connection);
  const auto connection = row(*result.connection);
  EXPECT_EQ(connection.status, Status::active);
  EXPECT_EQ(connection.realm, RealmId{realm});
  EXPECT_EQ(connection.tenant, TenantId{"acme"});
  EXPECT_EQ(connection.generation, 1);
  EXPECT_EQ(connection.access_expires_at, clock.now() + 1h);
  EXPECT_TRUE(connection.refresh_absolute_expires_at);
  EXPECT_FALSE(read(*result.connection).empty());
  const auto session = run(executor, sqlite->session(flow.session)).value();
  EXPECT_EQ(session.outcome, "connected");
  EXPECT_EQ(session.connection, result.connection);
  EXPECT_TRUE(session.secrets.empty()) << "verifier and nonce are gone with their use";
  EXPECT_EQ(events(), std::vector<std::string>{"connected"});
}

TEST_F(ConnectCallback, a_state_works_once) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  const auto query = consent(flow.location);
  ASSERT_EQ(finish(flow, query).status, "connected");
  const int sent = sandbox_transport.sent();
  const auto again = callback("sandbox", query, flow.cookie);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::gone);
  EXPECT_EQ(sandbox_transport.sent(), sent) << "the code is not sent again";
}

TEST_F(ConnectCallback, another_browser_gets_nowhere_and_uses_the_state_up) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  const auto query = consent(flow.location);
  expect_unknown("sandbox", query, random.token());
  EXPECT_EQ(outcome(flow.session), "foreign_browser");
  expect_unknown("sandbox", query, flow.cookie);
}

TEST_F(ConnectCallback, a_browser_without_a_cookie_gets_nowhere) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  expect_unknown("sandbox", consent(flow.location), {});
}

TEST_F(ConnectCallback, another_registrations_path_is_a_mix_up) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  expect_unknown("other", consent(flow.location), flow.cookie);
  EXPECT_TRUE(fake.requests().empty());
}

TEST_F(ConnectCallback, a_flow_ends_by_the_clock) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  const auto query = consent(flow.location);
  executor.advance(10min);
  expect_unknown("sandbox", query, flow.cookie);
}

TEST_F(ConnectCallback, what_is_no_answer_of_a_flow_is_refused_unseen) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  const auto query = consent(flow.location);
  expect_unknown("sandbox", "", flow.cookie);
  expect_unknown("sandbox", "code=c", flow.cookie);
  expect_unknown("sandbox", "code=c&state=", flow.cookie);
  expect_unknown("sandbox", "code=c&state=unknown", flow.cookie);
  expect_unknown("sandbox", query + "&code=second", flow.cookie);
  expect_unknown("sandbox", query + "&state=second", flow.cookie);
  expect_unknown("nobody", query, flow.cookie);
  EXPECT_EQ(finish(flow, query).status, "connected") << "none of these was the state's use";
}

TEST_F(ConnectCallback, the_customers_no_is_a_cancellation) {
  const Flow flow = begin_with("deny");
  const int sent = sandbox_transport.sent();
  const auto result = finish(flow, consent(flow.location));
  EXPECT_EQ(result.status, "cancelled");
  EXPECT_FALSE(result.connection);
  EXPECT_EQ(outcome(flow.session), "cancelled");
  EXPECT_EQ(sandbox_transport.sent(), sent);
  EXPECT_TRUE(rows().empty());
}

TEST_F(ConnectCallback, errors_are_told_apart) {
  const std::vector<std::pair<std::string, Errc>> cases{{"temporarily_unavailable", Errc::provider_unavailable},
                                                        {"server_error", Errc::provider_unavailable},
                                                        {"invalid_scope", Errc::provider_rejected},
                                                        {"unheard_of", Errc::provider_rejected}};
  for (const auto& [error, code] : cases) {
    const Flow flow = begin(request("fake"));
    const auto result = finish(flow, "error=" + error + "&error_description=a%0Ab%1Bc&state=" + flow.state(), "fake");
    EXPECT_EQ(result.status, "failed") << error;
    EXPECT_EQ(result.code, code) << error;
    EXPECT_TRUE(result.message.contains(error + ": abc")) << result.message;
    EXPECT_EQ(outcome(flow.session), to_string(code));
  }
  EXPECT_TRUE(fake.requests().empty());
}

TEST_F(ConnectCallback, the_issuer_in_the_answer_is_compared_exactly) {
  sandbox_set(R"({"iss_parameter":true})");
  const Flow good = begin_with(std::string{"realm:"} + realm);
  const auto right = consent(good.location);
  ASSERT_TRUE(right.contains("iss="));
  for (const auto* issuer : {"http://127.0.0.1:9500/", "HTTP://127.0.0.1:9500", "https://evil.example", ""}) {
    const Flow flow = begin_with("realm:1");
    const auto query = with(consent(flow.location), "iss", issuer);
    const int sent = sandbox_transport.sent();
    const auto result = finish(flow, query);
    EXPECT_EQ(result.status, "failed") << issuer;
    EXPECT_EQ(result.code, Errc::invalid_argument) << issuer;
    EXPECT_EQ(sandbox_transport.sent(), sent) << "the code must not go anywhere";
  }
  EXPECT_EQ(finish(good, right).status, "connected");
}

TEST_F(ConnectCallback, an_issuer_that_was_promised_when_the_flow_began_must_come) {
  sandbox_one.provider.metadata_mode = MetadataMode::discovery;
  sandbox_set(R"({"iss_parameter":true})");
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  auto query = consent(flow.location);
  query.erase(query.find("&iss="), query.find('&', query.find("&iss=") + 1) - query.find("&iss="));
  sandbox_set(R"({"iss_parameter":false})");
  clock.advance(5min);
  ASSERT_FALSE(query.contains("iss=")) << query;
  const int tokens_asked = sandbox_transport.sent();
  const auto result = finish(flow, query);
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.code, Errc::invalid_argument) << result.message;
  EXPECT_LE(sandbox_transport.sent(), tokens_asked + 1) << "the document at most, no code";
}

TEST_F(ConnectCallback, an_error_from_another_issuer_is_not_repeated) {
  const Flow flow = begin_with("deny");
  const auto result = finish(
      flow, with(with(consent(flow.location), "iss", "https://evil.example"), "error_description", "call this number"));
  EXPECT_EQ(result.status, "failed") << "not even 'cancelled': nobody knows who said so";
  EXPECT_FALSE(result.message.contains("call this number"));
  EXPECT_FALSE(result.message.contains("access_denied"));
}

TEST_F(ConnectCallback, a_tampered_realm_is_caught_and_nothing_is_stored) {
  ASSERT_EQ(connect("4620816365000000008")->status, "connected");
  const auto before = rows();
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  const auto result = finish(flow, with(consent(flow.location), "realmId", "4620816365000000008"));
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.code, Errc::forbidden);
  ASSERT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows().front().generation, before.front().generation);
  EXPECT_EQ(rows().front().tokens, before.front().tokens);
}

TEST_F(ConnectCallback, a_realm_of_another_tenant_is_a_conflict_and_its_owner_keeps_it) {
  const auto owner = connect(realm, "acme");
  const auto before = row(*owner->connection);
  const auto thief = connect(realm, "rival");
  ASSERT_TRUE(thief);
  EXPECT_EQ(thief->status, "failed");
  EXPECT_EQ(thief->code, Errc::conflict);
  EXPECT_FALSE(thief->message.contains("acme"));
  const auto after = row(*owner->connection);
  EXPECT_EQ(after.tenant, TenantId{"acme"});
  EXPECT_EQ(after.tokens, before.tokens);
  EXPECT_EQ(after.generation, 1);
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_TRUE(outbox(*owner->connection).empty()) << "revoking the new grant could end the owner's";
}

TEST_F(ConnectCallback, a_failed_exchange_is_named_and_never_repeated) {
  struct Case {
    std::string fault;
    Errc code;
  };
  const std::vector<Case> cases{
      {R"({"endpoint":"token","count":1,"status":400,"body":{"error":"invalid_grant"}})", Errc::provider_rejected},
      {R"({"endpoint":"token","count":1,"status":401,"body":{"error":"invalid_client"}})", Errc::registration_paused},
      {R"({"endpoint":"token","count":1,"status":503})", Errc::provider_unavailable},
      {R"({"endpoint":"token","count":1,"drop":"after"})", Errc::ambiguous},
      {R"({"endpoint":"token","count":1,"mangle":"malformed_json"})", Errc::ambiguous}};
  for (const auto& one : cases) {
    const Flow flow = begin_with(std::string{"realm:"} + realm);
    const auto query = consent(flow.location);
    sandbox_fault(one.fault);
    const int sent = sandbox_transport.sent();
    const auto result = finish(flow, query);
    EXPECT_EQ(result.status, "failed") << one.fault;
    EXPECT_EQ(to_string(result.code), to_string(one.code)) << one.fault;
    EXPECT_EQ(sandbox_transport.sent(), sent + 1) << one.fault;
    EXPECT_TRUE(rows().empty());
  }
}

TEST_F(ConnectCallback, a_store_that_fails_after_the_exchange_leaves_nothing_half) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  store.fail_next("create");
  const auto result = finish(flow, consent(flow.location));
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.code, Errc::store_unavailable);
  EXPECT_TRUE(rows().empty());
  EXPECT_TRUE(events().empty());
  EXPECT_EQ(connect(realm)->status, "connected") << "the next flow is not in its way";
}

TEST_F(ConnectCallback, a_key_that_is_replaced_in_between_costs_nothing) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  store.fail_next("create", 1, Errc::key_unavailable);
  EXPECT_EQ(finish(flow, consent(flow.location)).status, "connected");
  EXPECT_EQ(store.calls("create"), 2);
}

TEST_F(ConnectCallback, an_answer_without_a_refresh_token_is_flagged) {
  sandbox_fault(R"({"endpoint":"token","count":1,"remove_members":["refresh_token"]})");
  const auto result = connect(realm);
  ASSERT_EQ(result->status, "connected");
  const auto connection = row(*result->connection);
  EXPECT_TRUE(connection.tokens.refresh_token.empty());
  EXPECT_TRUE(connection.reason.contains("no refresh token"));
  EXPECT_FALSE(connection.next_due_at) << "there is nothing to refresh with";
}

TEST_F(ConnectCallback, scopes_that_were_not_granted_are_listed) {
  fake.answer(200, answer_with("at", "rt", "a-1", R"(,"scope":"read")"));
  const auto result = connect_fake();
  ASSERT_EQ(result->status, "connected");
  EXPECT_EQ(row(*result->connection).scope, std::vector<std::string>{"read"});
  EXPECT_EQ(row(*result->connection).missing_scope, std::vector<std::string>{"write"});
}

TEST_F(ConnectCallback, nothing_of_a_flow_is_in_the_log) {
  const Flow flow = begin_with(std::string{"realm:"} + realm);
  const auto query = consent(flow.location);
  sandbox_fault(R"({"endpoint":"token","count":1,"status":400,"body":{"error":"invalid_grant"}})");
  finish(flow, query);
  ASSERT_TRUE(lines.contains("connect_failed"));
  for (const auto* name : {"code", "state"}) {
    const auto value = single(form_decode(query).value(), name).value();
    EXPECT_FALSE(lines.contains(value)) << name;
  }
  EXPECT_FALSE(lines.contains(flow.cookie.reveal()));
}

class ConnectWithIdToken : public ConnectCallback {
 protected:
  ConnectWithIdToken() { sandbox_one.scopes = {"com.intuit.quickbooks.accounting", "openid"}; }
};

TEST_F(ConnectWithIdToken, issuer_and_subject_are_kept) {
  const auto result = connect(realm);
  ASSERT_EQ(result->status, "connected");
  EXPECT_EQ(row(*result->connection).issuer, "http://127.0.0.1:9500");
  EXPECT_FALSE(row(*result->connection).subject.empty());
}

TEST_F(ConnectWithIdToken, what_was_asked_for_must_be_in_it) {
  sandbox_one.provider.authorize.extra_parameters["max_age"] = "300";
  sandbox_one.provider.authorize.extra_parameters["acr_values"] = "gold silver";
  const std::pair<std::string, std::string> rows_of[] = {{R"({"set":{"auth_time":"now-60","acr":"silver"}})", "connected"},
                                                         {R"({"set":{"auth_time":"now-600","acr":"silver"}})", "failed"},
                                                         {R"({"set":{"acr":"silver"},"remove":["auth_time"]})", "failed"},
                                                         {R"({"set":{"auth_time":"now-60","acr":"bronze"}})", "failed"},
                                                         {R"({"set":{"auth_time":"now-60"}})", "failed"}};
  for (const auto& [claims, status] : rows_of) {
    const Flow flow = begin_with(std::string{"realm:"} + realm);
    const auto query = consent(flow.location);
    sandbox_fault(R"({"endpoint":"token","count":1,"id_token":)" + claims + "}");
    EXPECT_EQ(finish(flow, query).status, status) << claims;
  }
}

TEST_F(ConnectWithIdToken, one_that_is_wrong_or_missing_is_refused) {
  const std::vector<std::string> faults{R"({"endpoint":"token","count":1,"id_token":{"set":{"nonce":"another"}}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"set":{"aud":["another"]}}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"set":{"realmid":"1"}}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"set":{"exp":"now-3600"}}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"set":{"iat":"now-1200"}}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"set":{"at_hash":"AAAA"}}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"alg_none":true}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"bad_signature":true}})",
                                        R"({"endpoint":"token","count":1,"id_token":{"foreign_key":true}})",
                                        R"({"endpoint":"token","count":1,"remove_members":["id_token"]})"};
  for (const auto& fault : faults) {
    const Flow flow = begin_with(std::string{"realm:"} + realm);
    const auto query = consent(flow.location);
    sandbox_fault(fault);
    const auto result = finish(flow, query);
    EXPECT_EQ(result.status, "failed") << fault;
    EXPECT_TRUE(rows().empty()) << fault;
  }
}

}  // namespace
}  // namespace evergrant::test
