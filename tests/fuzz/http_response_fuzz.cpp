#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "net/response_parser.hpp"

using namespace evergrant;
using State = ResponseParser::State;

namespace {

constexpr std::size_t header_limit = 1024;

struct Reading {
  std::vector<int> statuses;
  std::string body;
  State last = State::header;
  bool whole = false;  // the connection's end completes it
};

// As a connection does: `step` bytes more at a time, interim answers in front of the one that counts.
Reading read(std::string_view raw, std::size_t step, bool to_head) {
  Reading reading;
  ResponseParser parser{header_limit};
  parser.expect(to_head);
  std::size_t begin = 0;
  std::size_t end = 0;
  while (true) {
    const auto offered = raw.substr(begin, end - begin);
    bool moved = false;
    if (parser.state() == State::header) {
      const std::size_t taken = parser.feed_header(offered);
      fuzz::demand(taken <= offered.size(), "no more is taken than was offered");
      begin += taken;
      moved = taken > 0;
      if (moved && parser.state() != State::refused) {
        const UpstreamHead head = parser.take_head();
        fuzz::demand(head.status >= 100 && head.status <= 599, "a status is one");
        reading.statuses.push_back(head.status);
        if (head.status < 200 && reading.statuses.size() < 8) parser.expect(to_head);
      }
    } else if (parser.state() == State::body) {
      const auto taken = parser.feed_piece(offered);
      fuzz::demand(taken.bytes <= offered.size(), "no more is taken than was offered");
      fuzz::demand(taken.piece.empty() || (taken.piece.data() >= offered.data() &&
                                           taken.piece.data() + taken.piece.size() <= offered.data() + taken.bytes),
                   "a piece lies within what was taken");
      begin += taken.bytes;
      reading.body += taken.piece;
      moved = taken.bytes > 0;
    }
    if (parser.state() == State::refused || parser.state() == State::complete) break;
    if (moved) continue;
    if (end == raw.size()) break;
    end = std::min(end + step, raw.size());
  }
  reading.last = parser.state();
  reading.whole = parser.feed_end();
  fuzz::demand(!reading.whole || reading.last != State::refused, "what is refused is never whole");
  return reading;
}

}  // namespace

// What comes from a provider's API. First letter: how many bytes come at a time; second: whether HEAD was asked. However
// they come, they are the same answer.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto raw = fuzz::bytes_of(data, size);
  const std::size_t step = fuzz::pick(raw, 64) + 1;
  const bool to_head = fuzz::pick(raw, 2) == 1;
  const Reading whole = read(raw, std::max<std::size_t>(raw.size(), 1), to_head);
  const Reading pieces = read(raw, step, to_head);
  // A limit may be noticed sooner where little comes at a time; everything else may not depend on it.
  if (whole.last == State::refused || pieces.last == State::refused) return 0;
  fuzz::demand(whole.statuses == pieces.statuses, "pieces change which answers there are");
  fuzz::demand(whole.body == pieces.body, "pieces change a body");
  fuzz::demand(whole.last == pieces.last && whole.whole == pieces.whole, "pieces change where an answer ends");
  return 0;
}
