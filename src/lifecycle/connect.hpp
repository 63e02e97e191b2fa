// The connect flow: a one-time session made by the application's backend, the redirect to the provider, the callback, the
// exchange, the proof of the realm, and the connection stored before success is reported (AUTH-*, CB-*, TOK-17).
// Coroutines may be awaited on any executor.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lifecycle/token_service.hpp"

namespace evergrant {

struct ConnectOptions {
  std::string public_url;  // https://tokens.example.com, without a trailing slash
  Duration session_ttl{std::chrono::minutes{10}};
  int max_pending_per_tenant = 1000;
};

struct ConnectRequest {
  RegistrationId registration;
  TenantId tenant;
  std::string return_to;            // empty: a small result page
  std::vector<std::string> scopes;  // empty: all configured ones
  std::string login_hint;
  std::optional<ConnectionId> connection;  // reconnect: the result must be this connection's realm
  CallerId caller;
};

struct ConnectLink {
  SessionId id;
  Secret url;  // one-time: <public_url>/connect/<token>
  Time expires_at;
};

// Where the browser goes next, and the cookie that binds the flow to it.
struct BrowserStep {
  std::string location;
  Secret cookie;  // value of the browser-binding cookie to set
};

struct ConnectResult {
  std::string status;          // connected, cancelled, failed
  Errc code = Errc::internal;  // where failed
  std::string message;         // for the customer, plain words
  std::optional<ConnectionId> connection;
  std::string return_to;  // already checked against the allow-list; empty: result page
  SessionId session;
};

class Connector {
 public:
  Connector(TokenService::Parts parts, TokenService& tokens, ConnectOptions options);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // Errors: invalid_argument (unknown scope, return URL not on the list …), not_found (registration), conflict,
  // rate_limited, registration_paused.
  Task<Result<ConnectLink>> start(ConnectRequest request);
  // GET /connect/{token}. `cookie`: the browser's binding cookie, empty if it has none; a well-formed one is kept, so that
  // two flows in one browser do not undo each other. Errors: gone, provider_unavailable (metadata).
  Task<Result<BrowserStep>> open(Secret link_token, Secret cookie);
  // GET /callback/{registration}. `cookie`: value of the browser-binding cookie, empty if there is none. Always ends the
  // session. Errors only where no session could be found (unknown or foreign state): nothing else is revealed then.
  Task<Result<ConnectResult>> callback(RegistrationId registration, std::string query, Secret cookie);
  // How a session stands, for the result page and for whoever waits for it. Errors: not_found.
  Task<Result<ConnectSession>> session(SessionId id);
  // POST /v1/connections: existing tokens; with `verify`, refreshed once before they are stored as active.
  struct ImportedTokens {
    Secret access_token;   // may be empty if a refresh token is there
    Secret refresh_token;  // may be empty
    std::optional<Time> access_expires_at;
    std::optional<Time> refresh_idle_expires_at;
    std::optional<Time> refresh_absolute_expires_at;
    std::vector<std::string> scope;
  };
  struct ImportedPair : ImportedTokens {
    std::string pair;  // one that the profile names
  };
  struct ImportRequest : ImportedTokens {
    RegistrationId registration;
    TenantId tenant;
    RealmId realm;
    std::vector<ImportedPair> pairs;  // further ones (REF-23)
    bool verify = false;
  };
  Task<Result<Connection>> import(ImportRequest request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// 1 to 200 printable characters, not beginning with '@' (such are evergrant's own). Errors: invalid_argument.
[[nodiscard]] Result<> check_tenant(const TenantId& tenant);

}  // namespace evergrant
