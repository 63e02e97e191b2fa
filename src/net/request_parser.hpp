// Bytes to an HttpRequest, with every limit and every refusal, and without a socket or a clock. It is stricter than RFC
// 9112 asks: whatever two parsers might read differently (bare LF, folded lines, two lengths, a length beside a transfer
// coding, absolute targets) is refused, so that nobody can smuggle a request past a proxy.
// One owner, one thread. It reports refusals as values and throws nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  // streaming: the header of a request has come whose body is taken with `feed_piece`.
  enum class State : std::uint8_t { header, body, complete, refused, streaming };

  // `handler`, where there is one, says which requests stream; `body_bytes` does not limit them.
  RequestParser(std::size_t header_bytes, std::size_t body_bytes, const HttpHandler* handler = nullptr);
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

  // While it streams: the head first, then pieces until `body_done`, then `next`.
  struct Taken {
    std::size_t bytes = 0;   // of what was offered
    std::string_view piece;  // of the body, within what was offered
  };
  HttpRequest take_head();
  [[nodiscard]] std::optional<std::uint64_t> body_length() const noexcept;  // nothing: chunked
  // As `feed`, up to one piece. A refusal is as for the header.
  Taken feed_piece(std::string_view bytes);
  [[nodiscard]] bool body_done() const noexcept;
  [[nodiscard]] const Headers& trailers() const noexcept;
  void next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
