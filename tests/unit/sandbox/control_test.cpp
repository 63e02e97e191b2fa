#include <gtest/gtest.h>

#include "sandbox/control.hpp"
#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxControl : ::testing::Test, SandboxBench {
  boost::json::array requests(std::string_view query = "") {
    return json(sandbox.control("GET", "/requests" + std::string{query})).at("requests").as_array();
  }
};

TEST_F(SandboxControl, the_truth_of_a_grant_counts_every_request_and_hides_tokens) {
  const Tokens issued = connect("42");
  EXPECT_EQ(refresh(issued.refresh).status, 200);
  fault(R"({"endpoint":"token","count":1,"status":503})");
  EXPECT_EQ(refresh(issued.refresh).status, 503);
  const auto truth = grant();
  EXPECT_EQ(text(truth, "realm"), "42");
  EXPECT_EQ(text(truth, "client_id"), "sandbox-client");
  EXPECT_EQ(truth.at("alive"), true);
  EXPECT_EQ(number(truth, "token_requests"), 3);
  EXPECT_EQ(number(truth, "refreshes"), 1);
  EXPECT_EQ(number(truth, "refresh_values_issued"), 1);
  EXPECT_EQ(truth.at("reuse_detected"), false);
  const std::string all = sandbox.control("GET", "/grants").body;
  EXPECT_EQ(all.find(issued.access), std::string::npos);
  EXPECT_EQ(all.find(issued.refresh), std::string::npos);
  EXPECT_NE(sandbox.control("GET", "/grants?tokens=1").body.find(issued.refresh), std::string::npos);
}

TEST_F(SandboxControl, requests_in_flight_together_are_seen) {
  const Tokens issued = connect();
  fault(R"({"endpoint":"token","count":2,"latency_ms":100})");
  int answered = 0;
  for (int i = 0; i < 2; ++i) {
    spawn(executor, [](Sandbox& sandbox_, HttpRequest request, int& done) -> Task<void> {
      const HttpResponse response = co_await sandbox_.handle(std::move(request));
      done += response.status == 200 ? 1 : 0;
    }(sandbox, token_request({{"grant_type", "refresh_token"}, {"refresh_token", issued.refresh}}), answered));
  }
  executor.run_until_idle();
  EXPECT_EQ(number(grant(), "requests_in_flight"), 2);
  executor.advance(100ms);
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(number(grant(), "requests_in_flight"), 0);
  EXPECT_EQ(number(grant(), "most_in_flight"), 2);
}

TEST_F(SandboxControl, the_request_log_says_what_came_and_what_became_of_it) {
  const Tokens issued = connect("42");
  fault(R"({"endpoint":"token","count":1,"drop":"after"})");
  EXPECT_EQ(refresh(issued.refresh).status, 0);
  EXPECT_EQ(refresh("nonsense").status, 400);
  const auto log = requests();
  ASSERT_EQ(log.size(), 4U);
  EXPECT_EQ(text(log[0].as_object(), "endpoint"), "authorize");
  EXPECT_EQ(text(log[1].as_object(), "grant_type"), "authorization_code");
  EXPECT_EQ(text(log[1].as_object(), "grant"), "grant-1");
  EXPECT_EQ(text(log[2].as_object(), "outcome"), "dropped_after");
  EXPECT_EQ(text(log[2].as_object(), "fault"), "fault-1");
  EXPECT_EQ(text(log[2].as_object(), "realm"), "42");
  EXPECT_EQ(text(log[3].as_object(), "error"), "invalid_grant");
  EXPECT_EQ(requests("?since=2").size(), 2U);
  EXPECT_EQ(requests("?endpoint=token&grant=grant-1").size(), 2U);
  EXPECT_EQ(sandbox.control("GET", "/requests").body.find(issued.refresh), std::string::npos);
}

TEST_F(SandboxControl, the_request_log_is_bounded) {
  SandboxOptions options;
  options.requests_remembered = 3;
  SandboxBench small{options};
  for (int i = 0; i < 5; ++i) small.get("/jwks-not");
  const auto log = json(small.sandbox.control("GET", "/requests"));
  EXPECT_EQ(number(log, "seen"), 5);
  EXPECT_EQ(log.at("requests").as_array().size(), 3U);
}

TEST_F(SandboxControl, the_clock_can_be_set_moved_and_sped_up) {
  const Tokens issued = connect();
  sandbox.control("POST", "/clock", R"({"advance_s":3600})");
  EXPECT_EQ(company_info(issued.access).status, 401);
  EXPECT_EQ(number(json(sandbox.control("POST", "/clock", R"({"speed":3600})")), "offset_ms"), 3'600'000);
  const std::string fresh = tokens(refresh(issued.refresh)).access;
  clock.advance(999ms);
  EXPECT_EQ(company_info(fresh).status, 200);
  clock.advance(1ms);
  EXPECT_EQ(company_info(fresh).status, 401) << "an hour passed in a second";
  const auto set_to = json(sandbox.control("POST", "/clock", R"({"speed":0,"now":"2030-01-01T00:00:00Z"})"));
  EXPECT_EQ(text(set_to, "now"), "2030-01-01T00:00:00.000Z");
  clock.advance(1h);
  EXPECT_EQ(text(json(sandbox.control("GET", "/clock")), "now"), "2030-01-01T00:00:00.000Z");
  EXPECT_EQ(sandbox.control("POST", "/clock", R"({"now":"tomorrow"})").status, 400);
  EXPECT_EQ(sandbox.control("POST", "/clock", R"({"spede":2})").status, 400);
}

