// Calls to providers' APIs from a serving thread: connections, their reuse, what breaks them, and where they may lead.
#include "net/upstream.hpp"

#include <gmock/gmock.h>

#include <poll.h>

#include <algorithm>
#include <array>
#include <thread>

#include "unit/net/certificates.hpp"
#include "unit/net/server_fixture.hpp"

namespace evergrant::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view sent_request = "GET / HTTP/1.1\r\nHost: api\r\n\r\n";

// A resolver that answers from a list, one entry each time, the last one for ever.
class ListedResolver final : public HostResolver {
 public:
  explicit ListedResolver(std::vector<std::vector<std::string>> answers) : answers_{std::move(answers)} {}
  Task<Result<std::vector<IpAddress>>> resolve(std::string) override {
    const auto& answer = answers_[std::min<std::size_t>(asked++, answers_.size() - 1)];
    std::vector<IpAddress> addresses;
    for (const auto& text : answer) addresses.push_back(IpAddress::parse(text).value());
    co_return addresses;
  }
  std::size_t asked = 0;

 private:
  std::vector<std::vector<std::string>> answers_;
};

// Runs what a test gives it on a serving thread.
class WorkingHandler final : public HttpHandler {
 public:
  Task<HttpResponse> handle(HttpRequest) override {
    std::string said = co_await work();
    co_return TellingHandler::text(std::move(said));
  }
  std::function<Task<std::string>()> work;
};

class UpstreamTest : public testing::Test {
 protected:
  void start(UpstreamOptions options = {}) {
    client = std::make_unique<UpstreamClient>(std::move(options));
    const auto ready = client->start();
    ASSERT_TRUE(ready.has_value()) << ready.error().message;
    server = std::make_unique<HttpServer>(ServerOptions{}, handler, *log);
    ASSERT_TRUE(server->start().has_value());
  }
  void TearDown() override { server.reset(); }

  std::string run(std::function<Task<std::string>()> work) {
    handler.work = std::move(work);
    Wire wire = Wire::to_port(server->port());
    wire.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string answer = wire.read_all();
    const auto end = answer.find("\r\n\r\n");
    return end == std::string::npos ? answer : answer.substr(end + 4);
  }

  static UpstreamEndpoint local(const ScriptedServer& at, bool tls = false) {
    return {.tls = tls, .host = "127.0.0.1", .port = at.port(), .loopback = true, .any_address = false};
  }

  // One exchange as text: "200 body [trailer=…]", or why not. The connection goes back afterwards.
  static Task<std::string> exchange(UpstreamClient& to, UpstreamEndpoint endpoint, bool to_head = false) {
    auto opened = co_await to.open(std::move(endpoint), false);
    if (!opened) co_return std::string{to_string(opened.error().code)} + ": " + opened.error().message;
    auto connection = std::move(*opened);
    connection->begin(to_head);
    const bool sent = co_await connection->send(sent_request);
    connection->request_sent(true);
    std::string said = sent ? "" : "unsent ";
    auto head = co_await connection->read_head();
    while (head && head->status < 200) {
      said += std::to_string(head->status) + " ";
      head = co_await connection->read_head();
    }
    if (!head) {
      const auto& loss = connection->loss();
      co_return said +
          (loss.timed_out   ? "timed out"
           : loss.malformed ? "malformed"
                            : "lost") +
          (connection->reused() ? " on a reused one" : "") + (connection->answer_begun() ? " within" : "");
    }
    said += std::to_string(head->status) + " ";
    while (true) {
      const auto piece = co_await connection->read();
      said += piece.bytes;
      if (piece.broken) co_return said + " broken";
      if (piece.end) break;
    }
    for (const auto& [name, value] : connection->trailers().all()) said += " [" + name + "=" + value + "]";
    if (!connection->reusable()) said += " (last)";
    co_await to.give_back(std::move(connection));
    co_return said;
  }

  std::string exchange_once(const UpstreamEndpoint& endpoint, bool to_head = false) {
    return run([&]() -> Task<std::string> { return exchange(*client, endpoint, to_head); });
  }

  std::unique_ptr<Log> log = Log::silent();
  WorkingHandler handler;
  std::unique_ptr<UpstreamClient> client;
  std::unique_ptr<HttpServer> server;
};

struct AnswerRow {
  std::string_view answer;
  std::string_view read;
};

