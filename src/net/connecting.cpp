#include "net/connecting.hpp"

#include <cerrno>

namespace evergrant {

Connecting::Connecting(EventLoop& loop, const SocketAddress& target) : loop_{loop} {
  auto socket = open_socket(target.get().sa_family);
  if (!socket) return;
  socket_ = std::move(*socket);
  socket_.set_no_delay();
  const bool at_once = ::connect(socket_.descriptor(), &target.get(), target.size()) == 0;
  pending_.outcome.ok = at_once;
  waits_ = !at_once && errno == EINPROGRESS && loop_.watch(socket_.descriptor(), *this, EPOLLOUT);
}

void Connecting::leave() noexcept {
  if (std::exchange(waits_, false)) loop_.unwatch(socket_.descriptor(), *this);
}

void Connecting::cancel() noexcept {
  if (!waits_) return;
  leave();
  loop_.post([this] { pending_.done({}); });
}

void Connecting::on_ready(std::uint32_t) {
  leave();
  int error = 0;
  socklen_t size = sizeof error;
  const bool asked = ::getsockopt(socket_.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) == 0;
  pending_.done({0, asked && error == 0, false});
}

}  // namespace evergrant
