// ByteStreams over Asio sockets, with the concrete executor of the event loop. Internal to net/: it shows Asio.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/event_loop.hpp"

namespace evergrant {

using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, EventLoop::IoExecutor>;
using UnixSocket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, EventLoop::IoExecutor>;

[[nodiscard]] std::unique_ptr<ByteStream> make_stream(TcpSocket socket);
[[nodiscard]] std::unique_ptr<ByteStream> make_stream(UnixSocket socket);
[[nodiscard]] std::unique_ptr<ByteStream> make_tls_stream(TcpSocket socket, boost::asio::ssl::context& context);
// The client's side: `host` is what the certificate must be for, and is told to the server (SNI) if it is a name.
[[nodiscard]] std::unique_ptr<ByteStream> make_tls_client_stream(TcpSocket socket, boost::asio::ssl::context& context,
                                                                 const std::string& host);

}  // namespace evergrant