TEST_F(UpstreamTest, every_form_of_an_answer_is_read_and_what_could_be_read_in_two_ways_is_not) {
  start();
  for (const auto& [answer, read] : std::initializer_list<AnswerRow>{
           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 hi"},
           {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 "},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\n\r\n", "200 hi [X-Sum=2]"},
           {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "200 until the end (last)"},
           {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 hi (last)"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", "200 hi (last)"},
           {"HTTP/1.1 204 No Content\r\n\r\n", "204 "},
           {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 "},
           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "100 103 200 hi"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
            "200 hi (last)"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "200 hi broken"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "200 hi broken"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", "200 hi broken"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", "200  broken"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\"\n\"\r\nhi\r\n0\r\n\r\n", "200  broken"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", "malformed within"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi", "malformed within"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi", "malformed within"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "malformed within"},
           {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed within"},
           {"HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nhi", "malformed within"},
           {"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nhi", "malformed within"},
           {"HTTP/2 200\r\nContent-Length: 2\r\n\r\nhi", "malformed within"},
           {"SSH-2.0-OpenSSH_9\r\n\r\n", "malformed within"},
           {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "malformed within"},
           {"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 2\r\n\r\nhi", "malformed within"},
           {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi", "malformed within"},
           {"HTTP/1.1 200 OK\r\nContent-Le", "lost within"},
           {"", "lost"},
       }) {
    const ScriptedServer api{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write(answer);
      wire.shutdown_write();
    }};
    EXPECT_EQ(exchange_once(local(api)), read) << answer;
  }
}

TEST_F(UpstreamTest, a_header_without_end_is_refused) {
  start();
  const ScriptedServer api{[&](Wire& wire) {
    wire.write("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; ++i) wire.write("X-Filler-" + std::to_string(i) + ": " + std::string(60, 'f') + "\r\n");
    static_cast<void>(wire.read_all());
  }};
  EXPECT_EQ(exchange_once(local(api)), "malformed within");
}

// The twenty-first is one too many.
TEST_F(UpstreamTest, interim_answers_without_end_are_refused) {
  start();
  const ScriptedServer api{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    for (int i = 0; i < 21; ++i) wire.write("HTTP/1.1 102 Processing\r\n\r\n");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    static_cast<void>(wire.read_all());
  }};
  const std::string said = exchange_once(local(api));
  EXPECT_THAT(said, EndsWith(" malformed within"));
  EXPECT_EQ(std::ranges::count(said, '2'), 20);
}

// However many pieces it comes in: each of them would have begun a deadline of its own.
TEST_F(UpstreamTest, the_whole_header_has_one_deadline) {
  UpstreamOptions options;
  options.answer_timeout = Duration{100};
  start(std::move(options));
  for (const std::string_view piece : {"x", "\r\n\r\nHTTP/1.1 102 Processing\r\nX: "}) {
    const ScriptedServer api{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write("HTTP/1.1 102 Processing\r\nX: ");
      pollfd gone{.fd = wire.fd(), .events = POLLIN, .revents = 0};
      for (int i = 0; i < 15 && ::poll(&gone, 1, 40) == 0; ++i) wire.write(piece);
    }};
    EXPECT_THAT(exchange_once(local(api)), EndsWith("timed out within")) << piece;
  }
}

TEST_F(UpstreamTest, an_answer_to_head_ends_with_its_header) {
  start();
  const ScriptedServer api{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  }};
  EXPECT_EQ(exchange_once(local(api), true), "200 ");
}

TEST_F(UpstreamTest, an_answer_to_head_ends_with_its_header_behind_an_interim_one_too) {
  start();
  const ScriptedServer api{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.write("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    static_cast<void>(wire.read_all());
  }};
  EXPECT_EQ(exchange_once(local(api), true), "103 200 ");
  server.reset();
}

// OpenSSL has the second record while the socket shows nothing of it.
TEST_F(UpstreamTest, over_tls_a_second_answer_is_not_the_answer_to_the_next_call) {
  const Authority authority{"Test CA"};
  UpstreamOptions options;
  options.ca_file = authority.file();
  start(std::move(options));
  const ServerIdentity identity{authority, {.names = "DNS:localhost"}};
  const ScriptedServer api{[](Wire& wire) {
                             if (wire.read_message().empty()) return;
                             wire.hold(true);
                             wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                             wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
                             wire.hold(false);
                             static_cast<void>(wire.read_all());
                           },
                           identity.context()};
  const UpstreamEndpoint endpoint{
      .tls = true, .host = "localhost", .port = api.port(), .loopback = true, .any_address = false};
  for (int i = 0; i < 2; ++i) EXPECT_THAT(exchange_once(endpoint), StartsWith("200 hi"));
  EXPECT_EQ(api.connections(), 2);
  server.reset();
}

