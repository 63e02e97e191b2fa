// A sandbox on a virtual clock, and short words for what a client, a browser and an operator do with it.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/encoding.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "sandbox/sandbox.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {

// The same bytes in every run.
class CountingRandom final : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    for (unsigned char& byte : out) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      byte = static_cast<unsigned char>(state_ >> 56U);
    }
  }

 private:
  std::uint64_t state_ = 42;
};

struct Tokens {
  std::string access;
  std::string refresh;
  boost::json::object answer;
};

class SandboxBench {
 public:
  static constexpr std::string_view callback = "http://127.0.0.1:8000/callback/sandbox";
  static constexpr std::string_view accounting = "com.intuit.quickbooks.accounting";
  static constexpr std::string_view realm = "4620816365000000001";

  explicit SandboxBench(SandboxOptions options = {}) : sandbox{std::move(options), clock, random, *log} {}
  SandboxBench(const SandboxBench&) = delete;
  SandboxBench& operator=(const SandboxBench&) = delete;
  ~SandboxBench() { executor.drop_tasks(); }  // answers that nobody waited for

  HttpResponse send(HttpRequest request) { return run_through_time(executor, sandbox.handle(std::move(request))); }
  static HttpRequest request(std::string_view method, std::string_view target, Headers headers, std::string body = {}) {
    HttpRequest out;
    const auto question = target.find('?');
    out.method = method;
    out.path = target.substr(0, question);
    if (question != std::string_view::npos) out.query = target.substr(question + 1);
    out.headers = std::move(headers);
    out.body = std::move(body);
    return out;
  }
  HttpResponse get(std::string_view target, Headers headers = {}) {
    return send(request("GET", target, std::move(headers)));
  }
  HttpResponse post(std::string_view path, std::string body, Headers headers) {
    return send(request("POST", path, std::move(headers), std::move(body)));
  }

  static Headers basic(std::string_view id = "sandbox-client", std::string_view secret = "sandbox-secret") {
    Headers headers;
    headers.add("Authorization", "Basic " + base64_encode(form_encode(id) + ":" + form_encode(secret)));
    return headers;
  }
  static Headers bearer(std::string_view token) {
    Headers headers;
    headers.add("Authorization", "Bearer " + std::string{token});
    return headers;
  }
  static HttpRequest token_request(const Parameters& form, Headers headers = basic()) {
    headers.set("Content-Type", "application/x-www-form-urlencoded");
    return request("POST", "/token", std::move(headers), form_encode(form));
  }
  HttpResponse token(const Parameters& form, Headers headers = basic()) {
    return send(token_request(form, std::move(headers)));
  }
  HttpResponse refresh(const std::string& token_text) {
    return token({{"grant_type", "refresh_token"}, {"refresh_token", token_text}});
  }
  HttpResponse redeem(const std::string& code) {
    return token({{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", std::string{callback}}});
  }
  HttpResponse revoke(const std::string& token_text) {
    Headers headers = basic();
    headers.set("Content-Type", "application/json");
    return post("/revoke", boost::json::serialize(boost::json::object{{"token", token_text}}), std::move(headers));
  }

  static Parameters authorization(std::string_view hint, std::string_view scope = accounting) {
    return {{"client_id", "sandbox-client"}, {"redirect_uri", std::string{callback}},
            {"response_type", "code"},       {"scope", std::string{scope}},
            {"state", "client-state"},       {"login_hint", std::string{hint}}};
  }
  HttpResponse authorize(const Parameters& parameters) { return get("/authorize?" + form_encode(parameters)); }

  // The parameters that the browser brings back to the client.
  static Parameters returned(const HttpResponse& response) {
    const std::string location{response.headers.find("location").value_or("")};
    return form_decode(location.substr(location.find('?') + 1)).value_or(Parameters{});
  }
  static std::string returned(const HttpResponse& response, std::string_view name) {
    return single(returned(response), name).value_or("");
  }

  std::string code_for(std::string_view realm_id = realm, std::string_view scope = accounting) {
    return returned(authorize(authorization("realm:" + std::string{realm_id}, scope)), "code");
  }
  Tokens connect(std::string_view realm_id = realm, std::string_view scope = accounting) {
    return tokens(redeem(code_for(realm_id, scope)));
  }
  static Tokens tokens(const HttpResponse& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    Tokens out;
    if (response.status != 200) return out;
    out.answer = json(response);
    out.access = text(out.answer, "access_token");
    if (out.answer.contains("refresh_token")) out.refresh = text(out.answer, "refresh_token");
    return out;
  }

  HttpResponse company_info(std::string_view access, std::string_view realm_id = realm) {
    const std::string id{realm_id};
    return get("/v3/company/" + id + "/companyinfo/" + id, bearer(access));
  }

  static boost::json::object json(const HttpResponse& response) {
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(response.body, error);
    EXPECT_TRUE(!error && value.is_object()) << response.body;
    return error || !value.is_object() ? boost::json::object{} : value.as_object();
  }
  static std::string text(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string{value->as_string()} : std::string{};
  }
  static std::int64_t number(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_number() ? value->to_number<std::int64_t>() : -1;
  }

  void set(std::string_view settings) { EXPECT_EQ(sandbox.control("POST", "/settings", std::string{settings}).status, 200); }
  void fault(std::string_view rule) { EXPECT_EQ(sandbox.control("POST", "/faults", std::string{rule}).status, 201); }
  boost::json::object grant(int number = 1) {
    return json(sandbox.control("GET", "/grants/grant-" + std::to_string(number)));
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  CountingRandom random;
  std::unique_ptr<Log> log = Log::silent();
  Sandbox sandbox;
};

// The claims of a compact JWS, unverified.
inline boost::json::object claims_of(std::string_view compact) {
  const auto first = compact.find('.');
  const auto second = compact.find('.', first + 1);
  const auto payload = base64url_decode(compact.substr(first + 1, second - first - 1));
  return boost::json::parse(payload.value()).as_object();
}

}  // namespace evergrant::test
