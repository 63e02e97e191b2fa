#include "net/http_client.hpp"

#include <gmock/gmock.h>
#include <openssl/conf.h>

#include <filesystem>
#include <fstream>

#include "net/curl_transfer.hpp"
#include "unit/net/certificates.hpp"
#include "unit/net/loopback.hpp"

namespace evergrant::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string ok(std::string_view body, std::string_view more = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string{more} + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string{body};
}

class HttpClientTest : public testing::Test {
 protected:
  Result<HttpResponse> send(OutboundRequest request) {
    if (!client) {
      client = std::make_unique<HttpClient>(options);
      const auto started = client->start();
      EXPECT_TRUE(started.has_value()) << started.error().message;
    }
    return thread.wait(client->send(std::move(request)));
  }
  static OutboundRequest get(std::string url) {
    OutboundRequest request;
    request.url = std::move(url);
    request.allow_loopback_http = true;
    return request;
  }
  static OutboundRequest post(std::string url, std::string body = "grant_type=refresh_token&refresh_token=canary-rt") {
    OutboundRequest request = get(std::move(url));
    request.method = "POST";
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = std::move(body);
    return request;
  }

  LoopThread thread;
  ClientOptions options;
  std::unique_ptr<HttpClient> client;
};

TEST_F(HttpClientTest, a_post_arrives_as_it_was_meant) {
  std::string seen;
  ScriptedServer server{[&](Wire& wire) {
    seen = wire.read_message();
    wire.write(ok(R"({"a":1})", "X-Id: 7\r\nX-Id: 8\r\n"));
  }};
  auto request = post(server.url("/token?x=y"), "a=b");
  request.headers.add("Authorization", "Basic abc");
  request.headers.add("X-Empty", "");
  const auto response = send(std::move(request));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, R"({"a":1})");
  EXPECT_EQ(response->headers.count("x-id"), 2U);
  EXPECT_THAT(seen, testing::StartsWith("POST /token?x=y HTTP/1.1\r\n"));
  EXPECT_THAT(seen, testing::EndsWith("\r\n\r\na=b"));
  EXPECT_THAT(seen, HasSubstr("Authorization: Basic abc\r\n"));
  EXPECT_THAT(seen, HasSubstr("X-Empty:\r\n"));
  EXPECT_THAT(seen, HasSubstr("User-Agent: evergrant\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Expect:")));
}

TEST_F(HttpClientTest, methods_and_their_lengths_are_as_asked) {
  struct Case {
    std::string method, body, line, length;
  };
  const std::vector<Case> cases{{"GET", "", "GET / HTTP/1.1\r\n", ""},
                                {"HEAD", "", "HEAD / HTTP/1.1\r\n", ""},
                                {"DELETE", "", "DELETE / HTTP/1.1\r\n", ""},
                                {"POST", "", "POST / HTTP/1.1\r\n", "Content-Length: 0\r\n"},
                                {"PUT", "x", "PUT / HTTP/1.1\r\n", "Content-Length: 1\r\n"},
                                {"DELETE", "xy", "DELETE / HTTP/1.1\r\n", "Content-Length: 2\r\n"}};
  for (const auto& expected : cases) {
    std::string seen;
    ScriptedServer server{[&](Wire& wire) {
      seen = wire.read_message();
      wire.write("HTTP/1.1 204 No Content\r\n\r\n");
    }};
    auto request = post(server.url(), expected.body);
    request.method = expected.method;
    const auto response = send(std::move(request));
    ASSERT_TRUE(response) << expected.method << ": " << response.error().message;
    EXPECT_EQ(response->status, 204);
    EXPECT_THAT(seen, testing::StartsWith(expected.line));
    EXPECT_THAT(seen, expected.length.empty() ? Not(HasSubstr("Content-Length"))
                                              : testing::Matcher<std::string>{HasSubstr(expected.length)});
  }
}

