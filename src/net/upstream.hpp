// Connections to providers' APIs on the serving threads' own event loops: each loop keeps its own, so that a call meets no
// lock and no other thread. A name is resolved once, every address that it gives is judged, and one of just these is
// connected to (USE-03): what the name means a moment later makes no difference. TLS with certificate and host name checks,
// always. `UpstreamClient` is thread-safe; its coroutines run on an event loop of the server. Non-movable; outlives the
// server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "net/ip_address.hpp"
#include "net/upstream_connection.hpp"

namespace evergrant {

struct UpstreamEndpoint {
  bool tls = true;
  std::string host;  // a name, or an address without brackets
  std::uint16_t port = 443;
  bool loopback = false;       // a development profile's: loopback addresses, and plain HTTP to them
  bool any_address = false;    // the operator says that this host may have a private address
  std::string shared_by = {};  // a kept connection serves those of the same name only
};

// The seam to name resolution. Error: provider_unavailable.
class HostResolver {
 public:
  virtual ~HostResolver() = default;
  virtual Task<Result<std::vector<IpAddress>>> resolve(std::string host) = 0;
};

struct UpstreamOptions {
  std::string ca_file;                                // PEM; empty: the system's
  std::vector<std::string> pinned_addresses;          // "host:port:address", as for the HTTP client
  std::string forward_proxy;                          // "http://host:port"; empty: none
  Duration connect_timeout{std::chrono::seconds{5}};  // name, connection and TLS together
  Duration answer_timeout{std::chrono::seconds{60}};  // from the request's end to the answer's header
  Duration idle_timeout{std::chrono::seconds{60}};    // between two pieces, either way
  Duration keep_idle{std::chrono::seconds{4}};        // servers close idle connections after five seconds or more
  std::size_t idle_per_host = 64;                     // on each serving thread
  std::shared_ptr<HostResolver> resolver;             // none: the system's
};

// Pure: whether a connection to this address is one to that endpoint.
[[nodiscard]] bool may_reach(const IpAddress& address, const UpstreamEndpoint& endpoint);

class UpstreamClient {
 public:
  explicit UpstreamClient(UpstreamOptions options);
  ~UpstreamClient();
  UpstreamClient(const UpstreamClient&) = delete;
  UpstreamClient& operator=(const UpstreamClient&) = delete;

  // Errors: invalid_argument (the file of authorities).
  [[nodiscard]] Result<> start();
  // An idle connection, or a new one (`fresh`: always). `spent`: of `connect_timeout`, by earlier connections for the same
  // call. Errors: provider_unavailable (nothing was sent), forbidden (an
  // address that may not be reached), unsupported (not on an event loop of the server).
  Task<Result<std::unique_ptr<UpstreamConnection>>> open(UpstreamEndpoint endpoint, bool fresh,
                                                         Duration spent = Duration{0});
  // After the exchange: kept if it can serve another one. On the loop that it lives on.
  Task<void> give_back(std::unique_ptr<UpstreamConnection> connection);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
