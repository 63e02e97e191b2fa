// What becomes of a provider's Location. The proxy follows none (USE-03). One that stays at the call's own API is rewritten
// to the same place behind the proxy, so that a caller's HTTP library may follow it; one that leads elsewhere is renamed to
// Evergrant-Location, so that no library does, and the caller may decide. Pure.
#pragma once

#include <string>
#include <string_view>

#include "proxy/target.hpp"

namespace evergrant {

struct RewrittenLocation {
  std::string name;  // "Location" or "Evergrant-Location"; empty: it is left out
  std::string value;
};

// `proxy_base`: "/v1/connections/con_1/proxy". `base_host`: the call went to inject.api_base, as the next one will.
[[nodiscard]] RewrittenLocation rewrite_location(std::string_view location, const ProxyTarget& target,
                                                 std::string_view proxy_base, bool base_host);

}  // namespace evergrant