TEST_F(HttpClientTest, every_status_is_an_answer_and_no_redirect_is_followed) {
  for (const std::string status : {"301", "302", "303", "307", "308", "401", "500", "503"}) {
    ScriptedServer evil{[](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write(ok("evil"));
    }};
    ScriptedServer server{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write("HTTP/1.1 " + status + " X\r\nLocation: " + evil.url() + "\r\nContent-Length: 0\r\n\r\n");
    }};
    const auto response = send(post(server.url()));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(std::to_string(response->status), status);
    EXPECT_EQ(evil.connections(), 0);
  }
}

TEST_F(HttpClientTest, an_interim_answer_is_not_the_answer) {
  ScriptedServer server{[](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.write("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + ok("done"));
  }};
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "done");
  EXPECT_FALSE(response->headers.find("X-Early"));
}

// --- nothing sent: unavailable; something sent: ambiguous ---

TEST_F(HttpClientTest, a_refused_connection_is_unavailable) {
  std::uint16_t port = 0;
  {
    port = ScriptedServer{[](Wire&) {}}.port();
  }
  const auto response = send(post("http://127.0.0.1:" + std::to_string(port) + "/"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::provider_unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("127.0.0.1"));
}

TEST_F(HttpClientTest, a_name_that_does_not_resolve_is_unavailable_and_says_so) {
  const auto response = send(post("https://no-such-host.invalid/token"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::provider_unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("does not resolve"));
}

TEST_F(HttpClientTest, a_request_that_is_read_and_not_answered_is_ambiguous) {
  ScriptedServer server{[](Wire& wire) { static_cast<void>(wire.read_message()); }};
  const auto response = send(post(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::ambiguous);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, broken_answers_are_ambiguous) {
  const std::vector<std::string> answers{
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",                            // cut short
      "HTTP/1.1 200 OK\r\nContent-",                                                  // cut in the header
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ngarbage\r\n",       // no chunk
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",                // cut in a chunk
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",  // not gzip
      "hello, this is not HTTP\r\n\r\n",                                              // not HTTP
      "HTTP/1.1 200 OK\r\n" + std::string(100000, 'h') + ": x\r\n\r\n",               // endless header
  };
  for (const auto& answer : answers) {
    ScriptedServer server{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write(answer);
    }};
    const auto response = send(post(server.url()));
    ASSERT_FALSE(response) << answer.substr(0, 60);
    EXPECT_EQ(response.error().code, Errc::ambiguous) << answer.substr(0, 60);
    EXPECT_EQ(server.connections(), 1) << "sent again after " << answer.substr(0, 60);
    EXPECT_THAT(response.error().message, Not(HasSubstr("canary")));
  }
}

TEST_F(HttpClientTest, a_reset_after_the_request_is_ambiguous) {
  ScriptedServer server{[](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.reset();
  }};
  const auto response = send(post(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::ambiguous);
}

TEST_F(HttpClientTest, a_server_that_never_answers_is_ambiguous_at_the_deadline) {
  Gate over;
  ScriptedServer server{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    over.wait();
  }};
  auto request = post(server.url());
  request.timeout = Duration{50};
  const auto response = send(std::move(request));
  over.open();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::ambiguous);
}

TEST_F(HttpClientTest, a_handshake_that_never_ends_is_unavailable_at_the_deadline) {
  Gate over;
  ScriptedServer server{[&](Wire& wire) {
    static_cast<void>(wire.read_more());  // the client's hello, which nobody answers
    over.wait();
  }};
  auto request = post("https://127.0.0.1:" + std::to_string(server.port()) + "/");
  request.connect_timeout = Duration{50};
  const auto response = send(std::move(request));
  over.open();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::provider_unavailable);
}

TEST_F(HttpClientTest, an_exchange_in_progress_when_the_client_ends_is_ambiguous) {
  Gate arrived;
  Gate over;
  ScriptedServer server{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    arrived.open();
    over.wait();
  }};
  client = std::make_unique<HttpClient>(options);
  ASSERT_TRUE(client->start());
  Completion<Result<HttpResponse>> outcome;
  spawn(thread.loop(), [](HttpClient& http, OutboundRequest request, Completion<Result<HttpResponse>> target) -> Task<void> {
    auto response = co_await http.send(std::move(request));
    target.set(std::move(response));
  }(*client, post(server.url()), outcome));
  ASSERT_TRUE(arrived.wait());
  client.reset();
  over.open();
  const auto response = thread.wait([](Completion<Result<HttpResponse>> source) -> Task<Result<HttpResponse>> {
    auto value = co_await source;
    co_return value;
  }(outcome));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::ambiguous);
}

