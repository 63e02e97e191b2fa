// A ByteStream over a socket on an event loop: the plain one, and what TLS is built on. A socket is watched edge by edge,
// and read only where something may have come.
#pragma once

#include <memory>
#include <string>

#include "net/byte_stream.hpp"
#include "net/event_loop.hpp"
#include "net/socket.hpp"

namespace evergrant {

class SocketStream : public ByteStream, private EventLoop::Watcher {
 public:
  SocketStream(EventLoop& loop, Socket socket);
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;
  ~SocketStream() override;

  void start_handshake(Pending& pending) override;
  void start_read(std::span<char> into, Pending& pending) override;
  void start_write(std::string_view all, Pending& pending) override;
  std::size_t write_now(std::string_view bytes) noexcept override;
  void shutdown_write() noexcept override;
  void cancel() noexcept override;
  void close() noexcept override;
  void reset() noexcept override;
  bool is_quiet() noexcept override { return socket_.is_quiet(); }

  // The socket, which this stream then has no more. Nothing is in progress.
  [[nodiscard]] Socket release() noexcept;

 protected:
  enum class Went : std::uint8_t { some, blocked, end, broken };
  struct Moved {
    Went went = Went::broken;
    std::size_t bytes = 0;
  };
  // Without waiting. The plain stream's: bytes as they are.
  virtual Moved receive(std::span<char> into) noexcept { return receive_bytes(into.data(), into.size()); }
  virtual Moved send(std::string_view bytes) noexcept { return send_bytes(bytes.data(), bytes.size()); }
  virtual Moved shake_hands() noexcept { return {Went::some, 0}; }

  [[nodiscard]] Moved receive_bytes(char* into, std::size_t size) noexcept;
  [[nodiscard]] Moved send_bytes(const char* from, std::size_t size) noexcept;
  [[nodiscard]] const Socket& socket() const noexcept { return socket_; }
  void has_more() noexcept { readable_ = true; }  // that was received already and is read without the socket
  void again_soon() noexcept {                    // what is in progress goes on in the next round
    readable_ = true;
    loop_.call_soon(*this);
  }

 private:
  struct Reading {
    Pending* pending = nullptr;
    std::span<char> into;
  };
  struct Writing {
    Pending* pending = nullptr;
    std::string_view rest;
    std::size_t written = 0;
  };
  void on_ready(std::uint32_t events) override;
  [[nodiscard]] bool advance_handshake(Outcome& outcome) noexcept;
  [[nodiscard]] bool advance_read(Outcome& outcome) noexcept;
  [[nodiscard]] bool advance_write(Outcome& outcome) noexcept;
  void wait_until_writable() noexcept;
  void fail_later(Pending*& pending);
  void leave() noexcept;

  EventLoop& loop_;
  Socket socket_;
  bool readable_ = false;  // something may have come that was not received
  bool ended_ = false;     // nothing more will come than what there is
  bool failed_ = false;    // sending did: what then looks like an end is none
  bool watches_out_ = false;
  Pending* handshake_ = nullptr;
  Reading reading_;
  Writing writing_;
};

[[nodiscard]] std::unique_ptr<ByteStream> make_stream(EventLoop& loop, Socket socket);

}  // namespace evergrant
