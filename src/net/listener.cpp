#include "net/listener.hpp"

#include <cerrno>

namespace evergrant {
namespace {

constexpr Duration accept_pause{100};
constexpr int most_in_a_round = 64;  // so that those who are connected already are served meanwhile

// Of one connection that was gone before it was taken, or that the network lost.
bool concerns_one_only(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == ENETDOWN || error == ENOPROTOOPT ||
         error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH || error == EOPNOTSUPP || error == ENETUNREACH;
}

}  // namespace

Listener::Listener(EventLoop& loop, Socket socket, Accepted accepted, Failed failed)
    : loop_{loop}, socket_{std::move(socket)}, accepted_{std::move(accepted)}, failed_{std::move(failed)} {}

void Listener::start() {
  again_ = 0;
  if (!socket_.is_open()) return;
  watched_ = loop_.watch(socket_.descriptor(), *this, EPOLLIN);
  if (!watched_) pause(last_socket_error());
}

void Listener::close() noexcept {
  if (again_ != 0) loop_.cancel(std::exchange(again_, 0));
  if (std::exchange(watched_, false)) loop_.unwatch(socket_.descriptor(), *this);
  socket_.close();
}

void Listener::pause(std::error_code why) {
  if (std::exchange(watched_, false)) loop_.unwatch(socket_.descriptor(), *this);
  failed_(why);
  again_ = loop_.call_after(accept_pause, [this] { start(); });
}

void Listener::on_ready(std::uint32_t) {
  for (int i = 0; i < most_in_a_round && watched_; ++i) {
    SocketAddress peer;
    socklen_t size = sizeof(sockaddr_storage);
    Socket socket{::accept4(socket_.descriptor(), peer.out(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (socket.is_open()) {
      accepted_(std::move(socket), peer);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (!concerns_one_only(errno)) return pause(last_socket_error());
  }
}

}  // namespace evergrant
