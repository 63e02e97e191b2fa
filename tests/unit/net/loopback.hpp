// Real sockets on the loopback interface for the tests of net/: a client that writes raw bytes, and a server that plays a
// script, plain or with TLS. Every wait has an end, so that a broken promise fails a test and does not hang it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/executor.hpp"
#include "base/task.hpp"

namespace evergrant::test {

constexpr int longest_wait_seconds = 10;

// One end of a connection; blocking, bounded by `longest_wait_seconds`.
class Wire {
 public:
  explicit Wire(int fd, SSL* ssl = nullptr) : fd_{fd}, ssl_{ssl} {
    const timeval limit{longest_wait_seconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  Wire(Wire&& other) noexcept
      : fd_{std::exchange(other.fd_, -1)}, ssl_{std::exchange(other.ssl_, nullptr)}, buffer_{std::move(other.buffer_)} {}
  Wire& operator=(Wire&&) = delete;
  ~Wire() { close(); }

  static Wire to_port(std::uint16_t port, const char* address = "127.0.0.1") {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(port);
    inet_pton(AF_INET, address, &target.sin_addr);
    connect_or_close(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target);
    return Wire{fd};
  }
  static Wire to_path(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un target{};
    target.sun_family = AF_UNIX;
    std::strncpy(target.sun_path, path.c_str(), sizeof target.sun_path - 1);
    connect_or_close(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target);
    return Wire{fd};
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                        : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // What is written while it holds leaves in one segment.
  void hold(bool on) {
    const int flag = on ? 1 : 0;
    setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &flag, sizeof flag);
  }

  // False at the end of the stream, a reset, or when nothing comes in time.
  bool read_more() {
    std::array<char, 16384> piece{};
    const auto got =
        ssl_ != nullptr ? SSL_read(ssl_, piece.data(), piece.size()) : ::recv(fd_, piece.data(), piece.size(), 0);
    if (got > 0) buffer_.append(piece.data(), static_cast<std::size_t>(got));
    return got > 0;
  }

  // One HTTP message, with the body that its Content-Length tells. What there is, if it ends early.
  std::string read_message(bool head = false) {
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return std::exchange(buffer_, {});
    }
    const std::size_t size = end + 4 + (head ? 0 : content_length(std::string_view{buffer_}.substr(0, end)));
    while (buffer_.size() < size) {
      if (!read_more()) return std::exchange(buffer_, {});
    }
    std::string message = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return message;
  }

  [[nodiscard]] const std::string& received() const { return buffer_; }  // and not yet returned by a read

  // Everything until the other end closes.
  std::string read_all() {
    while (read_more()) {
    }
    return std::exchange(buffer_, {});
  }

  [[nodiscard]] bool is_closed_by_peer() {
    errno = 0;  // an orderly end leaves what another call said
    return read_all().empty() && errno != EAGAIN;
  }

  void shutdown_write() { ::shutdown(fd_, SHUT_WR); }
  // Closes with a reset instead of an orderly end.
  void reset() {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void close() {
    if (ssl_ != nullptr) SSL_free(std::exchange(ssl_, nullptr));
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  static void connect_or_close(int fd, const sockaddr* target, socklen_t size) {
    if (::connect(fd, target, size) != 0) ::shutdown(fd, SHUT_RDWR);
  }
  static std::size_t content_length(std::string_view head) {
    const auto at = head.find("Content-Length: ");
    return at == std::string_view::npos ? 0 : std::strtoul(head.data() + at + 16, nullptr, 10);
  }
  int fd_;
  SSL* ssl_;
  std::string buffer_;
};

// Plays one script per connection, each on a thread of its own.
class ScriptedServer {
 public:
  using Script = std::function<void(Wire&)>;

  explicit ScriptedServer(Script script, SSL_CTX* tls = nullptr) : script_{std::move(script)}, tls_{tls} {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any);
    ::listen(listener_, 64);
    socklen_t size = sizeof any;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size);
    port_ = ntohs(any.sin_port);
    acceptor_ = std::thread{[this] { accept_all(); }};
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& thread : players_) thread.join();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] std::string url(std::string_view path = "/", std::string_view host = "127.0.0.1") const {
    return (tls_ == nullptr ? "http://" : "https://") + std::string{host} + ":" + std::to_string(port_) + std::string{path};
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++connections_;
      players_.emplace_back([this, fd] { play(fd); });
    }
  }
  void play(int fd) {
    // OpenSSL writes without MSG_NOSIGNAL. Blocked in this thread only: the code under test has to see to its own.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    SSL* ssl = nullptr;
    if (tls_ != nullptr) {
      ssl = SSL_new(tls_);
      SSL_set_fd(ssl, fd);
    }
    Wire wire{fd, ssl};
    if (ssl != nullptr && SSL_accept(ssl) != 1) return;
    script_(wire);
  }

  Script script_;
  SSL_CTX* tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::vector<std::thread> players_;
  std::thread acceptor_;
};

// A door that a test opens; whoever waits at it goes on then.
class Gate {
 public:
  void open() {
    const std::lock_guard lock{mutex_};
    open_ = true;
    opened_.notify_all();
  }
  bool wait() {
    std::unique_lock lock{mutex_};
    return opened_.wait_for(lock, std::chrono::seconds{longest_wait_seconds}, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// A RunLoop with its thread.
class LoopThread {
 public:
  LoopThread() = default;
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() {
    loop_.stop();
    thread_.join();
  }
  template <class T>
  T wait(Task<T> task) {
    return wait_on(loop_, std::move(task));
  }
  [[nodiscard]] RunLoop& loop() { return loop_; }

 private:
  RunLoop loop_;
  std::thread thread_{[this] { loop_.run(); }};
};

}  // namespace evergrant::test
