// Requests whose body and answer stream, seen from the socket.
#include <gmock/gmock.h>

#include "net/http_exchange.hpp"
#include "unit/net/server_fixture.hpp"

namespace evergrant::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Streams what lies below /s/, and answers anything else in the ordinary way.
class StreamingHandler final : public HttpHandler {
 public:
  Task<HttpResponse> handle(HttpRequest request) override { co_return TellingHandler::text("plain " + request.path); }
  bool streams(std::string_view, std::string_view path) const noexcept override { return path.starts_with("/s/"); }
  Task<void> stream(HttpRequest head, HttpExchange& exchange) override {
    ++requests;
    if (head.path == "/s/throw") throw std::runtime_error{"token canary-1"};
    if (head.path == "/s/nothing") co_return;
    if (head.path == "/s/whole") {
      co_await exchange.answer(TellingHandler::text("whole"));
    } else if (head.path == "/s/count") {
      co_await count(exchange);
    } else if (head.path == "/s/echo") {
      co_await echo(exchange);
    } else if (head.path == "/s/short") {
      exchange.begin({.status = 200, .headers = {}, .length = 10});
      co_await exchange.write("12345");
      const bool ended = co_await exchange.end({});
      short_ended = ended;
    } else if (head.path == "/s/breaks") {
      exchange.begin({.status = 200, .headers = {}, .length = {}});
      co_await exchange.write("the first part");
      co_await exchange.flush();
    } else if (head.path == "/s/empty") {
      exchange.begin({.status = 204, .headers = {}, .length = {}});
      co_await exchange.end({});
    } else if (head.path == "/s/early") {
      exchange.begin({.status = 413, .headers = {}, .length = 2});
      co_await exchange.write("no");
      co_await exchange.end({});
    } else if (head.path == "/s/endless") {
      exchange.begin({.status = 200, .headers = {}, .length = {}});
      const std::string block(16U << 10U, 'e');
      while (co_await exchange.write(block)) written += block.size();
      gone.open();
    }
  }

  Task<void> count(HttpExchange& exchange) {
    std::size_t bytes = 0;
    co_await exchange.send_continue();
    while (true) {
      const auto piece = co_await exchange.read();
      if (piece.broken) broken = true;
      if (piece.broken) gone.open();
      if (piece.end || piece.broken) break;
      bytes += piece.bytes.size();
      longest = std::max(longest, piece.bytes.size());
    }
    const auto length = exchange.body_length();
    std::string said = std::to_string(bytes) + (length ? "" : " chunked");
    if (const auto trailer = exchange.trailers().find("X-Sum")) said.append(" sum ").append(*trailer);
    co_await exchange.answer(TellingHandler::text(said));
  }

  Task<void> echo(HttpExchange& exchange) {
    exchange.begin({.status = 200, .headers = {}, .length = {}});
    while (true) {
      const auto piece = co_await exchange.read();
      if (piece.broken) co_return;
      if (piece.end) break;
      co_await exchange.write(piece.bytes);
      co_await exchange.flush();
    }
    Headers trailers;
    trailers.add("X-Done", "yes");
    co_await exchange.end(trailers);
  }

  std::atomic<int> requests = 0;
  std::atomic<bool> broken = false;
  std::atomic<bool> short_ended = true;
  std::atomic<std::size_t> written = 0;
  std::size_t longest = 0;
  Gate gone;
};