TEST_F(UpstreamTest, a_connection_serves_one_exchange_after_the_other) {
  start();
  const ScriptedServer api{[&](Wire& wire) {
    while (!wire.read_message().empty()) wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  }};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(exchange_once(local(api)), "200 hi");
  EXPECT_EQ(api.connections(), 1);
  server.reset();  // closes what is idle
}

TEST_F(UpstreamTest, a_second_copy_of_an_answer_is_not_the_answer_to_the_next_request) {
  start();
  Gate copied;
  std::atomic<int> connections = 0;
  const ScriptedServer api{[&](Wire& wire) {
    const std::string name = std::to_string(++connections);
    while (!wire.read_message().empty()) {
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name);
      wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
      copied.open();
    }
  }};
  EXPECT_THAT(exchange_once(local(api)), StartsWith("200 1"));
  ASSERT_TRUE(copied.wait());
  EXPECT_THAT(exchange_once(local(api)), StartsWith("200 2"));
}

TEST_F(UpstreamTest, a_connection_that_was_closed_while_it_was_idle_is_not_used) {
  start();
  Gate closed;
  const ScriptedServer api{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    wire.close();
    closed.open();
  }};
  EXPECT_EQ(exchange_once(local(api)), "200 hi");
  ASSERT_TRUE(closed.wait());
  EXPECT_EQ(exchange_once(local(api)), "200 hi");
  EXPECT_EQ(api.connections(), 2);
}

TEST_F(UpstreamTest, idle_connections_are_bounded_and_do_not_last) {
  UpstreamOptions options;
  options.keep_idle = Duration{0};
  start(std::move(options));
  const ScriptedServer api{[&](Wire& wire) {
    while (!wire.read_message().empty()) wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  }};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(exchange_once(local(api)), "200 hi");
  EXPECT_EQ(api.connections(), 3);
}

TEST_F(UpstreamTest, every_wait_has_an_end) {
  UpstreamOptions options;
  options.answer_timeout = options.idle_timeout = options.connect_timeout = Duration{50};
  start(std::move(options));
  for (const auto& [answer, read] : std::initializer_list<AnswerRow>{
           {"", "timed out"},
           {"HTTP/1.1 200 OK\r\n", "timed out within"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "200 hi broken"},
       }) {
    const ScriptedServer api{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write(answer);
      static_cast<void>(wire.read_all());
    }};
    EXPECT_EQ(exchange_once(local(api)), read);
  }
  const ScriptedServer silent{[&](Wire& wire) { static_cast<void>(wire.read_all()); }};
  EXPECT_THAT(exchange_once(local(silent, true)), HasSubstr("provider_unavailable: "));
}

TEST_F(UpstreamTest, connections_of_one_call_have_one_limit_together) {
  UpstreamOptions options;
  options.connect_timeout = std::chrono::seconds{30};
  start(std::move(options));
  const ScriptedServer silent{[&](Wire& wire) { static_cast<void>(wire.read_all()); }};
  const auto begun = std::chrono::steady_clock::now();
  for (const Duration left : {Duration{50}, Duration{0}}) {
    EXPECT_THAT(run([&]() -> Task<std::string> {
                  auto opened = co_await client->open(local(silent, true), true, std::chrono::seconds{30} - left);
                  co_return opened ? "opened" : opened.error().message;
                }),
                HasSubstr(left > Duration{0} ? "TLS handshake in time" : "not reached in time"));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{20});
  EXPECT_EQ(silent.connections(), 1);
}

TEST_F(UpstreamTest, nothing_listens) {
  start();
  std::uint16_t port = 0;
  {
    const ScriptedServer gone{[](Wire&) {}};
    port = gone.port();
  }
  EXPECT_THAT(exchange_once({.tls = false, .host = "127.0.0.1", .port = port, .loopback = true, .any_address = false}),
              HasSubstr("provider_unavailable: "));
}

