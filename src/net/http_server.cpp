#include "net/http_server.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "base/encoding.hpp"
#include "net/serving_thread.hpp"
#include "net/tls_context.hpp"

namespace evergrant {
namespace {

using Threads = std::vector<std::shared_ptr<ServingThread>>;

std::unexpected<Error> cannot_listen(const std::string& where, std::error_code why) {
  std::string hint = "choose another address or port";
  if (why == std::errc::address_in_use) hint = "stop the other program that listens there, or choose another port";
  if (why == std::errc::permission_denied) hint = "ports below 1024 need the right to bind them; choose a higher one";
  return fail(Errc::invalid_argument, "cannot listen on " + printable(where) + ": " + printable(why.message()),
              std::move(hint));
}

Result<IpAddress> address_of(const ServerOptions& options) {
  if (const auto address = IpAddress::parse(options.address == "localhost" ? "127.0.0.1" : options.address)) return *address;
  return fail(Errc::invalid_argument, "the listening address \"" + printable(options.address) + "\" is not an IP address",
              "write it as 127.0.0.1, 0.0.0.0, ::1 or ::, without a zone");
}

Result<Socket> listen_at(const IpAddress& address, std::uint16_t port, bool share_port) {
  auto socket = bind_at(SocketAddress{address, port}, share_port);
  if (socket && ::listen(socket->descriptor(), SOMAXCONN) != 0) socket = std::unexpected(last_socket_error());
  if (!socket) return cannot_listen(address.to_string() + " port " + std::to_string(port), socket.error());
  return std::move(*socket);
}

Result<std::uint16_t> listen_tcp(const ServerOptions& options, const Threads& threads) {
  const auto address = address_of(options);
  if (!address) return std::unexpected(address.error());
  const bool share_port = threads.size() > 1;
  std::uint16_t port = options.port;
  if (share_port && port != 0) {
    // With SO_REUSEPORT a second server of the same user would take half of the connections and nobody would be told.
    const auto probe = listen_at(*address, port, false);
    if (!probe) return std::unexpected(probe.error());
  }
  for (const auto& thread : threads) {
    auto socket = listen_at(*address, port, share_port);
    if (!socket) return std::unexpected(socket.error());
    port = local_address(*socket).port();  // the others take the port that the first was given
    thread->listen_on_tcp(std::move(*socket));
  }
  return port;
}

// A socket file that a killed server left behind is removed; one that somebody answers on is not.
Result<> clear_stale_socket(const SocketAddress& address, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_socket(path, ignored)) return {};
  const auto probe = open_socket(AF_UNIX);
  if (!probe) return cannot_listen(path, probe.error());
  const bool answered = ::connect(probe->descriptor(), &address.get(), address.size()) == 0;
  if (answered || errno != ECONNREFUSED) return cannot_listen(path, std::make_error_code(std::errc::address_in_use));
  std::filesystem::remove(path, ignored);
  return {};
}

Result<> listen_unix(const std::string& path, unsigned mode, const Threads& threads) {
  const SocketAddress address = SocketAddress::of_path(path);
  if (address.empty()) return cannot_listen(path, std::make_error_code(std::errc::filename_too_long));
  if (auto clear = clear_stale_socket(address, path); !clear) return clear;
  auto socket = bind_at(address, false);
  if (!socket) return cannot_listen(path, socket.error());
  // Nobody can connect before listen(), so there is no moment with wider rights.
  if (::chmod(path.c_str(), mode) != 0) return cannot_listen(path, last_socket_error());
  if (::listen(socket->descriptor(), SOMAXCONN) != 0) return cannot_listen(path, last_socket_error());
  threads.front()->listen_on_unix(std::move(*socket), threads);
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
    auto context = make_server_context(options.tls_certificate, options.tls_key);
    if (!context) return std::unexpected(context.error());
    shared->tls = std::move(*context);
    return {};
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
