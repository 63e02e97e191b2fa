#include <gtest/gtest.h>

#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxApi : ::testing::Test, SandboxBench {
  std::string customers = "/v3/company/" + std::string{realm} + "/customer";
  std::string all_customers =
      "/v3/company/" + std::string{realm} + "/query?query=" + percent_encode("select * from Customer");

  HttpResponse add(std::string_view access, std::string_view body) {
    Headers headers = bearer(access);
    headers.add("Content-Type", "application/json");
    return post(customers, std::string{body}, headers);
  }
  static HttpRequest info_request(std::string_view access) {
    return request("GET", "/v3/company/4620816365000000001/companyinfo/4620816365000000001", bearer(access));
  }
  static boost::json::object api_fault(const HttpResponse& response) {
    return json(response).at("fault").as_object().at("error").as_array().at(0).as_object();
  }
};

TEST_F(SandboxApi, the_company_is_shown_to_its_own_grant) {
  const HttpResponse response = company_info(connect().access);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(text(json(response).at("CompanyInfo").as_object(), "CompanyName"), "Sandbox Company US 1");
  EXPECT_TRUE(response.headers.find("intuit_tid"));
}

TEST_F(SandboxApi, an_expired_token_is_401_with_code_3200) {
  const Tokens issued = connect();
  clock.advance(1h);
  const HttpResponse response = company_info(issued.access);
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(text(api_fault(response), "message"), "message=AuthenticationFailed; errorCode=003200; statusCode=401");
  EXPECT_EQ(text(api_fault(response), "detail"), "Token expired");
  EXPECT_EQ(text(api_fault(response), "code"), "3200");
  EXPECT_EQ(text(json(response).at("fault").as_object(), "type"), "AUTHENTICATION");
  EXPECT_TRUE(json(response).contains("time"));
}

TEST_F(SandboxApi, other_bad_tokens_are_401_with_their_own_detail) {
  EXPECT_EQ(text(api_fault(company_info("short")), "detail"), "Malformed bearer token: too short or too long");
  EXPECT_EQ(text(api_fault(company_info(std::string(5000, 'x'))), "detail"),
            "Malformed bearer token: too short or too long");
  EXPECT_EQ(text(api_fault(company_info(std::string(100, 'x'))), "detail"), "Token invalid");
  EXPECT_EQ(text(api_fault(company_info("")), "detail"), "Token missing");
  EXPECT_EQ(company_info(connect().refresh).status, 401) << "a refresh token opens nothing";
}

TEST_F(SandboxApi, a_401_is_xml_where_xml_is_asked_for) {
  Headers headers = bearer("short");
  headers.add("Accept", "application/xml");
  const HttpResponse response = get("/v3/company/1/companyinfo/1", headers);
  EXPECT_EQ(response.status, 401);
  EXPECT_TRUE(response.headers.find("content-type")->starts_with("application/xml"));
  EXPECT_NE(response.body.find(R"(<Fault type="AuthenticationFault"><Error code="3200">)"), std::string::npos);
}

TEST_F(SandboxApi, another_realm_is_403_with_code_3100) {
  const HttpResponse response = company_info(connect().access, "4620816365000000002");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(text(api_fault(response), "code"), "3100");
}

TEST_F(SandboxApi, a_grant_without_an_accounting_scope_is_403) {
  EXPECT_EQ(company_info(connect(realm, "openid").access).status, 403);
}

TEST_F(SandboxApi, customers_are_added_found_and_kept_apart_by_realm) {
  const Tokens issued = connect();
  EXPECT_EQ(add(issued.access, R"({"DisplayName":"Ann"})").status, 200);
  EXPECT_EQ(add(issued.access, R"({"DisplayName":"Bob"})").status, 200);
  const auto found = json(get(all_customers, bearer(issued.access))).at("QueryResponse").as_object();
  EXPECT_EQ(found.at("Customer").as_array().size(), 2U);
  const Tokens other = connect("5");
  const auto none = json(get("/v3/company/5/query?query=select%20*%20from%20Customer", bearer(other.access)));
  EXPECT_TRUE(none.at("QueryResponse").at("Customer").as_array().empty());
}

TEST_F(SandboxApi, invalid_requests_are_validation_faults) {
  const Tokens issued = connect();
  EXPECT_EQ(add(issued.access, R"({"DisplayName":"Ann"})").status, 200);
  const std::string query = "/v3/company/" + std::string{realm} + "/query";
  for (const auto& response :
       {add(issued.access, "{}"), add(issued.access, "nonsense"), add(issued.access, R"({"DisplayName":"Ann"})"),
        get(query, bearer(issued.access)), get(query + "?query=drop", bearer(issued.access)),
        get(query + "?query=select+*+from+Secrets", bearer(issued.access)),
        get("/v3/company/" + std::string{realm} + "/invoice", bearer(issued.access))}) {
    EXPECT_EQ(response.status, 400);
    const auto body = json(response);
    EXPECT_EQ(text(body.at("Fault").as_object(), "type"), "ValidationFault");
    const auto& error = body.at("Fault").at("Error").as_array().at(0).as_object();
    EXPECT_TRUE(error.contains("Message") && error.contains("Detail") && error.contains("code"));
  }
}

TEST_F(SandboxApi, the_limit_by_minute_is_429_with_code_3001) {
  set(R"({"api_per_minute":2})");
  const Tokens issued = connect();
  EXPECT_EQ(company_info(issued.access).status, 200);
  EXPECT_EQ(company_info(issued.access).status, 200);
  const HttpResponse third = company_info(issued.access);
  EXPECT_EQ(third.status, 429);
  EXPECT_EQ(text(api_fault(third), "message"), "message=ThrottleExceeded; errorCode=003001; statusCode=429");
  EXPECT_EQ(text(api_fault(third), "code"), "3001");
  clock.advance(1min);
  EXPECT_EQ(company_info(issued.access).status, 200);
}

TEST_F(SandboxApi, the_limit_at_once_is_429) {
  set(R"({"api_concurrency":1})");
  const Tokens issued = connect();
  SandboxBench::fault(R"({"endpoint":"api","count":1,"latency_ms":1000})");
  int slow = 0;
  spawn(executor, [](SandboxApi& bench, std::string access, int& status) -> Task<void> {
    const HttpResponse response = co_await bench.sandbox.handle(info_request(access));
    status = response.status;
  }(*this, issued.access, slow));
  executor.run_until_idle();
  EXPECT_EQ(run(executor, sandbox.handle(info_request(issued.access))).status, 429);
  executor.advance(1s);
  EXPECT_EQ(slow, 200);
  EXPECT_EQ(company_info(issued.access).status, 200);
}

TEST_F(SandboxApi, userinfo_is_spelt_in_camel_case_by_scope) {
  const Tokens all = connect(realm, "openid profile email phone address");
  const auto info = json(get("/userinfo", bearer(all.access)));
  for (const auto* name :
       {"sub", "givenName", "familyName", "email", "emailVerified", "phoneNumber", "phoneNumberVerified"}) {
    EXPECT_TRUE(info.contains(name)) << name;
  }
  EXPECT_TRUE(info.at("address").as_object().contains("streetAddress"));
  EXPECT_EQ(json(get("/v1/openid_connect/userinfo", bearer(connect(realm, "openid").access))).size(), 1U);
  EXPECT_EQ(get("/userinfo", bearer(connect().access)).status, 403) << "openid was not granted";
  EXPECT_EQ(get("/userinfo").status, 401);
}

}  // namespace
}  // namespace evergrant::test
