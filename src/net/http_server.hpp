// The listener: HTTP/1.1 with keep-alive, TLS built in, limits on everything a client can make long or slow.
// Constructors start nothing; `start()` binds and starts the serving threads, `stop()` drains and joins them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "net/http.hpp"

namespace evergrant {

struct ServerLimits {
  std::size_t header_bytes = 16U << 10U;              // 431 beyond
  std::size_t body_bytes = 1U << 20U;                 // 413 beyond
  Duration header_timeout{std::chrono::seconds{10}};  // from the first byte to the last of the header
  Duration body_timeout{std::chrono::seconds{30}};
  Duration idle_timeout{std::chrono::seconds{75}};  // between requests
  std::size_t connections = 10000;                  // further ones are closed at once
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;   // 0: any free port, see `port()`
  std::string unix_socket;  // a path: listen there instead of TCP
  unsigned unix_socket_mode = 0600;
  bool unix_socket_beside_tcp = false;  // listen on both
  int threads = 1;                      // serving threads, each with its own event loop
  std::string tls_certificate;          // PEM file; both or none
  std::string tls_key;
  std::vector<std::string> trusted_proxies;  // addresses or CIDR whose X-Forwarded-For and -Proto are believed
  ServerLimits limits;
};

class HttpServer {
 public:
  HttpServer(ServerOptions options, HttpHandler& handler, const Log& log);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Errors: invalid_argument (address in use, bad certificate …), each with what to do.
  [[nodiscard]] Result<> start();
  // Accepts nothing more, lets requests in progress end for at most `grace`, joins the threads.
  void stop(Duration grace = std::chrono::seconds{5});
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
