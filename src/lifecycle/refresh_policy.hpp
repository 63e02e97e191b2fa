// When to refresh, and what an outcome does to a connection: pure functions of values, tested by tables.
#pragma once

#include <optional>
#include <string>

#include "base/random.hpp"
#include "model/connection.hpp"
#include "model/registration.hpp"
#include "oauth/token_answer.hpp"
#include "store/store.hpp"

namespace evergrant {

struct Margins {
  Duration advisory;   // closer to expiry than this: serve, and refresh behind
  Duration mandatory;  // closer than this: wait for a refresh, but serve a still valid token rather than fail
};

// From the profile, or max(60 s, 10 % of life) and min(30 s, half of advisory); never more than half of the token's life.
[[nodiscard]] Margins margins_of(const Provider& provider, std::optional<Duration> lifetime);

enum class ReadAction : std::uint8_t {
  serve,                  // valid and far from its end
  serve_and_refresh,      // valid, inside the advisory margin
  refresh_or_serve,       // inside the mandatory margin or under min_ttl: wait for a refresh; on failure serve what is still valid
  refresh_or_fail,        // expired
};

// `min_ttl` is clamped to what a fresh token can have, so that asking for more life than the provider gives causes one refresh,
// not one at every read.
[[nodiscard]] ReadAction decide_read(const Connection& connection, const Provider& provider, std::optional<Duration> lifetime,
                                     Duration min_ttl, Time now);

// The next time the scheduler looks at the connection: ahead of expiry while it is used, inside the idle window while it is not;
// jitter is drawn here, once.
[[nodiscard]] std::optional<Time> draw_next_due(const Registration& registration, const TokenSet& tokens, Time now, Random& random);

struct FailureDecision {
  Failure failure;
  Status status = Status::active;
  std::string reason;
  std::optional<Time> next_due_at;
  bool pause_registration = false;  // an operator fault (CA-12)
  bool keep_attempt = false;        // ambiguous: the attempt stays open for recovery (I6)
};

// Design section 5, step 6, and REF-10, REF-11: only a confirmed terminal answer makes a connection reauth_required.
[[nodiscard]] FailureDecision decide_failure(const Connection& connection, const Provider& provider, const Verdict& verdict,
                                             Time now, Random& random);

// I6: what to do about a refresh that was sent and has no answer.
enum class Recovery : std::uint8_t {
  replay,      // the same refresh token again: it never rotates, may be unchanged, or the grace window is open
  replay_once, // strict: one replay is the only chance left, since the access token is at its end
  wait,        // strict, and the access token still lives: nothing is gained by hurrying
  quarantine,  // a replay was made and was ambiguous again, or would kill a family that is in use
};
[[nodiscard]] Recovery decide_recovery(const Connection& connection, const Provider& provider, const Attempt& attempt, Time now);

}  // namespace evergrant
