// What the provider knows of one grant: the truth that a client's own records are compared with. Plain values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace evergrant {

struct IssuedRefreshToken {
  std::string value;
  Time issued_at;
  Time expires_at;                    // counts down while the value stays the same
  int jitter_permille = 0;            // this value's own part of rotate_jitter
  std::optional<Time> superseded_at;  // nothing: the current one
  bool operator==(const IssuedRefreshToken&) const = default;
};

struct IssuedAccessToken {
  std::string value;
  Time expires_at;
  bool killed = false;
  bool operator==(const IssuedAccessToken&) const = default;
};

// What the customer agreed to, before and after the code is redeemed.
struct Consent {
  std::string client_id;
  std::string realm;
  std::vector<std::string> scope;
  std::string nonce;
  bool realm_claim = false;  // claims={"id_token":{"realmId":null}} was asked for
  Time at;
  bool operator==(const Consent&) const = default;
};

struct Grant {
  std::string id;
  Consent consent;
  Time created_at;
  Time absolute_end;
  bool alive = true;
  std::string ended_by;  // revoked, provider, code_replay, reuse, idle, absolute_end
  std::optional<Time> ended_at;
  std::optional<Time> last_refreshed_at;
  std::int64_t token_requests = 0;        // of any outcome, the first one too
  std::int64_t refreshes = 0;             // that were answered with tokens
  std::int64_t refresh_values = 0;        // distinct refresh tokens issued
  std::int64_t superseded_presented = 0;  // times a refresh token was used that another had replaced
  int requests_in_flight = 0;
  int most_in_flight = 0;                          // token requests at one moment: 1 for a client that refreshes single-file
  std::vector<IssuedRefreshToken> refresh_tokens;  // the current one last; older ones are kept to recognise reuse
  std::vector<IssuedAccessToken> access_tokens;    // the newest last

  bool operator==(const Grant&) const = default;
};

}  // namespace evergrant
