#include "net/tunnel.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/encoding.hpp"
#include "net/response_parser.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_tunnel_header = 16U << 10U;

struct SocketWrite : ByteStream::Operation {
  SocketWrite(TcpSocket& s, std::string_view bytes) : socket{s}, all{bytes} {}
  TcpSocket& socket;
  std::string_view all;
  void await_suspend(std::coroutine_handle<> self) {
    pending.waiter = self;
    boost::asio::async_write(socket, boost::asio::buffer(all.data(), all.size()),
                             [this](const boost::system::error_code& ec, std::size_t n) { pending.done({n, !ec, false}); });
  }
};

// One byte at a time: what follows the header belongs to the provider.
struct SocketRead : ByteStream::Operation {
  SocketRead(TcpSocket& s, char& byte) : socket{s}, into{byte} {}
  TcpSocket& socket;
  char& into;
  void await_suspend(std::coroutine_handle<> self) {
    pending.waiter = self;
    socket.async_read_some(boost::asio::buffer(&into, 1),
                           [this](const boost::system::error_code& ec, std::size_t n) { pending.done({n, !ec, false}); });
  }
};

}  // namespace

Result<ForwardProxy> parse_forward_proxy(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool plain = parsed && equal_ignoring_case(std::string_view{parsed->scheme()}, "http") && parsed->has_port() &&
                     parsed->port_number() != 0 && !parsed->has_userinfo() && !parsed->encoded_host().empty();
  if (!plain) {
    return fail(Errc::unsupported, "calls to providers' APIs go through a forward proxy of the form http://host:port only",
                "write http_client.proxy so, or do not use the proxy route");
  }
  std::string host{std::string_view{parsed->encoded_host()}};
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return ForwardProxy{.host = std::move(host), .port = parsed->port_number()};
}

Task<bool> open_tunnel(TcpSocket& socket, std::string authority) {
  const std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
  const auto sent = co_await SocketWrite{socket, request};
  if (!sent.ok) co_return false;
  ResponseParser parser{longest_tunnel_header};
  parser.expect(true);
  std::string header;
  while (header.size() < longest_tunnel_header) {
    char byte = 0;
    const auto got = co_await SocketRead{socket, byte};
    if (!got.ok) co_return false;
    header += byte;
    if (!header.ends_with("\r\n\r\n")) continue;
    parser.feed_header(header);
    if (parser.state() != ResponseParser::State::complete) co_return false;
    const int status = parser.take_head().status;
    co_return status >= 200 && status < 300;
  }
  co_return false;
}

}  // namespace evergrant
