// The token and revocation endpoints, as Intuit's answer. Not synchronised: the Sandbox guards the state.
#pragma once

#include <string>

#include "net/http.hpp"
#include "sandbox/faults.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

// POST /token. `id_token_fault`: what is to be wrong with an ID token of this answer.
[[nodiscard]] HttpResponse token(SandboxState& state, const HttpRequest& request, const IdTokenFault& id_token_fault);
// POST /revoke
[[nodiscard]] HttpResponse revoke(SandboxState& state, const HttpRequest& request);

// The body's parameters: of a form, or the texts of a JSON object, which revocations come as too. Empty for another body.
[[nodiscard]] Parameters parameters_in(const HttpRequest& request);
// The grant that a token, revocation, API or userinfo request is about; null where there is none yet.
[[nodiscard]] Grant* grant_of(SandboxState& state, const HttpRequest& request);

}  // namespace evergrant
