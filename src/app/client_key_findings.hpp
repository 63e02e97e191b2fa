// What `evergrant doctor` says about the keys of a registration: which one signs, how a rotation stands, RS256. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/finding.hpp"
#include "model/registration.hpp"

namespace evergrant {

// Nothing where the registration has no keys.
[[nodiscard]] std::vector<Finding> client_key_findings(const Registration& registration, const std::string& public_url);

}  // namespace evergrant
