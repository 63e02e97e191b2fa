// Whose token is wanted, and how urgently. A value of views.
#pragma once

#include <optional>
#include <string_view>

#include "evergrant/clock.hpp"
#include "evergrant/inline_namespace.hpp"

namespace evergrant {
EVERGRANT_INLINE namespace library {
  // Either `connection`, or `registration` and `realm`.
  struct TokenRequest {
    std::string_view connection;
    std::string_view registration, realm;
    std::string_view pair = {};  // of several that the provider gives at once (a bot's and a user's); empty: the main one
    Duration min_ttl{0};         // the token shall be good for so long; a provider's tokens may live shorter
    std::optional<Duration> deadline;  // from now, for a refresh that must be waited for; nothing: as the options say
  };

}  // namespace library
}  // namespace evergrant
