// Registrations out of the configuration and the provider profiles: secrets read, the registration's own settings laid upon
// its provider, and the result checked. Reads the environment and the disk: at start-up.
#pragma once

#include <vector>

#include "app/config.hpp"
#include "model/registration.hpp"
#include "oauth/profile.hpp"

namespace evergrant {

// Errors: invalid_argument with one line for each problem, at its place in the configuration.
[[nodiscard]] Result<std::vector<Registration>> make_registrations(const Config& config, const ProviderCatalogue& catalogue,
                                                                   const SecretReader& read = resolve);

// <public_url>/callback/<id>: what is registered at the provider.
[[nodiscard]] std::string redirect_uri(const std::string& public_url, const std::string& registration);

// <public_url>/jwks/<id>: what is registered as `jwks_uri` (RFC 7591 2), where the registration has keys.
[[nodiscard]] std::string key_set_uri(const std::string& public_url, const std::string& registration);

}  // namespace evergrant
