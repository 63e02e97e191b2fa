// A way through the operator's forward proxy (http_client.proxy): HTTP CONNECT on a socket that stands, after which it leads
// to the provider. The forward proxy resolves the name and guards its own network. Internal to net/: it shows Asio.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "net/asio_stream.hpp"

namespace evergrant {

struct ForwardProxy {
  std::string host;
  std::uint16_t port = 0;
};

// "http://host:port", nothing else. Errors: unsupported.
[[nodiscard]] Result<ForwardProxy> parse_forward_proxy(std::string_view url);

// `authority`: "host:port" of the provider. False: refused, or the socket was closed meanwhile. The socket outlives the
// task.
Task<bool> open_tunnel(TcpSocket& socket, std::string authority);

}  // namespace evergrant
