#include "net/tls_stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "net/ip_address.hpp"

namespace evergrant {
namespace {

// Received in one call of OpenSSL's: records without data (KeyUpdate, of which it takes any number) would keep it for as
// long as somebody sends them, and everybody else on this thread would wait.
constexpr std::size_t most_in_a_call = 16U << 10U;

struct FreeTls {
  void operator()(SSL* tls) const noexcept { SSL_free(tls); }
};

// OpenSSL reads and writes through a BIO of ours, so that the stream knows when the kernel has no more for it.
class TlsStream final : public SocketStream {
 public:
  enum class Side : std::uint8_t { server, client };

  TlsStream(EventLoop& loop, Socket socket, SSL_CTX& context, Side side);

  // Before the handshake. False: OpenSSL takes no such name.
  [[nodiscard]] bool expect_host(const std::string& host);
  void shutdown_write() noexcept override;
  void close() noexcept override;
  // A record that came with the one before it waits in OpenSSL, where the socket does not show it.
  bool is_quiet() noexcept override { return SSL_has_pending(tls_.get()) == 0 && SocketStream::is_quiet(); }
  void rest() noexcept override;

 private:
  Moved receive(std::span<char> into) noexcept override;
  Moved send(std::string_view bytes) noexcept override;
  Moved shake_hands() noexcept override;
  [[nodiscard]] Moved judge(int result) noexcept;
  void begin_call() noexcept;
  void say_goodbye() noexcept;

  static const BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* into, int size);
  static int bio_write(BIO* bio, const char* from, int size);
  static long bio_control(BIO* bio, int command, long number, void* pointer);

  std::unique_ptr<SSL, FreeTls> tls_;
  std::size_t allowance_ = 0;  // bytes that OpenSSL may still receive in this call
  bool spent_ = false;         // and it wanted more
  bool broken_ = false;        // nothing may be said any more
  bool ended_ = false;         // our side of it
};

TlsStream::TlsStream(EventLoop& loop, Socket socket, SSL_CTX& context, Side side)
    : SocketStream{loop, std::move(socket)}, tls_{SSL_new(&context)} {
  BIO* bio = BIO_new(bio_method());
  if (tls_ == nullptr || bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
  side == Side::server ? SSL_set_accept_state(tls_.get()) : SSL_set_connect_state(tls_.get());
}

const BIO_METHOD* TlsStream::bio_method() {
  static const BIO_METHOD* const ours = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (made == nullptr) throw std::bad_alloc{};
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return ours;
}

int TlsStream::bio_read(BIO* bio, char* into, int size) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.allowance_ == 0) {
    self.spent_ = true;
    BIO_set_retry_read(bio);
    return -1;
  }
  const Moved moved = self.receive_bytes(into, static_cast<std::size_t>(size));
  self.allowance_ -= std::min(self.allowance_, moved.bytes);
  if (moved.went == Went::blocked) BIO_set_retry_read(bio);
  if (moved.went == Went::end) return 0;
  return moved.went == Went::some ? static_cast<int>(moved.bytes) : -1;
}

int TlsStream::bio_write(BIO* bio, const char* from, int size) {
  auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const Moved moved = self.send_bytes(from, static_cast<std::size_t>(size));
  if (moved.went == Went::blocked) BIO_set_retry_write(bio);
  return moved.went == Went::some ? static_cast<int>(moved.bytes) : -1;
}

long TlsStream::bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

bool TlsStream::expect_host(const std::string& host) {
  SSL* tls = tls_.get();
  SSL_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  if (IpAddress::parse(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str()) == 1;
  SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(tls, host.c_str()) == 1 && SSL_set_tlsext_host_name(tls, host.c_str()) == 1;
}

void TlsStream::begin_call() noexcept {
  ERR_clear_error();
  allowance_ = most_in_a_call;
  spent_ = false;
}

// OpenSSL makes new ones when it needs them: two, 33 KB together. Before 3.0.14 it gave up one of which the header of a
// record had come (CVE-2024-4741), so that it is asked between records only.
void TlsStream::rest() noexcept {
  SSL* tls = tls_.get();
  const bool between_records = std::string_view{SSL_rstate_string(tls)} == "RH";
  if (broken_ || !between_records || SSL_has_pending(tls) != 0 || SSL_is_init_finished(tls) == 0) return;
  static_cast<void>(SSL_free_buffers(tls));
}

SocketStream::Moved TlsStream::judge(int result) noexcept {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      if (spent_) again_soon();
      return {Went::blocked, 0};
    case SSL_ERROR_WANT_WRITE: return {Went::blocked, 0};
    case SSL_ERROR_ZERO_RETURN: return {Went::end, 0};
    default: broken_ = true; return {Went::broken, 0};
  }
}

SocketStream::Moved TlsStream::receive(std::span<char> into) noexcept {
  if (!socket().is_open()) return {};
  // Behind our own end nothing is understood any more; it is only let in.
  if (ended_) return receive_bytes(into.data(), into.size());
  begin_call();
  std::size_t got = 0;
  const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &got);
  if (result != 1) return judge(result);
  if (SSL_has_pending(tls_.get()) == 1) has_more();
  return {Went::some, got};
}

SocketStream::Moved TlsStream::send(std::string_view bytes) noexcept {
  if (!socket().is_open()) return {};
  begin_call();
  std::size_t sent = 0;
  const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent);
  return result == 1 ? Moved{Went::some, sent} : judge(result);
}

SocketStream::Moved TlsStream::shake_hands() noexcept {
  if (!socket().is_open()) return {};
  begin_call();
  const int result = SSL_do_handshake(tls_.get());
  if (result != 1) return judge(result);
  if (SSL_has_pending(tls_.get()) == 1) has_more();
  return {Went::some, 0};
}

// The other end then knows that nothing was cut off (RFC 8446 6.1): an answer that only the end delimits is whole. What it
// says to that is not waited for.
void TlsStream::say_goodbye() noexcept {
  if (std::exchange(ended_, true) || broken_ || !socket().is_open() || SSL_is_init_finished(tls_.get()) == 0) return;
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(tls_.get()));  // what the socket does not take at once is not waited for
  ERR_clear_error();
}

void TlsStream::shutdown_write() noexcept {
  say_goodbye();
  SocketStream::shutdown_write();
}

void TlsStream::close() noexcept {
  say_goodbye();
  SocketStream::close();
}

}  // namespace

std::unique_ptr<ByteStream> make_tls_stream(EventLoop& loop, Socket socket, SSL_CTX& context) {
  return std::make_unique<TlsStream>(loop, std::move(socket), context, TlsStream::Side::server);
}

std::unique_ptr<ByteStream> make_tls_client_stream(EventLoop& loop, Socket socket, SSL_CTX& context,
                                                   const std::string& host) {
  auto stream = std::make_unique<TlsStream>(loop, std::move(socket), context, TlsStream::Side::client);
  if (!stream->expect_host(host)) stream->close();  // the handshake fails
  return stream;
}

}  // namespace evergrant
