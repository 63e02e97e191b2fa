// The end of an off-boarding: the tenant's keys are shredded once nothing is left to be revoked with them (REV-11,
// VLT-07). On the engine's executor only.
#pragma once

#include <map>

#include "lifecycle/token_service.hpp"

namespace evergrant {

class OffboardingEnd {
 public:
  explicit OffboardingEnd(TokenService::Parts parts) : parts_{parts} {}

  // From now on `finish` may shred the tenant's keys. Errors: the store's.
  Task<Result<>> mark(TenantId tenant);
  // Shreds the keys of an off-boarded tenant once nothing waits; true if it did. What is not over yet is remembered for
  // `again`. Errors: the store's.
  Task<Result<bool>> finish(TenantId tenant);
  // Tries again what is not over, at most once in `every`: what held it may end without anybody saying so, as a refresh
  // whose answer was kept.
  Task<void> again(Duration every);

 private:
  Task<Result<bool>> try_to_finish(TenantId tenant);
  Task<Result<bool>> is_anything_left(TenantId tenant);
  void tell_that_it_waits(const TenantId& tenant, const std::string& why);

  TokenService::Parts parts_;
  std::map<TenantId, bool> unfinished_;  // and whether it was logged
  Time next_try_;
};

}  // namespace evergrant