// --- never twice ---

// Answers the first request of a connection, reads the second and closes without a word.
class DyingServer {
 public:
  std::atomic<int> requests = 0;
  std::atomic<int> unanswered = 0;  // the second on its connection: proof that it was reused
  std::atomic<int> bodies = 0;
  ScriptedServer server{[this](Wire& wire) {
    for (int i = 0; i < 2; ++i) {
      const std::string message = wire.read_message();
      if (message.empty()) return;
      ++requests;
      if (message.ends_with("canary-rt")) ++bodies;
      if (i == 0) wire.write(ok("first"));
      if (i == 1) ++unanswered;
    }
  }};
};

TEST_F(HttpClientTest, a_second_copy_of_an_answer_is_not_the_answer_to_the_next_post) {
  std::atomic<int> requests = 0;
  ScriptedServer server{[&](Wire& wire) {
    while (!wire.read_message().empty()) {
      const std::string answer = ok("answer " + std::to_string(++requests));
      wire.write(answer + answer);
    }
  }};
  for (int i = 1; i <= 3; ++i) {
    const auto response = send(post(server.url()));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body, "answer " + std::to_string(i));
  }
  client.reset();
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(HttpClientTest, a_post_takes_a_connection_of_its_own_and_leaves_none_to_others) {
  DyingServer dying;
  ASSERT_TRUE(send(get(dying.server.url())));
  ASSERT_TRUE(send(post(dying.server.url())));
  ASSERT_TRUE(send(post(dying.server.url())));
  client.reset();
  EXPECT_EQ(dying.server.connections(), 3);
  EXPECT_EQ(dying.unanswered, 0);
  EXPECT_EQ(dying.bodies, 2);
}

TEST_F(HttpClientTest, a_post_is_not_sent_again_when_its_connection_dies) {
  for (const std::size_t size : {0U, 3U << 20U}) {
    std::atomic<int> bodies = 0;
    ScriptedServer server{[&](Wire& wire) {
      if (wire.read_message().ends_with("canary-rt")) ++bodies;
    }};
    const auto response = send(post(server.url(), std::string(size, 'x') + "canary-rt"));
    client.reset();
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::ambiguous);
    EXPECT_EQ(bodies, 1);
    EXPECT_EQ(server.connections(), 1);
  }
}

TEST_F(HttpClientTest, a_change_without_a_body_takes_a_new_connection_and_is_not_sent_again) {
  DyingServer dying;
  ASSERT_TRUE(send(get(dying.server.url())));
  auto request = get(dying.server.url());
  request.method = "DELETE";
  ASSERT_TRUE(send(std::move(request)));
  client.reset();
  EXPECT_EQ(dying.server.connections(), 2);
  EXPECT_EQ(dying.requests, 2);
}

TEST_F(HttpClientTest, a_get_may_be_sent_again_when_a_reused_connection_dies) {
  DyingServer dying;
  ASSERT_TRUE(send(get(dying.server.url())));
  const auto second = send(get(dying.server.url()));
  client.reset();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(dying.requests, 3);
}

// --- limits ---

TEST_F(HttpClientTest, a_body_over_the_limit_is_an_error_and_one_at_the_limit_is_not) {
  for (const std::size_t size : {100U, 101U}) {
    ScriptedServer server{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write(ok(std::string(size, 'x')));
    }};
    auto request = get(server.url());
    request.max_body = 100;
    const auto response = send(std::move(request));
    EXPECT_EQ(response.has_value(), size == 100);
    if (!response) EXPECT_THAT(response.error().message, HasSubstr("longer"));
  }
}

std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

