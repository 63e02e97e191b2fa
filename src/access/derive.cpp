#include "access/derive.hpp"

#include <algorithm>

#include "access/local_callers.hpp"
#include "base/encoding.hpp"

namespace evergrant {
namespace {

constexpr std::size_t deepest = 3;
constexpr int most_living = 1000;
constexpr std::size_t longest_made_name = 100;

std::string name_of(const Caller& parent, const DeriveRequest& request) {
  return request.name.empty() ? printable("derived from " + parent.name, longest_made_name) : request.name;
}

}  // namespace

Task<Result<NewCaller>> derive(Store& store, const Clock& clock, Random& random, std::shared_ptr<const Caller> parent,
                               DeriveRequest request) {
  if (parent->ancestors.size() >= deepest) {
    co_return fail(Errc::forbidden, "this key is derived three times over, which is as deep as it goes",
                   "derive from one of the keys before it");
  }
  if (is_local(parent->id)) {
    co_return fail(Errc::forbidden, "a local caller has no key that another could derive from",
                   "create a caller with a key: evergrant callers create");
  }
  if (request.lifetime <= Duration{0} || request.lifetime > longest_derived_life) {
    co_return fail(Errc::invalid_argument, "'lifetime': expected more than nothing and at most a day");
  }
  auto policy = narrow(parent->policy, request.wanted);
  if (!policy) co_return std::unexpected(policy.error());
  const std::string name = name_of(*parent, request);
  if (auto checked = check_caller(name, *policy); !checked) co_return std::unexpected(checked.error());
  auto made = make_caller(random, clock.now(), name, std::move(*policy), request.lifetime);
  if (parent->expires_at) made.caller.expires_at = std::min(*made.caller.expires_at, *parent->expires_at);
  made.caller.ancestors = parent->ancestors;
  made.caller.ancestors.insert(
      made.caller.ancestors.begin(),
      {.id = parent->id, .name = parent->name, .requests_per_minute = parent->policy.requests_per_minute});
  auto stored = co_await store.derive_caller(made.caller, most_living);
  if (!stored) co_return std::unexpected(stored.error());
  co_return made;
}

}  // namespace evergrant
