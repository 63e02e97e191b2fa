// A socket's descriptor and what is asked of the kernel about it. Every socket is non-blocking and closed on exec.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <expected>
#include <string>
#include <system_error>
#include <utility>

#include "net/ip_address.hpp"

namespace evergrant {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_{descriptor} {}
  Socket(Socket&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  void close() noexcept;
  void reset() noexcept;  // a close that discards what was not sent yet and tells the other end at once
  void set_no_delay() const noexcept;
  [[nodiscard]] bool is_quiet() const noexcept;  // nothing has come that was not read, the end neither

 private:
  int descriptor_ = -1;
};

// An address of the kernel's form.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const IpAddress& address, std::uint16_t port);
  // Empty where the path is too long for a socket.
  [[nodiscard]] static SocketAddress of_path(const std::string& path);

  [[nodiscard]] const sockaddr& get() const noexcept { return reinterpret_cast<const sockaddr&>(storage_); }  // NOLINT
  [[nodiscard]] sockaddr* out() noexcept { return reinterpret_cast<sockaddr*>(&storage_); }  // NOLINT: the kernel's own way
  [[nodiscard]] socklen_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  friend SocketAddress local_address(const Socket& socket);
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

template <class T>
using SocketResult = std::expected<T, std::error_code>;

[[nodiscard]] std::error_code last_socket_error() noexcept;
[[nodiscard]] SocketResult<Socket> open_socket(int family);
[[nodiscard]] SocketAddress local_address(const Socket& socket);
// A socket of its own there, which does not listen yet. `share_port`: several do, and the kernel deals the connections out.
[[nodiscard]] SocketResult<Socket> bind_at(const SocketAddress& address, bool share_port);

}  // namespace evergrant
