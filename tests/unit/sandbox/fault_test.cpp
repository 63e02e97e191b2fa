#include <gtest/gtest.h>

#include "crypto/jose.hpp"
#include "sandbox/faults.hpp"
#include "sandbox/sandbox_transport.hpp"
#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxFault : ::testing::Test, SandboxBench {
  SandboxTransport transport{sandbox};

  Result<HttpResponse> refresh_over_transport(const std::string& token_text, Duration timeout = 30s) {
    HttpRequest received = token_request({{"grant_type", "refresh_token"}, {"refresh_token", token_text}});
    OutboundRequest request;
    request.method = "POST";
    request.url = "http://127.0.0.1:9500/token";
    request.headers = received.headers;
    request.body = received.body;
    request.timeout = timeout;
    return run_through_time(executor, transport.send(std::move(request)));
  }
  VerifiedJws verified(const std::string& id_token) {
    const auto keys = parse_jwk_set(get("/jwks").body);
    EXPECT_TRUE(keys.has_value());
    auto jws = verify_jws(id_token, keys.value(), {"RS256"});
    EXPECT_TRUE(jws.has_value());
    return jws.value_or(VerifiedJws{});
  }
  std::string id_token_with(std::string_view id_token_fault) {
    fault(R"({"endpoint":"token","count":1,"id_token":)" + std::string{id_token_fault} + "}");
    return text(connect(realm, "openid com.intuit.quickbooks.accounting").answer, "id_token");
  }
  void expect_no_key_fits(const std::string& id_token) {
    const auto keys = parse_jwk_set(get("/jwks").body);
    EXPECT_FALSE(verify_jws(id_token, keys.value(), {"RS256"}).has_value());
  }
};

TEST_F(SandboxFault, latency_delays_the_answer_by_that_much) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"latency_ms":60000})");
  const Time before = clock.now();
  EXPECT_TRUE(refresh_over_transport(issued.refresh, 90s).has_value());
  EXPECT_EQ(clock.now() - before, 60s);
}

TEST_F(SandboxFault, a_hang_beyond_the_clients_patience_is_ambiguous) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"latency_ms":600000})");
  EXPECT_EQ(refresh_over_transport(issued.refresh, 30s).error().code, Errc::ambiguous);
}

TEST_F(SandboxFault, an_answer_dropped_before_processing_rotates_nothing) {
  set(R"({"rotation":"always_strict"})");
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"drop":"before"})");
  EXPECT_EQ(refresh_over_transport(issued.refresh).error().code, Errc::ambiguous);
  EXPECT_EQ(number(grant(), "refreshes"), 0);
  EXPECT_EQ(refresh_over_transport(issued.refresh)->status, 200);
}

TEST_F(SandboxFault, an_answer_dropped_after_processing_has_rotated) {
  set(R"({"rotation":"always_strict"})");
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"drop":"after"})");
  EXPECT_EQ(refresh_over_transport(issued.refresh).error().code, Errc::ambiguous);
  EXPECT_EQ(number(grant(), "refreshes"), 1);
  EXPECT_EQ(refresh_over_transport(issued.refresh)->status, 400) << "the value sent again is a reuse";
}

TEST_F(SandboxFault, a_dropped_answer_has_status_zero_at_the_handler) {
  fault(R"({"endpoint":"metadata","drop":"before"})");
  EXPECT_EQ(get("/.well-known/openid_configuration").status, 0);
}

TEST_F(SandboxFault, a_refused_connection_was_never_a_request) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"drop":"refuse"})");
  EXPECT_EQ(refresh_over_transport(issued.refresh).error().code, Errc::provider_unavailable);
  EXPECT_EQ(number(grant(), "token_requests"), 1) << "the code's alone";
  transport.set_down(true);
  EXPECT_EQ(refresh_over_transport(issued.refresh).error().code, Errc::provider_unavailable);
  transport.set_down(false);
  EXPECT_EQ(refresh_over_transport(issued.refresh)->status, 200);
}

TEST_F(SandboxFault, any_status_body_and_headers_can_be_answered_instead) {
  const Tokens issued = connect();
  fault(
      R"({"endpoint":"token","count":1,"status":503,"body":"<html>","headers":{"Retry-After":"7","Content-Type":"text/html"}})");
  const HttpResponse response = refresh(issued.refresh);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "<html>");
  EXPECT_EQ(response.headers.find("retry-after"), "7");
  EXPECT_EQ(response.headers.find("content-type"), "text/html");
  EXPECT_TRUE(response.headers.find("intuit_tid"));
  EXPECT_EQ(number(grant(), "refreshes"), 0) << "not processed";
}

TEST_F(SandboxFault, a_replaced_answer_is_processed_first_when_asked) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"status":500,"process":true})");
  EXPECT_EQ(refresh(issued.refresh).status, 500);
  EXPECT_EQ(number(grant(), "refreshes"), 1);
}

