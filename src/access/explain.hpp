// Why a request of a caller is allowed or not: every rule with what the policy says and what was asked. It asks `holds`
// (access_control.hpp), as the decision itself does, so the two cannot differ. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/access_control.hpp"

namespace evergrant {

struct RuleFinding {
  Rule rule = Rule::verb;
  bool holds = false;
  std::string policy;  // what the policy says about it
  std::string asked;
};

struct CallerFinding {
  CallerId id;
  std::string name;
  std::string state;  // "valid", "expired" or "revoked"
  std::int64_t requests_per_minute = 0;
  std::vector<RuleFinding> rules;
};

struct Explanation {
  bool allowed = false;
  std::string refused_by;              // "state", or the first rule that does not hold; empty: allowed
  std::string reason;                  // a sentence
  std::vector<CallerFinding> callers;  // the caller, then those that it derives from, the nearest first
};

// `ancestors` as far as they are still stored.
[[nodiscard]] Explanation explain(const Caller& caller, const std::vector<Caller>& ancestors, const AccessRequest& request,
                                  Time now);

}  // namespace evergrant
