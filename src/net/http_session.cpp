#include "net/http_session.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <typeinfo>

#include "net/answer_room.hpp"
#include "net/quick_request.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::size_t first_buffer = 4U << 10U;  // enough for most requests, small enough for many idle connections
constexpr std::size_t body_buffer = 64U << 10U;
constexpr std::size_t kept_output = 16U << 10U;
constexpr std::size_t linger_bytes = 256U << 10U;
constexpr Duration linger_time{2000};
constexpr Duration idle_before_rest{1000};

constexpr Refusal request_timeout{408, "request_timeout", "The request did not arrive in time."};
constexpr Refusal internal{500, "internal", "The server failed to answer this request."};

// The type of what was thrown and never its text, which may quote the request.
std::string current_exception_type() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "unknown";
  int status = 0;
  char* name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  std::string text = status == 0 ? name : type->name();
  std::free(name);
  return text;
}

void wipe_response(HttpResponse& response) {
  wipe(response.body);
  response.headers = Headers{};
}

}  // namespace

SessionContext::SessionContext(EventLoop& its_loop, const ServerLimits& server_limits, HttpHandler& server_handler,
                               const Log& server_log, const TrustedProxies& trusted)
    : loop{its_loop},
      limits{server_limits},
      handler{server_handler},
      log{server_log},
      proxies{trusted},
      deadlines{{limits.idle_timeout, limits.header_timeout, limits.body_timeout, limits.body_timeout, linger_time}} {}

HttpSession::HttpSession(SessionContext& context, std::unique_ptr<ByteStream> stream, Peer peer)
    : context_{context},
      stream_{std::move(stream)},
      peer_{std::move(peer)},
      parser_{context.limits.header_bytes, context.limits.body_bytes, &context.handler},
      in_(first_buffer, '\0'),
      // A proxy that is trusted speaks for others: the kernel's word about it says nothing of them.
      quick_peer_{peer_.text, peer_.local && !context.proxies.trusts(peer_) ? &*peer_.local : nullptr} {}

HttpSession::~HttpSession() {
  wipe(in_);
  wipe(out_);
}

void HttpSession::drain() {
  if (idle_) stream_->close();
}

void HttpSession::abort() noexcept { stream_->close(); }

void HttpSession::rest_if_idle() noexcept {
  if (!idle_ || rested_ || context_.loop.now() - idle_since_ < idle_before_rest) return;
  rested_ = true;
  stream_->rest();
}

void HttpSession::on_deadline() {
  expired_ = true;
  stream_->cancel();
}

Task<void> HttpSession::run() {
  if (peer_.tls) {
    arm(Deadlines::Kind::header);
    idle_ = true;
    idle_since_ = context_.loop.now();
    const auto handshake = co_await stream_->handshake();
    if (!handshake.ok || expired_) co_return stream_->close();
  }
  while (true) {
    const Arrival arrival = co_await receive();
    if (arrival == Arrival::gone) break;
    if (arrival == Arrival::refused) {
      co_await answer_refusal(refusal_);
      break;
    }
    if (arrival == Arrival::streaming) {
      const bool next = co_await serve_stream();
      if (!next) break;
      continue;
    }
    Framing framing{parser_.keep_alive(), parser_.is_http_1_0(), parser_.is_head(), {}};
    HttpRequest request = parser_.take();
    context_.proxies.apply(peer_, request);
    HttpResponse response = co_await ask_handler(std::move(request));
    if (response.status == 0) break;
    framing.keep_alive = framing.keep_alive && !context_.draining;
    framing.date = context_.date;
    write_response(response, framing, out_);
    wipe_response(response);
    const bool sent = co_await send_out();
    if (!sent) break;
    if (!framing.keep_alive) {
      co_await linger();
      break;
    }
  }
  slot_.disarm();
  stream_->close();
}

// Reads until a request is complete, or must be refused, or the other end is gone.
Task<HttpSession::Arrival> HttpSession::receive() {
  using State = RequestParser::State;
  continue_sent_ = false;
  if (const bool served = co_await answer_plain(); !served) co_return Arrival::gone;
  feed();
  std::optional<Deadlines::Kind> armed;
  while (parser_.state() == State::header || parser_.state() == State::body) {
    idle_ = !request_begun();
    if (idle_ && context_.draining) co_return Arrival::gone;
    const auto kind = begin_wait(armed);
    if (parser_.state() == State::body && parser_.wants_continue() && !continue_sent_) {
      const bool told = co_await send_continue();
      if (!told) co_return Arrival::gone;
      arm(kind);
    }
    make_room();
    const auto outcome = co_await stream_->read({in_.data() + end_, in_.size() - end_});
    if (expired_) co_return idle_ ? Arrival::gone : refuse(request_timeout);
    if (!outcome.ok) co_return Arrival::gone;
    if (take_in(outcome.bytes)) {
      armed.reset();
      idle_ = false;  // it is being answered: a drain waits for that
      co_await context_.loop.end_of_batch();
      const bool all_sent = write_out() && begin_ == end_;
      const bool sent = all_sent || co_await answer_plain();  // mostly the former, without a frame of its own
      if (!sent) co_return Arrival::gone;
    }
    feed();
  }
  slot_.disarm();
  idle_ = false;
  if (parser_.state() == State::refused) co_return refuse(parser_.refusal());
  explicit_bzero(in_.data(), begin_);  // what was understood now lives in the request
  co_return parser_.state() == State::streaming ? Arrival::streaming : Arrival::complete;
}

// For what comes next; of a request that has begun, each part has one deadline.
Deadlines::Kind HttpSession::begin_wait(std::optional<Deadlines::Kind>& armed) {
  using enum Deadlines::Kind;
  const auto of_request = parser_.state() == RequestParser::State::header ? header : body;
  const auto kind = idle_ ? idle : of_request;
  if (armed != kind) arm(kind);
  armed = kind;
  if (idle_) idle_since_ = context_.loop.now();
  rested_ = false;
  return kind;
}

