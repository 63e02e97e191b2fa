// What the server does with clients that are malformed, slow or silent, seen from the socket.
#include <gmock/gmock.h>

#include "unit/net/server_fixture.hpp"

namespace evergrant::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpLimitsTest : public ServerTest {
 protected:
  // One deadline is short, the others are far away, so that the test sees which one it was.
  void start_with(Duration ServerLimits::* deadline) {
    ServerOptions options;
    options.limits.header_timeout = options.limits.body_timeout = options.limits.idle_timeout = std::chrono::hours{1};
    options.limits.*deadline = Duration{20};
    start(options);
  }
};

TEST_F(HttpLimitsTest, a_malformed_request_gets_a_problem_and_the_connection_ends) {
  start();
  const std::string answer = answer_to("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + get("/smuggled"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/problem+json\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(body_of(answer), HasSubstr(R"("status":400,"code":"bad_request","detail":)"));
  EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpLimitsTest, the_request_before_a_malformed_one_is_still_answered) {
  start();
  const std::string answers = answer_to(get("/good") + "nonsense\r\n\r\n");
  EXPECT_THAT(answers, HasSubstr("GET /good?"));
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 400 "));
  EXPECT_EQ(handler.requests, 1);
}

TEST_F(HttpLimitsTest, trace_and_connect_are_not_offered) {
  start();
  EXPECT_THAT(answer_to("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET")));
  EXPECT_THAT(answer_to("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpLimitsTest, a_header_over_the_limit_is_refused_and_the_answer_arrives_though_more_was_sent) {
  start();
  const std::string answer = answer_to("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(200000, 'a') + "\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpLimitsTest, a_header_just_under_the_limit_is_served) {
  start();
  const std::string answer = answer_to(get("/long", "Connection: close\r\nX-Long: " + std::string(16000, 'a') + "\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpLimitsTest, a_body_at_the_limit_is_served_and_one_over_it_is_refused) {
  start();
  for (const std::size_t over : {0U, 1U}) {
    const std::size_t size = (1U << 20U) + over;
    Wire wire = connect();
    wire.write("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
               std::string(size, 'b'));
    EXPECT_THAT(wire.read_message(), StartsWith(over == 0 ? "HTTP/1.1 200 " : "HTTP/1.1 413 "));
  }
}

TEST_F(HttpLimitsTest, chunks_over_the_limit_are_refused) {
  start();
  std::string raw = "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 17; ++i) raw += "10000\r\n" + std::string(0x10000, 'c') + "\r\n";
  EXPECT_THAT(answer_to(raw), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpLimitsTest, a_header_that_trickles_is_cut_off_at_its_deadline) {
  start_with(&ServerLimits::header_timeout);
  Wire wire = connect();
  wire.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  // A byte now and then must not put the deadline off: one is written whenever nothing came back for a millisecond.
  std::string answer;
  const timeval moment{0, 1000};
  setsockopt(wire.fd(), SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
  const auto start_time = std::chrono::steady_clock::now();
  bool answered = false;
  while (!answered && std::chrono::steady_clock::now() - start_time < std::chrono::seconds{longest_wait_seconds}) {
    answered = wire.read_more();
    if (!answered) wire.write("a");
  }
  answer = wire.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer, HasSubstr(R"("code":"request_timeout")"));
}

TEST_F(HttpLimitsTest, a_body_that_does_not_come_is_cut_off_at_its_deadline) {
  start_with(&ServerLimits::body_timeout);
  EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc"), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpLimitsTest, an_idle_connection_is_closed_without_a_word) {
  start_with(&ServerLimits::idle_timeout);
  Wire silent = connect();
  EXPECT_TRUE(silent.is_closed_by_peer());
  Wire used = connect();
  used.write(get("/a"));
  ASSERT_THAT(used.read_message(), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(used.is_closed_by_peer());
}

TEST_F(HttpLimitsTest, a_handler_is_not_hurried_by_the_deadlines_of_the_client) {
  start_with(&ServerLimits::idle_timeout);
  Wire slow = connect();
  slow.write(get("/wait"));
  ASSERT_TRUE(handler.entered.wait());
  Wire idle = connect();
  EXPECT_TRUE(idle.is_closed_by_peer());  // so the idle deadline has passed for the other one, too
  handler.wake.set(true);
  EXPECT_THAT(slow.read_message(), testing::EndsWith("woken"));
}

TEST_F(HttpLimitsTest, a_client_that_does_not_read_is_cut_off) {
  start_with(&ServerLimits::body_timeout);
  Wire wire = connect();
  wire.write(get("/big"));
  server->stop(std::chrono::hours{1});  // returns only once the write was given up
  EXPECT_LT(wire.read_all().size(), 8U << 20U);
}

TEST_F(HttpLimitsTest, a_client_that_goes_away_within_a_request_does_no_harm) {
  start();
  for (const std::string_view part :
       {"GET", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"}) {
    Wire wire = connect();
    wire.write(part);
    wire.reset();
  }
  EXPECT_THAT(answer_to(get("/", "Connection: close\r\n")), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace evergrant::test
