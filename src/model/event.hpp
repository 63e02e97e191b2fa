// What happened to a connection, for its timeline, the application's event feed and the operator. Never holds a token.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "model/ids.hpp"

namespace evergrant {

struct Event {
  std::int64_t sequence = 0;  // given by the store; grows
  Time at;
  std::string type;  // connected, reconnected, refreshed, refresh_failed, reauth_required, revoking, revoked, released …
  ConnectionId connection;  // given the id of a further pair's row, the store records the main one's and the pair's name
  RegistrationId registration;
  TenantId tenant;
  RealmId realm;
  Generation generation = 0;
  std::string detail;       // the human sentence
  std::string code;         // error code, where there is one
  std::string correlation;  // the provider's correlation id
  std::string pair;         // given by the store: which token pair; empty: the main one
};

}  // namespace evergrant
