#include "net/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace evergrant {
namespace {

bool set_option(int descriptor, int level, int name, int value) noexcept {
  return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

}  // namespace

std::error_code last_socket_error() noexcept { return {errno, std::system_category()}; }

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  descriptor_ = std::exchange(other.descriptor_, -1);
  return *this;
}

void Socket::close() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void Socket::reset() noexcept {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (descriptor_ >= 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::set_no_delay() const noexcept { set_option(descriptor_, IPPROTO_TCP, TCP_NODELAY, 1); }

bool Socket::is_quiet() const noexcept {
  char byte = 0;
  const auto got = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

SocketAddress::SocketAddress(const IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    four.sin_addr.s_addr = htonl(address.as_v4());
    size_ = sizeof four;
    std::memcpy(&storage_, &four, sizeof four);
    return;
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  std::ranges::copy(address.bytes(), six.sin6_addr.s6_addr);
  size_ = sizeof six;
  std::memcpy(&storage_, &six, sizeof six);
}

SocketAddress SocketAddress::of_path(const std::string& path) {
  SocketAddress made;
  sockaddr_un local{};
  if (path.size() >= sizeof local.sun_path) return made;
  local.sun_family = AF_UNIX;
  path.copy(local.sun_path, path.size());
  made.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  std::memcpy(&made.storage_, &local, sizeof local);
  return made;
}

std::uint16_t SocketAddress::port() const noexcept {
  if (storage_.ss_family != AF_INET && storage_.ss_family != AF_INET6) return 0;
  in_port_t port = 0;  // both have it in the same place
  std::memcpy(&port, reinterpret_cast<const char*>(&storage_) + offsetof(sockaddr_in, sin_port), sizeof port);  // NOLINT
  return ntohs(port);
}

SocketResult<Socket> open_socket(int family) {
  Socket socket{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket.is_open()) return std::unexpected(last_socket_error());
  return socket;
}

SocketAddress local_address(const Socket& socket) {
  SocketAddress address;
  socklen_t size = sizeof address.storage_;
  if (::getsockname(socket.descriptor(), address.out(), &size) == 0) address.size_ = size;
  return address;
}

SocketResult<Socket> bind_at(const SocketAddress& address, bool share_port) {
  auto socket = open_socket(address.get().sa_family);
  if (!socket) return socket;
  const int descriptor = socket->descriptor();
  const bool tcp = address.get().sa_family != AF_UNIX;
  if (tcp && !set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)) return std::unexpected(last_socket_error());
  if (share_port && !set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1)) return std::unexpected(last_socket_error());
  if (::bind(descriptor, &address.get(), address.size()) != 0) return std::unexpected(last_socket_error());
  return socket;
}

}  // namespace evergrant
