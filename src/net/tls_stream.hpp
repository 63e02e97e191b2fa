// ByteStreams that speak TLS over a socket on an event loop. The context outlives its streams.
#pragma once

#include <memory>
#include <string>

#include "net/socket_stream.hpp"
#include "net/tls_context.hpp"

namespace evergrant {

[[nodiscard]] std::unique_ptr<ByteStream> make_tls_stream(EventLoop& loop, Socket socket, SSL_CTX& context);
// The client's side: `host` is what the certificate must be for, and is told to the server (SNI) if it is a name.
[[nodiscard]] std::unique_ptr<ByteStream> make_tls_client_stream(EventLoop& loop, Socket socket, SSL_CTX& context,
                                                                 const std::string& host);

}  // namespace evergrant
