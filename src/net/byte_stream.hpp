// A connected byte stream (TCP, TLS or unix socket) as the HTTP session sees it: awaitable reads and writes, and an end.
// Used on the thread of its event loop only. At most one read and one write are in progress; their buffers stay put
// until they are done. Failures are values: what exactly the socket said makes no difference to HTTP.
#pragma once

#include <coroutine>
#include <cstddef>
#include <span>
#include <string_view>

namespace evergrant {

class ByteStream {
 public:
  struct Outcome {
    std::size_t bytes = 0;
    bool ok = false;   // false: closed by the other end, cancelled, or broken
    bool end = false;  // not ok, and closed by the other end in order
  };
  // Lives in the awaiting coroutine's frame until the operation resumes it.
  struct Pending {
    Outcome outcome;
    std::coroutine_handle<> waiter;
    void done(Outcome result) {
      outcome = result;
      waiter.resume();
    }
  };

  virtual ~ByteStream() = default;
  // Each of the three completes later on the event loop, never within the call.
  virtual void start_handshake(Pending& pending) = 0;
  virtual void start_read(std::span<char> into, Pending& pending) = 0;
  virtual void start_write(std::string_view all, Pending& pending) = 0;  // until all is written
  // Writes what goes out without waiting and returns how much that was. What follows is the rest.
  virtual std::size_t write_now(std::string_view bytes) noexcept = 0;
  virtual void shutdown_write() noexcept = 0;  // the other end sees the end of the stream
  virtual void cancel() noexcept = 0;          // what is in progress ends as not ok
  virtual void close() noexcept = 0;           // likewise, and whatever is started later
  virtual void reset() noexcept = 0;           // as close; the other end sees that something broke
  virtual bool is_quiet() noexcept = 0;        // nothing has come that was not read, the end neither
  virtual void rest() noexcept {}              // nothing is expected soon: buffers that can be had again may go

  struct Operation {
    Pending pending;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] Outcome await_resume() const noexcept { return pending.outcome; }
  };
  struct Handshake : Operation {
    explicit Handshake(ByteStream& s) : stream{s} {}
    ByteStream& stream;
    void await_suspend(std::coroutine_handle<> self) {
      pending.waiter = self;
      stream.start_handshake(pending);
    }
  };
  struct Read : Operation {
    Read(ByteStream& s, std::span<char> buffer) : stream{s}, into{buffer} {}
    ByteStream& stream;
    std::span<char> into;
    void await_suspend(std::coroutine_handle<> self) {
      pending.waiter = self;
      stream.start_read(into, pending);
    }
  };
  struct Write : Operation {
    Write(ByteStream& s, std::string_view bytes) : stream{s}, all{bytes} {}
    ByteStream& stream;
    std::string_view all;
    void await_suspend(std::coroutine_handle<> self) {
      pending.waiter = self;
      stream.start_write(all, pending);
    }
  };

  [[nodiscard]] Handshake handshake() { return Handshake{*this}; }
  [[nodiscard]] Read read(std::span<char> into) { return Read{*this, into}; }
  [[nodiscard]] Write write(std::string_view all) { return Write{*this, all}; }
};

}  // namespace evergrant
