// The object graph above its seams, built in one place from top to bottom: keys, refresh engine, connect, revocation,
// access, API. Whoever makes one owns the seams: the program real ones (app/wiring.hpp), the fault kit virtual ones
// (src/testing). Made and destroyed while nothing runs on the engine's executor; `start` and `stop` are awaited on it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/access_control.hpp"
#include "api/service.hpp"
#include "app/config.hpp"
#include "base/executor.hpp"
#include "base/metrics.hpp"
#include "crypto/kek.hpp"
#include "lifecycle/connect.hpp"
#include "lifecycle/janitor.hpp"
#include "lifecycle/reauth_announcer.hpp"
#include "lifecycle/revoker.hpp"
#include "lifecycle/token_service.hpp"
#include "oauth/metadata.hpp"
#include "oauth/profile.hpp"
#include "proxy/proxy.hpp"
#include "store/vault.hpp"

namespace evergrant {

// How often it is looked after what nobody wakes. Virtual time has reasons to look less often: each look costs the same.
struct Cadence {
  Duration audit_flush{std::chrono::seconds{1}};
  Duration outbox_look{std::chrono::seconds{5}};
};

// How long what is under way at a stop may take to end.
constexpr Duration grace_at_stop{std::chrono::seconds{5}};

// What the graph stands on. All of it outlives the graph.
struct Seams {
  Executor& engine;
  Store& store;
  Escrow& escrow;
  HttpTransport& transport;
  KekSource& kek;
  std::vector<KekSource*> older_keks;
  Clock& clock;
  Random& random;
  const Log& log;
  Cadence cadence = {};
  UpstreamClient* upstream = nullptr;  // none: nothing is proxied
  Duration grace{grace_at_stop};
};

class ServiceGraph {
 public:
  // `owner` names this life of the process: unique per start.
  ServiceGraph(const Seams& seams, const Config& config, const ProviderCatalogue& catalogue,
               std::vector<Registration> registrations, std::string owner);
  ServiceGraph(const ServiceGraph&) = delete;
  ServiceGraph& operator=(const ServiceGraph&) = delete;

  // Loads the keys and starts what goes on until `stop`. Errors: key_unavailable; those of the store.
  Task<Result<>> start();
  // Lets what is in progress end, for a few seconds at most. False: something had not ended, or the audit is not written.
  Task<bool> stop();

  [[nodiscard]] HttpHandler& api() noexcept { return api_; }
  [[nodiscard]] Callers& callers() noexcept { return callers_; }
  [[nodiscard]] Connector& connector() noexcept { return connector_; }
  [[nodiscard]] TokenService& tokens() noexcept { return tokens_; }
  [[nodiscard]] const Registrations& registrations() const noexcept { return registrations_; }
  [[nodiscard]] Revoker& revoker() noexcept { return revoker_; }

 private:
  [[nodiscard]] TokenService::Parts parts();
  [[nodiscard]] Proxy* proxy_on(const Config& config);
  // Starts a task that goes on until `stop`; `stop` waits for its end.
  void run_until_stopped(Task<void> task);

  Seams seams_;
  Metrics metrics_;
  Registrations registrations_;
  std::vector<Provider> providers_;
  Vault vault_;
  ProviderDirectory directory_;
  TokenService tokens_;
  Connector connector_;
  Revoker revoker_;
  IdTokenVerifier id_tokens_;
  UserInfoReader user_info_;
  Janitor janitor_;
  ReauthAnnouncer announcer_;
  Callers callers_;
  Audit audit_;
  std::optional<Proxy> proxy_;
  ApiService api_;
  std::vector<Completion<bool>> endings_;
};

}  // namespace evergrant
