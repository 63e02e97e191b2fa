// One serving thread: its event loop, its acceptor and its sessions. Internal to net/: it shows Asio.
// Constructed and stopped by HttpServer; everything else happens on its own loop. A session whose handler has
// not returned by then is dropped; a completion that comes later finds nobody waiting.
#pragma once

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include "net/asio_stream.hpp"
#include "net/event_loop.hpp"
#include "net/http_server.hpp"
#include "net/http_session.hpp"

namespace evergrant {

using TcpAcceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, EventLoop::IoExecutor>;
using UnixAcceptor = boost::asio::basic_socket_acceptor<boost::asio::local::stream_protocol, EventLoop::IoExecutor>;

// What all serving threads share. The counter is the only thing in it that changes.
struct ServerShared {
  ServerOptions options;
  HttpHandler& handler;
  const Log& log;
  TrustedProxies proxies;
  std::optional<boost::asio::ssl::context> tls;
  std::atomic<std::size_t> connections = 0;
};

class ServingThread : public std::enable_shared_from_this<ServingThread> {
 public:
  explicit ServingThread(std::shared_ptr<ServerShared> shared);
  ServingThread(const ServingThread&) = delete;
  ServingThread& operator=(const ServingThread&) = delete;

  [[nodiscard]] EventLoop& loop() noexcept { return loop_; }
  // Before `start()`.
  void listen_on(TcpAcceptor acceptor);
  void listen_on(UnixAcceptor acceptor, std::vector<std::shared_ptr<ServingThread>> targets);

  void start();
  void drain(Duration grace);  // thread-safe
  void join();

 private:
  void accept_tcp();
  void accept_unix();
  template <class Again>
  void accept_later(const boost::system::error_code& why, Again again);
  void begin(std::unique_ptr<ByteStream> stream, Peer peer);
  static Task<void> serve(std::shared_ptr<ServingThread> self, std::shared_ptr<HttpSession> session);
  void ended(HttpSession& session);
  void begin_drain(Duration grace);
  void abort_sessions();
  void stop_if_done();
  void tell_refused();
  void sweep();

  std::shared_ptr<ServerShared> shared_;
  EventLoop loop_;
  SessionContext context_;
  Duration tick_;
  std::optional<TcpAcceptor> tcp_;
  std::optional<UnixAcceptor> unix_;
  std::vector<std::shared_ptr<ServingThread>> targets_;  // of the unix socket, in turn; emptied when it closes
  std::size_t next_target_ = 0;
  std::unordered_set<HttpSession*> sessions_;
  std::size_t refused_ = 0;  // connections beyond the limit that the log does not tell of yet
  std::chrono::steady_clock::time_point next_word_;
  bool aborted_ = false;
  std::thread thread_;
};

}  // namespace evergrant
