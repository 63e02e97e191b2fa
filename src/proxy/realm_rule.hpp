// The realm rule: a call with one realm's token never names another realm. Where the profile says where the realm stands in
// a path (inject.realm_path), no reading of the path may name another one. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace evergrant {

// `readings`: of the whole path at the provider (proxy/path_check.hpp). `realm_path`: "/v3/company/{realm}/"; empty: the
// provider's paths name no realm. The realm has to be written plainly: as it is, or percent-encoded once.
// Errors: forbidden (another realm, or none where one belongs), invalid_argument (written in a way that hides it).
[[nodiscard]] Result<> check_realm_in_path(const std::vector<std::string>& readings, std::string_view realm_path,
                                           std::string_view realm);

}  // namespace evergrant
