#include "net/response_parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/encoding.hpp"
#include "net/chunk_line.hpp"

namespace evergrant {
namespace {

namespace beast = boost::beast;

std::string_view seen(beast::string_view text) { return {text.data(), text.size()}; }

class AnswerReader final : public beast::http::basic_parser<false> {
 public:
  AnswerReader(std::size_t header_bytes, bool to_head) {
    header_limit(static_cast<std::uint32_t>(header_bytes));
    body_limit(boost::none);
    eager(false);
    skip(to_head);
    head.headers.reserve(usual_fields);
  }

  UpstreamHead head;
  Headers trailers;
  std::string_view piece;
  std::uint64_t chunk_left = 0;  // of the chunk that is being read

 private:
  static constexpr std::size_t usual_fields = 16;
  using Code = beast::error_code;

  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, Code&) override {}
  void on_response_impl(int status, beast::string_view, int version, Code& ec) override {
    http_1_0_ = version == 10;
    head.status = status;
    if (status < 100 || status > 599) ec = beast::http::error::bad_status;
  }
  void on_field_impl(beast::http::field name, beast::string_view text, beast::string_view value, Code& ec) override {
    if (in_body_) return trailers.add(std::string{seen(text)}, std::string{seen(value)});
    if (name == beast::http::field::transfer_encoding) {
      const bool chunked_once = ++codings_ == 1 && equal_ignoring_case(seen(value), "chunked");
      if (!chunked_once || http_1_0_) ec = beast::http::error::bad_transfer_encoding;
    }
    head.headers.add(std::string{seen(text)}, std::string{seen(value)});
  }
  void on_header_impl(Code&) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, Code&) override { return keep_piece(bytes); }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, Code&) override { chunk_left = size; }
  std::size_t on_chunk_body_impl(std::uint64_t left, beast::string_view bytes, Code&) override {
    chunk_left = left - bytes.size();
    return keep_piece(bytes);
  }
  void on_finish_impl(Code&) override {}

  std::size_t keep_piece(beast::string_view bytes) {
    piece = seen(bytes);
    return piece.size();
  }

  int codings_ = 0;
  bool http_1_0_ = false;
  bool in_body_ = false;
};

}  // namespace

struct ResponseParser::Impl {
  explicit Impl(std::size_t header) : header_bytes{header} { reader.emplace(header_bytes, false); }

  std::size_t put(std::string_view bytes) {
    beast::error_code ec;
    const std::size_t taken = reader->put(boost::asio::const_buffer{bytes.data(), bytes.size()}, ec);
    if (ec && ec != beast::http::error::need_more) state = State::refused;
    return taken;
  }

  std::size_t put_body(std::string_view bytes) {
    const bool at_chunk = reader->chunked() && reader->chunk_left == 0;
    const ChunkLine line = at_chunk ? judge_chunk_line(bytes) : ChunkLine::good;
    if (line == ChunkLine::refused) state = State::refused;
    return line == ChunkLine::good ? put(bytes) : 0;
  }

  std::size_t header_bytes;
  std::optional<AnswerReader> reader;
  State state = State::header;
};

ResponseParser::ResponseParser(std::size_t header_bytes) : impl_{std::make_unique<Impl>(header_bytes)} {}
ResponseParser::~ResponseParser() = default;

void ResponseParser::expect(bool to_head) {
  impl_->reader.emplace(impl_->header_bytes, to_head);
  impl_->state = State::header;
}

std::size_t ResponseParser::feed_header(std::string_view bytes) {
  if (impl_->state != State::header) return 0;
  // Beast would wait for the rest of a status line that the end of the header cuts short, and find it in the body.
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= impl_->header_bytes) impl_->state = State::refused;
    return 0;
  }
  const std::size_t taken = impl_->put(bytes.substr(0, end + 4));
  if (impl_->state == State::refused) return 0;
  if (!impl_->reader->is_header_done() || taken != end + 4) {
    impl_->state = State::refused;
    return 0;
  }
  impl_->state = impl_->reader->is_done() ? State::complete : State::body;
  return taken;
}

ResponseParser::Taken ResponseParser::feed_piece(std::string_view bytes) {
  Taken taken;
  auto& reader = *impl_->reader;
  reader.piece = {};
  while (impl_->state == State::body && reader.piece.empty() && taken.bytes < bytes.size()) {
    const std::size_t now = impl_->put_body(bytes.substr(taken.bytes));
    taken.bytes += now;
    if (impl_->state == State::body && reader.is_done()) impl_->state = State::complete;
    if (now == 0) break;
  }
  taken.piece = reader.piece;
  const bool waits = taken.piece.empty() && impl_->state == State::body;
  if (waits && bytes.size() - taken.bytes >= impl_->header_bytes) impl_->state = State::refused;
  return taken;
}

bool ResponseParser::feed_end() {
  if (impl_->state != State::body || !impl_->reader->need_eof()) return impl_->state == State::complete;
  impl_->state = State::complete;
  return true;
}

ResponseParser::State ResponseParser::state() const noexcept { return impl_->state; }
bool ResponseParser::keep_alive() const noexcept { return impl_->reader->keep_alive(); }
const Headers& ResponseParser::trailers() const noexcept { return impl_->reader->trailers; }

UpstreamHead ResponseParser::take_head() {
  auto& reader = *impl_->reader;
  const auto length = reader.chunked() ? boost::optional<std::uint64_t>{} : reader.content_length();
  if (length) reader.head.length = *length;
  return std::move(reader.head);
}

}  // namespace evergrant