TEST_F(SandboxControl, a_grant_can_be_ended_by_the_provider) {
  const Tokens issued = connect();
  EXPECT_EQ(sandbox.control("POST", "/grants/grant-1/revoke").status, 200);
  EXPECT_EQ(refresh(issued.refresh).status, 400);
  EXPECT_EQ(revoke(issued.refresh).status, 400);
  EXPECT_EQ(text(grant(), "ended_by"), "provider");
}

TEST_F(SandboxControl, a_token_can_be_expired_now) {
  const Tokens issued = connect();
  sandbox.control("POST", "/grants/grant-1/expire", R"({"what":"access"})");
  EXPECT_EQ(company_info(issued.access).status, 401);
  EXPECT_EQ(refresh(issued.refresh).status, 200);
  sandbox.control("POST", "/grants/grant-1/expire", R"({"what":"refresh"})");
  EXPECT_EQ(refresh(issued.refresh).status, 400);
  EXPECT_EQ(sandbox.control("POST", "/grants/grant-1/expire", R"({"what":"both"})").status, 400);
  EXPECT_EQ(sandbox.control("POST", "/grants/grant-9/revoke").status, 404);
}

TEST_F(SandboxControl, a_grant_can_be_made_without_a_browser) {
  const auto made = json(sandbox.control("POST", "/grants", R"({"realm":"77"})"));
  EXPECT_EQ(number(made, "expires_in"), 3600);
  EXPECT_EQ(refresh(text(made, "refresh_token")).status, 200);
  EXPECT_EQ(company_info(text(made, "access_token"), "77").status, 200);
  EXPECT_EQ(sandbox.control("POST", "/grants", R"({"realm":"a/b"})").status, 400);
  EXPECT_EQ(sandbox.control("POST", "/grants", R"({"client_id":"nobody"})").status, 400);
}

TEST_F(SandboxControl, settings_are_changed_whole_or_not_at_all) {
  const HttpResponse refused = sandbox.control("POST", "/settings", R"({"grace":5,"rotaton":"never"})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(text(json(refused), "detail").find("rotaton"), std::string::npos);
  EXPECT_EQ(sandbox.control("POST", "/settings", R"({"access_lifetime":-1})").status, 400);
  EXPECT_EQ(number(json(sandbox.control("GET", "/settings")), "grace"), 1800);
}

TEST_F(SandboxControl, settings_read_back_as_they_are_written) {
  SandboxSettings settings;
  settings.rotation = Rotation::always_strict;
  settings.pkce = PkceRule::advertised;
  settings.extra_scopes = {"a", "b"};
  settings.grace = 1500ms;
  SandboxSettings read;
  ASSERT_TRUE(apply(to_json(settings), read).has_value());
  EXPECT_EQ(read, settings);
}

TEST_F(SandboxControl, a_reset_forgets_everything) {
  const Tokens issued = connect();
  fault(R"({"status":500})");
  set(R"({"rotation":"never"})");
  EXPECT_EQ(sandbox.control("POST", "/reset").status, 204);
  EXPECT_EQ(refresh(issued.refresh).status, 400);
  EXPECT_EQ(json(sandbox.control("GET", "/grants")).at("grants").as_array().size(), 0U);
  EXPECT_EQ(text(json(sandbox.control("GET", "/settings")), "rotation"), "sometimes");
}

TEST_F(SandboxControl, pages_of_other_origins_may_not_control_it) {
  struct Case {
    std::string_view name, value;
    bool foreign;
  };
  for (const auto& [name, value, foreign] :
       {Case{"Origin", "https://evil.example", true}, Case{"Origin", "null", true},
        Case{"Origin", "http://127.0.0.1:9500", false}, Case{"Sec-Fetch-Site", "cross-site", true},
        Case{"Sec-Fetch-Site", "same-site", true}, Case{"Sec-Fetch-Site", "none", false},
        Case{"Host", "evil.example:9500", true}, Case{"Host", "localhost:9500", false},
        Case{"Host", "127.0.0.1.evil.example", true}, Case{"Host", "[::1]", false}}) {
    Headers headers;
    headers.add(std::string{name}, std::string{value});
    EXPECT_EQ(get("/control/settings", headers).status, foreign ? 403 : 200) << name << ": " << value;
  }
}

TEST_F(SandboxControl, a_body_that_is_not_declared_as_json_is_refused) {
  EXPECT_EQ(post("/control/settings", R"({"grace":5})", {}).status, 400);
  EXPECT_EQ(sandbox.control("POST", "/settings", "{").status, 400);
  EXPECT_EQ(sandbox.control("POST", "/settings", "[]").status, 400);
}

TEST_F(SandboxControl, it_can_be_left_out) {
  SandboxOptions options;
  options.control = false;
  SandboxBench closed{options};
  EXPECT_EQ(closed.get("/control/grants").status, 404);
  EXPECT_EQ(closed.get("/").body.find("/control/"), std::string::npos);
}

TEST_F(SandboxControl, unknown_paths_are_404) {
  EXPECT_EQ(sandbox.control("GET", "/nothing").status, 404);
  EXPECT_EQ(sandbox.control("PUT", "/settings").status, 404);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(get("/").status, 200);
}

}  // namespace
}  // namespace evergrant::test
