// A grant under our lease while it is being refreshed: the row that is claimed, and for a grant that several connections
// share, whose tokens are sent and who gets the new ones (REF-22). On the engine's executor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lifecycle/lease_keeper.hpp"
#include "model/registration.hpp"
#include "store/escrow.hpp"
#include "store/store.hpp"
#include "store/vault.hpp"

namespace evergrant {

struct HeldGrant {
  Connection row;  // claimed; its id and fence are the lock of the whole grant
  const Registration& registration;
  LeaseKeeper keeper;
  std::optional<AttemptId> attempt;  // what was written for this request; none where nothing can be lost
  Fence attempt_fence = 0;
  Fence asked = 0;                // of the request whose answer is to be stored: this one, or an earlier one
  bool older_unresolved = false;  // an earlier request of the same generation still has no outcome
  bool answer_kept = false;
  Time since;                             // when it was claimed
  std::optional<Connection> newest = {};  // of a shared grant: whose refresh token is the newest
  std::optional<Time> lost_at = {};       // when the earlier request was sent
  SealRight seal = {};                    // taken before sending: what comes in can be sealed without the store
  EscrowRoom room = {};                   // reserved before sending
  bool escrowed = false;                  // the answer waits in the escrow
  bool stored = false;                    // its tokens are in the row, or in the outbox

  // Whose refresh token is sent.
  [[nodiscard]] const Connection& source() const noexcept { return newest ? *newest : row; }
};

// The connections of one upstream grant, as `Store::sharing` lists them.
struct SharedGrant {
  Connection lock;    // the active one with the smallest id: every process claims this one, so that one lease covers all
  Connection newest;  // the active one whose tokens were stored last
};
[[nodiscard]] std::optional<SharedGrant> shared_grant_of(const std::vector<Connection>& siblings);
// True if `source` has later tokens of the same grant than `row`, still good for a while.
[[nodiscard]] bool can_adopt(const Connection& row, const Connection& source, Duration mandatory, Time now);

// One lock and one flight for everything that shares an upstream grant.
[[nodiscard]] std::string flight_key(const Connection& connection);

}  // namespace evergrant
