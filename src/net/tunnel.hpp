// A way through the operator's forward proxy (http_client.proxy): HTTP CONNECT on a connection that stands, after which it
// leads to the provider. The forward proxy resolves the name and guards its own network.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/task.hpp"
#include "net/byte_stream.hpp"

namespace evergrant {

struct ForwardProxy {
  std::string host;
  std::uint16_t port = 0;
};

// "http://host:port", nothing else. Errors: unsupported.
[[nodiscard]] Result<ForwardProxy> parse_forward_proxy(std::string_view url);

// `authority`: "host:port" of the provider. False: refused, or the stream was closed meanwhile. The stream outlives the
// task.
Task<bool> open_tunnel(ByteStream& stream, std::string authority);

}  // namespace evergrant
