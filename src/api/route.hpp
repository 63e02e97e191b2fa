// The route table: one row per operation, from which requests are dispatched and the OpenAPI document is written, so that
// the two cannot differ. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "model/caller.hpp"

namespace evergrant {

class Handlers;

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/v1/connections/{id}/token"
  std::optional<Verb> verb;  // nothing: public
  std::string_view action;   // in the audit trail and as operationId: "token.read"
  std::string_view summary;
  std::string_view query;     // allowed query parameters, space-separated; "*": any (browsers bring all kinds)
  std::string_view request;   // schema of the JSON body; empty: no body is accepted
  std::string_view response;  // schema of the answer; empty: not JSON
  int success = 200;
  bool idempotent = false;  // honours Idempotency-Key
  Task<Result<Reply>> (Handlers::*handler)(Call&) const = nullptr;
  // About the installation as a whole: a policy limited to some registrations or tenants does not reach it (else it could
  // make itself a caller without limits).
  bool whole = false;
  bool any_caller = false;  // whoever has a key; no verb is asked for
  bool gateway = false;     // refusals have the statuses that gateways can tell apart (proxy/gateway.hpp)
};

[[nodiscard]] std::span<const Route> routes();
// Beside the table: it takes any method, any path behind it, and streams. OpenAPI shows it with the usual methods.
[[nodiscard]] const Route& proxy_route() noexcept;

struct RouteMatch {
  const Route* route = nullptr;         // nothing: no such path, or not this method
  std::vector<std::string> parameters;  // decoded path parameters, in order
  std::string allowed_methods;          // of the path, where the method did not fit: "GET, DELETE"
};
// A parameter never spans a '/', is never empty, and is refused when it does not decode.
[[nodiscard]] RouteMatch match_route(std::string_view method, std::string_view path);

}  // namespace evergrant
