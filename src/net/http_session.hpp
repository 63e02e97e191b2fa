// One connection of the server: reads requests, one after the other, hands each to the handler and writes its answer,
// until either side ends it. Lives on one event loop; a deadline is armed whenever it waits for the other end.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "net/byte_stream.hpp"
#include "net/deadlines.hpp"
#include "net/event_loop.hpp"
#include "net/forwarded.hpp"
#include "net/http_server.hpp"
#include "net/request_parser.hpp"
#include "net/response_writer.hpp"

namespace evergrant {

// What all sessions of one serving thread share.
struct SessionContext {
  SessionContext(EventLoop& its_loop, const ServerLimits& server_limits, HttpHandler& server_handler, const Log& server_log,
                 const TrustedProxies& trusted);

  EventLoop& loop;
  const ServerLimits& limits;
  HttpHandler& handler;
  const Log& log;
  const TrustedProxies& proxies;
  Deadlines deadlines;
  std::string date;       // kept current by the thread's sweep
  bool draining = false;  // no request is begun any more
};

class HttpSession final : private Deadlines::Owner {
 public:
  HttpSession(SessionContext& context, std::unique_ptr<ByteStream> stream, Peer peer);
  ~HttpSession() override;
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  // Ends when the connection does; after `abort()` that is as soon as the handler lets go.
  Task<void> run();
  // Between requests: ends now. Within one: ends after its answer.
  void drain();
  void abort() noexcept;
  // Now and then: one that has been idle for a moment gives up what it keeps for speed.
  void rest_if_idle() noexcept;
  [[nodiscard]] bool in_handler() const noexcept { return in_handler_; }

 private:
  friend class StreamedExchange;  // the same connection, while a request on it streams
  enum class Arrival : std::uint8_t { complete, streaming, refused, gone };

  Task<Arrival> receive();
  Deadlines::Kind begin_wait(std::optional<Deadlines::Kind>& armed);
  bool take_in(std::size_t bytes);
  bool answer_one_write();
  bool answer_at_once();
  bool write_out();
  Task<bool> answer_plain();
  Task<bool> send_continue();
  Task<void> answer_refusal(Refusal refusal);
  Task<HttpResponse> ask_handler(HttpRequest request);
  Task<bool> serve_stream();  // net/streamed_exchange.cpp
  [[nodiscard]] static std::string exception_type();
  [[nodiscard]] static HttpResponse internal_problem();
  Task<bool> send_out();
  void empty_out();
  Task<void> linger();
  void on_deadline() override;
  void feed();
  void make_room();
  void arm(Deadlines::Kind kind) { context_.deadlines.arm(slot_, kind, context_.loop.now()); }
  [[nodiscard]] Arrival refuse(const Refusal& refusal);
  [[nodiscard]] bool request_begun() const noexcept {
    return begin_ < end_ || parser_.state() != RequestParser::State::header;
  }

  SessionContext& context_;
  std::unique_ptr<ByteStream> stream_;
  Peer peer_;
  RequestParser parser_;
  Deadlines::Slot slot_{*this};
  std::string in_;  // received, of which [begin_, end_) is not yet understood
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t dirty_ = 0;  // bytes of in_ that may hold something to wipe
  std::string out_;
  QuickPeer quick_peer_;
  Refusal refusal_;
  bool expired_ = false;
  bool idle_ = false;
  bool rested_ = false;
  EventLoop::Instant idle_since_;
  bool in_handler_ = false;
  bool continue_sent_ = false;
};

}  // namespace evergrant
