#include "net/upstream_connection.hpp"

#include <algorithm>
#include <cstring>

#include "base/secret.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_upstream_header = 64U << 10U;
constexpr std::size_t first_upstream_buffer = 16U << 10U;
constexpr std::size_t largest_upstream_buffer = 64U << 10U;
constexpr int switching_protocols = 101;
constexpr int most_interim = 20;  // answers before the answer; RFC 9110 15.2 names no number

}  // namespace

UpstreamConnection::UpstreamConnection(std::unique_ptr<ByteStream> stream, Deadlines& deadlines, std::string key)
    : stream_{std::move(stream)},
      deadlines_{deadlines},
      key_{std::move(key)},
      parser_{longest_upstream_header},
      in_(first_upstream_buffer, '\0') {}

UpstreamConnection::~UpstreamConnection() {
  stream_->close();
  wipe(in_);
}

void UpstreamConnection::begin(bool to_head) {
  to_head_ = to_head;
  parser_.expect(to_head);
  ++exchanges_;
  sent_ = 0;
  interim_ = 0;
  request_sent_ = request_whole_ = answer_begun_ = keeps_ = false;
  waits_for_ = Deadlines::Kind::header;
  loss_ = {};
}

void UpstreamConnection::on_deadline() {
  loss_.timed_out = true;
  abort();
}

void UpstreamConnection::abort() noexcept {
  closed_ = true;
  stream_->close();
}

Task<bool> UpstreamConnection::send(std::string_view bytes) {
  const std::size_t now = stream_->write_now(bytes);
  sent_ += now;
  if (now == bytes.size()) co_return !closed_;
  deadlines_.arm(writing_, Deadlines::Kind::write, std::chrono::steady_clock::now());
  const auto outcome = co_await stream_->write(bytes.substr(now));
  writing_.disarm();
  sent_ += outcome.bytes;
  co_return outcome.ok && !closed_;
}

void UpstreamConnection::request_sent(bool whole) {
  request_sent_ = true;
  request_whole_ = whole;
  if (waiting_) arm_reading();
}

// While the request is still on its way the answer may take as long as that takes. Its header has one deadline, however many
// pieces and interim answers come before its end.
void UpstreamConnection::arm_reading() {
  if (waits_for_ == Deadlines::Kind::header && reading_.armed()) return;
  deadlines_.arm(reading_, waits_for_, std::chrono::steady_clock::now());
}

// False: what came is longer than a buffer.
bool UpstreamConnection::make_room() {
  if (begin_ > 0) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ < in_.size()) return true;
  if (in_.size() >= largest_upstream_buffer) return false;
  grow_wiping(in_, largest_upstream_buffer);
  in_.resize(largest_upstream_buffer);
  return true;
}

Task<bool> UpstreamConnection::read_more(Deadlines::Kind kind) {
  if (closed_ || !make_room()) co_return false;
  waits_for_ = kind;
  waiting_ = true;
  if (request_sent_) arm_reading();
  const auto outcome = co_await stream_->read({in_.data() + end_, in_.size() - end_});
  waiting_ = false;
  if (kind != Deadlines::Kind::header) reading_.disarm();
  end_ += outcome.bytes;
  dirty_ = std::max(dirty_, end_);
  if (outcome.bytes > 0) answer_begun_ = true;
  if (!outcome.ok) {
    keeps_ = false;
    // A body that only the connection's end delimits is complete where the other end closed in order; over TLS that takes
    // its word (close_notify), which nobody on the way can forge.
    if (!outcome.end || !parser_.feed_end()) closed_ = true;
    co_return !closed_;
  }
  co_return true;
}

Task<std::optional<UpstreamHead>> UpstreamConnection::read_head() {
  if (parser_.state() != ResponseParser::State::header) parser_.expect(to_head_);  // after an interim answer
  while (true) {
    begin_ += parser_.feed_header({in_.data() + begin_, end_ - begin_});
    if (parser_.state() == ResponseParser::State::refused) break;
    if (parser_.state() != ResponseParser::State::header) {
      keeps_ = parser_.keep_alive();
      auto head = parser_.take_head();
      const bool interim = head.status < 200 && head.status != switching_protocols;
      if (!interim) reading_.disarm();
      if (interim && ++interim_ > most_interim) break;
      co_return head;
    }
    const bool more = co_await read_more(Deadlines::Kind::header);
    if (!more) break;
  }
  reading_.disarm();
  loss_.malformed =
      interim_ > most_interim || parser_.state() == ResponseParser::State::refused || (!closed_ && !loss_.timed_out);
  keeps_ = false;
  co_return std::nullopt;
}

Task<UpstreamConnection::Piece> UpstreamConnection::read() {
  if (begin_ == end_) {
    // A long body is read in as few pieces as the buffer allows.
    if (end_ == in_.size() && in_.size() < largest_upstream_buffer) make_room();
    begin_ = end_ = 0;
  }
  while (true) {
    if (parser_.state() == ResponseParser::State::complete) co_return Piece{.end = true};
    const auto taken = parser_.feed_piece({in_.data() + begin_, end_ - begin_});
    begin_ += taken.bytes;
    if (!taken.piece.empty()) co_return Piece{.bytes = taken.piece};
    if (parser_.state() == ResponseParser::State::complete) continue;
    if (parser_.state() == ResponseParser::State::refused) break;
    const bool more = co_await read_more(Deadlines::Kind::body);
    if (!more) break;
  }
  loss_.malformed = parser_.state() == ResponseParser::State::refused;
  keeps_ = false;
  co_return Piece{.broken = true};
}

bool UpstreamConnection::has_more() const noexcept {
  return begin_ < end_ || parser_.state() == ResponseParser::State::complete;
}

bool UpstreamConnection::reusable() const noexcept {
  return keeps_ && !closed_ && request_whole_ && begin_ == end_ && parser_.state() == ResponseParser::State::complete;
}

// An idle connection keeps no long buffer, and nothing of what it carried.
void UpstreamConnection::park(std::chrono::steady_clock::time_point since) {
  parked_since_ = since;
  if (in_.size() > first_upstream_buffer) {
    wipe(in_);
    in_.assign(first_upstream_buffer, '\0');
  } else {
    explicit_bzero(in_.data(), dirty_);
  }
  begin_ = end_ = dirty_ = 0;
}

}  // namespace evergrant
