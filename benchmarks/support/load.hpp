// What the load generators share: connections over loopback or a unix socket, and percentiles. Not installed.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace load {

[[noreturn]] inline void stop(const std::string& why) {
  std::cerr << "load: " << why << '\n';
  std::exit(1);
}

inline std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stopped != text.data() + text.size()) stop("expected a number, found " + std::string{text});
  return value;
}

// `where`: a port on loopback, or a unix socket's absolute path.
inline int connect_to(const std::string& where) {
  if (where.starts_with('/')) {
    const int line = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line < 0) stop("no descriptor for a socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    where.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(line, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      stop("cannot connect to " + where);
    return line;
  }
  const int line = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line < 0) stop("no descriptor for a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(number(where)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(line, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) stop("cannot connect to " + where);
  const int on = 1;
  ::setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return line;
}

// Of at least one figure.
template <class Figure>
Figure at_share(const std::vector<Figure>& sorted, double share) {
  const auto place = static_cast<std::size_t>(static_cast<double>(sorted.size()) * share);
  return sorted[std::min(sorted.size() - 1, place)];
}

}  // namespace load
