// HttpTransport over libcurl's multi interface, on a thread of its own or on one that is lent to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "net/http.hpp"

namespace evergrant {

struct ClientOptions {
  std::string ca_file;  // PEM; empty: the system's
  std::string proxy;    // empty: none (the environment's proxy variables are not read)
  std::string user_agent = "evergrant";
  int connections_per_host = 64;
  // "host:port:address": asks no resolver for that host. The address guard still judges the address.
  std::vector<std::string> pinned_addresses;
  std::string unix_socket;  // a path: every request goes there, whatever its URL's host
};

class HttpClient final : public HttpTransport {
 public:
  explicit HttpClient(ClientOptions options);
  ~HttpClient() override;  // cancels what is in progress: its awaiters get `ambiguous` or `provider_unavailable`
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Runs on a thread of its own from now on.
  [[nodiscard]] Result<> start();
  // Instead of `start`: what is sent from now on is done by whoever calls `run`.
  [[nodiscard]] Result<> open();
  // On the calling thread until `stop`, which comes before the end of the client. SIGPIPE is blocked there from then on.
  void run();
  // Cancels what is in progress; thread-safe.
  void stop() noexcept;
  Task<Result<HttpResponse>> send(OutboundRequest request) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
