// Secrets (evergrant/secret.hpp), and what else must not be learnt or left behind. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "evergrant/secret.hpp"

namespace evergrant {

// Constant time in the contents.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;
// Wipes and empties.
void wipe(std::string& text) noexcept;

}  // namespace evergrant
