// The auth-injecting proxy: a caller's HTTP call goes to the provider's API of one connection, with the connection's token,
// which the caller never sees. Everything that decides is pure and stands in files of its own; this carries it out,
// streaming both ways. Runs on the serving thread that has the caller's connection. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "lifecycle/token_service.hpp"
#include "model/registration.hpp"
#include "model/token_set.hpp"
#include "net/http_exchange.hpp"
#include "net/upstream.hpp"
#include "proxy/host_rule.hpp"
#include "proxy/proxy_metrics.hpp"
#include "proxy/realm_gates.hpp"

namespace evergrant {

struct ProxyOptions {
  UpstreamOptions upstream;
  std::size_t replay_bytes = 64U << 10U;   // of a body that is kept to be sent once more
  std::vector<std::string> private_hosts;  // may have private addresses: self-hosted APIs
  bool isolate_realms = false;             // a kept connection serves one connection's calls only
  std::string user_agent = "evergrant";    // where the caller names none
};

struct ProxyCall {
  const HttpRequest& head;
  std::string path;  // behind "…/proxy", as it came
  std::string base;  // "/v1/connections/con_1/proxy"
  const Registration& registration;
  std::map<std::string, std::string> extras;  // of the connection: its hosts
  ConnectionId row;                           // whose token it is: the connection's, or a further pair's
  TokenLease lease;
  // The caller's own rules about method and path at the provider. Error: forbidden.
  std::function<Result<>(std::string_view method, std::string_view path)> rules;
  // Told before each sending with which token it goes: the last one is that of the answer. May be empty.
  std::function<void(const TokenLease& lease)> sending;
};

struct ProxyRefusal {
  Error error;
  std::optional<Duration> retry_after;
  std::vector<std::pair<std::string, std::string>> members;  // of the problem
};

// How it went, for the audit trail; no secret, no query, no body.
struct ProxyReport {
  std::optional<ProxyRefusal> refusal;  // nothing was answered yet: the caller gets this
  std::string host;
  std::string path_class;
  std::string correlation;  // the provider's own name for the call
  std::string broke;        // why the answer did not come to its end; empty: it did
  bool sent = false;        // to the provider
  int status = 0;           // the provider's; 0: there was none
  bool replayed = false;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  Generation generation = 0;                                      // of the token that was used last
  [[nodiscard]] std::string text(std::string_view method) const;  // one line
};

class Proxy {
 public:
  struct Parts {
    UpstreamClient& upstream;
    TokenService& tokens;
    const Registrations& registrations;
    const Clock& clock;
    Metrics& metrics;
  };
  Proxy(const Parts& parts, ProxyOptions options);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Answers on the exchange, or refuses in the report; an answer that breaks off is left without an end.
  Task<ProxyReport> serve(ProxyCall call, HttpExchange& exchange);

 private:
  friend class ProxiedCall;
  Parts parts_;
  ProxyOptions options_;
  RealmGates gates_;
  ProxyMetrics metrics_;
  std::unordered_map<RegistrationId, HostAndPort> bases_;  // fixed ones
};

}  // namespace evergrant
