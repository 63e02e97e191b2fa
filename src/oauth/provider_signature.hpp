// The signature of a token that a provider sent: an ID token, or UserInfo where it is signed. Runs where its directory
// lives.
#pragma once

#include "base/secret.hpp"
#include "base/task.hpp"
#include "crypto/jose.hpp"
#include "model/registration.hpp"
#include "oauth/metadata.hpp"

namespace evergrant {

// Verified with the provider's keys (once more with fresh ones where the key is unknown), or with the client secret where
// the profile allows HS*. Allowed are the algorithms of the profile's [id_token]. `registration` and `directory` outlive the
// engine. Errors name the check that failed: unsupported ("encryption"), invalid_argument and too_large ("format" or "alg":
// not an acceptable JWS), sealed_broken ("signature"), not_found ("key": no such key); and the directory's, of which `check`
// is empty.
Task<Result<VerifiedJws>> verify_provider_signature(Secret token, const Registration& registration,
                                                    ResolvedProvider resolved, ProviderDirectory& directory);

}  // namespace evergrant
