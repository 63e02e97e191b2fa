// An HttpServer on a free loopback port with a handler that tells what it was asked.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include "net/answer_room.hpp"
#include "net/http_server.hpp"
#include "net/quick_request.hpp"
#include "unit/net/loopback.hpp"

namespace evergrant::test {

class TellingHandler final : public HttpHandler {
 public:
  Task<HttpResponse> handle(HttpRequest request) override {
    ++requests;
    {
      const std::lock_guard lock{mutex};
      local_peer = request.local_peer;
    }
    if (request.path == "/throw") throw std::runtime_error{"token canary-1"};
    if (request.path == "/wait") {
      entered.open();
      const bool woken = co_await wake;
      co_return text(woken ? "woken" : "dropped");
    }
    if (request.path == "/later") co_await delay(Duration{1});
    HttpResponse response;
    if (request.path == "/inject") response.headers.add("X-Bad", "a\r\nX-Injected: b");
    if (request.path == "/big") response.body.assign(8U << 20U, 'b');
    if (request.path == "/empty") response.status = 204;
    if (!response.body.empty() || response.status == 204 || request.path == "/inject") co_return response;
    co_return text(request.method + " " + request.path + "?" + request.query + "|" + request.remote + "|" +
                   (request.secure ? "secure" : "plain") + "|" + request.body);
  }

  // "/quick?x": as many x as `quick_size` says.
  bool answer_now(const QuickRequest& request, const QuickPeer&, AnswerRoom& room) override {
    if (request.path != "/quick") return false;
    ++quick_answers;
    std::ranges::fill(room.json(quick_size), request.query.front());
    entered.open();
    return true;
  }

  static HttpResponse text(std::string body) {
    HttpResponse response;
    response.headers.add("Content-Type", "text/plain");
    response.body = std::move(body);
    return response;
  }

  std::atomic<int> requests = 0;
  std::atomic<int> quick_answers = 0;
  std::size_t quick_size = 10;
  std::optional<LocalPeer> local_peer;  // of the last request; read when its answer is there
  std::mutex mutex;                     // of that: serving threads may be several
  Gate entered;
  Completion<bool> wake;
};

class ServerTest : public testing::Test {
 protected:
  // With short limits the tests of deadlines need no patience.
  void start(ServerOptions options = {}) {
    server = std::make_unique<HttpServer>(std::move(options), handler, *log);
    const auto started = server->start();
    ASSERT_TRUE(started.has_value()) << started.error().message;
  }
  [[nodiscard]] Wire connect() const { return Wire::to_port(server->port()); }
  // Sends raw bytes on a new connection and reads until the server closes it.
  [[nodiscard]] std::string answer_to(std::string_view raw) const {
    Wire wire = connect();
    wire.write(raw);
    return wire.read_all();
  }
  [[nodiscard]] static std::string get(std::string_view path, std::string_view more = "") {
    return "GET " + std::string{path} + " HTTP/1.1\r\nHost: x\r\n" + std::string{more} + "\r\n";
  }
  [[nodiscard]] static std::string body_of(const std::string& message) {
    const auto end = message.find("\r\n\r\n");
    return end == std::string::npos ? "" : message.substr(end + 4);
  }
  [[nodiscard]] static std::string status_of(const std::string& message) { return message.substr(0, 12); }

  std::string log_lines;
  std::unique_ptr<Log> log = Log::into(log_lines);
  TellingHandler handler;
  std::unique_ptr<HttpServer> server;
};

}  // namespace evergrant::test
