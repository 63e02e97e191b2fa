// Assertions: JWTs by which a client proves itself (RFC 7523 2.2 and 3, OpenID Connect Core 9; CA-06, CA-07). Pure but for
// `fresh_facts`. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/registration.hpp"

namespace evergrant {

// From `iat` to `exp`: as long as a request may take, and too short to be of use to a thief.
constexpr Duration assertion_lifetime{std::chrono::seconds{60}};

// What is another with each request, and with each sending of it.
struct AssertionFacts {
  std::string token_url;  // where tokens are asked for, also where the request is to the revocation endpoint
  Time now;
  std::string jti;  // empty where the client proves itself in another way
};

// True for private_key_jwt and client_secret_jwt.
[[nodiscard]] bool proves_by_assertion(ClientAuth method) noexcept;

// Facts that no request had before.
[[nodiscard]] AssertionFacts fresh_facts(const Registration& registration, std::string token_url, const Clock& clock,
                                         Random& random);

// Whom the assertion is for: the issuer as one string, or the token endpoint where the profile says so. Errors:
// invalid_argument: neither is known.
[[nodiscard]] Result<std::string> audience_of(const Registration& registration, std::string_view token_url);

// Signed with the current key (private_key_jwt), or with the secret (client_secret_jwt, HS256). Errors: invalid_argument (no
// key, a short secret, no audience), internal.
[[nodiscard]] Result<std::string> make_client_assertion(const Registration& registration, const Secret& client_secret,
                                                        const AssertionFacts& facts);

}  // namespace evergrant
