// The reading path: GET /v1/connections/{id}/token of a token that is in memory, good, and the caller's to have, answered on
// the serving thread as it comes in. Whatever else is to be said (no key, no such connection, a refresh to wait for, a
// limit) is left to the handlers, which begin anew. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "api/service.hpp"

namespace evergrant {

inline constexpr std::int64_t longest_wait = 120;  // seconds that a read may ask for

class QuickToken {
 public:
  QuickToken(const ApiParts& parts, const ApiOptions& options);

  // False: not answered, and nothing is in the room.
  bool answer(const QuickRequest& request, const QuickPeer& peer, AnswerRoom& room) const;

 private:
  ApiParts parts_;
  std::shared_ptr<const LocalCallers> local_callers_;
  std::string more_headers_;
};

}  // namespace evergrant
