// From opened tokens to what the store takes, and back: seals every field of a new token set for its generation, and fills
// in what an answer leaves unsaid. On any executor.
#pragma once

#include "lifecycle/refresh_policy.hpp"
#include "store/vault.hpp"

namespace evergrant {

// A second owner of a whole token set, asked for by name like Secret::clone.
[[nodiscard]] TokenSet clone_of(const TokenSet& tokens);

class TokenSealing {
 public:
  TokenSealing(Vault& vault, const Registrations& registrations, Clock& clock, Random& random);

  // A new grant's tokens (connect, import): nothing of an older token set is carried over.
  Task<Result<TokenUpdate>> seal_grant(const Connection& connection, Generation generation, TokenSet tokens);
  // A refresh: what the answer leaves out stays as it was (REF-03, scope, extras, the absolute end). `tokens` has the
  // refresh token that is good from now on.
  Task<Result<TokenUpdate>> seal_refresh(const Connection& connection, TokenSet tokens, std::optional<Time> last_used_at);

  Task<Result<Secret>> open_access(const Connection& connection);
  Task<Result<Secret>> open_refresh(const Connection& connection);

 private:
  Task<Result<SealedTokens>> seal_fields(const Connection& connection, Generation generation, TokenSet tokens);
  Task<Result<Sealed>> carry_extras(const Connection& connection, Generation generation);

  Vault& vault_;
  const Registrations& registrations_;
  Clock& clock_;
  Random& random_;
};

}  // namespace evergrant