TEST_F(UpstreamTest, tls_needs_the_right_name_from_a_known_authority) {
  const Authority authority{"Test CA"};
  const Authority stranger{"Other CA"};
  UpstreamOptions options;
  options.ca_file = authority.file();
  start(std::move(options));
  const auto answered_by = [&](const ServerIdentity& identity, const std::string& host) {
    const ScriptedServer api{[](Wire& wire) {
                               if (wire.read_message().empty()) return;
                               wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                             },
                             identity.context()};
    return exchange_once({.tls = true, .host = host, .port = api.port(), .loopback = true, .any_address = false});
  };
  EXPECT_EQ(answered_by(ServerIdentity{authority, {.names = "DNS:localhost"}}, "localhost"), "200 hi");
  EXPECT_EQ(answered_by(ServerIdentity{authority, {.names = "IP:127.0.0.1"}}, "127.0.0.1"), "200 hi");
  for (const CertificateFacts& facts :
       std::initializer_list<CertificateFacts>{{.names = "DNS:other.example"},
                                               {.names = "DNS:127.0.0.1", .common_name = "localhost"},
                                               {.names = "DNS:localhost", .valid_to = -10},
                                               {.names = "DNS:localhost", .rsa_bits = 1024}}) {
    EXPECT_THAT(answered_by(ServerIdentity{authority, facts}, "localhost"), StartsWith("provider_unavailable: "))
        << facts.names;
  }
  EXPECT_THAT(answered_by(ServerIdentity{stranger, {.names = "DNS:localhost"}}, "localhost"),
              StartsWith("provider_unavailable: "));
  EXPECT_THAT(answered_by(ServerIdentity{CertificateFacts{.names = "DNS:localhost"}}, "localhost"),
              StartsWith("provider_unavailable: "));
}

TEST_F(UpstreamTest, a_body_that_only_the_end_delimits_needs_the_servers_word_over_tls) {
  const Authority authority{"Test CA"};
  UpstreamOptions options;
  options.ca_file = authority.file();
  start(std::move(options));
  const ServerIdentity identity{authority, {.names = "DNS:localhost"}};
  const ScriptedServer api{[](Wire& wire) {
                             static_cast<void>(wire.read_message());
                             wire.write("HTTP/1.1 200 OK\r\n\r\nthe first part");
                             wire.shutdown_write();  // the socket's end, without close_notify
                           },
                           identity.context()};
  EXPECT_EQ(exchange_once({.tls = true, .host = "localhost", .port = api.port(), .loopback = true, .any_address = false}),
            "200 the first part broken");
}

struct ReachRow {
  std::string_view address;
  bool tls = true;
  bool loopback = false;
  bool any = false;
  bool reached = false;
};

TEST_F(UpstreamTest, only_public_addresses_are_reached_unless_somebody_said_otherwise) {
  for (const auto& row : std::initializer_list<ReachRow>{
           {"93.184.216.34", true, false, false, true},
           {"2606:2800:220:1::1", true, false, false, true},
           {"93.184.216.34", false, false, false, false},
           {"93.184.216.34", false, true, false, false},
           {"127.0.0.1", true, false, false, false},
           {"127.0.0.1", true, true, false, true},
           {"127.0.0.1", false, true, false, true},
           {"127.0.0.1", false, false, true, false},
           {"::1", true, false, false, false},
           {"10.0.0.1", true, false, false, false},
           {"10.0.0.1", true, true, false, false},
           {"10.0.0.1", true, false, true, true},
           {"192.168.1.1", true, false, false, false},
           {"172.16.0.1", true, false, false, false},
           {"169.254.169.254", true, false, false, false},
           {"169.254.169.254", true, true, false, false},
           {"100.64.0.1", true, false, false, false},
           {"0.0.0.0", true, false, false, false},
           {"168.63.129.16", true, false, false, false},
           {"::ffff:10.0.0.1", true, false, false, false},
           {"64:ff9b::a00:1", true, false, false, false},
           {"fe80::1", true, false, false, false},
           {"fd00::1", true, false, false, false},
           {"ff02::1", true, false, false, false},
       }) {
    const UpstreamEndpoint endpoint{.tls = row.tls, .host = "h", .loopback = row.loopback, .any_address = row.any};
    EXPECT_EQ(may_reach(IpAddress::parse(row.address).value(), endpoint), row.reached)
        << row.address << ' ' << row.tls << row.loopback << row.any;
  }
}

TEST_F(UpstreamTest, a_name_with_one_address_that_may_not_be_reached_is_not_reached_at_all) {
  for (const std::string bad : {"10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1"}) {
    const auto resolver = std::make_shared<ListedResolver>(std::vector<std::vector<std::string>>{{"93.184.216.34", bad}});
    UpstreamOptions options;
    options.resolver = resolver;
    start(std::move(options));
    EXPECT_THAT(exchange_once({.tls = true, .host = "api.example", .port = 443, .loopback = false, .any_address = false}),
                StartsWith("forbidden: "))
        << bad;
    server.reset();
  }
}