TEST_F(SandboxFault, bodies_can_be_malformed_truncated_or_empty) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"mangle":"malformed_json"})");
  fault(R"({"endpoint":"token","count":1,"mangle":"truncated_json"})");
  fault(R"({"endpoint":"token","count":1,"mangle":"empty_body"})");
  for (int i = 0; i < 3; ++i) {
    const HttpResponse response = refresh(issued.refresh);
    boost::system::error_code error;
    (void)boost::json::parse(response.body, error);
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(error) << response.body;
  }
  EXPECT_EQ(number(grant(), "refreshes"), 3);
}

TEST_F(SandboxFault, members_can_be_missing_changed_or_strings) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":1,"remove_members":["expires_in","refresh_token"]})");
  const auto without = json(refresh(issued.refresh));
  EXPECT_FALSE(without.contains("expires_in") || without.contains("refresh_token"));
  EXPECT_TRUE(without.contains("access_token"));
  fault(R"({"endpoint":"token","count":1,"mangle":"numbers_as_strings"})");
  EXPECT_EQ(text(json(refresh(issued.refresh)), "expires_in"), "3600");
  fault(R"({"endpoint":"token","count":1,"set_members":{"expires_in":0,"scope":"less"}})");
  const auto changed = json(refresh(issued.refresh));
  EXPECT_EQ(number(changed, "expires_in"), 0);
  EXPECT_EQ(text(changed, "scope"), "less");
}

TEST_F(SandboxFault, invalid_grant_can_flap) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","grant_type":"refresh_token","count":2,"status":400,"body":{"error":"invalid_grant"}})");
  EXPECT_EQ(refresh(issued.refresh).body, R"({"error":"invalid_grant"})");
  EXPECT_EQ(refresh(issued.refresh).status, 400);
  EXPECT_EQ(refresh(issued.refresh).status, 200);
}

TEST_F(SandboxFault, a_rule_can_let_some_pass_first_and_be_taken_back) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","skip":1,"count":"always","status":500})");
  EXPECT_EQ(refresh(issued.refresh).status, 200);
  EXPECT_EQ(refresh(issued.refresh).status, 500);
  EXPECT_EQ(refresh(issued.refresh).status, 500);
  EXPECT_EQ(sandbox.control("DELETE", "/faults/fault-1").status, 204);
  EXPECT_EQ(refresh(issued.refresh).status, 200);
  EXPECT_EQ(sandbox.control("DELETE", "/faults/fault-1").status, 404);
}

TEST_F(SandboxFault, a_rule_applies_to_its_endpoint_grant_type_realm_and_client_only) {
  const Tokens one = connect("1");
  const Tokens two = connect("2");
  fault(R"({"endpoint":"token","grant_type":"refresh_token","realm":"2","client_id":"sandbox-client","status":500})");
  EXPECT_EQ(refresh(one.refresh).status, 200);
  EXPECT_EQ(refresh(two.refresh).status, 500);
  EXPECT_EQ(company_info(two.access, "2").status, 200);
  EXPECT_EQ(redeem(code_for("2")).status, 200);
  sandbox.control("DELETE", "/faults");
  fault(R"({"endpoint":"api","realm":"2","status":429})");
  EXPECT_EQ(company_info(two.access, "2").status, 429);
  EXPECT_EQ(company_info(one.access, "1").status, 200);
}

TEST_F(SandboxFault, a_rule_for_a_code_knows_its_realm) {
  fault(R"({"endpoint":"token","grant_type":"authorization_code","realm":"2","status":500})");
  EXPECT_EQ(redeem(code_for("1")).status, 200);
  EXPECT_EQ(redeem(code_for("2")).status, 500);
}

TEST_F(SandboxFault, an_unknown_or_ill_typed_member_is_named) {
  for (const auto* rule :
       {R"({"endpiont":"token"})", R"({"endpoint":"nowhere"})", R"({"count":-1})", R"({"latency_ms":"long"})",
        R"({"drop":"sometimes"})", R"({"status":99})", R"({"headers":{"a":"b\r\nc"}})", R"({"body":"x"})",
        R"({"id_token":{"sett":{}}})", R"({"endpoint":"control"})"}) {
    const HttpResponse response = sandbox.control("POST", "/faults", rule);
    EXPECT_EQ(response.status, 400) << rule;
    EXPECT_TRUE(rule[2] == text(json(response), "detail")[0]) << response.body;
  }
  EXPECT_EQ(json(sandbox.control("GET", "/faults")).at("faults").as_array().size(), 0U);
}

TEST_F(SandboxFault, a_rule_reads_back_as_it_was_written) {
  const auto written = boost::json::parse(
      R"({"endpoint":"token","grant_type":"refresh_token","skip":2,"count":3,"latency_ms":5,"latency_after_ms":6,"drop":"after",
          "status":500,"body":"b","headers":{"H":"v"},"process":true,"mangle":"empty_body","remove_members":["a"],
          "set_members":{"b":1},"id_token":{"set":{"iss":"x"},"remove":["aud"],"alg_none":true,"bad_signature":true,
          "foreign_key":true}})");
  const auto rule = fault_from_json(written.as_object());
  ASSERT_TRUE(rule.has_value());
  auto read = to_json(*rule);
  read.erase("id");
  read.erase("hits");
  EXPECT_EQ(read, written.as_object());
}

