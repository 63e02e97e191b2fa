#include "access/explain.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant {
namespace {

template <class T>
std::string listed(const std::vector<T>& ids, std::string_view if_empty) {
  std::vector<std::string> texts;
  for (const auto& id : ids) texts.push_back(id.str());
  return texts.empty() ? std::string{if_empty} : join(texts, ", ");
}

std::string listed(const std::vector<std::string>& texts) { return texts.empty() ? "all" : join(texts, ", "); }

std::string said_by(const Caller& caller, Rule rule) {
  const Policy& policy = caller.policy;
  std::vector<std::string> verbs;
  for (const auto verb : policy.verbs) verbs.emplace_back(to_string(verb));
  switch (rule) {
    case Rule::verb: return join(verbs, ", ");
    case Rule::installation: return caller.ancestors.empty() ? "made by an admin" : "a derived key";
    case Rule::registration: return listed(policy.registrations, "none");
    case Rule::tenant: return listed(policy.tenants, "none");
    case Rule::connection: return listed(policy.connections, "all");
    case Rule::token: return policy.methods.empty() && policy.paths.empty() ? "given" : "for some calls only";
    case Rule::method: return listed(policy.methods);
    case Rule::path: return listed(policy.paths);
  }
  return {};
}

std::string asked_of(const AccessRequest& request, Rule rule) {
  constexpr auto text = [](const auto& id) { return id ? id->str() : std::string{}; };
  switch (rule) {
    case Rule::verb: return std::string{to_string(request.verb)};
    case Rule::installation: return {};
    case Rule::registration: return text(request.registration);
    case Rule::tenant: return text(request.tenant);
    case Rule::connection: return text(request.connection);
    case Rule::token: return request.verb == Verb::token_read && !request.call ? "the token itself" : "";
    case Rule::method: return request.call ? request.call->method : "";
    case Rule::path: return request.call ? request.call->path : "";
  }
  return {};
}

std::string state_of(const Caller& caller, Time now) {
  if (caller.revoked_at) return "revoked";
  return caller.expires_at && *caller.expires_at <= now ? "expired" : "valid";
}

CallerFinding look_at(const Caller& caller, const AccessRequest& request, Time now) {
  CallerFinding finding{.id = caller.id,
                        .name = caller.name,
                        .state = state_of(caller, now),
                        .requests_per_minute = caller.policy.requests_per_minute,
                        .rules = {}};
  for (const Rule rule : all_rules) {
    finding.rules.push_back({.rule = rule,
                             .holds = holds(rule, caller, request),
                             .policy = said_by(caller, rule),
                             .asked = asked_of(request, rule)});
  }
  return finding;
}

}  // namespace

Explanation explain(const Caller& caller, const std::vector<Caller>& ancestors, const AccessRequest& request, Time now) {
  Explanation explanation;
  explanation.callers.push_back(look_at(caller, request, now));
  for (const auto& ancestor : ancestors) explanation.callers.push_back(look_at(ancestor, request, now));
  const auto& own = explanation.callers.front();
  const auto broken = std::ranges::find(own.rules, false, &RuleFinding::holds);
  const auto decision = authorise(caller, request);
  explanation.allowed = own.state == "valid" && decision.has_value();
  if (own.state != "valid") {
    explanation.refused_by = "state";
    explanation.reason = "the key is " + own.state + (caller.ancestors.empty() ? "" : ", or a key that it derives from is");
  } else if (!decision) {
    explanation.refused_by = broken == own.rules.end() ? "" : to_string(broken->rule);
    explanation.reason = decision.error().message;
  } else {
    explanation.reason = "every rule of the policy holds";
  }
  return explanation;
}

}  // namespace evergrant