// What has come is answered where it is plain, and otherwise the parser's. True if something was answered and is to be sent.
bool HttpSession::take_in(std::size_t bytes) {
  const bool fresh = begin_ == end_ && parser_.state() == RequestParser::State::header;  // the parser has seen none of it
  end_ += bytes;
  dirty_ = std::max(dirty_, end_);
  return fresh && answer_one_write();
}

// The plain requests at the front of what has come, as many as one write should hold, into out_. True if there was one.
bool HttpSession::answer_one_write() {
  bool any = false;
  while (begin_ < end_ && out_.size() < kept_output / 2 && !context_.draining) {
    const auto request = read_quick_request({in_.data() + begin_, end_ - begin_});
    if (!request || request->size > context_.limits.header_bytes) break;
    AnswerRoom room{out_, context_.date};
    bool answered = false;
    try {
      answered = context_.handler.answer_now(*request, quick_peer_, room);
    } catch (...) {
      room.drop();  // the handler's other way says what is wrong
    }
    if (!answered) break;
    begin_ += request->size;
    any = true;
  }
  return any;
}

// True: the socket has taken all of out_. Otherwise the rest stays there.
bool HttpSession::write_out() {
  const std::size_t written = stream_->write_now(out_);
  if (written == out_.size()) {
    empty_out();
    return true;
  }
  std::string rest{std::string_view{out_}.substr(written)};
  wipe(out_);
  out_ = std::move(rest);
  return false;
}

// The plain requests that have come, answered and sent. True if there was one; what the socket does not take stays in out_.
bool HttpSession::answer_at_once() {
  bool any = false;
  while (answer_one_write()) {
    any = true;
    if (!write_out()) break;
  }
  return any;
}

// The same, waiting for the socket where it must. False: the other end is gone.
Task<bool> HttpSession::answer_plain() {
  while (!out_.empty() || answer_at_once()) {
    if (out_.empty()) continue;
    const bool sent = co_await send_out();
    if (!sent) co_return false;
  }
  co_return true;
}

std::string HttpSession::exception_type() { return current_exception_type(); }
HttpResponse HttpSession::internal_problem() { return problem_response(internal); }

HttpSession::Arrival HttpSession::refuse(const Refusal& refusal) {
  refusal_ = refusal;
  return Arrival::refused;
}

void HttpSession::feed() {
  if (begin_ < end_) begin_ += parser_.feed({in_.data() + begin_, end_ - begin_});
  if (begin_ < end_) return;
  explicit_bzero(in_.data(), dirty_);
  begin_ = end_ = dirty_ = 0;
}

// Moves what is left to the front; grows when a header is longer than most, or a body is coming.
void HttpSession::make_room() {
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    explicit_bzero(in_.data() + end_, dirty_ - end_);
    dirty_ = end_;
  }
  const auto state = parser_.state();
  const bool body = state == RequestParser::State::body || state == RequestParser::State::streaming;
  const std::size_t largest = std::max(context_.limits.header_bytes, body ? body_buffer : first_buffer);
  if ((end_ < in_.size() && !body) || in_.size() >= largest) return;
  grow_wiping(in_, largest);
  in_.resize(largest);
}

Task<bool> HttpSession::send_continue() {
  continue_sent_ = true;
  if (begin_ < end_) co_return true;  // the body is coming without having waited
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  const bool sent = co_await send_out();
  co_return sent;
}

Task<void> HttpSession::answer_refusal(Refusal refusal) {
  expired_ = false;
  const HttpResponse response = problem_response(refusal);
  write_response(response, {false, false, false, context_.date}, out_);
  const bool sent = co_await send_out();
  if (sent) co_await linger();
}

// The request boundary: what a handler throws becomes a 500, and what cannot be sent as well.
Task<HttpResponse> HttpSession::ask_handler(HttpRequest request) {
  in_handler_ = true;
  HttpResponse response;
  try {
    response = co_await context_.handler.handle(std::move(request));
    if (response.status != 0 && !is_sendable(response)) {
      context_.log.error("unsendable_response", {{"status", response.status}});
      wipe_response(response);
      response = problem_response(internal);
    }
  } catch (...) {
    context_.log.error("handler_failed", {{"exception", current_exception_type()}});
    response = problem_response(internal);
  }
  in_handler_ = false;
  co_return response;
}

Task<bool> HttpSession::send_out() {
  bool sent = true;
  const std::size_t written = stream_->write_now(out_);
  if (written < out_.size()) {
    expired_ = false;
    arm(Deadlines::Kind::write);
    const auto outcome = co_await stream_->write(std::string_view{out_}.substr(written));
    slot_.disarm();
    sent = outcome.ok;
  }
  empty_out();
  co_return sent;
}

void HttpSession::empty_out() {
  if (out_.capacity() > kept_output) {
    wipe(out_);
    out_ = std::string{};
  } else {
    explicit_bzero(out_.data(), out_.size());
    out_.clear();
  }
}

// Closing with unread bytes makes the kernel reset the connection, and the answer may be lost on its way: so the other
// end is told, and given a moment to read it.
Task<void> HttpSession::linger() {
  stream_->shutdown_write();
  expired_ = false;
  arm(Deadlines::Kind::linger);
  std::size_t seen = 0;
  while (seen < linger_bytes && !expired_) {
    const auto outcome = co_await stream_->read({in_.data(), in_.size()});
    if (!outcome.ok) break;
    seen += outcome.bytes;
    dirty_ = std::max(dirty_, outcome.bytes);
  }
  slot_.disarm();
}

}  // namespace evergrant
