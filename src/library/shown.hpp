// The engine's values as the application sees them. Pure.
#pragma once

#include <string>
#include <vector>

#include "crypto/kek.hpp"
#include "evergrant/token_manager.hpp"
#include "model/connection.hpp"
#include "model/token_set.hpp"

namespace evergrant::library {

[[nodiscard]] ConnectionInfo info_of(const Connection& row);
// Views into `row`, and into `joined` where there is more than one scope.
[[nodiscard]] TokenLease::Parts lease_parts(const Connection& row, std::string& joined);
[[nodiscard]] TokenLease lease_from(const evergrant::TokenLease& lease);
[[nodiscard]] std::vector<KekSource*> older_keks(const Seams& seams);

}  // namespace evergrant::library
