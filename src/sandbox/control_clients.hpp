// /control/clients: the registrations of the sandbox. Not synchronised: the Sandbox guards the state.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "net/http.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

// GET lists them, without secrets; POST changes the one that `client_id` names, or adds it.
[[nodiscard]] HttpResponse control_clients(SandboxState& state, std::string_view method, const boost::json::object& body);

}  // namespace evergrant
