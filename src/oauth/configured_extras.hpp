// What a connection's extras may hold: members that the profile lists, claims that the registration asks for, and the values
// of host variables. Pure; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/registration.hpp"

namespace evergrant {

// Drops from the extras of a row what was configured once and is not any more. `pair`: the row's; empty: the main one.
void keep_configured_extras(const Registration& registration, std::string_view pair,
                            std::map<std::string, std::string>& extras);

}  // namespace evergrant
