// The server's TLS, spoken to by OpenSSL and by our own client.
#include <gmock/gmock.h>

#include "net/http_client.hpp"
#include "unit/net/certificates.hpp"
#include "unit/net/server_fixture.hpp"

namespace evergrant::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpTlsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.tls_certificate = identity.certificate_file();
    options.tls_key = identity.key_file();
    options.limits.header_timeout = Duration{500};
    start(options);
  }

  // A TLS client's end; `tune` sets what it offers. Null when the handshake fails.
  template <class Tune>
  std::unique_ptr<Wire> handshake(Tune tune) {
    context.reset(SSL_CTX_new(TLS_client_method()));
    const int fd = ::dup(connect().fd());
    SSL* ssl = SSL_new(context.get());
    tune(ssl);
    SSL_set_fd(ssl, fd);
    auto wire = std::make_unique<Wire>(fd, ssl);
    if (SSL_connect(ssl) != 1) return nullptr;
    session = ssl;
    return wire;
  }

  Authority authority{"Test CA"};
  ServerIdentity identity{authority, {.names = "IP:127.0.0.1"}};
  ContextPtr context;
  SSL* session = nullptr;
};

TEST_F(HttpTlsTest, requests_over_tls_are_served_and_marked_secure) {
  ClientOptions options;
  options.ca_file = authority.file();
  HttpClient client{options};
  ASSERT_TRUE(client.start());
  LoopThread thread;
  for (int i = 0; i < 3; ++i) {
    OutboundRequest request;
    request.method = "POST";
    request.url = "https://127.0.0.1:" + std::to_string(server->port()) + "/tls";
    request.body = std::string(100000, 't');
    const auto response = thread.wait(client.send(std::move(request)));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_THAT(response->body, StartsWith("POST /tls?|127.0.0.1|secure|tttt"));
  }
}

TEST_F(HttpTlsTest, a_large_answer_arrives_whole) {
  const auto wire = handshake([](SSL*) {});
  ASSERT_NE(wire, nullptr);
  wire->write(get("/big"));
  EXPECT_EQ(body_of(wire->read_message()).size(), 8U << 20U);
}

// What only the end delimits, an HTTP/1.0 client's answer of unknown length, could be cut off by anybody on the way.
TEST_F(HttpTlsTest, the_last_answer_on_a_connection_ends_with_close_notify) {
  for (const std::string_view request : {"GET /big HTTP/1.0\r\nHost: x\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "nonsense\r\n\r\n"}) {
    const auto wire = handshake([](SSL*) {});
    ASSERT_NE(wire, nullptr);
    wire->write(request);
    EXPECT_THAT(wire->read_all(), StartsWith("HTTP/1.1 ")) << request;
    EXPECT_NE(SSL_get_shutdown(session) & SSL_RECEIVED_SHUTDOWN, 0) << request;
  }
}

TEST_F(HttpTlsTest, only_tls_1_2_and_newer_with_forward_secrecy_are_spoken) {
  EXPECT_NE(handshake([](SSL* ssl) { SSL_set_max_proto_version(ssl, TLS1_2_VERSION); }), nullptr);
  EXPECT_NE(handshake([](SSL* ssl) { SSL_set_min_proto_version(ssl, TLS1_3_VERSION); }), nullptr);
  EXPECT_EQ(handshake([](SSL* ssl) {
              SSL_set_security_level(ssl, 0);
              SSL_set_min_proto_version(ssl, TLS1_VERSION);
              SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
            }),
            nullptr);
  EXPECT_EQ(handshake([](SSL* ssl) {
              SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
              SSL_set_cipher_list(ssl, "ECDHE-ECDSA-AES128-SHA256");
            }),
            nullptr);
}

TEST_F(HttpTlsTest, http_1_1_is_agreed_on_and_other_protocols_are_turned_away) {
  const auto offer = [](std::string_view protocols) {
    return [protocols](SSL* ssl) {
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
    };
  };
  ASSERT_NE(handshake(offer("\x02h2\x08http/1.1")), nullptr);
  EXPECT_EQ(handshake(offer("\x02h2")), nullptr);
  EXPECT_EQ(handshake(offer("\x04smtp")), nullptr);
}

TEST_F(HttpTlsTest, a_client_that_asks_to_renegotiate_is_refused) {
  const auto wire = handshake([](SSL* ssl) { SSL_set_max_proto_version(ssl, TLS1_2_VERSION); });
  ASSERT_NE(wire, nullptr);
  SSL_renegotiate(session);
  EXPECT_NE(SSL_do_handshake(session), 1);
}

TEST_F(HttpTlsTest, plain_http_to_the_tls_port_is_closed) {
  EXPECT_THAT(answer_to(get("/")), testing::Not(HasSubstr("HTTP/1.1 200")));
  EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpTlsTest, a_handshake_that_does_not_come_is_cut_off) {
  Wire silent = connect();
  EXPECT_TRUE(silent.is_closed_by_peer());
}

TEST_F(HttpTlsTest, a_key_of_another_certificate_is_refused) {
  const ServerIdentity other{authority, {.names = "IP:127.0.0.1"}};
  ServerOptions options;
  options.tls_certificate = identity.certificate_file();
  options.tls_key = other.key_file();
  HttpServer mismatched{options, handler, *log};
  const auto started = mismatched.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::invalid_argument);
  EXPECT_THAT(started.error().message, HasSubstr(other.key_file()));
}

}  // namespace
}  // namespace evergrant::test
