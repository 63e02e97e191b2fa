#include "net/streamed_exchange.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/encoding.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::size_t answer_buffer = 64U << 10U;
constexpr std::size_t answer_buffer_kept = 16U << 10U;

void append_digits(std::string& out, std::uint64_t number, int base) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

bool is_framing(std::string_view name) {
  constexpr std::array<std::string_view, 4> names{"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"};
  return std::ranges::any_of(names, [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

void append_fields(std::string& out, const Headers& headers) {
  for (const auto& [name, value] : headers.all()) {
    if (!is_framing(name)) out.append(name).append(": ").append(value).append("\r\n");
  }
}

}  // namespace

StreamedExchange::StreamedExchange(HttpSession& session, const Framing& framing) : session_{session}, framing_{framing} {}

std::optional<std::uint64_t> StreamedExchange::body_length() const { return session_.parser_.body_length(); }
bool StreamedExchange::wants_continue() const { return session_.parser_.wants_continue() && !session_.continue_sent_; }
bool StreamedExchange::body_read() const { return session_.parser_.body_done(); }
const Headers& StreamedExchange::trailers() const { return session_.parser_.trailers(); }

void StreamedExchange::on_deadline() {
  broken_ = true;
  session_.stream_->cancel();
}

void StreamedExchange::stop_reading() {
  stopped_ = true;
  session_.stream_->cancel();
}

Task<bool> StreamedExchange::send_continue() {
  if (!wants_continue()) co_return !broken_;
  session_.continue_sent_ = true;
  if (session_.begin_ < session_.end_ || begun_) co_return !broken_;  // the body is coming without having waited
  session_.out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  const bool sent = co_await flush();
  co_return sent;
}

// What was handed out as the piece before is not needed any more.
void StreamedExchange::forget_read() {
  HttpSession& s = session_;
  if (s.begin_ < s.end_) return;
  explicit_bzero(s.in_.data(), s.dirty_);
  s.begin_ = s.end_ = s.dirty_ = 0;
}

Task<HttpExchange::Piece> StreamedExchange::read() {
  HttpSession& s = session_;
  forget_read();
  while (true) {
    if (s.parser_.body_done()) co_return Piece{.end = true};
    const auto taken = s.parser_.feed_piece({s.in_.data() + s.begin_, s.end_ - s.begin_});
    s.begin_ += taken.bytes;
    if (!taken.piece.empty()) co_return Piece{.bytes = taken.piece};
    if (s.parser_.body_done()) continue;
    if (s.parser_.state() == RequestParser::State::refused || broken_ || stopped_) co_return Piece{.broken = true};
    s.make_room();
    s.context_.deadlines.arm(reading_, Deadlines::Kind::body, std::chrono::steady_clock::now());
    const auto outcome = co_await s.stream_->read({s.in_.data() + s.end_, s.in_.size() - s.end_});
    reading_.disarm();
    if (!outcome.ok) broken_ = broken_ || !stopped_;
    if (!outcome.ok) co_return Piece{.broken = true};
    s.end_ += outcome.bytes;
    s.dirty_ = std::max(s.dirty_, s.end_);
  }
}

void StreamedExchange::begin(const AnswerHead& head) {
  std::string& out = session_.out_;
  begun_ = true;
  const bool bodiless = framing_.head || head.status == 204 || head.status == 304;
  form_ = bodiless            ? BodyForm::none
          : head.length       ? BodyForm::counted
          : framing_.http_1_0 ? BodyForm::until_close
                              : BodyForm::chunked;
  left_ = form_ == BodyForm::counted ? *head.length : 0;
  // What of the request is still to come would be taken for the next one.
  framing_.keep_alive =
      framing_.keep_alive && !session_.context_.draining && session_.parser_.body_done() && form_ != BodyForm::until_close;
  out.append("HTTP/1.1 ");
  append_digits(out, static_cast<std::uint64_t>(head.status), 10);
  out.append(" ").append(reason_phrase(head.status)).append("\r\n");
  if (!head.headers.find("Date")) out.append("Date: ").append(framing_.date).append("\r\n");
  append_fields(out, head.headers);
  if (head.length && head.status != 204) {
    out.append("Content-Length: ");
    append_digits(out, *head.length, 10);
    out.append("\r\n");
  }
  if (form_ == BodyForm::chunked) out.append("Transfer-Encoding: chunked\r\n");
  if (!framing_.keep_alive) out.append("Connection: close\r\n");
  if (framing_.keep_alive && framing_.http_1_0) out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
}

void StreamedExchange::append_body(std::string_view bytes) {
  std::string& out = session_.out_;
  if (form_ == BodyForm::chunked) {
    append_digits(out, bytes.size(), 16);
    out.append("\r\n").append(bytes).append("\r\n");
  } else {
    out.append(bytes);
  }
}

Task<bool> StreamedExchange::write(std::string_view bytes) {
  if (form_ == BodyForm::none || bytes.empty()) co_return !broken_;
  if (form_ == BodyForm::counted) {
    if (bytes.size() > left_) co_return false;
    left_ -= bytes.size();
  }
  append_body(bytes);
  if (session_.out_.size() < answer_buffer) co_return !broken_;
  const bool sent = co_await flush();
  co_return sent;
}

Task<bool> StreamedExchange::flush() {
  std::string& out = session_.out_;
  if (out.empty() || broken_) co_return !broken_;
  const std::size_t written = session_.stream_->write_now(out);
  if (written < out.size()) {
    session_.context_.deadlines.arm(writing_, Deadlines::Kind::write, std::chrono::steady_clock::now());
    const auto outcome = co_await session_.stream_->write(std::string_view{out}.substr(written));
    writing_.disarm();
    if (!outcome.ok) broken_ = true;
  }
  explicit_bzero(out.data(), out.size());
  out.clear();
  co_return !broken_;
}

Task<bool> StreamedExchange::end(const Headers& trailers) {
  if (form_ == BodyForm::counted && left_ > 0) co_return false;
  if (form_ == BodyForm::chunked) {
    session_.out_.append("0\r\n");
    append_fields(session_.out_, trailers);
    session_.out_.append("\r\n");
  }
  const bool sent = co_await flush();
  ended_ = sent;
  if (session_.out_.capacity() > answer_buffer_kept) session_.out_ = std::string{};
  co_return sent;
}

Task<bool> StreamedExchange::answer(HttpResponse response) {
  begun_ = true;
  framing_.keep_alive = framing_.keep_alive && !session_.context_.draining && session_.parser_.body_done();
  write_response(response, framing_, session_.out_);
  wipe(response.body);
  const bool sent = co_await flush();
  ended_ = sent;
  co_return sent;
}

// The request boundary for what streams: whatever does not end in order breaks the connection, so that nobody takes a part
// for the whole. True: the connection is good for a next request.
Task<bool> HttpSession::serve_stream() {
  const std::string date = context_.date;
  Framing framing{parser_.keep_alive(), parser_.is_http_1_0(), parser_.is_head(), date};
  HttpRequest request = parser_.take_head();
  context_.proxies.apply(peer_, request);
  StreamedExchange exchange{*this, framing};
  in_handler_ = true;
  try {
    co_await context_.handler.stream(std::move(request), exchange);
  } catch (...) {
    context_.log.error("handler_failed", {{"exception", exception_type()}});
  }
  in_handler_ = false;
  if (!exchange.begun()) {
    const bool malformed = parser_.state() == RequestParser::State::refused;
    const bool told = co_await exchange.answer(malformed ? problem_response(parser_.refusal()) : internal_problem());
    if (!told) co_return false;
  }
  if (!exchange.ended()) {
    stream_->reset();
    co_return false;
  }
  if (!exchange.keep_alive() || !parser_.body_done()) {
    co_await linger();
    co_return false;
  }
  parser_.next();
  co_return true;
}

}  // namespace evergrant
