// Validation of ID tokens as a service: for applications that get one themselves. The same checks as in the connect flow and
// on a refresh (oauth/id_token.hpp). Thread-safe; runs on the engine's executor. Nothing of a token is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/executor.hpp"
#include "model/connection.hpp"
#include "oauth/id_token.hpp"

namespace evergrant {

// What is known about where the token comes from; what is left out is not checked.
struct IdTokenQuestion {
  Secret id_token;
  std::string nonce;                    // as it was sent
  Secret access_token;                  // that came beside it: at_hash, where the token has one, must fit
  std::optional<Duration> max_age;      // as it was asked for; then auth_time must be there
  std::vector<std::string> acr_values;  // as they were asked for
  std::optional<std::string> realm;     // which realm it must name, where it names one
  bool same_user = false;               // it must be about this user, or about the realm where no user is known:
  std::string issuer, subject;
};

class IdTokenVerifier {
 public:
  // What is referred to outlives this object.
  IdTokenVerifier(Executor& engine, ProviderDirectory& directory, const Registrations& registrations, const Clock& clock);
  IdTokenVerifier(const IdTokenVerifier&) = delete;
  IdTokenVerifier& operator=(const IdTokenVerifier&) = delete;

  // Errors: those of validate_id_token, of which `check` names the check that failed (empty: nobody knows, since the
  // provider's keys cannot be had); not_found (no such registration); conflict (there is neither a user nor a realm to
  // compare with).
  Task<Result<IdTokenClaims>> verify(RegistrationId registration, IdTokenQuestion question);

 private:
  Task<Result<IdTokenClaims>> verify_here(RegistrationId registration, IdTokenQuestion question);

  Executor& engine_;
  ProviderDirectory& directory_;
  const Registrations& registrations_;
  const Clock& clock_;
};

}  // namespace evergrant
