// A TCP connection that is being made: awaited once, on its event loop.
#pragma once

#include "net/byte_stream.hpp"
#include "net/event_loop.hpp"
#include "net/socket.hpp"

namespace evergrant {

class Connecting final : private EventLoop::Watcher {
 public:
  Connecting(EventLoop& loop, const SocketAddress& target);
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;
  ~Connecting() { leave(); }

  void cancel() noexcept;  // ends as not ok
  [[nodiscard]] Socket take() noexcept { return std::move(socket_); }

  [[nodiscard]] bool await_ready() const noexcept { return !waits_; }
  void await_suspend(std::coroutine_handle<> self) { pending_.waiter = self; }
  [[nodiscard]] ByteStream::Outcome await_resume() const noexcept { return pending_.outcome; }

 private:
  void on_ready(std::uint32_t events) override;
  void leave() noexcept;

  EventLoop& loop_;
  Socket socket_;
  bool waits_ = false;  // the kernel is at it
  ByteStream::Pending pending_;
};

}  // namespace evergrant
