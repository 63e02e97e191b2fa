// /control/grants: the provider's truth, and what a provider may do to a grant by itself.
// Not synchronised: the Sandbox guards the state.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "net/http.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

// `path`: grants, grants/{id}, grants/{id}/revoke, grants/{id}/expire.
[[nodiscard]] HttpResponse control_grants(SandboxState& state, std::string_view method, const std::vector<std::string>& path,
                                          const Parameters& query, const boost::json::object& body);

}  // namespace evergrant
