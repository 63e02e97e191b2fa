// The control API, /control/…: switches, clock, faults, and the provider's own truth. JSON, without credentials; it serves
// programs on this machine and refuses what a web page of another origin may send.
// Not synchronised: the Sandbox guards what it is given.
#pragma once

#include "net/http.hpp"
#include "sandbox/faults.hpp"
#include "sandbox/request_log.hpp"
#include "sandbox/state.hpp"

namespace evergrant {

struct ControlDesk {
  SandboxState& state;
  FaultList& faults;
  RequestLog& requests;
};

[[nodiscard]] HttpResponse control(ControlDesk desk, const HttpRequest& request);

// True where a browser says that another site's page sent this, or where the Host header names another machine. Pure.
[[nodiscard]] bool is_foreign(const HttpRequest& request, std::string_view base_url);

}  // namespace evergrant
