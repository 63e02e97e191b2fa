// Bytes of a server's answer to its head and the pieces of its body, without a socket or a clock. As strict as the parser of
// requests where two readers might divide the bytes differently: lengths that disagree, a length beside a transfer coding, a
// coding other than chunked. One owner, one thread. It reports refusals as values and throws nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "net/http.hpp"

namespace evergrant {

struct UpstreamHead {
  int status = 0;
  Headers headers;
  std::optional<std::uint64_t> length;  // as the header says; nothing: chunked, or until the connection ends
};

class ResponseParser {
 public:
  enum class State : std::uint8_t { header, body, complete, refused };

  explicit ResponseParser(std::size_t header_bytes);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  // The next bytes begin an answer; to HEAD it has no body.
  void expect(bool to_head);
  // Takes nothing before the whole header is there; offer it again with more behind it.
  std::size_t feed_header(std::string_view bytes);
  struct Taken {
    std::size_t bytes = 0;
    std::string_view piece;  // of the body, within what was offered
  };
  Taken feed_piece(std::string_view bytes);  // up to one piece
  // The connection has ended in order. False: the answer was not complete.
  bool feed_end();

  [[nodiscard]] State state() const noexcept;
  UpstreamHead take_head();                                // once the header is there
  [[nodiscard]] bool keep_alive() const noexcept;          // likewise
  [[nodiscard]] const Headers& trailers() const noexcept;  // behind the body

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
