#include "net/http_server.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/encoding.hpp"
#include "net/serving_thread.hpp"
#include "net/tls_context.hpp"

namespace evergrant {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using Threads = std::vector<std::shared_ptr<ServingThread>>;

std::unexpected<Error> cannot_listen(const std::string& where, const error_code& why) {
  std::string hint = "choose another address or port";
  if (why == asio::error::address_in_use) hint = "stop the other program that listens there, or choose another port";
  if (why == asio::error::access_denied) hint = "ports below 1024 need the right to bind them; choose a higher one";
  return fail(Errc::invalid_argument, "cannot listen on " + printable(where) + ": " + printable(why.message()),
              std::move(hint));
}

Result<tcp::endpoint> endpoint_of(const ServerOptions& options) {
  error_code ec;
  const auto address = asio::ip::make_address(options.address == "localhost" ? "127.0.0.1" : options.address, ec);
  if (ec) {
    return fail(Errc::invalid_argument, "the listening address \"" + printable(options.address) + "\" is not an IP address",
                "write it as 127.0.0.1, 0.0.0.0, ::1 or ::");
  }
  return tcp::endpoint{address, options.port};
}

Result<TcpAcceptor> open_acceptor(asio::io_context& io, const tcp::endpoint& endpoint, bool share_port) {
  const std::string where = IpAddress::from(*endpoint.data())->to_string() + " port " + std::to_string(endpoint.port());
  TcpAcceptor acceptor{io};
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(asio::socket_base::reuse_address{true}, ec);
  if (!ec && share_port) acceptor.set_option(ReusePort{true}, ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return cannot_listen(where, ec);
  return acceptor;
}

Result<std::uint16_t> listen_tcp(const ServerOptions& options, const Threads& threads) {
  auto endpoint = endpoint_of(options);
  if (!endpoint) return std::unexpected(endpoint.error());
  const bool share_port = threads.size() > 1;
  if (share_port && endpoint->port() != 0) {
    // With SO_REUSEPORT a second server of the same user would take half of the connections and nobody would be told.
    const auto probe = open_acceptor(threads.front()->loop().io(), *endpoint, false);
    if (!probe) return std::unexpected(probe.error());
  }
  for (const auto& thread : threads) {
    auto acceptor = open_acceptor(thread->loop().io(), *endpoint, share_port);
    if (!acceptor) return std::unexpected(acceptor.error());
    error_code ec;
    *endpoint = acceptor->local_endpoint(ec);  // the others take the port that the first was given
    thread->listen_on(std::move(*acceptor));
  }
  return endpoint->port();
}

// A socket file that a killed server left behind is removed; one that somebody answers on is not.
Result<> clear_stale_socket(asio::io_context& io, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_socket(path, ignored)) return {};
  UnixSocket probe{io};
  error_code ec;
  probe.connect(path, ec);
  if (!ec) return cannot_listen(path, asio::error::address_in_use);
  std::filesystem::remove(path, ignored);
  return {};
}

Result<> listen_unix(const std::string& path, unsigned mode, const Threads& threads) {
  auto& io = threads.front()->loop().io();
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return cannot_listen(path, asio::error::name_too_long);
  if (auto clear = clear_stale_socket(io, path); !clear) return clear;
  UnixAcceptor acceptor{io};
  error_code ec;
  acceptor.open(asio::local::stream_protocol{}, ec);
  if (!ec) acceptor.bind(path, ec);
  // Nobody can connect before listen(), so there is no moment with wider rights.
  if (!ec && ::chmod(path.c_str(), mode) != 0) ec = error_code{errno, boost::system::system_category()};
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return cannot_listen(path, ec);
  threads.front()->listen_on(std::move(acceptor), threads);
  return {};
}

}  // namespace

struct HttpServer::Impl {
  Impl(ServerOptions options, HttpHandler& handler, const Log& log)
      : shared{std::make_shared<ServerShared>(std::move(options), handler, log)} {}

  Result<> prepare() {
    auto proxies = TrustedProxies::parse(shared->options.trusted_proxies);
    if (!proxies) return std::unexpected(proxies.error());
    shared->proxies = std::move(*proxies);
    const auto& options = shared->options;
    if (options.tls_certificate.empty() != options.tls_key.empty()) {
      return fail(Errc::invalid_argument, "a TLS certificate and its key are given both or not at all",
                  "add the one that is missing");
    }
    if (options.tls_certificate.empty()) return {};
    shared->tls.emplace(asio::ssl::context::tls_server);
    return load_server_certificate(*shared->tls, options.tls_certificate, options.tls_key);
  }

  Result<> listen() {
    const auto& options = shared->options;
    if (options.unix_socket.empty() || options.unix_socket_beside_tcp) {
      const auto bound = listen_tcp(options, threads);
      if (!bound) return std::unexpected(bound.error());
      port = *bound;
    }
    if (options.unix_socket.empty()) return {};
    return listen_unix(options.unix_socket, options.unix_socket_mode, threads);
  }

  std::shared_ptr<ServerShared> shared;
  Threads threads;
  std::uint16_t port = 0;
};

HttpServer::HttpServer(ServerOptions options, HttpHandler& handler, const Log& log)
    : impl_{std::make_unique<Impl>(std::move(options), handler, log)} {}

HttpServer::~HttpServer() { stop(); }

Result<> HttpServer::start() {
  if (auto ready = impl_->prepare(); !ready) return ready;
  const int count = std::max(1, impl_->shared->options.threads);
  for (int i = 0; i < count; ++i) impl_->threads.push_back(std::make_shared<ServingThread>(impl_->shared));
  if (auto listening = impl_->listen(); !listening) {
    impl_->threads.clear();
    return listening;
  }
  for (const auto& thread : impl_->threads) thread->start();
  return {};
}

void HttpServer::stop(Duration grace) {
  if (impl_->threads.empty()) return;
  for (const auto& thread : impl_->threads) thread->drain(grace);
  for (const auto& thread : impl_->threads) thread->join();
  impl_->threads.clear();
  if (!impl_->shared->options.unix_socket.empty()) {
    std::error_code ignored;
    std::filesystem::remove(impl_->shared->options.unix_socket, ignored);
  }
}

std::uint16_t HttpServer::port() const { return impl_->port; }

}  // namespace evergrant
