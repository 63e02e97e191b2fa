// Whether a text that a provider sent holds the token it was sent (a provider, or what stands in front of it, may repeat
// a request in its answer). Pure; thread-safe.
#pragma once

#include <string_view>

#include "base/secret.hpp"

namespace evergrant {

// The whole token. Shorter ones than eight characters would be found everywhere, and are not looked for.
[[nodiscard]] bool holds_token(std::string_view text, const Secret& token);
// The whole token, or so long a piece of it (23 characters, or more) that the text was cut out of it.
[[nodiscard]] bool repeats_token(std::string_view text, const Secret& token);

}  // namespace evergrant
