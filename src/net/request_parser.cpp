#include "net/request_parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "base/byte_blocks.hpp"
#include "base/encoding.hpp"
#include "base/secret.hpp"
#include "net/chunk_line.hpp"
#include "net/wiping.hpp"

namespace evergrant {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastText = boost::beast::string_view;
using State = RequestParser::State;
using Taken = RequestParser::Taken;

constexpr std::size_t reserved_body = 64U << 10U;  // more only when it has really come
constexpr std::size_t usual_fields = 12;

constexpr Refusal bad_request(std::string_view detail) { return {400, "bad_request", detail}; }
constexpr Refusal header_too_large{431, "header_too_large", "The request header is longer than this server accepts."};
constexpr Refusal body_too_large{413, "too_large", "The request body is longer than this server accepts."};
constexpr Refusal method_not_allowed{405, "method_not_allowed", "This server does not offer TRACE or CONNECT."};
constexpr Refusal expectation_failed{417, "expectation_failed", "The only expectation this server meets is 100-continue."};
constexpr Refusal malformed = bad_request("The request is not well-formed HTTP/1.1.");

std::string_view view(BeastText text) { return {text.data(), text.size()}; }

bool is_origin_form(std::string_view target) {
  return target.starts_with('/') &&
         std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7F && c != '#' && c != '\\'; });
}

bool has_control(std::string_view text) {
  return !none_is(text, [](ByteBlock letters) { return ((letters < 0x20) & (letters != '\t')) | (letters == 0x7F); });
}

// Beast reads the grammar and hands over the pieces; the rules above are added at each piece.
class Reader final : public http::basic_parser<true> {
 public:
  Reader(std::size_t header_bytes, std::size_t body_bytes, const HttpHandler* handler) : handler_{handler} {
    header_limit(static_cast<std::uint32_t>(header_bytes));
    body_limit(body_bytes);
    eager(false);
    request.headers.reserve(usual_fields);
  }

  HttpRequest request;
  std::optional<Refusal> refusal;
  bool wants_continue = false;
  bool http_1_0 = false;
  bool head = false;
  bool streams = false;
  std::string_view piece;        // of a body that streams, until the next put
  Headers trailers;              // likewise
  std::uint64_t chunk_left = 0;  // of the chunk that is being read

 private:
  void refuse(const Refusal& why, error_code& ec) {
    refusal = why;
    ec = http::error::bad_value;
  }

  void on_request_impl(http::verb verb, BeastText method, BeastText target, int version, error_code& ec) override {
    if (verb == http::verb::trace || verb == http::verb::connect) return refuse(method_not_allowed, ec);
    if (!is_origin_form(view(target))) {
      return refuse(bad_request("The request target must be a path, percent-encoded, beginning with a slash."), ec);
    }
    http_1_0 = version == 10;
    request.method = view(method);
    const auto whole = view(target);
    const auto mark = whole.find('?');
    request.path = whole.substr(0, mark);
    head = request.method == "HEAD";
    streams = handler_ != nullptr && handler_->streams(request.method, request.path);
    if (streams) body_limit(boost::none);
    if (mark != std::string_view::npos) request.query = whole.substr(mark + 1);
  }
  void on_response_impl(int, BeastText, int, error_code&) override {}

  void on_field_impl(http::field name, BeastText name_text, BeastText value, error_code& ec) override {
    if (in_body_) {  // a trailer field adds nothing to a header that has been judged
      if (streams) trailers.add(std::string{view(name_text)}, std::string{view(value)});
      return;
    }
    if (name == http::field::host) ++hosts_;
    if (name == http::field::content_length) check_length(view(value), ec);
    if (name == http::field::transfer_encoding) check_coding(view(value), ec);
    if (name == http::field::expect) {
      wants_continue = equal_ignoring_case(view(value), "100-continue");
      if (!wants_continue) refuse(expectation_failed, ec);
    }
    request.headers.add(std::string{view(name_text)}, std::string{view(value)});
  }

  void check_length(std::string_view value, error_code& ec) {
    const bool digits = !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (++lengths_ > 1 || !digits) refuse(bad_request("Content-Length must be one decimal number, once."), ec);
    if (codings_ > 0) refuse(bad_request("Content-Length and Transfer-Encoding exclude each other."), ec);
  }

