// What a token endpoint gave, opened. Lives as briefly as possible; stored only sealed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "model/ids.hpp"
#include "model/token_mark.hpp"

namespace evergrant {

struct TokenSet {
  Secret access_token;
  std::string token_type = "Bearer";      // normalised: "Bearer", or the provider's own
  std::optional<Secret> refresh_token;    // nothing: the answer had none (keep the old one on refresh)
  std::optional<Secret> id_token;         // validated once, never stored
  std::vector<std::string> scope;         // granted; as requested where the answer is silent
  std::optional<Time> access_expires_at;  // nothing: does not expire, as far as the provider says
  std::optional<Time> refresh_idle_expires_at;
  std::optional<Time> refresh_absolute_expires_at;
  std::map<std::string, std::string> extras;  // profile-listed members for the application
  Secret raw_extras;                          // all further members as JSON, kept sealed (TOK-11)
};

// A further pair of the same answer (REF-23).
struct PairTokens {
  std::string pair;
  TokenSet tokens;
};

// A second owner of the same tokens, asked for by name so that copies can be found.
[[nodiscard]] TokenSet clone(const TokenSet& tokens);
[[nodiscard]] std::vector<PairTokens> clone(const std::vector<PairTokens>& pairs);

// A working access token, as handed to a caller. Move-only.
struct TokenLease {
  ConnectionId connection;  // the main one's, of a further pair too
  RegistrationId registration;
  TenantId tenant;
  RealmId realm;
  Secret access_token;
  std::string token_type;
  std::vector<std::string> scope;
  std::optional<Time> expires_at;
  Generation generation = 0;
  std::string pair = {};  // empty: the main one
  TokenMark mark = {};    // of the access token
};

}  // namespace evergrant
