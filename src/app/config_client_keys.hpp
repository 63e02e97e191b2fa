// The keys by which a registration proves itself, out of its configuration: read, and checked against each other and against
// what its provider's profile needs (CA-06, CA-09, JWK-07). Reads the environment and the disk: at start-up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "model/registration.hpp"

namespace evergrant {

struct FieldProblem {
  std::string_view field;  // of the registration
  std::string text;
};

// Whether a key may bear this name in a key set: at most 200 characters, all of which can be shown. Empty: its thumbprint.
[[nodiscard]] bool is_kid(std::string_view text);

// Adds the keys to `to`, whose provider and secrets are there already. What is wrong, field by field.
[[nodiscard]] std::vector<FieldProblem> add_client_keys(const RegistrationConfig& from, const SecretReader& read,
                                                        Registration& to);

}  // namespace evergrant
