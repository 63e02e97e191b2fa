#include "lifecycle/offboarding_end.hpp"

#include <utility>

namespace evergrant {
namespace {

std::string offboarding_name(const TenantId& tenant) { return "offboarding:" + tenant.str(); }

}  // namespace

Task<Result<>> OffboardingEnd::mark(TenantId tenant) {
  auto marked = co_await parts_.store.set_meta(offboarding_name(tenant), "1");
  co_return marked;
}

// Whether any connection is; asked after every revocation of an off-boarding, so it reads one row at most.
Task<Result<bool>> OffboardingEnd::is_anything_left(TenantId tenant) {
  for (const Status status : {Status::revoking, Status::active, Status::reauth_required, Status::quarantined}) {
    ConnectionFilter filter;
    filter.tenant = tenant;
    filter.status = status;
    auto page = co_await parts_.store.connections(filter, "", 1);
    if (!page) co_return std::unexpected(page.error());
    if (!page->items.empty()) co_return true;
  }
  co_return false;
}

Task<Result<bool>> OffboardingEnd::try_to_finish(TenantId tenant) {
  auto marked = co_await parts_.store.meta(offboarding_name(tenant));
  if (!marked) co_return std::unexpected(marked.error());
  if (!*marked || (*marked)->empty()) {
    unfinished_.erase(tenant);
    co_return false;
  }
  unfinished_.try_emplace(tenant, false);
  auto left = co_await is_anything_left(tenant);
  if (!left) co_return std::unexpected(left.error());
  if (*left) co_return false;
  auto shredded = co_await parts_.vault.shred_tenant(tenant, true);
  if (!shredded && shredded.error().code == Errc::conflict) {
    tell_that_it_waits(tenant, "a connection was made meanwhile, or a refresh or a revocation is under way");
    co_return false;
  }
  if (!shredded) co_return std::unexpected(shredded.error());
  auto cleared = co_await parts_.store.set_meta(offboarding_name(tenant), "");
  if (!cleared) co_return std::unexpected(cleared.error());
  unfinished_.erase(tenant);
  parts_.log.info("tenant_shredded", {{"tenant", tenant.str()}, {"keys", *shredded}});
  co_return true;
}

Task<Result<bool>> OffboardingEnd::finish(TenantId tenant) {
  auto finished = co_await try_to_finish(tenant);
  if (!finished) {
    unfinished_.try_emplace(tenant, false);
    tell_that_it_waits(tenant, finished.error().message);
  }
  co_return finished;
}

Task<void> OffboardingEnd::again(Duration every) {
  const Time now = parts_.clock.now();
  if (unfinished_.empty() || (now >= next_try_ - every && now < next_try_)) co_return;
  next_try_ = now + every;
  const auto trying = unfinished_;  // a copy: `finish` changes it
  for (const auto& [tenant, told] : trying) static_cast<void>(co_await finish(tenant));
}

// Once, not at each try.
void OffboardingEnd::tell_that_it_waits(const TenantId& tenant, const std::string& why) {
  if (std::exchange(unfinished_[tenant], true)) return;
  parts_.log.warning("offboarding_waits", {{"tenant", tenant.str()}, {"reason", why}});
}

}  // namespace evergrant
