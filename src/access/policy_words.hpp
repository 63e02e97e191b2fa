// What the single dimensions of a policy allow, and what a policy may say at all. Pure.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "model/caller.hpp"

namespace evergrant {

[[nodiscard]] bool allows_verb(const Policy& policy, Verb verb);
// HEAD goes with GET: its answer says no more.
[[nodiscard]] bool allows_method(const Policy& policy, std::string_view method);
// `path` percent-encoded, without query. Where the policy has paths, one that can be read in two ways is not allowed.
[[nodiscard]] bool allows_path(const Policy& policy, std::string_view path);

// Whether the policy can be meant. Errors: invalid_argument, naming the field and how to mend it.
[[nodiscard]] Result<> check_policy(const Policy& policy);

}  // namespace evergrant
