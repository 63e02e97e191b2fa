// Client secrets that also are HMAC keys of ID tokens (HS*). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace evergrant {

// Why ID tokens by `algorithm` could be forged by who guesses the secret (RFC 7518 3.2, RFC 8725 3.5); empty: no reason, or
// the algorithm is none with a shared secret. Says nothing of the secret but its length.
[[nodiscard]] std::string weakness_of(const Secret& client_secret, std::string_view algorithm);

}  // namespace evergrant
