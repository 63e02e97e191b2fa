#include <algorithm>

#include "access/access_control.hpp"
#include "access/path_pattern.hpp"
#include "access/policy_words.hpp"

namespace evergrant {
namespace {

template <class T>
bool lists(const std::vector<T>& allowed, const T& asked) {
  return std::ranges::any_of(allowed, [&](const T& entry) { return entry.str() == "*" || entry == asked; });
}

template <class T>
bool lists_all(const std::vector<T>& allowed) {
  return std::ranges::any_of(allowed, [](const T& entry) { return entry.str() == "*"; });
}

bool limits_calls(const Policy& policy) { return !policy.methods.empty() || !policy.paths.empty(); }

bool is_about_something(const AccessRequest& request) { return request.registration || request.tenant; }

bool is_about_everything(const AccessRequest& request) {
  return request.registration && request.tenant && request.registration->str() == "*" && request.tenant->str() == "*";
}

bool allows_connection(const Policy& policy, const AccessRequest& request) {
  if (policy.connections.empty() || !is_about_something(request)) return true;
  return request.connection && std::ranges::find(policy.connections, *request.connection) != policy.connections.end();
}

// A policy that is limited to some calls must not get the token with which all can be made, nor a call that nobody named.
bool allows_token(const Policy& policy, const AccessRequest& request) {
  const bool uses_token = request.verb == Verb::token_read || request.verb == Verb::proxy;
  return !uses_token || request.call || !is_about_something(request) || !limits_calls(policy);
}

Error refusal(Rule rule, const AccessRequest& request) {
  const std::string verb{to_string(request.verb)};
  switch (rule) {
    case Rule::verb:
      return {Errc::forbidden, "this caller may not use the verb '" + verb + "'",
              "create a caller whose policy has it: evergrant callers create --verb " + verb};
    case Rule::installation:
      return {Errc::forbidden, "this is about the installation as a whole, which derived and limited keys do not reach",
              "use a caller that an admin made, without connections, methods or paths"};
    case Rule::registration: return {Errc::forbidden, "this caller's policy does not cover that registration", {}};
    case Rule::tenant: return {Errc::forbidden, "this caller's policy does not cover that tenant", {}};
    case Rule::connection:
      return {Errc::forbidden, "this caller's policy covers some connections only, and not what was asked for", {}};
    case Rule::token:
      return {Errc::forbidden, "this caller's policy allows some calls at the provider only, so it does not get the token",
              "use the proxy, or a caller without methods and paths"};
    case Rule::method: return {Errc::forbidden, "this caller's policy does not allow that method at the provider", {}};
    case Rule::path: return {Errc::forbidden, "this caller's policy does not allow that path at the provider", {}};
  }
  return {Errc::forbidden, "not allowed", {}};
}

}  // namespace

std::string_view to_string(Rule rule) noexcept {
  switch (rule) {
    case Rule::verb: return "verb";
    case Rule::installation: return "installation";
    case Rule::registration: return "registration";
    case Rule::tenant: return "tenant";
    case Rule::connection: return "connection";
    case Rule::token: return "token";
    case Rule::method: return "method";
    case Rule::path: return "path";
  }
  return "verb";
}

bool holds(Rule rule, const Caller& caller, const AccessRequest& request) {
  const Policy& policy = caller.policy;
  switch (rule) {
    case Rule::verb: return allows_verb(policy, request.verb);
    case Rule::installation:
      return !is_about_everything(request) ||
             (caller.ancestors.empty() && policy.connections.empty() && !limits_calls(policy));
    case Rule::registration: return !request.registration || lists(policy.registrations, *request.registration);
    case Rule::tenant: return !request.tenant || lists(policy.tenants, *request.tenant);
    case Rule::connection: return allows_connection(policy, request);
    case Rule::token: return allows_token(policy, request);
    case Rule::method: return !request.call || allows_method(policy, request.call->method);
    case Rule::path: return !request.call || allows_path(policy, request.call->path);
  }
  return false;
}

Result<> authorise(const Caller& caller, const AccessRequest& request) {
  for (const Rule rule : all_rules) {
    if (!holds(rule, caller, request)) return std::unexpected(refusal(rule, request));
  }
  return {};
}

Result<> authorise_account(const Caller& caller, const AccessRequest& request) {
  for (const Rule rule : {Rule::verb, Rule::installation, Rule::registration, Rule::tenant, Rule::connection}) {
    if (!holds(rule, caller, request)) return std::unexpected(refusal(rule, request));
  }
  return {};
}

Result<> authorise_method(const Caller& caller, std::string_view method) {
  if (!allows_method(caller.policy, method)) return std::unexpected(refusal(Rule::method, {}));
  return {};
}

Result<> authorise_call(const Caller& caller, std::string_view method, std::string_view path) {
  if (auto allowed = authorise_method(caller, method); !allowed) return allowed;
  if (!allows_path(caller.policy, path)) return std::unexpected(refusal(Rule::path, {}));
  return {};
}

bool reads_every_token(const Policy& policy) {
  return allows_verb(policy, Verb::token_read) && lists_all(policy.registrations) && lists_all(policy.tenants) &&
         policy.connections.empty() && !limits_calls(policy);
}

void restrict_to(const Caller& caller, ConnectionFilter& filter) {
  if (!lists_all(caller.policy.registrations)) filter.visible_registrations = caller.policy.registrations;
  if (!lists_all(caller.policy.tenants)) filter.visible_tenants = caller.policy.tenants;
  if (!caller.policy.connections.empty()) filter.visible_connections = caller.policy.connections;
}

}  // namespace evergrant
