// The reading path and the refresh engine: "a working access token for this connection", for ever.
//
// `read_now` may be called on any thread and never waits; everything else is a coroutine that may be awaited on any
// executor: it hops to the engine's executor, where single flight, leases and schedules live, and comes back.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.hpp"
#include "base/executor.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/once_text.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "lifecycle/mass_failure_guard.hpp"
#include "model/registration.hpp"
#include "model/token_mark.hpp"
#include "model/token_set.hpp"
#include "oauth/token_endpoint.hpp"
#include "store/escrow.hpp"
#include "store/store.hpp"
#include "store/vault.hpp"

namespace evergrant {

class ProviderDirectory;  // oauth/metadata.hpp

struct RefreshOptions {
  std::string owner;                                   // this process: unique per start
  Duration lease{std::chrono::seconds{60}};            // outlives the whole call; renewed at a third
  Duration timeout{std::chrono::seconds{30}};          // of one token request; shorter than the lease
  Duration reader_wait{std::chrono::seconds{10}};      // how long a reader waits where it names no deadline
  Duration forced_interval{std::chrono::seconds{30}};  // at most one forced refresh per connection in this time (REF-19)
  // How long `stop` waits for refreshes under way; nothing: as long as they may take. One that is left behind is resolved at
  // the next start, as after a crash.
  std::optional<Duration> stop_wait;
  int concurrency = 32;                 // token requests in flight per registration
  MassFailureLimits mass_failure;       // per registration
  std::size_t cache_entries = 100'000;  // sealed token sets kept in memory
  // `forget` tells this process at once. Where others share the store, they are noticed by reading the row again behind a
  // read once an entry is this old (and a quarter of a second for others that are), and before a read once it is four times
  // as old. Zero: nobody else writes.
  Duration recheck{std::chrono::seconds{30}};
  // How soon a pause, a hold and their ends at another process on the store are noticed; not asked where `recheck` is zero.
  Duration follow_every{std::chrono::seconds{3}};
  // How long the scheduler sleeps at most: what other processes and operators make due is seen this late. What this process
  // makes due wakes it.
  Duration look_every{std::chrono::seconds{60}};
};

struct ReadRequest {
  Duration min_ttl{0};
  std::optional<Duration> deadline;  // from now; nothing: reader_wait
};

// Takes a token out of memory on the reader's own thread, without a copy on the way.
class TokenTaker {
 public:
  virtual ~TokenTaker() = default;
  // Whether this reader may have anything at all. Asked first, while the processor fetches what a look at the token needs.
  virtual bool admit() { return true; }
  // Whose token it is, and where its `size` bytes go; less room: this reader may not have it. Called at most once, with the
  // cache locked: it is short and asks the service for nothing. Where the token does not open after all, nothing in the room
  // means anything.
  // `caption` lives as long as this token stays in memory: for what this kind of taker says of it at every read.
  virtual std::span<char> room(const Connection& row, const OnceText& caption, std::size_t size) = 0;
  // Then the token is in the room; the cache is still locked, and the row the same.
  virtual void opened(const Connection& /*row*/, const TokenMark& /*mark*/) {}
};
enum class TakenNow : std::uint8_t { taken, refused, absent };  // refused: no room was given

class TokenService {
 public:
  struct Parts {
    Executor& engine;
    Store& store;
    Vault& vault;
    ProviderDirectory& directory;
    HttpTransport& transport;
    const Registrations& registrations;
    Clock& clock;
    Random& random;
    Metrics& metrics;
    const Log& log;
    Escrow* escrow = nullptr;  // none: what the store refuses is held in memory only
  };
  TokenService(const Parts& parts, const RefreshOptions& options);
  // Nothing of it may be under way any more: after `stop`, or once the engine's executor runs no work.
  ~TokenService();
  TokenService(const TokenService&) = delete;
  TokenService& operator=(const TokenService&) = delete;

  // The token if it is in memory, valid and needs nobody to wait; nothing otherwise (then `token`). Starts a refresh behind
  // inside the advisory margin. Thread-safe, takes no lock that is held across I/O.
  std::optional<TokenLease> read_now(const ConnectionId& id, const ReadRequest& request);
  // As that. `now`: the clock's. Absent: then `token`.
  TakenNow read_now(std::string_view id, const ReadRequest& request, Time now, TokenTaker& taker);
  std::optional<TokenLease> read_now_of(const RegistrationId& registration, const RealmId& realm,
                                        const ReadRequest& request);
  // As read_now, of a further token pair of the connection (REF-23).
  std::optional<TokenLease> read_now_pair(const ConnectionId& main, const std::string& pair, const ReadRequest& request);

  // The row of a further token pair of the connection; its own for an empty name. Errors: not_found; those of the store.
  Task<Result<ConnectionId>> row_of(ConnectionId main, std::string pair);

  // Errors: not_found, revoked, reauth_required, quarantined, registration_paused, provider_unavailable, deadline_exceeded …
  Task<Result<TokenLease>> token(ConnectionId id, ReadRequest request);
  Task<Result<TokenLease>> token_of(RegistrationId registration, RealmId realm, ReadRequest request);
  // Refreshes unless a newer generation than `seen` exists (then that one is answered). Without `seen`: the current one is
  // reported as bad. At most one forced refresh per connection and interval: sooner, `rate_limited`; who names no generation
  // is given the token that the last forced refresh brought. A forced refresh that fails is an error, though the current
  // token may be valid by the clock: the caller knows it as bad.
  Task<Result<TokenLease>> refresh(ConnectionId id, std::optional<Generation> seen, std::optional<Duration> deadline);

  // An operator has mended what paused a registration (CA-12): its requests are sent again. Errors: those of the store.
  Task<Result<>> resume(RegistrationId registration);

  // An operator has looked at a mass failure: state changes are held back no longer. Errors: not_found; those of the store.
  Task<Result<>> release_hold(RegistrationId registration);

  // Others changed this row (connect, revoke, an operator): forget what is cached about it.
  void forget(const ConnectionId& id);
  // What connect uses to store a new grant's tokens the way refresh does.
  Task<Result<TokenUpdate>> seal_tokens(const Connection& connection, Generation generation, TokenSet tokens);

  // Scheduler: refreshes what is due, resolves unresolved attempts; call it once, it goes on until `stop`.
  Task<void> run();
  // Lets refreshes in flight end (bounded by `stop_wait`), takes no new ones.
  Task<void> stop();
  [[nodiscard]] std::size_t in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evergrant
