#include "net/asio_stream.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "net/ip_address.hpp"

namespace evergrant {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Resumes the coroutine with what the socket said.
auto resume(ByteStream::Pending& pending) {
  return [&pending](const error_code& ec, std::size_t bytes) { pending.done({bytes, !ec, ec == asio::error::eof}); };
}

template <class Socket>
void close_socket(Socket& socket) noexcept {
  error_code ignored;
  socket.close(ignored);
}

// A close that discards what was not sent yet and tells the other end at once.
template <class Socket>
void reset_socket(Socket& socket) noexcept {
  error_code ignored;
  socket.set_option(asio::socket_base::linger{true, 0}, ignored);
  socket.close(ignored);
}

template <class Socket>
bool is_quiet_socket(Socket& socket) noexcept {
  char byte = 0;
  const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

template <class Socket>
class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(Socket socket) : socket_{std::move(socket)} {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  void start_handshake(Pending& pending) override {
    asio::post(socket_.get_executor(), [&pending] { pending.done({0, true, false}); });
  }
  void start_read(std::span<char> into, Pending& pending) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()), resume(pending));
  }
  void start_write(std::string_view all, Pending& pending) override {
    asio::async_write(socket_, asio::buffer(all.data(), all.size()), resume(pending));
  }
  std::size_t write_now(std::string_view bytes) noexcept override {
    error_code ec;
    const std::size_t written = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), ec);
    return ec ? 0 : written;
  }
  void shutdown_write() noexcept override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void cancel() noexcept override {
    error_code ignored;
    socket_.cancel(ignored);
  }
  void close() noexcept override { close_socket(socket_); }
  void reset() noexcept override { reset_socket(socket_); }
  bool is_quiet() noexcept override { return is_quiet_socket(socket_); }

 private:
  Socket socket_;
};

class TlsStream final : public ByteStream {
 public:
  TlsStream(TcpSocket socket, asio::ssl::context& context, asio::ssl::stream_base::handshake_type side)
      : stream_{std::move(socket), context}, side_{side} {}

  // Before the handshake. False: OpenSSL takes no such name.
  bool expect_host(const std::string& host) {
    SSL* ssl = stream_.native_handle();
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    if (IpAddress::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }

  void start_handshake(Pending& pending) override {
    stream_.async_handshake(side_, [&pending](const error_code& ec) { pending.done({0, !ec, false}); });
  }
  void start_read(std::span<char> into, Pending& pending) override {
    // Behind our own end nothing is understood any more; it is only let in.
    if (ended_) return stream_.next_layer().async_read_some(asio::buffer(into.data(), into.size()), resume(pending));
    stream_.async_read_some(asio::buffer(into.data(), into.size()), resume(pending));
  }
  void start_write(std::string_view all, Pending& pending) override {
    asio::async_write(stream_, asio::buffer(all.data(), all.size()), resume(pending));
  }
  std::size_t write_now(std::string_view) noexcept override { return 0; }
  // With close_notify, which shows an answer that only the end delimits to be whole; what the other end says to it is not
  // waited for.
  void shutdown_write() noexcept override {
    error_code ignored;
    ended_ = true;
    stream_.next_layer().non_blocking(true, ignored);
    stream_.shutdown(ignored);
    stream_.lowest_layer().shutdown(TcpSocket::shutdown_send, ignored);
  }
  void cancel() noexcept override {
    error_code ignored;
    stream_.lowest_layer().cancel(ignored);
  }
  void close() noexcept override { close_socket(stream_.lowest_layer()); }
  void reset() noexcept override { reset_socket(stream_.lowest_layer()); }
  // A record that came with the one before it waits in OpenSSL, where the socket does not show it.
  bool is_quiet() noexcept override {
    SSL* tls = stream_.native_handle();
    return SSL_has_pending(tls) == 0 && BIO_pending(SSL_get_rbio(tls)) == 0 && is_quiet_socket(stream_.lowest_layer());
  }

 private:
  asio::ssl::stream<TcpSocket> stream_;
  bool ended_ = false;  // our side of it
  asio::ssl::stream_base::handshake_type side_;
};

}  // namespace

std::unique_ptr<ByteStream> make_stream(TcpSocket socket) {
  return std::make_unique<PlainStream<TcpSocket>>(std::move(socket));
}
std::unique_ptr<ByteStream> make_stream(UnixSocket socket) {
  return std::make_unique<PlainStream<UnixSocket>>(std::move(socket));
}
std::unique_ptr<ByteStream> make_tls_stream(TcpSocket socket, asio::ssl::context& context) {
  return std::make_unique<TlsStream>(std::move(socket), context, asio::ssl::stream_base::server);
}
std::unique_ptr<ByteStream> make_tls_client_stream(TcpSocket socket, asio::ssl::context& context, const std::string& host) {
  auto stream = std::make_unique<TlsStream>(std::move(socket), context, asio::ssl::stream_base::client);
  if (!stream->expect_host(host)) stream->close();  // the handshake fails
  return stream;
}

}  // namespace evergrant
