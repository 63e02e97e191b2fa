// One serving thread: its event loop, its listeners and its sessions. Constructed and stopped by HttpServer; everything else
// happens on its own loop. A session whose handler has not returned by then is dropped; a completion that comes later finds
// nobody waiting.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include "net/event_loop.hpp"
#include "net/http_server.hpp"
#include "net/http_session.hpp"
#include "net/listener.hpp"
#include "net/tls_context.hpp"

namespace evergrant {

// What all serving threads share. The counter is the only thing in it that changes.
struct ServerShared {
  ServerOptions options;
  HttpHandler& handler;
  const Log& log;
  TrustedProxies proxies;
  TlsContext tls;  // none: plain
  std::atomic<std::size_t> connections = 0;
};

class ServingThread : public std::enable_shared_from_this<ServingThread> {
 public:
  explicit ServingThread(std::shared_ptr<ServerShared> shared);
  ServingThread(const ServingThread&) = delete;
  ServingThread& operator=(const ServingThread&) = delete;

  [[nodiscard]] EventLoop& loop() noexcept { return loop_; }
  // Before `start()`.
  void listen_on_tcp(Socket socket);
  void listen_on_unix(Socket socket, std::vector<std::shared_ptr<ServingThread>> targets);

  void start();
  void drain(Duration grace);  // thread-safe
  void join();

 private:
  void accept_failed(std::error_code why);
  void accepted_tcp(Socket socket, const SocketAddress& from);
  void accepted_unix(Socket socket);
  void begin(std::unique_ptr<ByteStream> stream, Peer peer);
  static Task<void> serve(std::shared_ptr<ServingThread> self, std::shared_ptr<HttpSession> session);
  void ended(HttpSession& session);
  void begin_drain(Duration grace);
  void abort_sessions();
  void stop_if_done();
  void tell_refused();
  void rest_idle_sessions();
  void sweep();

  std::shared_ptr<ServerShared> shared_;
  EventLoop loop_;
  SessionContext context_;
  Duration tick_;
  std::optional<Listener> tcp_;
  std::optional<Listener> unix_;
  std::vector<std::shared_ptr<ServingThread>> targets_;  // of the unix socket, in turn; emptied when it closes
  std::size_t next_target_ = 0;
  std::unordered_set<HttpSession*> sessions_;
  std::size_t refused_ = 0;  // connections beyond the limit that the log does not tell of yet
  std::chrono::steady_clock::time_point next_word_;
  EventLoop::Instant next_rest_;
  bool aborted_ = false;
  std::thread thread_;
};

}  // namespace evergrant
