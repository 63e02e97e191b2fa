#include "net/tunnel.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/encoding.hpp"
#include "net/response_parser.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_tunnel_header = 16U << 10U;

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

Task<bool> open_tunnel(ByteStream& stream, std::string authority) {
  const std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
  const auto sent = co_await stream.write(request);
  if (!sent.ok) co_return false;
  ResponseParser parser{longest_tunnel_header};
  parser.expect(true);
  std::string header;
  while (header.size() < longest_tunnel_header) {
    char byte = 0;  // one at a time: what follows the header belongs to the provider
    const auto got = co_await stream.read({&byte, 1});
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
