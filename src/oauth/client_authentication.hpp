// Client authentication at the authorization server (RFC 6749 2.3, requirements CA-01 to CA-05). Pure.
#pragma once

#include "base/encoding.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/registration.hpp"
#include "net/http.hpp"

namespace evergrant {

// Adds the credentials to a request under construction: a header for basic, body parameters for post, the client_id alone
// for none; exactly one method (CA-02). Errors: unsupported for methods that come later.
[[nodiscard]] Result<> authenticate_client(const Registration& registration, const Secret& client_secret, Headers& headers,
                                           Parameters& body);

}  // namespace evergrant
