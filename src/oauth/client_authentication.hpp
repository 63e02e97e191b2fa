// Client authentication at the authorization server (RFC 6749 2.3, requirements CA-01 to CA-07). Pure.
#pragma once

#include "base/encoding.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/registration.hpp"
#include "net/http.hpp"
#include "oauth/client_assertion.hpp"

namespace evergrant {

// Adds the credentials to a request under construction: a header for basic, body parameters for post, an assertion made
// of `facts` for private_key_jwt and client_secret_jwt, the client_id alone for none; exactly one method (CA-02). Errors:
// unsupported for methods that come later; those of `make_client_assertion`.
[[nodiscard]] Result<> authenticate_client(const Registration& registration, const Secret& client_secret,
                                           const AssertionFacts& facts, Headers& headers, Parameters& body);

}  // namespace evergrant
