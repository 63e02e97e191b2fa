// When to refresh, and what an outcome does to a connection: pure functions of values, tested by tables.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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

// From the profile, or max(60 s, 10 % of life) and min(30 s, half of advisory); never more than half of the token's life,
// never ahead of what the provider allows (earliest_before_expiry). Where a refresh kills the old access token (REF-16),
// nothing is refreshed behind a caller who still holds it: advisory is then no more than mandatory.
[[nodiscard]] Margins margins_of(const Provider& provider, std::optional<Duration> lifetime);

// How long the connection's access token lived when it was new; nothing if it does not expire.
[[nodiscard]] std::optional<Duration> lifetime_of(const Connection& connection);

// True if there is a refresh token, and the provider's way to refresh is one that the token endpoint speaks.
[[nodiscard]] bool can_refresh(const Connection& connection, const Provider& provider);

// Why a connection in this status gives no token; nothing: it may.
[[nodiscard]] std::optional<Error> refusal_of(const Connection& connection);

enum class ReadAction : std::uint8_t {
  serve,              // valid and far from its end
  serve_and_refresh,  // valid, inside the advisory margin
  refresh_or_serve,   // inside the mandatory margin or under min_ttl: wait for a refresh; on failure serve what is still
                      // valid
  refresh_or_fail,    // expired
};

// Before this instant `decide_read` says `serve` to whoever asks for no `min_ttl`.
[[nodiscard]] Time served_until(const Connection& connection, const Provider& provider, std::optional<Duration> lifetime);
// `min_ttl` is clamped to life minus the advisory margin: a fresh token then qualifies for at least that margin, so callers
// that ask for more life than the provider gives cause one refresh per margin, not one at every read.
[[nodiscard]] ReadAction decide_read(const Connection& connection, const Provider& provider,
                                     std::optional<Duration> lifetime, Duration min_ttl, Time now);

// How long a reader whose token is valid for `left` yet waits for a refresh that has run for `age`. Half of what is left at
// most; and one who is not `patient` (it named no deadline, wants no more life than there is, and the refresh does not end
// the token that it would get) two seconds of the refresh's age: more than that is a provider that hangs.
[[nodiscard]] Duration wait_while_valid(Duration left, Duration age, bool patient);

// The next time the scheduler looks at the connection; jitter is drawn here, once. While the connection is in use
// (`last_used_at` within two lifetimes, at least an hour): in the two fifths of the token's life that end at its advisory
// margin. Otherwise: the keep-alive, between 15 % and 30 % of the idle window, or in the second half of keepalive_every. All
// so wide that of connections made in one instant never more than twice the mean come at once, unless the provider allows no
// such width (earliest_before_expiry, invalidates_old_access_token: the registration's limits then pace them). Nothing where
// there is no refresh token or nothing to keep alive.
[[nodiscard]] std::optional<Time> draw_next_due(const Registration& registration, const TokenSet& tokens,
                                                std::optional<Time> last_used_at, Time now, Random& random);

struct FailureDecision {
  Failure failure;
  Status status = Status::active;
  std::string reason;
  std::optional<Time> next_due_at;
  bool pause_registration = false;  // an operator fault (CA-12)
  bool keep_attempt = false;        // ambiguous: the attempt stays open for recovery (I6)
  bool held = false;                // not believed yet: unusually many fail at once
};

// Design section 5, step 6, and REF-10, REF-11: only a confirmed terminal answer makes a connection reauth_required.
[[nodiscard]] FailureDecision decide_failure(const Connection& connection, const Provider& provider, const Verdict& verdict,
                                             Time now, Random& random);

// A refusal of the grant that is not believed while unusually many fail at once: the connection stays as it is and is looked
// at again, ever more seldom.
[[nodiscard]] FailureDecision held_back(FailureDecision decision, Time now, Random& random);

// Why a grant is lost whose refresh token may have been used up by a request whose answer nobody read.
[[nodiscard]] std::string lost_answer_reason(Time sent_at, std::string_view code);

// The earliest time at which the engine sends again after the failure that the row records; nothing: at once.
[[nodiscard]] std::optional<Time> not_before(const Connection& connection);

// I6: what to do about a refresh that was sent and has no answer.
enum class Recovery : std::uint8_t {
  replay,       // the same refresh token again: it never rotates, may be unchanged, or the grace window is open
  replay_once,  // strict: asking again is the only chance left, since the access token is at its end, or ended with the
                // refresh if the provider acted: nothing can be lost by it
  wait,  // strict, and the access token may live on beside the refresh: nothing is gained by hurrying, and a reuse check
         // could kill it
  quarantine,  // a week of replays was ambiguous each time: a person must look
};
[[nodiscard]] Recovery decide_recovery(const Connection& connection, const Provider& provider, const Attempt& attempt,
                                       Time now);

// Whether others may have sent a request after the one that was sent under `asked`; `held` is the fence of the lease under
// which its answer is stored, 0 for none.
[[nodiscard]] bool others_may_have_sent(Fence asked, Fence held) noexcept;

// Uniform in [least, most].
[[nodiscard]] Duration draw_between(Duration least, Duration most, Random& random);
// Exponential, capped: base, 2 base, 4 base … `cap` for the first, second, third … failure.
[[nodiscard]] Duration backoff_ceiling(int failures, Duration base, Duration cap);

}  // namespace evergrant
