#include "net/serving_thread.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr Duration shortest_tick{5};
constexpr Duration longest_tick{250};
constexpr Duration accept_pause{100};
constexpr std::chrono::minutes between_words_about_refused{1};

// Deadlines are met to within a quarter of the shortest of them.
Duration tick_for(const ServerLimits& limits) {
  const Duration shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout});
  return std::clamp(shortest / 4, shortest_tick, longest_tick);
}

std::optional<Peer> peer_of(const TcpSocket& socket, bool tls) {
  boost::system::error_code ec;
  const auto endpoint = socket.remote_endpoint(ec);
  if (ec) return std::nullopt;
  auto address = IpAddress::from(*endpoint.data());
  if (!address) return std::nullopt;
  std::string text = address->to_string();
  return Peer{address, std::move(text), tls};
}

Peer unix_peer_of(UnixSocket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Peer{std::nullopt, "unix", false};
  }
  return Peer{std::nullopt, "unix uid " + std::to_string(credentials.uid) + " pid " + std::to_string(credentials.pid), false,
              LocalPeer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid}};
}

}  // namespace

ServingThread::ServingThread(std::shared_ptr<ServerShared> shared)
    : shared_{std::move(shared)},
      context_{shared_->options.limits, shared_->handler, shared_->log, shared_->proxies},
      tick_{tick_for(shared_->options.limits)} {}

void ServingThread::listen_on(TcpAcceptor acceptor) { tcp_.emplace(std::move(acceptor)); }

void ServingThread::listen_on(UnixAcceptor acceptor, std::vector<std::shared_ptr<ServingThread>> targets) {
  unix_.emplace(std::move(acceptor));
  targets_ = std::move(targets);
}

void ServingThread::start() {
  loop_.post([this] {
    sweep();
    if (tcp_) accept_tcp();
    if (unix_) accept_unix();
  });
  thread_ = std::thread{[self = shared_from_this()] { self->loop_.run(); }};
}

void ServingThread::drain(Duration grace) {
  loop_.post([this, grace] { begin_drain(grace); });
}

void ServingThread::join() {
  if (!thread_.joinable()) return;
  thread_.join();
  loop_.drop_tasks();  // sessions whose handler did not return in time
}

void ServingThread::accept_tcp() {
  tcp_->async_accept([this](const boost::system::error_code& ec, TcpSocket socket) {
    if (context_.draining) return;
    if (ec) return accept_later(ec, [this] { accept_tcp(); });
    boost::system::error_code ignored;
    socket.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
    const bool tls = shared_->tls.has_value();
    if (auto peer = peer_of(socket, tls)) {
      begin(tls ? make_tls_stream(std::move(socket), *shared_->tls) : make_stream(std::move(socket)), std::move(*peer));
    }
    accept_tcp();
  });
}

void ServingThread::accept_unix() {
  ServingThread* target = targets_[next_target_++ % targets_.size()].get();  // outlives this loop: the server joins all
  unix_->async_accept(target->loop_.io(), [this, target](const boost::system::error_code& ec, UnixSocket socket) {
    if (context_.draining) return;
    if (ec) return accept_later(ec, [this] { accept_unix(); });
    Peer other = unix_peer_of(socket);
    target->loop_.post([target, peer = std::move(other), stream = make_stream(std::move(socket))]() mutable {
      target->begin(std::move(stream), std::move(peer));
    });
    accept_unix();
  });
}

// Out of descriptors, or the other end was gone already: neither ends the listener.
template <class Again>
void ServingThread::accept_later(const boost::system::error_code& why, Again again) {
  if (why == boost::asio::error::connection_aborted) return again();
  context_.log.warning("accept_failed", {{"reason", printable(why.message())}});
  loop_.call_after(accept_pause, [this, again] {
    if (!context_.draining) again();
  });
}

void ServingThread::begin(std::unique_ptr<ByteStream> stream, Peer peer) {
  if (context_.draining) return;
  if (shared_->connections.fetch_add(1) >= shared_->options.limits.connections) {
    shared_->connections.fetch_sub(1);
    ++refused_;
    tell_refused();
    return;  // closes the stream
  }
  auto session = std::make_shared<HttpSession>(context_, std::move(stream), std::move(peer));
  sessions_.insert(session.get());
  spawn(loop_, serve(shared_from_this(), std::move(session)));  // ends when the connection does
}

Task<void> ServingThread::serve(std::shared_ptr<ServingThread> self, std::shared_ptr<HttpSession> session) {
  try {
    co_await session->run();
  } catch (const std::exception&) {
    session->abort();
    self->context_.log.error("session_failed");
  }
  self->ended(*session);
}

void ServingThread::ended(HttpSession& session) {
  sessions_.erase(&session);
  shared_->connections.fetch_sub(1);
  if (context_.draining) stop_if_done();
}

void ServingThread::begin_drain(Duration grace) {
  if (context_.draining) return;
  next_word_ = {};
  tell_refused();
  context_.draining = true;
  boost::system::error_code ignored;
  if (tcp_) tcp_->close(ignored);
  if (unix_) unix_->close(ignored);
  targets_.clear();
  for (HttpSession* session : sessions_) session->drain();
  loop_.call_after(grace, [this] { abort_sessions(); });
  stop_if_done();
}

void ServingThread::abort_sessions() {
  aborted_ = true;
  for (HttpSession* session : sessions_) session->abort();
  stop_if_done();
}

void ServingThread::stop_if_done() {
  const bool all_abandoned = std::ranges::all_of(sessions_, [](const HttpSession* s) { return s->in_handler(); });
  if (!sessions_.empty() && !(aborted_ && all_abandoned)) return;
  if (!sessions_.empty()) context_.log.warning("requests_abandoned", {{"count", sessions_.size()}});
  loop_.stop();
}

// Who is over the limit sees a closed connection and no reason: the operator is told, not for each of them.
void ServingThread::tell_refused() {
  const auto now = std::chrono::steady_clock::now();
  if (refused_ == 0 || now < next_word_) return;
  next_word_ = now + between_words_about_refused;
  context_.log.warning("connections_refused", {{"refused", std::exchange(refused_, 0)},
                                               {"limit", shared_->options.limits.connections},
                                               {"hint", "server.limits.connections"}});
}

void ServingThread::sweep() {
  tell_refused();
  context_.date = http_date(SystemClock{}.now());
  context_.deadlines.expire(std::chrono::steady_clock::now());
  loop_.call_after(tick_, [this] { sweep(); });
}

}  // namespace evergrant