class HttpStreamTest : public testing::Test {
 protected:
  void start(Duration body_timeout = std::chrono::seconds{30}) {
    ServerOptions options;
    options.limits.body_bytes = 1024;
    options.limits.body_timeout = body_timeout;
    server = std::make_unique<HttpServer>(std::move(options), handler, *log);
    ASSERT_TRUE(server->start().has_value());
  }
  [[nodiscard]] Wire connect() const { return Wire::to_port(server->port()); }
  [[nodiscard]] std::string answer_to(std::string_view raw) const {
    Wire wire = connect();
    wire.write(raw);
    return wire.read_all();
  }
  static std::string post(std::string_view path, std::string_view more, std::string_view body) {
    return "POST " + std::string{path} + " HTTP/1.1\r\nHost: x\r\n" + std::string{more} + "\r\n" + std::string{body};
  }
  static std::string sized(std::string_view path, const std::string& body, std::string_view more = "") {
    return post(path, "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string{more}, body);
  }

  std::string log_lines;
  std::unique_ptr<Log> log = Log::into(log_lines);
  StreamingHandler handler;
  std::unique_ptr<HttpServer> server;
};

TEST_F(HttpStreamTest, a_body_longer_than_the_limit_streams_in_pieces_of_a_buffer) {
  start();
  EXPECT_THAT(answer_to(sized("/s/count", std::string(3U << 20U, 'b'), "Connection: close\r\n")),
              EndsWith("\r\n\r\n3145728"));
  EXPECT_LE(handler.longest, 64U << 10U);
  EXPECT_THAT(answer_to(sized("/plain", std::string(3U << 20U, 'b'))), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpStreamTest, chunks_and_trailers_arrive) {
  start();
  EXPECT_THAT(answer_to(post("/s/count", "Transfer-Encoding: chunked\r\nConnection: close\r\n",
                             "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n")),
              EndsWith("11 chunked sum 11"));
}

TEST_F(HttpStreamTest, an_answer_is_chunked_and_ends_with_its_trailers_while_the_body_still_came) {
  start();
  Wire wire = connect();
  wire.write(post("/s/echo", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"));
  while (!wire.received().contains("3\r\nabc\r\n") && wire.read_more()) {
  }
  EXPECT_THAT(wire.received(), HasSubstr("Transfer-Encoding: chunked\r\n"));
  wire.write("2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(wire.read_all(), EndsWith("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Done: yes\r\n\r\n"));
}

TEST_F(HttpStreamTest, a_zero_within_a_chunk_waits_for_nothing) {
  start();
  Wire wire = connect();
  wire.write(post("/s/echo", "Transfer-Encoding: chunked\r\n", "2\r\n0"));
  while (!wire.received().contains("\r\n\r\n1\r\n0\r\n") && wire.read_more()) {
  }
  EXPECT_THAT(wire.received(), EndsWith("1\r\n0\r\n"));
  wire.write("1\r\n0\r\n\r\n");
  EXPECT_THAT(wire.read_all(), EndsWith("1\r\n1\r\n0\r\nX-Done: yes\r\n\r\n"));
}

TEST_F(HttpStreamTest, the_connection_is_good_for_the_next_request_streamed_or_not) {
  start();
  const std::string answers =
      answer_to(sized("/s/count", "12345") + sized("/s/count", "") + "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n" +
                "GET /s/empty HTTP/1.1\r\nHost: x\r\n\r\n" +
                post("/s/count", "Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n") +
                "GET /s/whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answers, HasSubstr("\r\n\r\n5HTTP/1.1 200 OK"));
  EXPECT_THAT(answers, HasSubstr("\r\n\r\n0HTTP/1.1 200 OK"));
  EXPECT_THAT(answers, HasSubstr("plain /plainHTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(answers, HasSubstr("1 chunked"));
  EXPECT_THAT(answers, EndsWith("whole"));
  EXPECT_EQ(handler.requests, 5);
}

TEST_F(HttpStreamTest, one_byte_at_a_time_is_the_same_request) {
  start();
  Wire wire = connect();
  for (const char c :
       post("/s/count", "Transfer-Encoding: chunked\r\nConnection: close\r\n", "5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n")) {
    wire.write({&c, 1});
  }
  EXPECT_THAT(wire.read_all(), EndsWith("5 chunked sum 5"));
}

TEST_F(HttpStreamTest, the_word_to_go_on_is_given_when_the_body_is_wanted_and_not_before) {
  start();
  Wire wanted = connect();
  wanted.write(post("/s/count", "Content-Length: 3\r\nExpect: 100-continue\r\n", ""));
  EXPECT_EQ(wanted.read_message(), "HTTP/1.1 100 Continue\r\n\r\n");
  wanted.write("abc");
  EXPECT_THAT(wanted.read_message(), EndsWith("\r\n\r\n3"));
  const std::string refused = answer_to(post("/s/early", "Content-Length: 3\r\nExpect: 100-continue\r\n", ""));
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(refused, HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpStreamTest, an_early_answer_arrives_though_the_body_was_not_read) {
  start();
  const std::string answer = answer_to(sized("/s/early", std::string(200'000, 'b')) + sized("/s/count", "x"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("no"));
  EXPECT_EQ(handler.requests, 1);
}

TEST_F(HttpStreamTest, an_answer_that_breaks_off_does_not_look_complete) {
  start();
  for (const std::string_view version : {"HTTP/1.1", "HTTP/1.0"}) {
    Wire wire = connect();
    wire.write("GET /s/breaks " + std::string{version} + "\r\nHost: x\r\n\r\n");
    while (!wire.received().contains("the first part") && wire.read_more()) {
    }
    errno = 0;
    EXPECT_FALSE(wire.read_more());
    EXPECT_EQ(errno, ECONNRESET) << version;
    EXPECT_THAT(wire.received(), Not(HasSubstr("0\r\n\r\n")));
  }
}

TEST_F(HttpStreamTest, an_answer_shorter_than_it_said_is_no_end) {
  start();
  Wire wire = connect();
  wire.write("GET /s/short HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(wire.read_all(), Not(EndsWith("12345")));  // reset: what was sent may be lost, and nothing else comes
  EXPECT_FALSE(handler.short_ended);
}

TEST_F(HttpStreamTest, a_client_of_http_1_0_gets_no_chunks) {
  start();
  const std::string answer = answer_to("POST /s/echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nabc"));
}

TEST_F(HttpStreamTest, head_gets_the_head_alone) {
  start();
  const std::string answer = answer_to("HEAD /s/short HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpStreamTest, a_handler_that_fails_before_its_answer_gives_a_500_and_tells_nothing) {
  start();
  for (const std::string_view path : {"/s/throw", "/s/nothing"}) {
    const std::string answer = answer_to("GET " + std::string{path} + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 ")) << path;
    EXPECT_THAT(answer, HasSubstr(R"("code":"internal")"));
  }
  server.reset();
  EXPECT_THAT(log_lines, testing::AllOf(HasSubstr("std::runtime_error"), Not(HasSubstr("canary"))));
}

TEST_F(HttpStreamTest, what_is_no_http_breaks_the_body) {
  for (const std::string_view body :
       {"xyz\r\n", "5\r\nhelloxx0\r\n\r\n", "-1\r\n", "5 \r\nhello\r\n0\r\n\r\n", "1\r\nx\n\r0\r\n\r\n"}) {
    start();
    handler.broken = false;
    const std::string answer = answer_to(post("/s/count", "Transfer-Encoding: chunked\r\n", body));
    EXPECT_TRUE(handler.broken) << body;
    server.reset();
  }
}

TEST_F(HttpStreamTest, a_body_that_stops_coming_meets_its_deadline) {
  start(Duration{20});
  Wire wire = connect();
  wire.write(post("/s/count", "Content-Length: 5\r\n", "ab"));
  EXPECT_TRUE(handler.gone.wait());
  EXPECT_TRUE(handler.broken);
}

TEST_F(HttpStreamTest, a_client_that_does_not_read_stops_the_handler_and_meets_its_deadline) {
  start(Duration{50});
  Wire wire = connect();
  wire.write("GET /s/endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(handler.gone.wait());
  EXPECT_LT(handler.written, 32U << 20U);  // what the kernel holds
}

TEST_F(HttpStreamTest, a_client_that_goes_away_ends_the_handler) {
  start();
  Wire wire = connect();
  wire.write("GET /s/endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(wire.read_more());
  wire.reset();
  EXPECT_TRUE(handler.gone.wait());
}

TEST_F(HttpStreamTest, a_stop_waits_for_an_answer_that_streams) {
  start();
  Wire wire = connect();
  wire.write(post("/s/echo", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n"));
  while (!wire.received().contains("1\r\na\r\n") && wire.read_more()) {
  }
  std::thread stopping{[&] { server->stop(); }};
  wire.write("0\r\n\r\n");
  EXPECT_THAT(wire.read_all(), EndsWith("0\r\nX-Done: yes\r\n\r\n"));
  stopping.join();
}

}  // namespace
}  // namespace evergrant::test
