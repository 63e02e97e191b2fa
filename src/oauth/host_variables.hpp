// `{name}` in endpoints and API bases: hosts that differ per account (Zoho's data centres, Shopify's shops, Salesforce's
// instances). A value is used only if it matches the profile's pattern as a whole, so that no answer of anybody can send a
// credential elsewhere. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/provider.hpp"

namespace evergrant {

using HostValues = std::map<std::string, std::string>;  // by the variable's name

// The values that one source ("callback", "token_response", "connection") gives; what it does not have is left out.
// Errors: invalid_argument where a value does not match its pattern.
[[nodiscard]] Result<HostValues> host_values(const Provider& provider, std::string_view source,
                                             const std::map<std::string, std::string>& members);

// Of a later token answer's members: one that stands for a host and does not match its pattern goes, and so does one that
// merely has a variable's name. Those that match also stand under the variable's name.
void keep_known_hosts(const Provider& provider, std::map<std::string, std::string>& members);

// Every {name} replaced, by its value or the profile's fallback. Errors: invalid_argument where there is neither.
[[nodiscard]] Result<std::string> fill_hosts(std::string_view text, const Provider& provider, const HostValues& values);
[[nodiscard]] Result<Endpoints> fill_hosts(const Endpoints& endpoints, const Provider& provider, const HostValues& values);

}  // namespace evergrant
