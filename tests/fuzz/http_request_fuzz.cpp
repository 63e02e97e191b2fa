#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "net/quick_request.hpp"
#include "net/request_parser.hpp"

using namespace evergrant;
using State = RequestParser::State;

namespace {

constexpr std::size_t header_bytes = 1024;
constexpr std::size_t body_bytes = 4096;
constexpr std::size_t most_requests = 16;

struct Reading {
  std::vector<HttpRequest> requests;
  State last = State::header;
  int status = 0;  // of the refusal
};

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
}

void demand_sound(const HttpRequest& request) {
  fuzz::demand(request.path.starts_with('/') && !has_control(request.path) && !has_control(request.query),
               "a target is a path");
  fuzz::demand(!request.method.empty() && request.method != "TRACE" && request.method != "CONNECT",
               "TRACE and CONNECT are refused");
  fuzz::demand(request.body.size() <= body_bytes, "a body stays within its limit");
  fuzz::demand(request.headers.count("Host") <= 1 && request.headers.count("Content-Length") <= 1,
               "what must be one is one");
  fuzz::demand(request.headers.count("Content-Length") == 0 || request.headers.count("Transfer-Encoding") == 0,
               "one length, or chunks: never both");
  for (const auto& [name, value] : request.headers.all())
    fuzz::demand(!has_control(name) && !has_control(value), "fields are text");
}

// As a connection does: `step` bytes more at a time, what was not taken again, and the next request behind the last one.
Reading read(std::string_view raw, std::size_t step) {
  Reading reading;
  RequestParser parser{header_bytes, body_bytes};
  std::size_t begin = 0;
  std::size_t end = 0;
  while (reading.requests.size() < most_requests) {
    const std::size_t taken = parser.feed(raw.substr(begin, end - begin));
    fuzz::demand(taken <= end - begin, "no more is taken than was offered");
    begin += taken;
    reading.last = parser.state();
    if (reading.last == State::refused) {
      reading.status = parser.refusal().status;
      fuzz::demand(reading.status >= 400 && reading.status < 500 && !parser.refusal().code.empty(), "a refusal says why");
      break;
    }
    if (reading.last == State::complete) {
      (void)parser.keep_alive();
      reading.requests.push_back(parser.take());
      demand_sound(reading.requests.back());
      continue;
    }
    if (end == raw.size()) break;
    end = std::min(end + step, raw.size());
  }
  return reading;
}

// What is answered without the parser is what the parser would have read.
void demand_same_without_parser(std::string_view raw) {
  const auto quick = read_quick_request(raw);
  if (!quick || quick->size > header_bytes) return;
  RequestParser parser{header_bytes, body_bytes};
  const std::size_t taken = parser.feed(raw);
  fuzz::demand(parser.state() == State::complete && taken == quick->size && parser.keep_alive(), "a plain request is one");
  const HttpRequest request = parser.take();
  fuzz::demand(request.method == "GET" && request.body.empty(), "a plain request has no body");
  fuzz::demand(request.path == quick->path && request.query == quick->query, "a plain request asks for the same");
  fuzz::demand(request.headers.count("Authorization") <= 1 &&
                   request.headers.find("Authorization").value_or("") == quick->authorization,
               "a plain request comes from the same");
}

bool is_same(const HttpRequest& a, const HttpRequest& b) {
  return a.method == b.method && a.path == b.path && a.query == b.query && a.body == b.body &&
         a.headers.all() == b.headers.all();
}

}  // namespace

// What comes over a connection. First letter: how many bytes come at a time. However they come, they are the same requests:
// where two readings differ, a request could be smuggled past a proxy.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto raw = fuzz::bytes_of(data, size);
  const std::size_t step = fuzz::pick(raw, 64) + 1;
  demand_same_without_parser(raw);
  const Reading whole = read(raw, std::max<std::size_t>(raw.size(), 1));
  const Reading pieces = read(raw, step);
  const std::size_t both = std::min(whole.requests.size(), pieces.requests.size());
  for (std::size_t i = 0; i < both; ++i)
    fuzz::demand(is_same(whole.requests[i], pieces.requests[i]), "pieces change a request");
  // A limit may be noticed sooner where little comes at a time; everything else may not depend on it.
  if (whole.status != 431 && pieces.status != 431) {
    fuzz::demand(whole.requests.size() == pieces.requests.size(), "pieces change how many requests there are");
    fuzz::demand(whole.last == pieces.last, "pieces change what is refused");
  }
  return 0;
}