// 1 + 258 * `repeats` times the letter x, written by hand as one gzip member (RFC 1951 3.2.6, fixed codes): a letter, then
// as many copies of length 258 at distance 1.
std::string gzip_of_x(std::size_t repeats) {
  std::string out{"\x1f\x8b\x08\0\0\0\0\0\0\x03", 10};
  unsigned used = 8;
  const auto bits = [&](std::string_view code) {
    for (const char bit : code) {
      if (used == 8) {
        out += '\0';
        used = 0;
      }
      out.back() = static_cast<char>(static_cast<unsigned char>(out.back()) | ((bit == '1' ? 1U : 0U) << used++));
    }
  };
  bits("110");       // the last block, fixed codes
  bits("10101000");  // x
  for (std::size_t i = 0; i < repeats; ++i) bits("1100010100000");
  bits("0000000");  // the end
  const std::size_t size = 1 + 258 * repeats;
  const std::uint32_t crc = size < (1U << 20U) ? crc32(std::string(size, 'x')) : 0;  // a bomb is not read to its end
  for (const std::uint32_t number : {crc, static_cast<std::uint32_t>(size)}) {
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift);
  }
  return out;
}

TEST_F(HttpClientTest, a_compressed_answer_is_read_and_a_bomb_is_not) {
  constexpr std::size_t few = 4;
  for (const std::size_t repeats : {few, std::size_t{1} << 18U}) {
    const std::string packed = gzip_of_x(repeats);
    ScriptedServer server{[&](Wire& wire) {
      static_cast<void>(wire.read_message());
      wire.write(ok(packed, "Content-Encoding: gzip\r\n"));
    }};
    const auto response = send(get(server.url()));
    EXPECT_EQ(response.has_value(), repeats == few) << packed.size();
    if (response) EXPECT_EQ(response->body, std::string(1 + 258 * repeats, 'x'));
    if (!response) EXPECT_EQ(response.error().code, Errc::ambiguous);
  }
}

// --- what may be asked for ---

TEST_F(HttpClientTest, a_url_that_the_guard_refuses_is_not_connected_to) {
  ScriptedServer server{[](Wire& wire) { wire.write(ok("")); }};
  auto not_allowed = get(server.url());
  not_allowed.allow_loopback_http = false;
  auto remote = get(server.url());
  remote.address_rule = AddressRule::remote;
  auto userinfo = get("http://user:canary@127.0.0.1:" + std::to_string(server.port()) + "/");
  auto file = get("file:///etc/passwd");
  for (auto* request : {&not_allowed, &remote, &userinfo, &file}) {
    const auto response = send(std::move(*request));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::invalid_argument);
    EXPECT_THAT(response.error().message, Not(HasSubstr("canary")));
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpClientTest, a_public_name_that_resolves_to_a_private_address_is_not_connected_to) {
  ScriptedServer server{[](Wire& wire) { wire.write(ok("")); }};
  const std::string port = std::to_string(server.port());
  int number = 0;
  for (const std::string address :
       {"127.0.0.1", "169.254.169.254", "10.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "[fe80::1]"}) {
    const std::string host = "host" + std::to_string(++number) + ".example.com";
    options.pinned_addresses.push_back(host + ":" + port + ":" + address);
  }
  for (int i = 1; i <= number; ++i) {
    auto request = get("https://host" + std::to_string(i) + ".example.com:" + port + "/jwks");
    request.address_rule = AddressRule::remote;
    const auto response = send(std::move(request));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::invalid_argument) << options.pinned_addresses[static_cast<std::size_t>(i - 1)];
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpClientTest, a_connection_opened_for_a_configured_url_is_not_lent_to_a_remote_one) {
  const Authority authority{"Test CA"};
  const ServerIdentity identity{authority, {.names = "DNS:provider.example.com"}};
  std::atomic<int> requests = 0;
  ScriptedServer server{[&](Wire& wire) {
                          while (!wire.read_message().empty()) {
                            ++requests;
                            wire.write(ok("x"));
                          }
                        },
                        identity.context()};
  options.ca_file = authority.file();
  options.pinned_addresses = {"provider.example.com:" + std::to_string(server.port()) + ":127.0.0.1"};
  ASSERT_TRUE(send(get(server.url("/", "provider.example.com"))));
  auto remote = get(server.url("/", "provider.example.com"));
  remote.address_rule = AddressRule::remote;
  const auto refused = send(std::move(remote));
  client.reset();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_EQ(requests, 1);
}

TEST_F(HttpClientTest, plain_http_goes_to_loopback_only_whatever_the_name_resolves_to) {
  options.pinned_addresses = {"app.localhost:80:192.0.2.1"};
  const auto response = send(post("http://app.localhost/token"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::invalid_argument);
}

TEST_F(HttpClientTest, a_header_that_would_split_the_request_is_refused) {
  ScriptedServer server{[](Wire& wire) { wire.write(ok("")); }};
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"X-A", "b\r\nX-Injected: c"},
                                                                                    {"X A", "b"},
                                                                                    {"X-A: x\r\nB", "c"},
                                                                                    {"", "b"},
                                                                                    {"Content-Length", "3"},
                                                                                    {"Transfer-Encoding", "chunked"}}) {
    auto request = get(server.url());
    request.headers.add(name, value);
    const auto response = send(std::move(request));
    ASSERT_FALSE(response) << name;
    EXPECT_EQ(response.error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpClientTest, the_environments_proxy_is_not_used) {
  ScriptedServer proxy{[](Wire& wire) { wire.write(ok("proxy")); }};
  ScriptedServer server{[](Wire& wire) {
    static_cast<void>(wire.read_message());
    wire.write(ok("direct"));
  }};
  setenv("http_proxy", proxy.url().c_str(), 1);
  setenv("ALL_PROXY", proxy.url().c_str(), 1);
  const auto response = send(get(server.url()));
  unsetenv("http_proxy");
  unsetenv("ALL_PROXY");
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "direct");
  EXPECT_EQ(proxy.connections(), 0);
}

