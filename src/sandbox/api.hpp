// The resources behind the tokens: a QuickBooks-like API, userinfo and the metadata document.
// Not synchronised: the Sandbox guards the state.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "net/http.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

// /v3/company/{realm}/…
[[nodiscard]] HttpResponse accounting_api(SandboxState& state, const HttpRequest& request);
[[nodiscard]] HttpResponse userinfo(SandboxState& state, const HttpRequest& request);
[[nodiscard]] boost::json::object metadata(const SandboxState& state);
// The realm in an API path; empty without one.
[[nodiscard]] std::string realm_of_path(std::string_view path);

// 429 with code 3001
[[nodiscard]] HttpResponse throttled(const HttpRequest& request, std::string detail, Time now);

}  // namespace evergrant