TEST_F(SandboxFault, a_secret_can_be_rotated_and_a_client_disabled) {
  const Tokens issued = connect();
  sandbox.control("POST", "/clients", R"({"client_id":"sandbox-client","client_secret":"new"})");
  EXPECT_EQ(refresh(issued.refresh).status, 401);
  sandbox.control("POST", "/clients", R"({"client_id":"sandbox-client","client_secret":"sandbox-secret","disabled":true})");
  EXPECT_EQ(refresh(issued.refresh).status, 401);
  EXPECT_EQ(authorize(authorization("realm:1")).status, 400);
  sandbox.control("POST", "/clients", R"({"client_id":"sandbox-client","disabled":false})");
  EXPECT_EQ(refresh(issued.refresh).status, 200);
}

TEST_F(SandboxFault, a_right_id_token_has_intuits_claims_and_verifies) {
  auto parameters = authorization("realm:42", "openid com.intuit.quickbooks.accounting");
  parameters.emplace_back("nonce", "the-nonce");
  parameters.emplace_back("claims", R"({"id_token":{"realmId":null}})");
  const Tokens issued = tokens(redeem(returned(authorize(parameters), "code")));
  const VerifiedJws jws = verified(text(issued.answer, "id_token"));
  EXPECT_EQ(jws.header.alg, "RS256");
  EXPECT_FALSE(jws.header.kid.empty());
  const auto claims = boost::json::parse(jws.payload).as_object();
  EXPECT_EQ(boost::json::serialize(claims.at("aud")), R"(["sandbox-client"])");
  EXPECT_EQ(text(claims, "iss"), "http://127.0.0.1:9500");
  EXPECT_EQ(number(claims, "exp") - number(claims, "iat"), 3600);
  EXPECT_EQ(number(claims, "iat"), to_epoch_ms(clock.now()) / 1000);
  EXPECT_TRUE(claims.contains("auth_time"));
  EXPECT_EQ(text(claims, "realmid"), "42");
  EXPECT_EQ(text(claims, "realmId"), "42");
  EXPECT_EQ(text(claims, "nonce"), "the-nonce");
  EXPECT_EQ(text(claims, "sub").size(), 36U);
  EXPECT_FALSE(claims.contains("azp") || claims.contains("at_hash"));
  EXPECT_EQ(text(claims_of(text(json(refresh(issued.refresh)), "id_token")), "sub"), text(claims, "sub"));
}

TEST_F(SandboxFault, the_nonce_can_be_left_out_and_no_refresh_id_token_given) {
  set(R"({"nonce_returned":false,"id_token_on_refresh":false})");
  auto parameters = authorization("realm:42", "openid");
  parameters.emplace_back("nonce", "the-nonce");
  const Tokens issued = tokens(redeem(returned(authorize(parameters), "code")));
  EXPECT_FALSE(claims_of(text(issued.answer, "id_token")).contains("nonce"));
  EXPECT_FALSE(json(refresh(issued.refresh)).contains("id_token"));
}

TEST_F(SandboxFault, any_claim_can_be_wrong_under_a_right_signature) {
  const auto claims = boost::json::parse(verified(id_token_with(R"({"set":{"iss":"https://evil.example","aud":"other",
      "sub":"someone","nonce":"other","realmid":"7","exp":"now-60","iat":"now+600"},"remove":["auth_time"]})"))
                                             .payload)
                          .as_object();
  EXPECT_EQ(text(claims, "iss"), "https://evil.example");
  EXPECT_EQ(text(claims, "aud"), "other");
  EXPECT_EQ(text(claims, "sub"), "someone");
  EXPECT_EQ(text(claims, "realmid"), "7");
  EXPECT_EQ(number(claims, "exp"), to_epoch_ms(clock.now()) / 1000 - 60);
  EXPECT_EQ(number(claims, "iat"), to_epoch_ms(clock.now()) / 1000 + 600);
  EXPECT_FALSE(claims.contains("auth_time"));
}

TEST_F(SandboxFault, signatures_can_be_none_bad_or_foreign) {
  const std::string none = id_token_with(R"({"alg_none":true})");
  EXPECT_TRUE(none.starts_with(base64url_encode(R"({"alg":"none"})")) && none.ends_with('.'));
  expect_no_key_fits(id_token_with(R"({"bad_signature":true})"));
  expect_no_key_fits(id_token_with(R"({"foreign_key":true})"));
}

TEST_F(SandboxFault, keys_rotate_at_once_with_or_without_the_old_one) {
  const std::string before = text(connect(realm, "openid").answer, "id_token");
  EXPECT_EQ(sandbox.control("POST", "/keys/rotate").status, 200);
  EXPECT_EQ(json(get("/jwks")).at("keys").as_array().size(), 2U);
  const std::string after = text(connect(realm, "openid").answer, "id_token");
  EXPECT_NE(parse_jws_header(before)->kid, parse_jws_header(after)->kid);
  verified(before);
  sandbox.control("POST", "/keys/rotate", R"({"keep_old":false})");
  EXPECT_EQ(json(get("/op/v1/jwks")).at("keys").as_array().size(), 1U);
  expect_no_key_fits(before);
}

}  // namespace
}  // namespace evergrant::test
