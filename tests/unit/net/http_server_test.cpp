#include "net/http_server.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <future>
#include <sstream>

#include "unit/net/server_fixture.hpp"

namespace evergrant::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using HttpServerTest = ServerTest;

TEST_F(HttpServerTest, a_request_reaches_the_handler_and_its_answer_the_client) {
  start();
  Wire wire = connect();
  wire.write("POST /a/b%20c?d=e&f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  const std::string message = wire.read_message();
  EXPECT_THAT(message, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(body_of(message), "POST /a/b%20c?d=e&f|127.0.0.1|plain|hello");
}

TEST_F(HttpServerTest, every_answer_has_a_date_and_nosniff_and_no_server_name) {
  start();
  Wire wire = connect();
  wire.write(get("/"));
  const std::string message = wire.read_message();
  EXPECT_THAT(message, testing::ContainsRegex("Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n"));
  EXPECT_THAT(message, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(message, Not(HasSubstr("Server:")));
}

TEST_F(HttpServerTest, a_connection_serves_many_requests) {
  start();
  Wire wire = connect();
  for (int i = 0; i < 100; ++i) {
    wire.write(get("/" + std::to_string(i)));
    ASSERT_THAT(wire.read_message(), HasSubstr("GET /" + std::to_string(i) + "?"));
  }
  EXPECT_EQ(handler.requests, 100);
}

TEST_F(HttpServerTest, pipelined_requests_are_answered_in_order) {
  start();
  Wire wire = connect();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "POST /" + std::string{i % 2 == 0 ? "later" : "now"} + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n" +
           std::to_string(10 + i);
  }
  wire.write(all);
  for (int i = 0; i < 50; ++i) ASSERT_THAT(wire.read_message(), EndsWith("|" + std::to_string(10 + i)));
}

TEST_F(HttpServerTest, a_request_may_come_byte_by_byte) {
  start();
  Wire wire = connect();
  const int on = 1;
  setsockopt(wire.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string raw =
      "POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;note=x\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: "
      "t\r\n\r\n";
  for (const char c : raw) wire.write({&c, 1});
  EXPECT_THAT(wire.read_message(), EndsWith("POST /slow?|127.0.0.1|plain|abcde"));
}

TEST_F(HttpServerTest, head_gets_the_length_without_the_body) {
  start();
  Wire wire = connect();
  wire.write("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n" + get("/next"));
  const std::string message = wire.read_message(true);
  EXPECT_THAT(message, HasSubstr("Content-Length: 25\r\n"));
  EXPECT_THAT(wire.read_message(), EndsWith("GET /next?|127.0.0.1|plain|"));
}

TEST_F(HttpServerTest, a_204_has_neither_length_nor_body) {
  start();
  EXPECT_THAT(answer_to(get("/empty", "Connection: close\r\n")), Not(HasSubstr("Content-Length")));
}

TEST_F(HttpServerTest, http_1_0_is_closed_unless_it_asks_to_stay) {
  start();
  EXPECT_THAT(answer_to("GET /a HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
  Wire wire = connect();
  for (int i = 0; i < 2; ++i) {
    wire.write("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(wire.read_message(), HasSubstr("Connection: keep-alive\r\n"));
  }
}

TEST_F(HttpServerTest, a_client_that_asks_for_close_is_closed_after_the_answer) {
  start();
  EXPECT_THAT(answer_to(get("/a", "Connection: close\r\n")), HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, a_client_that_expects_100_continue_is_told_to_go_on) {
  start();
  Wire wire = connect();
  wire.write("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.read_message(), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.write("ok");
  EXPECT_THAT(wire.read_message(), EndsWith("|ok"));
}

TEST_F(HttpServerTest, a_body_that_is_too_long_is_refused_before_it_is_sent) {
  ServerOptions options;
  options.limits.body_bytes = 100;
  start(options);
  const auto answer = answer_to("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, an_exception_of_the_handler_becomes_a_500_and_its_text_stays_out_of_the_log) {
  start();
  Wire wire = connect();
  wire.write(get("/throw"));
  const std::string message = wire.read_message();
  EXPECT_EQ(status_of(message), "HTTP/1.1 500");
  EXPECT_THAT(message, HasSubstr(R"("code":"internal")"));
  wire.write(get("/still-here"));
  EXPECT_THAT(wire.read_message(), HasSubstr("GET /still-here?"));
  server->stop();
  EXPECT_THAT(log_lines, HasSubstr("std::runtime_error"));
  EXPECT_THAT(log_lines, Not(HasSubstr("canary")));
}

TEST_F(HttpServerTest, a_header_with_a_line_break_never_leaves) {
  start();
  Wire wire = connect();
  wire.write(get("/inject"));
  const std::string message = wire.read_message();
  EXPECT_EQ(status_of(message), "HTTP/1.1 500");
  EXPECT_THAT(message, Not(HasSubstr("X-Injected")));
}

TEST_F(HttpServerTest, an_answer_larger_than_the_sockets_buffers_arrives_whole) {
  start();
  const std::string answer = answer_to(get("/big", "Connection: close\r\n"));
  EXPECT_EQ(body_of(answer), std::string(8U << 20U, 'b'));
}

TEST_F(HttpServerTest, a_connection_beyond_the_cap_is_closed_and_makes_room_when_another_ends) {
  ServerOptions options;
  options.limits.connections = 1;
  start(options);
  {
    Wire first = connect();
    first.write(get("/a"));
    ASSERT_THAT(first.read_message(), StartsWith("HTTP/1.1 200"));
    Wire second = connect();
    EXPECT_TRUE(second.is_closed_by_peer());
    first.write(get("/b", "Connection: close\r\n"));
    EXPECT_THAT(first.read_all(), StartsWith("HTTP/1.1 200"));
  }
  bool served = false;  // the server needs a moment to see that the first is gone
  for (int i = 0; i < 1000 && !served; ++i) {
    Wire third = connect();
    third.write(get("/c"));
    served = third.read_message().starts_with("HTTP/1.1 200");
  }
  EXPECT_TRUE(served);
}

TEST_F(HttpServerTest, connections_beyond_the_cap_are_told_at_once_and_then_summed_up) {
  ServerOptions options;
  options.limits.connections = 1;
  start(options);
  Wire first = connect();
  first.write(get("/a"));
  ASSERT_THAT(first.read_message(), StartsWith("HTTP/1.1 200"));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(connect().is_closed_by_peer());
  server->stop();
  std::vector<std::string> told;
  std::istringstream lines{log_lines};
  for (std::string line; std::getline(lines, line);) {
    if (line.contains(R"("event":"connections_refused")")) told.push_back(line);
  }
  ASSERT_EQ(told.size(), 2);
  EXPECT_THAT(told[0], AllOf(HasSubstr(R"("refused":1,"limit":1)"), HasSubstr("server.limits.connections")));
  EXPECT_THAT(told[1], HasSubstr(R"("refused":4,"limit":1)"));
}

TEST_F(HttpServerTest, several_threads_share_one_port) {
  ServerOptions options;
  options.threads = 3;
  start(options);
  std::vector<Wire> wires;
  for (int i = 0; i < 24; ++i) {
    wires.push_back(connect());
    wires.back().write(get("/later"));
  }
  for (auto& wire : wires) EXPECT_THAT(wire.read_message(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, a_port_in_use_is_said_whatever_the_number_of_threads) {
  start();
  for (const int threads : {1, 2}) {
    ServerOptions options;
    options.port = server->port();
    options.threads = threads;
    HttpServer second{options, handler, *log};
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::invalid_argument);
    EXPECT_THAT(started.error().message, HasSubstr(std::to_string(server->port())));
    EXPECT_THAT(started.error().hint, HasSubstr("stop the other program"));
  }
}

TEST_F(HttpServerTest, a_shared_port_in_use_is_said_as_well) {
  ServerOptions options;
  options.threads = 2;
  start(options);
  options.port = server->port();
  HttpServer second{options, handler, *log};
  EXPECT_FALSE(second.start());
}

TEST_F(HttpServerTest, options_that_cannot_work_are_refused) {
  ServerOptions bad_address;
  bad_address.address = "example.com";
  ServerOptions bad_proxy;
  bad_proxy.trusted_proxies = {"10.0.0.0/33"};
  ServerOptions half_tls;
  half_tls.tls_key = "key.pem";
  ServerOptions no_such_file;
  no_such_file.tls_certificate = "/nonexistent/cert.pem";
  no_such_file.tls_key = "/nonexistent/key.pem";
  for (const auto& options : {bad_address, bad_proxy, half_tls, no_such_file}) {
    HttpServer refused{options, handler, *log};
    const auto started = refused.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::invalid_argument);
    EXPECT_FALSE(started.error().hint.empty());
  }
}

// --- stop ---

TEST_F(HttpServerTest, stop_closes_idle_connections_at_once) {
  start();
  Wire idle = connect();
  idle.write(get("/a"));
  ASSERT_THAT(idle.read_message(), StartsWith("HTTP/1.1 200"));
  server->stop(std::chrono::hours{1});  // far beyond what a test may last
  EXPECT_TRUE(idle.is_closed_by_peer());
}

TEST_F(HttpServerTest, stop_lets_a_request_in_progress_end_and_then_closes) {
  start();
  Wire wire = connect();
  wire.write(get("/wait"));
  ASSERT_TRUE(handler.entered.wait());
  auto stopping = std::async(std::launch::async, [&] { server->stop(std::chrono::hours{1}); });
  const std::uint16_t port = server->port();
  for (bool refused = false; !refused;) {  // until the listener is gone, the stop has not begun
    Wire probe = Wire::to_port(port);
    refused = probe.read_all().empty();
  }
  handler.wake.set(true);
  const std::string answer = wire.read_all();
  EXPECT_THAT(answer, EndsWith("woken"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  wire.close();
  stopping.get();
}

TEST_F(HttpServerTest, stop_waits_no_longer_than_its_grace) {
  // Reachable to the end of the program: the session whose handler never returned is abandoned, not destroyed under it.
  static std::vector<Completion<bool>> never;
  never.push_back(handler.wake);
  start();
  Wire wire = connect();
  wire.write(get("/wait"));
  ASSERT_TRUE(handler.entered.wait());
  server->stop(Duration{1});
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_THAT(log_lines, HasSubstr("requests_abandoned"));
  server.reset();
  EXPECT_TRUE(never.back().try_set(true));  // late, and harmless
}

// --- unix socket ---

TEST_F(HttpServerTest, a_unix_socket_is_private_and_serves) {
  const auto path = std::filesystem::temp_directory_path() / ("evergrant-net-" + std::to_string(getpid()) + ".sock");
  ServerOptions options;
  options.unix_socket = path;
  options.threads = 2;
  start(options);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  for (int i = 0; i < 4; ++i) {
    Wire wire = Wire::to_path(path);
    wire.write(get("/u"));
    const std::string who = "unix uid " + std::to_string(::getuid()) + " pid " + std::to_string(::getpid());
    EXPECT_THAT(wire.read_message(), EndsWith("GET /u?|" + who + "|plain|"));
  }
  HttpServer second{options, handler, *log};
  EXPECT_FALSE(second.start()) << "a socket that somebody answers on must not be taken over";
  server->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(HttpServerTest, a_unix_socket_beside_tcp_says_who_is_at_the_other_end) {
  const auto path = std::filesystem::temp_directory_path() / ("evergrant-both-" + std::to_string(getpid()) + ".sock");
  ServerOptions options;
  options.unix_socket = path;
  options.unix_socket_beside_tcp = true;
  options.unix_socket_mode = 0666;
  start(options);
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0666U);
  Wire local = Wire::to_path(path);
  local.write(get("/u"));
  EXPECT_THAT(local.read_message(), StartsWith("HTTP/1.1 200"));
  ASSERT_TRUE(handler.local_peer);
  EXPECT_EQ(handler.local_peer->uid, ::getuid());
  EXPECT_EQ(handler.local_peer->gid, ::getgid());
  EXPECT_EQ(handler.local_peer->pid, ::getpid());
  Wire remote = connect();
  remote.write(get("/u"));
  EXPECT_THAT(remote.read_message(), EndsWith("GET /u?|127.0.0.1|plain|"));
  EXPECT_FALSE(handler.local_peer);
  server->stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(HttpServerTest, a_unix_socket_left_behind_is_replaced) {
  const auto path = std::filesystem::temp_directory_path() / ("evergrant-stale-" + std::to_string(getpid()) + ".sock");
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  ServerOptions options;
  options.unix_socket = path;
  start(options);
  Wire wire = Wire::to_path(path);
  wire.write(get("/u"));
  EXPECT_THAT(wire.read_message(), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace evergrant::test
