#include <algorithm>

#include "access/access_control.hpp"

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

}  // namespace

Result<> authorise(const Caller& caller, const AccessRequest& request) {
  const auto& policy = caller.policy;
  const bool verb_allowed =
      std::ranges::any_of(policy.verbs, [&](Verb allowed) { return allowed == Verb::admin || allowed == request.verb; });
  if (!verb_allowed) {
    return fail(
        Errc::forbidden, "this caller may not use the verb '" + std::string{to_string(request.verb)} + "'",
        "create a caller whose policy has it: evergrant callers create --verb " + std::string{to_string(request.verb)});
  }
  if (request.registration && !lists(policy.registrations, *request.registration)) {
    return fail(Errc::forbidden, "this caller's policy does not cover that registration");
  }
  if (request.tenant && !lists(policy.tenants, *request.tenant)) {
    return fail(Errc::forbidden, "this caller's policy does not cover that tenant");
  }
  return {};
}

void restrict_to(const Caller& caller, ConnectionFilter& filter) {
  if (!lists_all(caller.policy.registrations)) filter.visible_registrations = caller.policy.registrations;
  if (!lists_all(caller.policy.tenants)) filter.visible_tenants = caller.policy.tenants;
}

}  // namespace evergrant
