// Access tokens from a running evergrant server, for an application that asks for them at every request it makes: leases are
// kept here and asked for anew ahead of their end, once for all who want the same one. See docs/library.md.
//
//   auto tokens = evergrant::RemoteTokens::make({.url = "https://tokens.example.com", .api_key = evergrant::Secret{key},
//                                                .threads = evergrant::Threads::own});
//   auto lease = (*tokens)->get({.registration = "quickbooks", .realm = realm}).wait();
//
// Nothing is global. Thread-safe; what gives a Pending never blocks. Leases that are kept are not sealed: they lie in memory
// that no core image contains, and are wiped.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "evergrant/clock.hpp"
#include "evergrant/error.hpp"
#include "evergrant/inline_namespace.hpp"
#include "evergrant/options.hpp"
#include "evergrant/pending.hpp"
#include "evergrant/secret.hpp"
#include "evergrant/token_lease.hpp"
#include "evergrant/token_request.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  struct RemoteOptions {
    std::string url;                // of the server, without a slash at the end; http on loopback only
    std::string unix_socket;        // a path: requests go there, and `url` only names the host
    Secret api_key;                 // RFC 6750 2.1
    std::filesystem::path ca_file;  // certificate authorities, PEM; empty: the system's
    Threads threads = Threads::application;
    Resume resume;  // where coroutines go on; nothing: on the thread that runs it
    // For the server's answer, where a request names no deadline. A token that is good still is not waited for as long: the
    // server's own `refresh.reader_wait` and its two seconds hold then. `invalidate` waits for as long as this says.
    Duration wait{std::chrono::seconds{10}};
    // A lease is asked for anew when less than this is left of its token's life.
    Duration margin{std::chrono::seconds{60}};
    // The server is asked again about a lease that is this old: so late is seen that a connection was revoked.
    Duration max_age{std::chrono::seconds{30}};
    std::size_t leases = 10'000;   // that are kept
    std::shared_ptr<Clock> clock;  // null: the machine's
  };

  class RemoteTokens {
   public:
    // Starts nothing but what `threads` asks for. Errors: invalid_argument (address, file of authorities).
    [[nodiscard]] static Result<std::unique_ptr<RemoteTokens>> make(RemoteOptions options);
    // Ends as `stop`; who still waits is given an error, `gone`. Not on a thread of its own.
    ~RemoteTokens();
    RemoteTokens(const RemoteTokens&) = delete;
    RemoteTokens& operator=(const RemoteTokens&) = delete;

    // With Threads::application: each runs on a thread that the application lends, until `stop`. Errors: conflict (it runs
    // already, or has ended).
    [[nodiscard]] Result<> run();
    void run_http();
    void stop();

    // From here where it is good for `min_ttl` and the margin; else from the server. While the server cannot be reached, a
    // lease that is still valid is given. The lease tells no tenant, and its registration only where it was asked for by it.
    // Errors: those of the server (evergrant/token_manager.hpp), unauthenticated, forbidden; provider_unavailable: it cannot
    // be reached.
    Pending<TokenLease> get(const TokenRequest& request);
    // The API answered 401 to this lease's token: the server refreshes unless it has a newer one, which is given and kept.
    Pending<TokenLease> invalidate(const TokenLease& lease, std::optional<Duration> deadline = std::nullopt);

   private:
    struct Impl;
    explicit RemoteTokens(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };

}  // namespace library
}  // namespace evergrant