TEST_F(HttpClientTest, a_proxy_that_refuses_leaves_the_request_unsent) {
  std::string seen;
  ScriptedServer proxy{[&](Wire& wire) {
    seen = wire.read_message();
    wire.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  }};
  options.proxy = "http://user:canary-pw@127.0.0.1:" + std::to_string(proxy.port());
  const auto response = send(post("https://provider.example/token"));
  ASSERT_FALSE(response);
  EXPECT_THAT(seen, testing::StartsWith("CONNECT provider.example:443 "));
  EXPECT_THAT(seen, Not(HasSubstr("canary-rt")));
  EXPECT_EQ(response.error().code, Errc::provider_unavailable);
  EXPECT_THAT(response.error().message, Not(HasSubstr("canary-pw")));
}

TEST_F(HttpClientTest, many_requests_run_at_once) {
  Gate all_here;
  std::atomic<int> waiting = 0;
  ScriptedServer server{[&](Wire& wire) {
    static_cast<void>(wire.read_message());
    if (++waiting == 8) all_here.open();
    all_here.wait();
    wire.write(ok("x"));
  }};
  client = std::make_unique<HttpClient>(options);
  ASSERT_TRUE(client->start());
  std::vector<Completion<bool>> done(8);
  for (auto& one : done) {
    spawn(thread.loop(), [](HttpClient& http, OutboundRequest request, Completion<bool> target) -> Task<void> {
      const auto response = co_await http.send(std::move(request));
      target.set(response.has_value());
    }(*client, get(server.url()), one));
  }
  for (auto& one : done) {
    const bool well = thread.wait([](Completion<bool> source) -> Task<bool> {
      const bool value = co_await source;
      co_return value;
    }(one));
    EXPECT_TRUE(well);
  }
}

// --- TLS ---

