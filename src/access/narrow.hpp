// The policy of a derived key: never wider than its parent's, in any dimension. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/caller.hpp"

namespace evergrant {

// What a derived key shall be allowed; what is not given is as its parent has it.
struct WantedPolicy {
  std::optional<std::vector<Verb>> verbs;
  std::optional<std::vector<RegistrationId>> registrations;
  std::optional<std::vector<TenantId>> tenants;
  std::optional<std::vector<ConnectionId>> connections;
  std::optional<std::vector<std::string>> methods;
  std::optional<std::vector<std::string>> paths;
  std::optional<std::int64_t> requests_per_minute;
};

// Errors: forbidden, naming the field and the value that the parent does not have; invalid_argument where an empty list
// would allow everything.
[[nodiscard]] Result<Policy> narrow(const Policy& parent, const WantedPolicy& wanted);

}  // namespace evergrant
