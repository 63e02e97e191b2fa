// One request whose body and answer stream: neither is ever in memory as a whole. A handler that says so for a request
// (HttpHandler::streams) gets its head and this. Reading and writing may go on at the same time, from two coroutines on the
// connection's own executor: at most one reads and one writes. Both wait for the other end no longer than the server's
// limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http.hpp"

namespace evergrant {

struct AnswerHead {
  int status = 200;
  Headers headers;                      // framing is left out
  std::optional<std::uint64_t> length;  // of the body; to HEAD and with 304: of what is not sent
};

class HttpExchange {
 public:
  struct Piece {
    std::string_view bytes;  // until the next read
    bool end = false;        // no bytes: that was all
    bool broken = false;     // the other end is gone, silent for too long, or sent what is no HTTP
  };
  virtual ~HttpExchange() = default;

  // The request.
  [[nodiscard]] virtual std::optional<std::uint64_t> body_length() const = 0;  // nothing: chunked, its length is not known
  [[nodiscard]] virtual bool wants_continue() const = 0;  // it waits for a word before it sends its body
  virtual Task<bool> send_continue() = 0;                 // that word; nothing where none is waited for (any more)
  virtual Task<Piece> read() = 0;
  [[nodiscard]] virtual bool body_read() const = 0;           // to its end
  [[nodiscard]] virtual const Headers& trailers() const = 0;  // behind the end
  virtual void stop_reading() = 0;                            // a read in progress ends as broken, and every later one

  // The answer. Nothing is sent before `flush`, `end`, or more than a buffer's worth.
  virtual void begin(const AnswerHead& head) = 0;
  [[nodiscard]] virtual bool begun() const = 0;
  // False: the caller is gone.
  virtual Task<bool> write(std::string_view bytes) = 0;
  virtual Task<bool> flush() = 0;
  // Without it, what was begun breaks off so that the caller sees it. False also where the length was not met.
  virtual Task<bool> end(const Headers& trailers) = 0;
  // A whole answer at once, where none has begun.
  virtual Task<bool> answer(HttpResponse response) = 0;
};

}  // namespace evergrant