TEST_F(UpstreamTest, a_name_is_resolved_once_and_what_it_means_later_makes_no_difference) {
  const ScriptedServer api{[](Wire& wire) {
    while (!wire.read_message().empty()) wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  }};
  const auto resolver =
      std::make_shared<ListedResolver>(std::vector<std::vector<std::string>>{{"127.0.0.1"}, {"169.254.169.254"}});
  UpstreamOptions options;
  options.resolver = resolver;
  start(std::move(options));
  const UpstreamEndpoint endpoint{
      .tls = false, .host = "localhost", .port = api.port(), .loopback = true, .any_address = false};
  EXPECT_EQ(exchange_once(endpoint), "200 hi");
  EXPECT_EQ(resolver->asked, 1U);
  EXPECT_EQ(exchange_once(endpoint), "200 hi");  // on the same connection: nobody is asked
  EXPECT_EQ(resolver->asked, 1U);
  EXPECT_EQ(api.connections(), 1);
  const auto fresh = run([&]() -> Task<std::string> {
    auto opened = co_await client->open(endpoint, true);
    co_return opened ? "opened" : std::string{to_string(opened.error().code)};
  });
  EXPECT_EQ(fresh, "forbidden");
  EXPECT_EQ(resolver->asked, 2U);
  server.reset();
}

// A forward proxy: a tunnel to wherever CONNECT says on this machine, if `open`.
class Tunnel {
 public:
  explicit Tunnel(bool open)
      : server_{[this, open](Wire& wire) {
          const std::string asked = wire.read_message();
          const auto colon = asked.find(':');
          connects += asked.starts_with("CONNECT ") ? 1 : 0;
          if (!open) return wire.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
          const auto port = static_cast<std::uint16_t>(std::stoi(asked.substr(colon + 1)));
          Wire target = Wire::to_port(port);
          wire.write("HTTP/1.1 200 Connection established\r\n\r\n");
          std::thread back{[&] { copy(target, wire); }};
          copy(wire, target);
          back.join();
        }} {}
  [[nodiscard]] std::string url() const { return server_.url(""); }
  std::atomic<int> connects = 0;

 private:
  static void copy(Wire& from, Wire& to) {
    std::array<char, 4096> piece{};
    while (true) {
      const auto got = ::recv(from.fd(), piece.data(), piece.size(), 0);
      if (got <= 0) break;
      to.write({piece.data(), static_cast<std::size_t>(got)});
    }
    to.shutdown_write();
  }
  ScriptedServer server_;
};

TEST_F(UpstreamTest, a_forward_proxy_is_gone_through_and_never_past) {
  const Authority authority{"Test CA"};
  const ServerIdentity identity{authority, {.names = "DNS:api.example"}};
  for (const bool open : {true, false}) {
    const Tunnel tunnel{open};
    const ScriptedServer api{[](Wire& wire) {
                               if (wire.read_message().empty()) return;
                               wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                             },
                             identity.context()};
    UpstreamOptions options;
    options.ca_file = authority.file();
    options.forward_proxy = tunnel.url();
    options.keep_idle = Duration{50};
    start(std::move(options));
    const auto said =
        exchange_once({.tls = true, .host = "api.example", .port = api.port(), .loopback = false, .any_address = false});
    EXPECT_THAT(said, StartsWith(open ? "200 hi" : "provider_unavailable: "));
    EXPECT_EQ(tunnel.connects, 1);
    EXPECT_EQ(api.connections(), open ? 1 : 0);
    server.reset();
  }
}

TEST_F(UpstreamTest, a_forward_proxy_of_another_kind_is_not_gone_past) {
  UpstreamOptions options;
  options.forward_proxy = "socks5h://127.0.0.1:1080";
  start(std::move(options));
  EXPECT_THAT(exchange_once({.tls = true, .host = "93.184.216.34", .port = 443, .loopback = false, .any_address = false}),
              StartsWith("unsupported: "));
}

TEST_F(UpstreamTest, a_pinned_address_is_judged_like_any_other) {
  const ScriptedServer api{[](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  }};
  UpstreamOptions options;
  options.pinned_addresses = {"api.example:" + std::to_string(api.port()) + ":127.0.0.1"};
  start(std::move(options));
  EXPECT_THAT(
      exchange_once({.tls = true, .host = "api.example", .port = api.port(), .loopback = false, .any_address = false}),
      StartsWith("forbidden: "));
  EXPECT_EQ(exchange_once({.tls = false, .host = "api.example", .port = api.port(), .loopback = true, .any_address = false}),
            "200 hi");
  EXPECT_EQ(api.connections(), 1);
}

}  // namespace
}  // namespace evergrant::test