  void check_coding(std::string_view value, error_code& ec) {
    if (++codings_ > 1 || !equal_ignoring_case(value, "chunked")) {
      refuse(bad_request("The only transfer coding this server reads is chunked, once."), ec);
    }
    if (lengths_ > 0) refuse(bad_request("Content-Length and Transfer-Encoding exclude each other."), ec);
    if (http_1_0) refuse(bad_request("HTTP/1.0 has no transfer codings."), ec);
  }

  void on_header_impl(error_code& ec) override {
    in_body_ = true;
    const bool host_ok = hosts_ == 1 || (http_1_0 && hosts_ == 0);
    if (!host_ok) refuse(bad_request("A request needs one Host header."), ec);
    if (http_1_0) wants_continue = false;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& size, error_code&) override {
    if (size && !streams) request.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*size, reserved_body)));
  }
  std::size_t on_body_impl(BeastText piece, error_code&) override { return take_body(view(piece)); }
  void on_chunk_header_impl(std::uint64_t size, BeastText, error_code&) override { chunk_left = size; }
  std::size_t on_chunk_body_impl(std::uint64_t left, BeastText bytes, error_code&) override {
    chunk_left = left - bytes.size();
    return take_body(view(bytes));
  }
  void on_finish_impl(error_code&) override {}

  std::size_t take_body(std::string_view bytes) {
    if (streams) {
      piece = bytes;
    } else {
      append_wiping(request.body, bytes);
    }
    return bytes.size();
  }

  const HttpHandler* handler_;

  int hosts_ = 0;
  int lengths_ = 0;
  int codings_ = 0;
  bool in_body_ = false;
};

Refusal meaning_of(const error_code& ec) {
  if (ec == http::error::header_limit) return header_too_large;
  if (ec == http::error::body_limit) return body_too_large;
  if (ec == http::error::bad_version) return bad_request("This server speaks HTTP/1.1 and HTTP/1.0.");
  return malformed;
}

}  // namespace

struct RequestParser::Impl {
  Impl(std::size_t header, std::size_t body, const HttpHandler* which_stream)
      : header_bytes{header}, body_bytes{body}, handler{which_stream} {
    restart();
  }

  void restart() {
    reader.emplace(header_bytes, body_bytes, handler);
    state = State::header;
    scanned = 0;
  }

  void refuse(const Refusal& why) {
    refusal = why;
    state = State::refused;
  }

  // Looks at whole lines only, each once however the bytes arrive. Returns the header's length when its end has come.
  std::optional<std::size_t> find_header_end(std::string_view bytes) {
    while (true) {
      const auto newline = bytes.find('\n', scanned);
      const auto line = bytes.substr(scanned, newline == std::string_view::npos ? newline : newline - scanned);
      if (newline == std::string_view::npos) return waits_for_more(line, bytes.size());
      if (!line.ends_with('\r')) return refused(bad_request("Lines of a request end with CR LF."));
      const auto text = line.substr(0, line.size() - 1);
      if (has_control(text)) return refused(bad_request("A request header holds no control characters."));
      if (scanned > 0 && (text.starts_with(' ') || text.starts_with('\t'))) {
        return refused(bad_request("Header lines must not be folded."));
      }
      scanned = newline + 1;
      if (scanned > header_bytes) return refused(header_too_large);
      if (text.empty()) return scanned;
    }
  }

  // What cannot become a valid line is refused without waiting for its end.
  std::optional<std::size_t> waits_for_more(std::string_view partial, std::size_t size) {
    if (partial.ends_with('\r')) partial.remove_suffix(1);
    if (has_control(partial)) return refused(bad_request("A request header holds no control characters."));
    if (size >= header_bytes) return refused(header_too_large);
    return std::nullopt;
  }

  std::optional<std::size_t> refused(const Refusal& why) {
    refuse(why);
    return std::nullopt;
  }

  std::size_t put(std::string_view bytes) {
    error_code ec;
    const std::size_t taken = reader->put(boost::asio::const_buffer{bytes.data(), bytes.size()}, ec);
    if (ec && ec != http::error::need_more) refuse(reader->refusal ? *reader->refusal : meaning_of(ec));
    return taken;
  }

