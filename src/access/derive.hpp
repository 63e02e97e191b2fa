// Keys that any caller may make from its own: for less, and for minutes. They end with the keys they derive from (ADR 14).
#pragma once

#include <memory>
#include <string>

#include "access/access_control.hpp"
#include "access/narrow.hpp"

namespace evergrant {

constexpr Duration longest_derived_life{std::chrono::hours{24}};

struct DeriveRequest {
  std::string name;  // empty: made of the parent's
  WantedPolicy wanted;
  Duration lifetime{std::chrono::minutes{15}};  // at most a day; cut at the parent's own end
};

// The parent is authenticated. Errors: those of `narrow`; forbidden where the parent is three derivations deep itself or is
// no key of the store; gone where it has ended meanwhile; rate_limited where it has a thousand living ones.
Task<Result<NewCaller>> derive(Store& store, const Clock& clock, Random& random, std::shared_ptr<const Caller> parent,
                               DeriveRequest request);

}  // namespace evergrant
