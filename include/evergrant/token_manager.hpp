// The engine of evergrant inside an application: keeps OAuth grants alive and gives out working access tokens, from a store
// of its own or one that it shares with evergrant servers. See docs/library.md.
//
//   auto store = evergrant::open_sqlite_store({.path = "grants.db", .threads = evergrant::Threads::own});
//   auto kek = evergrant::kek_from_file("/etc/app/kek");
//   auto manager = evergrant::TokenManager::make(options, {.store = std::move(*store), .kek = std::move(*kek)});
//   auto lease = (*manager)->get({.connection = id, .min_ttl = 60s}).wait();
//   request.set_header("Authorization", "Bearer " + std::string{lease->reveal()});
//
// Nothing is global: several managers in one process do not know of each other. Threads are the application's, or are asked
// for (Options::threads). All functions are thread-safe unless they say otherwise; those that give a Pending never block.
// Texts that are passed as views are copied where they are needed after the call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evergrant/clock.hpp"
#include "evergrant/error.hpp"
#include "evergrant/inline_namespace.hpp"
#include "evergrant/options.hpp"
#include "evergrant/pending.hpp"
#include "evergrant/seams.hpp"
#include "evergrant/token_lease.hpp"
#include "evergrant/token_request.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  // A connection as one may show it: never a token.
  struct ConnectionInfo {
    std::string id, registration, tenant, realm;
    std::string status;  // active, reauth_required, quarantined, revoking, revoked
    std::string reason;  // a sentence: why it is in this status
    std::int64_t generation = 0;
    std::string scope;
    std::optional<Time> access_expires_at;
    std::optional<Time> refresh_expires_at;  // the earlier of its idle and its absolute end
    std::optional<Time> last_refreshed_at;
    Time created_at{};
  };

  struct ConnectionFilter {
    std::string tenant, registration, realm, status;  // empty: any
    std::string cursor;                               // of the page before; empty: the first
    int limit = 100;                                  // 1 to 1000
  };
  struct ConnectionPage {
    std::vector<ConnectionInfo> connections;
    std::string next;  // empty: this was the last
  };

  struct ConnectRequest {
    std::string registration;
    std::string tenant;               // the application's customer: 1 to 200 printable characters
    std::string return_to;            // where the application sends the browser at the end; given back by `finish_connect`
    std::vector<std::string> scopes;  // empty: all of the registration's
    std::string login_hint;           // OpenID Connect Core 3.1.2.1
    std::string reconnect;            // a connection's id: the result must be its realm
  };
  struct ConnectStart {
    Secret url;     // send the browser there, once: the provider's authorization endpoint (RFC 6749 4.1.1, RFC 7636)
    Secret cookie;  // set it for the callback's path (Secure, HttpOnly, SameSite=Lax): it binds the flow to this browser
    Time expires_at{};
  };
  struct ConnectOutcome {
    std::string status;      // connected, cancelled, failed
    std::string message;     // for the customer, plain words
    std::string connection;  // where connected
    std::string return_to;   // as it was asked for
  };

  // Tokens that the application holds already.
  struct ImportRequest {
    std::string registration, tenant, realm;
    Secret access_token;   // may be empty where there is a refresh token
    Secret refresh_token;  // may be empty
    std::optional<Time> access_expires_at;
    std::vector<std::string> scopes;
    bool verify = false;  // refresh once before they are stored
  };

  class TokenManager {
   public:
    // Reads profiles, store and keys: blocks for the disk. With Threads::own the engine runs when it returns. Errors:
    // invalid_argument (all that is wrong with the options, at once), not_found, key_unavailable, those of the store.
    [[nodiscard]] static Result<std::unique_ptr<TokenManager>> make(Options options, Seams seams);
    // Ends as `stop`. Whoever still waits is given an error, `gone`. Not on a thread of the engine's.
    ~TokenManager();
    TokenManager(const TokenManager&) = delete;
    TokenManager& operator=(const TokenManager&) = delete;

    // With Threads::application: runs the engine on the calling thread until `stop`. Errors, at once: key_unavailable (no
    // KEK opens the root keys), those of the store, conflict (it runs already).
    [[nodiscard]] Result<> run();
    // With Threads::application and no transport of the application's: runs libcurl on the calling thread until `stop`.
    // Blocks SIGPIPE there.
    void run_http();
    // Lets refreshes under way end, for Options::stop_wait at most, and ends the engine; `run` and `run_http` return. What
    // was left behind is resolved at the next start. Blocks; not on a thread of the engine's.
    void stop();

    // A working access token. From memory where it is good for `min_ttl` and longer: then nothing is waited for, and less
    // than a microsecond passes. Else it is refreshed (RFC 6749 6), once for all who wait, and durably stored before anybody
    // has it; a token that is still valid is given rather than an error. Errors: not_found, reauth_required (the customer
    // must connect again), revoked, quarantined, registration_paused, provider_unavailable, ambiguous, deadline_exceeded,
    // store_unavailable.
    Pending<TokenLease> get(const TokenRequest& request);
    // The API answered 401 to this lease's token (RFC 6750 3.1): refreshes unless a newer one is there already, and gives
    // that. At most one such refresh for each connection and half a minute: sooner, `rate_limited`. Errors else as `get`.
    Pending<TokenLease> invalidate(const TokenLease& lease, std::optional<Duration> deadline = std::nullopt);

    // A customer connects an account. Send the browser to `url`; the provider sends it to
    // <public_url>/callback/<registration>. Errors: invalid_argument, not_found, rate_limited, registration_paused,
    // provider_unavailable (its metadata).
    Pending<ConnectStart> connect(ConnectRequest request);
    // The callback came: `query` is what stands after the '?', `cookie` the value that `connect` gave. Checks state,
    // browser, issuer (RFC 9207), exchanges the code once (RFC 6749 4.1.3), validates the ID token, proves the realm and
    // stores the connection before it says so. Errors: only where no session is known by that state and cookie: gone.
    Pending<ConnectOutcome> finish_connect(std::string registration, std::string query, Secret cookie);
    // Errors: invalid_argument, not_found (registration), conflict (the realm is another tenant's); with `verify` as `get`.
    Pending<ConnectionInfo> import(ImportRequest request);

    // Local use stops before this completes; the provider is told (RFC 7009) until it is proven, across restarts. Errors:
    // not_found. `reason` is a sentence for the connection's story.
    Pending<ConnectionInfo> revoke(std::string connection, std::string reason);
    // Errors: invalid_argument (status, cursor).
    Pending<ConnectionPage> list(ConnectionFilter filter = {});

    // The public keys of a registration that proves itself by keys, for its jwks_uri at the provider: a JWK set (RFC 7517
    // 5), which others may keep for a quarter of an hour. At once. Errors: not_found (no such registration, or it has no
    // keys).
    [[nodiscard]] Result<std::string> client_key_set(std::string_view registration) const;

   private:
    struct Impl;
    explicit TokenManager(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };

}  // namespace library
}  // namespace evergrant
