// Bytes to an HttpRequest, with every limit and every refusal, and without a socket or a clock. It is stricter than RFC
// 9112 asks: whatever two parsers might read differently (bare LF, folded lines, two lengths, a length beside a transfer
// coding, absolute targets) is refused, so that nobody can smuggle a request past a proxy.
// One owner, one thread. It reports refusals as values and throws nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "net/http.hpp"

namespace evergrant {

// An answer that the server gives without asking the handler; the connection is closed after it.
struct Refusal {
  int status = 0;
  std::string_view code;  // stable, for programs
  std::string_view detail;
};

class RequestParser {
 public:
  enum class State : std::uint8_t { header, body, complete, refused };

  RequestParser(std::size_t header_bytes, std::size_t body_bytes);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Takes what it can of `bytes` and returns how much that was; offer the rest again with more behind it. Takes nothing
  // of a request after the one that is complete.
  std::size_t feed(std::string_view bytes);

  [[nodiscard]] State state() const noexcept;
  [[nodiscard]] const Refusal& refusal() const noexcept;  // if refused
  [[nodiscard]] bool wants_continue() const noexcept;     // from the header on: RFC 9110 10.1.1
  [[nodiscard]] bool keep_alive() const noexcept;         // of a complete request
  [[nodiscard]] bool is_http_1_0() const noexcept;
  [[nodiscard]] bool is_head() const noexcept;
  // Moves the complete request out and makes the parser ready for the next one.
  HttpRequest take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
