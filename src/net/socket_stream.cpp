#include "net/socket_stream.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace evergrant {
namespace {

constexpr std::uint32_t incoming = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

SocketStream::SocketStream(EventLoop& loop, Socket socket) : loop_{loop}, socket_{std::move(socket)} {
  if (loop_.watch(socket_.descriptor(), *this, incoming)) return;
  socket_.close();  // every operation fails
  readable_ = true;
}

SocketStream::~SocketStream() {
  fail_later(handshake_);
  fail_later(reading_.pending);
  fail_later(writing_.pending);
  leave();
}

// Also without a socket: it may be about to be called.
void SocketStream::leave() noexcept { loop_.unwatch(socket_.descriptor(), *this); }

Socket SocketStream::release() noexcept {
  leave();
  return std::move(socket_);
}

// Short of what there was room for: the kernel had no more, and says so when it has. (Not so at TCP's urgent mark and where
// descriptors were passed: whoever sends those waits for the deadline.)
SocketStream::Moved SocketStream::receive_bytes(char* into, std::size_t size) noexcept {
  for (;;) {  // ends: a signal interrupts a call that does not wait once at most
    const auto got = ::recv(socket_.descriptor(), into, size, 0);
    if (got > 0) {
      const auto bytes = static_cast<std::size_t>(got);
      readable_ = bytes == size || ended_;
      return {Went::some, bytes};
    }
    if (got == 0) return {failed_ ? Went::broken : Went::end, 0};  // a reset that sending was told of is not told again
    if (errno == EINTR) continue;
    if (!would_block(errno)) return {Went::broken, 0};
    readable_ = false;
    return {Went::blocked, 0};
  }
}

SocketStream::Moved SocketStream::send_bytes(const char* from, std::size_t size) noexcept {
  for (;;) {  // as above
    const auto sent = ::send(socket_.descriptor(), from, size, MSG_NOSIGNAL);
    if (sent >= 0) return {Went::some, static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (!would_block(errno)) {
      failed_ = true;
      return {Went::broken, 0};
    }
    wait_until_writable();
    return {Went::blocked, 0};
  }
}

// From the first time on: a socket that is watched for it costs nothing as long as it takes what it is given.
void SocketStream::wait_until_writable() noexcept {
  if (!watches_out_) watches_out_ = loop_.change(socket_.descriptor(), *this, incoming | EPOLLOUT);
}

void SocketStream::start_handshake(Pending& pending) {
  handshake_ = &pending;
  loop_.call_soon(*this);
}

void SocketStream::start_read(std::span<char> into, Pending& pending) {
  reading_ = {&pending, into};
  if (readable_) loop_.call_soon(*this);
}

void SocketStream::start_write(std::string_view all, Pending& pending) {
  writing_ = {&pending, all, 0};
  loop_.call_soon(*this);
}

std::size_t SocketStream::write_now(std::string_view bytes) noexcept {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const Moved moved = send(bytes.substr(written));
    if (moved.went != Went::some) break;
    written += moved.bytes;
  }
  return written;
}

void SocketStream::shutdown_write() noexcept { ::shutdown(socket_.descriptor(), SHUT_WR); }

void SocketStream::fail_later(Pending*& pending) {
  Pending* failed = std::exchange(pending, nullptr);
  if (failed != nullptr) loop_.post([failed] { failed->done({}); });
}

void SocketStream::cancel() noexcept {
  fail_later(handshake_);
  fail_later(reading_.pending);
  fail_later(writing_.pending);
}

void SocketStream::close() noexcept {
  cancel();
  leave();
  socket_.close();
  readable_ = true;  // that it is closed
}

void SocketStream::reset() noexcept {
  cancel();
  leave();
  socket_.reset();
  readable_ = true;
}

// Whoever is resumed may end this stream: nothing of it is touched then.
void SocketStream::on_ready(std::uint32_t events) {
  if ((events & ends) != 0) ended_ = true;
  if ((events & (EPOLLIN | ends)) != 0) readable_ = true;
  Outcome shaken;
  Outcome read;
  Outcome written;
  Pending* const handshake = advance_handshake(shaken) ? std::exchange(handshake_, nullptr) : nullptr;
  Pending* const writer = advance_write(written) ? std::exchange(writing_.pending, nullptr) : nullptr;
  // A TLS stream may have to write before it can read on.
  const bool may_read = readable_ || (events & EPOLLOUT) != 0;
  Pending* const reader = may_read && advance_read(read) ? std::exchange(reading_.pending, nullptr) : nullptr;
  if (handshake != nullptr) handshake->done(shaken);
  if (writer != nullptr) writer->done(written);
  if (reader != nullptr) reader->done(read);
}

bool SocketStream::advance_handshake(Outcome& outcome) noexcept {
  if (handshake_ == nullptr) return false;
  const Moved moved = shake_hands();
  outcome = {0, moved.went == Went::some, moved.went == Went::end};
  return moved.went != Went::blocked;
}

bool SocketStream::advance_read(Outcome& outcome) noexcept {
  if (reading_.pending == nullptr) return false;
  const Moved moved = receive(reading_.into);
  outcome = {moved.bytes, moved.went == Went::some, moved.went == Went::end};
  return moved.went != Went::blocked;
}

bool SocketStream::advance_write(Outcome& outcome) noexcept {
  if (writing_.pending == nullptr) return false;
  while (!writing_.rest.empty()) {
    const Moved moved = send(writing_.rest);
    if (moved.went == Went::blocked) return false;
    if (moved.went != Went::some) break;
    writing_.written += moved.bytes;
    writing_.rest.remove_prefix(moved.bytes);
  }
  outcome = {writing_.written, writing_.rest.empty(), false};
  return true;
}

std::unique_ptr<ByteStream> make_stream(EventLoop& loop, Socket socket) {
  return std::make_unique<SocketStream>(loop, std::move(socket));
}

}  // namespace evergrant