TEST_F(HttpClientTest, a_server_with_a_certificate_of_the_given_authority_is_spoken_to) {
  const Authority authority{"Test CA"};
  const ServerIdentity identity{authority, {.names = "IP:127.0.0.1"}};
  ScriptedServer server{[](Wire& wire) {
                          static_cast<void>(wire.read_message());
                          wire.write(ok("private"));
                        },
                        identity.context()};
  options.ca_file = authority.file();
  const auto response = send(post(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "private");
}

TEST_F(HttpClientTest, a_certificate_that_is_not_right_is_refused_before_anything_is_sent) {
  const Authority authority{"Test CA"};
  const Authority stranger{"Other CA"};
  const ServerIdentity expired{authority, {.names = "IP:127.0.0.1", .valid_from = -200000, .valid_to = -100000}};
  const ServerIdentity future{authority, {.names = "IP:127.0.0.1", .valid_from = 100000, .valid_to = 200000}};
  const ServerIdentity wrong_host{authority, {.names = "DNS:example.com"}};
  const ServerIdentity untrusted{stranger, {.names = "IP:127.0.0.1"}};
  const ServerIdentity self_signed{{.names = "IP:127.0.0.1"}};
  options.ca_file = authority.file();
  for (const auto* identity : {&expired, &future, &wrong_host, &untrusted, &self_signed}) {
    std::atomic<bool> spoken = false;
    ScriptedServer server{[&](Wire& wire) { spoken = wire.read_more(); }, identity->context()};
    const auto response = send(post(server.url()));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Errc::provider_unavailable);
    EXPECT_THAT(response.error().message, HasSubstr("certificate"));
    EXPECT_FALSE(spoken);
  }
}

// As an openssl.cnf can: every SSL_CTX of this process that is made afterwards is lax.
void load_lax_openssl_configuration() {
  const std::string file = temporary_file("openssl.cnf");
  std::ofstream{file} << "openssl_conf = all\n[all]\nssl_conf = modules\n[modules]\nsystem_default = lax\n"
                         "[lax]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n";
  ASSERT_EQ(CONF_modules_load_file(file.c_str(), nullptr, 0), 1);
  std::filesystem::remove(file);
}

TEST_F(HttpClientTest, weak_keys_and_signatures_are_refused_whatever_the_systems_configuration_says) {
  const Authority authority{"Test CA"};
  const ServerIdentity short_key{authority, {.names = "IP:127.0.0.1", .rsa_bits = 1024}};
  const ServerIdentity sha1{authority, {.names = "IP:127.0.0.1", .digest = EVP_sha1()}};
  options.ca_file = authority.file();
  load_lax_openssl_configuration();
  const ContextPtr lax{SSL_CTX_new(TLS_client_method())};
  ASSERT_EQ(SSL_CTX_get_security_level(lax.get()), 0);
  for (const auto* identity : {&short_key, &sha1}) {
    std::atomic<bool> spoken = false;
    ScriptedServer server{[&](Wire& wire) { spoken = wire.read_more(); }, identity->context()};
    const auto response = send(post(server.url()));
    ASSERT_FALSE(response);
    EXPECT_THAT(response.error().message, HasSubstr("too weak"));
    EXPECT_FALSE(spoken);
  }
}

TEST_F(HttpClientTest, an_old_version_of_tls_is_not_spoken) {
  const Authority authority{"Test CA"};
  const ServerIdentity identity{authority, {.names = "IP:127.0.0.1"}};
  SSL_CTX_set_max_proto_version(identity.context(), TLS1_1_VERSION);
  SSL_CTX_set_min_proto_version(identity.context(), TLS1_VERSION);
  SSL_CTX_set_security_level(identity.context(), 0);
  ScriptedServer server{[](Wire&) {}, identity.context()};
  options.ca_file = authority.file();
  const auto response = send(post(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::provider_unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("TLS"));
}

TEST(HttpClient, a_file_of_authorities_that_cannot_be_used_is_refused_at_the_start) {
  ClientOptions options;
  options.ca_file = "/nonexistent/ca.pem";
  HttpClient client{options};
  const auto started = client.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::invalid_argument);
  EXPECT_THAT(started.error().message, HasSubstr("/nonexistent/ca.pem"));
}

// --- words ---

TEST(CurlVerdict, errors_show_no_part_of_a_url_that_is_confidential) {
  EXPECT_EQ(without_url_secrets("cannot use 'https://user:pw@host/a?token=t' today"), "cannot use 'https://host/a' today");
  EXPECT_EQ(without_url_secrets("Could not resolve host: x.example"), "Could not resolve host: x.example");
}

}  // namespace
}  // namespace evergrant::test
