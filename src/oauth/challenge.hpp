// Reading the WWW-Authenticate header field: why a protected resource refuses a token (RFC 9110 11.6.1, RFC 6750 3). Pure.
// Strict: a field that two readers might divide differently is refused as a whole, rather than half of it believed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace evergrant {

// Schemes and names of parameters are case-insensitive: here they are in lower case.
struct Challenge {
  std::string scheme;
  std::string token68;  // either this, or parameters, or neither
  std::map<std::string, std::string>
      parameters;  // quoted texts without their quotes and backslashes; any bytes but controls
};

// `field`: the values of all lines of that name, joined by ", " (RFC 9110 5.3). An empty field has no challenges.
// Errors: invalid_argument (malformed, or a parameter twice in one challenge), too_large (more than 8 KiB, 32 challenges, or
// 32 parameters in one). They say where, and quote nothing.
[[nodiscard]] Result<std::vector<Challenge>> parse_challenges(std::string_view field);

// Printable and bounded; empty where the resource says nothing.
struct BearerChallenge {
  std::string error;  // RFC 6750 3.1: invalid_token, insufficient_scope, invalid_request; others occur
  std::string error_description;
  std::string realm;
  // A part of these would mean something else: what is too long, or is not what its RFC says, is left out.
  std::string scope;              // RFC 6750 3: scopes with a space between them
  std::string resource_metadata;  // RFC 9728 5.1: a URL, which nobody has judged yet
};

// Of several Bearer challenges the first with an error, or else the first.
[[nodiscard]] std::optional<BearerChallenge> bearer_challenge(const std::vector<Challenge>& challenges);

}  // namespace evergrant
