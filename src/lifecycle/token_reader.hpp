// The reading path: a token from memory if it is good, else after the refresh that everybody waits for, within a deadline.
// `read_now`, `expect_due` on any thread; everything else on the engine's executor.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>

#include "lifecycle/due_loop.hpp"
#include "lifecycle/stale_rows.hpp"

namespace evergrant {

class TokenReader {
 public:
  TokenReader(const TokenService::Parts& parts, RefreshOptions options, TokenCache& cache, RefreshReport& report,
              SingleFlight& flights, DueLoop& due_loop);
  TokenReader(const TokenReader&) = delete;
  TokenReader& operator=(const TokenReader&) = delete;
  ~TokenReader();

  std::optional<TokenLease> read_now(const ConnectionId& id, const ReadRequest& request);
  TakenNow read_now(std::string_view id, const ReadRequest& request, Time now, TokenTaker& taker);
  Task<Result<TokenLease>> read(ConnectionId id, ReadRequest request);
  Task<Result<TokenLease>> force(ConnectionId id, std::optional<Generation> seen, std::optional<Duration> deadline);
  // The scheduler is told when a connection that others store falls due.
  void expect_due(Time due);
  // last_used_at of what was read since the last call.
  Task<void> flush_used();

 private:
  struct Wait {  // of one reader
    Time until;
    bool patient = false;    // it named its deadline, or wants more life than the token has
    bool refreshed = false;  // a refresh that it waited for succeeded:
    Generation beyond = 0;   // something newer than this is in the store
    bool retried = false;    // it began its own after somebody else's failed
    std::optional<Error> failed;
  };
  enum class Next : std::uint8_t { serve, again, fail };

  struct Taking {  // what came of an entry, and what is to be done about it once the cache is not locked any more
    TakenNow taken = TakenNow::absent;
    bool refresh = false;
    bool recheck = false;
    bool used = false;
  };
  [[nodiscard]] Taking take(const CachedToken& entry, const ReadRequest& request, Time now, TokenTaker& taker) const;
  [[nodiscard]] TokenMark mark_of(const CachedToken& entry, std::string_view token) const;
  Task<Result<CachedTokenPtr>> current(ConnectionId id, bool from_store);
  Task<Result<TokenLease>> read_waiting(ConnectionId id, ReadRequest request);
  Task<Next> wait_for_newer(CachedTokenPtr entry, bool valid, Wait& wait);
  Task<std::optional<Result<>>> join(const CachedToken& entry, Cause cause, Duration limit);
  Task<Result<TokenLease>> open(CachedTokenPtr entry);
  Task<void> reload(ConnectionId id);
  void refresh_behind(const CachedToken& entry, Time now);
  void recheck_behind(const CachedToken& entry, Time now);
  void note_use(const CachedToken& entry, Time now);
  struct Forced {
    Time at;
    Generation about = 0;  // the generation that was reported
  };
  // Notes it, unless one was noted less than an interval ago: then that one.
  [[nodiscard]] std::optional<Forced> note_forced(const Connection& row, const Registration& registration, Time now);
  // Runs on the engine unless this reader is gone by then.
  void post(std::move_only_function<void(TokenReader&)> work);

  Executor& engine_;
  Store& store_;
  Vault& vault_;
  const Registrations& registrations_;
  Clock& clock_;
  const Log& log_;
  RefreshOptions options_;
  TokenCache& cache_;
  RefreshReport& report_;
  SingleFlight& flights_;
  DueLoop& due_loop_;
  std::unordered_map<ConnectionId, Forced> forced_;
  std::atomic<bool> flush_planned_ = false;
  StaleRows stale_rows_;
  std::shared_ptr<TokenReader*> self_;  // what posted work holds on to
};

}  // namespace evergrant