  std::size_t feed_header(std::string_view bytes) {
    std::size_t skipped = 0;  // RFC 9112 2.2: empty lines before a request line are forgiven
    while (scanned == 0 && bytes.substr(skipped).starts_with("\r\n")) skipped += 2;
    const auto rest = bytes.substr(skipped);
    if (rest.empty() || (scanned == 0 && rest == "\r")) return skipped;
    const auto length = find_header_end(rest);
    if (!length) return skipped;
    put(rest.substr(0, *length));
    // Beast waits for the rest of a version that the end of the header cuts short, and would find it in the next request.
    if (state != State::refused && !reader->is_header_done()) refuse(malformed);
    if (state == State::refused) return skipped;
    state = reader->streams ? State::streaming : reader->is_done() ? State::complete : State::body;
    return skipped + *length;
  }

  std::size_t put_body(std::string_view bytes) {
    const bool at_chunk = reader->chunked() && reader->chunk_left == 0;
    const ChunkLine line = at_chunk ? judge_chunk_line(bytes) : ChunkLine::good;
    if (line == ChunkLine::refused) refuse(malformed);
    return line == ChunkLine::good ? put(bytes) : 0;
  }

  std::size_t feed_body(std::string_view bytes) {
    std::size_t taken = 0;
    while (state == State::body && taken < bytes.size()) {
      const std::size_t now = put_body(bytes.substr(taken));
      taken += now;
      if (reader->is_done()) state = State::complete;
      if (now == 0) break;
    }
    // A chunk's own header, with its extensions, and the trailer are bounded like the header.
    if (state == State::body && bytes.size() - taken >= header_bytes) refuse(header_too_large);
    return taken;
  }

  Taken feed_piece(std::string_view bytes) {
    Taken taken;
    reader->piece = {};
    while (state == State::streaming && !reader->is_done() && reader->piece.empty() && taken.bytes < bytes.size()) {
      const std::size_t now = put_body(bytes.substr(taken.bytes));
      taken.bytes += now;
      if (now == 0) break;
    }
    taken.piece = reader->piece;
    const bool waits = taken.piece.empty() && state == State::streaming && !reader->is_done();
    if (waits && bytes.size() - taken.bytes >= header_bytes) refuse(header_too_large);
    return taken;
  }

  std::size_t header_bytes;
  std::size_t body_bytes;
  const HttpHandler* handler;
  std::optional<Reader> reader;
  State state = State::header;
  Refusal refusal;
  std::size_t scanned = 0;  // of the bytes offered so far: whole lines that were looked at
};

RequestParser::RequestParser(std::size_t header_bytes, std::size_t body_bytes, const HttpHandler* handler)
    : impl_{std::make_unique<Impl>(header_bytes, body_bytes, handler)} {}
RequestParser::~RequestParser() {
  wipe(impl_->reader->request.body);
  wipe(impl_->reader->request.query);
}

std::size_t RequestParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  if (impl_->state == State::header) taken = impl_->feed_header(bytes);
  if (impl_->state == State::body) taken += impl_->feed_body(bytes.substr(taken));
  return taken;
}

RequestParser::State RequestParser::state() const noexcept { return impl_->state; }
const Refusal& RequestParser::refusal() const noexcept { return impl_->refusal; }
bool RequestParser::wants_continue() const noexcept { return impl_->reader->wants_continue; }
bool RequestParser::keep_alive() const noexcept { return impl_->reader->keep_alive(); }
bool RequestParser::is_http_1_0() const noexcept { return impl_->reader->http_1_0; }
bool RequestParser::is_head() const noexcept { return impl_->reader->head; }

HttpRequest RequestParser::take() {
  HttpRequest request = std::move(impl_->reader->request);
  impl_->restart();
  return request;
}

HttpRequest RequestParser::take_head() { return std::move(impl_->reader->request); }

std::optional<std::uint64_t> RequestParser::body_length() const noexcept {
  const auto& reader = *impl_->reader;
  if (reader.chunked()) return std::nullopt;
  const auto length = reader.content_length();
  return length ? *length : 0;
}

Taken RequestParser::feed_piece(std::string_view bytes) { return impl_->feed_piece(bytes); }
bool RequestParser::body_done() const noexcept { return impl_->reader->is_done(); }
const Headers& RequestParser::trailers() const noexcept { return impl_->reader->trailers; }
void RequestParser::next() { impl_->restart(); }

}  // namespace evergrant
