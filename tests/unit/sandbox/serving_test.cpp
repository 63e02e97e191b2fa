// The sandbox behind a real listener: what cannot be seen at the handler.
#include <gtest/gtest.h>

#include <thread>

#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "sandbox_bench.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

struct SandboxServing : ::testing::Test {
  SandboxServing() {
    EXPECT_TRUE(server.start().has_value());
    EXPECT_TRUE(client.start().has_value());
    base = "http://127.0.0.1:" + std::to_string(server.port());
    loop_thread = std::jthread{[this] { loop.run(); }};
  }
  ~SandboxServing() override {
    loop.stop();
    loop_thread.join();
    server.stop(0s);
  }
  Result<HttpResponse> refresh(const std::string& token) {
    HttpRequest form = SandboxBench::token_request({{"grant_type", "refresh_token"}, {"refresh_token", token}});
    OutboundRequest request;
    request.method = "POST";
    request.url = base + "/token";
    request.headers = form.headers;
    request.body = form.body;
    request.allow_loopback_http = true;
    return wait_on(loop, client.send(std::move(request)));
  }

  SystemClock clock;
  SystemRandom random;
  std::unique_ptr<Log> log = Log::silent();
  Sandbox sandbox{{}, clock, random, *log};
  HttpServer server{{.threads = 2}, sandbox, *log};
  HttpClient client{{}};
  RunLoop loop;
  std::jthread loop_thread;
  std::string base;
};

TEST_F(SandboxServing, a_dropped_answer_is_a_closed_connection) {
  const auto made = SandboxBench::json(sandbox.control("POST", "/grants", R"({"realm":"1"})"));
  const std::string token = SandboxBench::text(made, "refresh_token");
  sandbox.control("POST", "/faults", R"({"endpoint":"token","count":1,"drop":"after"})");
  const auto lost = refresh(token);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code, Errc::ambiguous);
  const auto answered = refresh(token);
  ASSERT_TRUE(answered.has_value());
  EXPECT_EQ(answered->status, 200);
  EXPECT_EQ(SandboxBench::number(SandboxBench::json(sandbox.control("GET", "/grants/grant-1")), "refreshes"), 2)
      << "the lost one, and this one";
}

TEST_F(SandboxServing, many_clients_at_once_get_each_their_own) {
  constexpr int clients = 4;
  constexpr int rounds = 25;
  std::vector<std::string> tokens;
  for (int i = 0; i < clients; ++i) {
    tokens.push_back(SandboxBench::text(SandboxBench::json(sandbox.control("POST", "/grants", "{}")), "refresh_token"));
  }
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (const auto& token : tokens) {
    threads.emplace_back([&, token] {
      for (int i = 0; i < rounds; ++i) {
        const auto answer = refresh(token);
        good += answer && answer->status == 200 ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, clients * rounds);
  for (int i = 1; i <= clients; ++i) {
    const auto truth = SandboxBench::json(sandbox.control("GET", "/grants/grant-" + std::to_string(i)));
    EXPECT_EQ(SandboxBench::number(truth, "refreshes"), rounds);
  }
}

}  // namespace
}  // namespace evergrant::test
