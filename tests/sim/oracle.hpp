// Watches from outside the engine: what is sent, what the store holds, what callers are given, what the provider knows.
// Names the first invariant that is violated and stops the world.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/token_set.hpp"
#include "sim/provider.hpp"
#include "store/store.hpp"
#include "store/vault.hpp"

namespace evergrant::sim {

struct Violation {
  std::string invariant;  // I1 … I6, "lost" (a grant that could have been kept) or "limbo" (one that nobody goes on with)
  std::string detail;
};

struct Counters {
  std::int64_t sends = 0, mints_kept = 0, reads = 0, reads_failed = 0, deaths = 0, freezes = 0, jumps = 0, faults = 0;
  std::int64_t lost_by_nature = 0;  // grants that no engine could have kept
  std::int64_t escrowed = 0;        // answers that the store refused
  std::int64_t revived = 0;         // connections that a late answer brought back
};

class Oracle {
 public:
  Oracle(World& world, SimProvider& provider, Store& raw, Vault& vault, Duration recheck)
      : world_{world}, provider_{provider}, raw_{raw}, vault_{vault}, recheck_{recheck} {}

  void violated(std::string invariant, std::string detail);
  [[nodiscard]] const std::optional<Violation>& violation() const noexcept { return violation_; }
  Counters counters;

  // The network tells of token requests: sent by a process, done with at the provider, read by the process. The number names
  // the request.
  std::size_t sent(const std::string& owner, Time now, const std::string& body);
  void done(std::size_t flight);
  void read(std::size_t flight, const Result<HttpResponse>& answer);
  [[nodiscard]] bool in_flight(const Family& family) const;

  // The watched store tells of what took effect. `before` is the row as it was.
  void claimed(const Connection& before, const Claim& claim, const std::optional<Attempt>& attempt, Time now);
  void fenced(std::string_view operation, const Connection& before, Fence fence, std::optional<Generation> expected);
  void revived(const Connection& before, Generation expected, Fence asked);
  void answer_kept(const AttemptId& attempt);
  // A process was told that the store refuses; it begins to escrow the answer; the answer is in the file of `owner`.
  void keep_refused(const AttemptId& attempt);
  void escrow_begins(const AttemptId& attempt);
  void escrowed(const AttemptId& attempt, const std::string& owner);
  void written(std::string_view operation, const Connection& before, Time at);  // whatever it was, the row is looked at

  // Those who drive the simulation tell what they do.
  void forced(const std::string& connection);
  void revocation_stored(const std::string& connection);
  void revocation_answered(const std::string& connection, const std::string& owner);
  void stopped(const std::string& owner, Duration length);
  void row_refused(const std::string& owner);  // the store did not answer what a connection is like
  void died(const std::string& owner);
  void jumped();
  void handed_out(const std::string& owner, const TokenLease& lease, Duration asked_at);

  // Once faults have stopped and time has passed.
  void judge(const std::string& connection);
  void judge_families();
  void judge_escrow(std::string_view file);
  [[nodiscard]] Family* family(const std::string& connection);
  // Why this grant may be gone; nothing: nothing excuses it.
  [[nodiscard]] std::optional<std::string> excuse(const Family& family) const;

 private:
  struct Flight {
    std::string owner;
    Family* family = nullptr;
    std::string refresh;
    Duration began{0};
    bool open = true;
    bool definite = false;  // its sender knows how it ended
    AttemptId attempt;
  };
  struct ClaimedAttempt {
    AttemptId id;
    Fence fence = 0;
  };
  struct Watched {
    Family* family = nullptr;
    std::map<Generation, std::string> durable;  // access tokens by generation
    ClaimedAttempt attempt;
    std::optional<Duration> forced;
    std::optional<Duration> revoking;              // durable since
    std::map<std::string, Duration> told_revoked;  // processes that were answered, and when
  };

  [[nodiscard]] Connection row(const std::string& connection);
  void for_answer(const AttemptId& attempt, const std::function<void(Mint&)>& act);
  void check_alone(const Flight& flight);
  void check_right_to_send(const Flight& flight, const Connection& row, Time now);
  void check_resolution(const Flight& flight, const Connection& row, Time now);
  void check_reauth(const Connection& after, Time at);
  void remember_durable(const Connection& after);
  void judge_active(const Connection& row, const Family& family);
  [[nodiscard]] bool was_stopped_with(const Family& family, const Mint& mint) const;
  [[nodiscard]] bool is_lost_by_nature(const Family& family, const Mint& mint) const;
  [[nodiscard]] bool is_known_to_nobody(const Family& family, const Mint& mint) const;
  static bool is_kept_in_time(const Family& family, const Mint& mint);
  [[nodiscard]] bool is_answer_lost(const Family& family) const;

  World& world_;
  SimProvider& provider_;
  Store& raw_;
  Vault& vault_;
  Duration recheck_;
  std::optional<Violation> violation_;
  std::vector<Flight> flights_;
  std::map<std::string, Watched> watched_;
  std::map<std::string, std::size_t> flight_of_attempt_;
  std::map<const Family*, int> terminals_;  // refusals that were read since the last success that was stored
  std::map<const Family*, Duration> last_terminal_;
  std::map<std::string, Duration> answered_;  // access tokens that a process read, and when it had asked for them
  std::map<std::pair<std::string, std::string>, Duration> claims_;  // by process and connection: when
  std::map<std::string, std::vector<std::pair<Duration, Duration>>> stops_;
  std::map<std::string, Duration> dead_, refused_;
  std::optional<Duration> last_jump_;
};

}  // namespace evergrant::sim
