// Building the authorization request (RFC 6749 4.1.1, RFC 7636, OpenID Connect Core 3.1.2.1). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/registration.hpp"

namespace evergrant {

// What one flow keeps to itself until the callback.
struct FlowSecrets {
  Secret state;     // 43 base64url characters (AUTH-03)
  Secret verifier;  // PKCE (AUTH-06); empty where the profile omits it
  Secret nonce;     // empty where the profile omits it or no ID token is asked for
};

// Fresh randomness for a flow of this registration with these scopes.
[[nodiscard]] FlowSecrets make_flow_secrets(const Registration& registration, const std::vector<std::string>& scope,
                                            Random& random);

struct AuthorizationRequest {
  std::string authorize_endpoint;  // may carry a query of its own
  std::vector<std::string> scope;
  std::string login_hint;
};

// Never duplicates a parameter. Errors: invalid_argument (endpoint not https, a fragment, a parameter set twice).
[[nodiscard]] Result<std::string> build_authorization_url(const Registration& registration,
                                                          const AuthorizationRequest& request, const FlowSecrets& secrets);

// The scopes of a flow: all configured ones, or the caller's narrower choice (AUTH-13).
// Errors: invalid_argument naming the first scope that is not allowed.
[[nodiscard]] Result<std::vector<std::string>> choose_scope(const Registration& registration,
                                                            const std::vector<std::string>& asked);

// AUTH-12: a return URL must be on the registration's allow-list. Errors: invalid_argument.
[[nodiscard]] Result<> check_return_url(const Registration& registration, std::string_view url);

}  // namespace evergrant
