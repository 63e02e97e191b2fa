// The authorization endpoint: judges a request (RFC 6749 4.1.1), asks the customer on a page or takes a hint for consent,
// and sends the browser back with a code. Not synchronised: the Sandbox guards the state.
#pragma once

#include <expected>
#include <string>

#include "base/encoding.hpp"
#include "net/http.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

struct AuthorizationRefusal {
  std::string redirect_uri;  // empty: client or redirect URI are not to be trusted, so the browser stays here
  std::string state;
  std::string error;
  std::string description;
};

// Pure.
[[nodiscard]] std::expected<AuthorizationAsk, AuthorizationRefusal> judge_authorization(
    const Parameters& parameters, const std::vector<SandboxClient>& clients, const SandboxSettings& settings);

// GET /authorize
[[nodiscard]] HttpResponse authorize(SandboxState& state, const HttpRequest& request);
// POST /authorize/consent
[[nodiscard]] HttpResponse consent(SandboxState& state, const HttpRequest& request);

}  // namespace evergrant
