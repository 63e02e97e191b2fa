// Accepts connections of one listening socket on an event loop.
#pragma once

#include <functional>

#include "net/event_loop.hpp"
#include "net/socket.hpp"

namespace evergrant {

class Listener final : private EventLoop::Watcher {
 public:
  using Accepted = std::function<void(Socket, const SocketAddress&)>;
  using Failed = std::function<void(std::error_code)>;

  // `failed`: none can be accepted now (out of descriptors); it is tried again after a moment. Both are called on the loop.
  Listener(EventLoop& loop, Socket socket, Accepted accepted, Failed failed);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  void start();
  void close() noexcept;

 private:
  void on_ready(std::uint32_t events) override;
  void pause(std::error_code why);

  EventLoop& loop_;
  Socket socket_;
  Accepted accepted_;
  Failed failed_;
  bool watched_ = false;
  Executor::TimerId again_ = 0;
};

}  // namespace evergrant
