#include "net/serving_thread.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "base/thread_name.hpp"
#include "net/tls_stream.hpp"

namespace evergrant {
namespace {

constexpr Duration shortest_tick{5};
constexpr Duration longest_tick{250};
constexpr Duration between_rests{1000};
constexpr std::chrono::minutes between_words_about_refused{1};

// Deadlines are met to within a quarter of the shortest of them.
Duration tick_for(const ServerLimits& limits) {
  const Duration shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout});
  return std::clamp(shortest / 4, shortest_tick, longest_tick);
}

Peer unix_peer_of(const Socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.descriptor(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Peer{std::nullopt, "unix", false};
  }
  return Peer{std::nullopt, "unix uid " + std::to_string(credentials.uid) + " pid " + std::to_string(credentials.pid), false,
              LocalPeer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid}};
}

}  // namespace

ServingThread::ServingThread(std::shared_ptr<ServerShared> shared)
    : shared_{std::move(shared)},
      context_{loop_, shared_->options.limits, shared_->handler, shared_->log, shared_->proxies},
      tick_{tick_for(shared_->options.limits)} {}

void ServingThread::listen_on_tcp(Socket socket) {
  tcp_.emplace(
      loop_, std::move(socket),
      [this](Socket accepted, const SocketAddress& address) { accepted_tcp(std::move(accepted), address); },
      [this](std::error_code why) { accept_failed(why); });
}

void ServingThread::listen_on_unix(Socket socket, std::vector<std::shared_ptr<ServingThread>> targets) {
  targets_ = std::move(targets);
  unix_.emplace(
      loop_, std::move(socket), [this](Socket accepted, const SocketAddress&) { accepted_unix(std::move(accepted)); },
      [this](std::error_code why) { accept_failed(why); });
}

void ServingThread::start() {
  loop_.post([this] {
    sweep();
    if (tcp_) tcp_->start();
    if (unix_) unix_->start();
  });
  thread_ = std::thread{[self = shared_from_this()] {
    name_this_thread("eg-serving");
    self->loop_.run();
  }};
}

void ServingThread::drain(Duration grace) {
  loop_.post([this, grace] { begin_drain(grace); });
}

void ServingThread::join() {
  if (!thread_.joinable()) return;
  thread_.join();
  loop_.drop_tasks();  // sessions whose handler did not return in time
}

void ServingThread::accepted_tcp(Socket socket, const SocketAddress& from) {
  auto address = IpAddress::from(from.get());
  if (!address) return;
  socket.set_no_delay();
  SSL_CTX* tls = shared_->tls.get();
  Peer peer{address, address->to_string(), tls != nullptr};
  begin(tls != nullptr ? make_tls_stream(loop_, std::move(socket), *tls) : make_stream(loop_, std::move(socket)),
        std::move(peer));
}

void ServingThread::accepted_unix(Socket socket) {
  ServingThread* target = targets_[next_target_++ % targets_.size()].get();  // outlives this loop: the server joins all
  Peer other = unix_peer_of(socket);
  target->loop_.post([target, peer = std::move(other), accepted = std::move(socket)]() mutable {
    target->begin(make_stream(target->loop_, std::move(accepted)), std::move(peer));
  });
}

// Out of descriptors, mostly: that does not end the listener.
void ServingThread::accept_failed(std::error_code why) {
  context_.log.warning("accept_failed", {{"reason", printable(why.message())}});
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
  if (tcp_) tcp_->close();
  if (unix_) unix_->close();
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
  const auto now = loop_.now();
  if (refused_ == 0 || now < next_word_) return;
  next_word_ = now + between_words_about_refused;
  context_.log.warning("connections_refused", {{"refused", std::exchange(refused_, 0)},
                                               {"limit", shared_->options.limits.connections},
                                               {"hint", "server.limits.connections"}});
}

// Over TLS only: what else a session keeps is small.
void ServingThread::rest_idle_sessions() {
  if (!shared_->tls || loop_.now() < next_rest_) return;
  next_rest_ = loop_.now() + between_rests;
  for (HttpSession* session : sessions_) session->rest_if_idle();
}

void ServingThread::sweep() {
  tell_refused();
  context_.date = http_date(SystemClock{}.now());
  context_.deadlines.expire(loop_.now());
  rest_idle_sessions();
  loop_.call_after(tick_, [this] { sweep(); });
}

}  // namespace evergrant
