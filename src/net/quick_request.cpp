#include "net/quick_request.hpp"

#include <algorithm>
#include <array>

#include "base/byte_blocks.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest = 4096;  // a longer header is worth a parser's while

bool is_plain_target(std::string_view target) {
  return none_is(target, [](ByteBlock letters) {
    return (letters <= 0x20) | (letters >= 0x7F) | (letters == '#') | (letters == '\\');
  });
}
bool is_plain_value(std::string_view value) {
  return none_is(value, [](ByteBlock letters) { return (letters < 0x20) | (letters >= 0x7F); });
}
bool is_plain_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// What says how the message is framed, who is really asking, or what is to become of the connection.
constexpr std::array<std::string_view, 14> judged{"connection",        "content-length",
                                                  "transfer-encoding", "expect",
                                                  "upgrade",           "te",
                                                  "trailer",           "keep-alive",
                                                  "proxy-connection",  "proxy-authorization",
                                                  "x-forwarded-proto", "x-forwarded-host",
                                                  "x-forwarded-for",   "forwarded"};

bool is_judged(std::string_view name) {
  return std::ranges::any_of(judged, [&](std::string_view one) { return equal_ignoring_case(one, name); });
}

class Lines {
 public:
  explicit Lines(std::string_view bytes) : bytes_{bytes.substr(0, longest)} {}
  // Without its end; nothing: it does not end with CR LF, or not yet.
  std::optional<std::string_view> next() noexcept {
    const auto end = bytes_.find('\r', at_);
    if (end == std::string_view::npos || end + 1 >= bytes_.size() || bytes_[end + 1] != '\n') return std::nullopt;
    const auto line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

// "GET /path?query HTTP/1.1"
bool read_request_line(std::string_view line, QuickRequest& out) {
  constexpr std::string_view method = "GET ";
  constexpr std::string_view version = " HTTP/1.1";
  if (!line.starts_with(method) || !line.ends_with(version) || line.size() <= method.size() + version.size()) return false;
  const auto target = line.substr(method.size(), line.size() - method.size() - version.size());
  if (!target.starts_with('/') || !is_plain_target(target)) return false;
  const auto mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
  return true;
}

struct Seen {
  int hosts = 0;
  int authorizations = 0;
};

bool read_field(std::string_view line, Seen& seen, QuickRequest& out) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto name = line.substr(0, colon);
  const auto written = line.substr(colon + 1);  // before anything is cut off: a bare line feed is no blank
  if (!is_plain_value(written)) return false;
  const auto value = trim(written);
  if (name == "Host" || equal_ignoring_case(name, "host")) {  // mostly in one look
    ++seen.hosts;
  } else if (name == "Authorization" || equal_ignoring_case(name, "authorization")) {
    ++seen.authorizations;
    out.authorization = value;
    if (value.empty()) return false;  // there, and yet nothing: no plain case of either
  } else if (equal_ignoring_case(name, "connection")) {
    return equal_ignoring_case(value, "keep-alive");  // which it is anyway
  } else {
    return std::ranges::all_of(name, is_plain_in_name) && !is_judged(name);
  }
  return true;
}

}  // namespace

std::optional<QuickRequest> read_quick_request(std::string_view bytes) noexcept {
  Lines lines{bytes};
  QuickRequest request;
  const auto first = lines.next();
  if (!first || !read_request_line(*first, request)) return std::nullopt;
  Seen seen;
  while (true) {
    const auto line = lines.next();
    if (!line) return std::nullopt;
    if (line->empty()) break;
    if (!read_field(*line, seen, request)) return std::nullopt;
  }
  if (seen.hosts != 1 || seen.authorizations > 1) return std::nullopt;
  request.size = lines.at();
  return request;
}

}  // namespace evergrant
