// REF-22: a grant that several connections share is refreshed once for all of them, under the lease of one, with the newest
// of their refresh tokens.
#include <algorithm>
#include <utility>

#include "lifecycle/refresher.hpp"

namespace evergrant {

Task<Result<Refresher::Row>> Refresher::lock_of(Row row) {
  if (row->upstream_grant.empty()) co_return row;
  const auto siblings = co_await store_.sharing(row->registration, row->upstream_grant);
  if (!siblings) co_return std::unexpected(siblings.error());
  auto shared = shared_grant_of(*siblings);
  co_return shared ? std::make_shared<const Connection>(std::move(shared->lock)) : std::move(row);
}

// A sibling may have stored later tokens than the connection that is asked for, after a crash between their commits
// or after a reconnect. Then those are taken over, and nothing is sent.
Task<std::optional<Result<>>> Refresher::adopt_newer(HeldGrant& held, const RefreshWish& wish) {
  const auto siblings = co_await store_.sharing(held.row.registration, held.row.upstream_grant);
  if (!siblings) {
    co_await release(held);
    co_return Result<>{std::unexpected(siblings.error())};
  }
  auto shared = shared_grant_of(*siblings);
  if (shared) held.newest = std::move(shared->newest);
  const auto wanted = std::ranges::find(*siblings, wish.connection, &Connection::id);
  const Margins margins = margins_of(held.registration.provider, lifetime_of(held.source()));
  if (wanted == siblings->end() || !can_adopt(*wanted, held.source(), margins.mandatory, clock_.now()))
    co_return std::nullopt;
  auto tokens = co_await open_all(held.source());
  if (!tokens) {
    co_await release(held);
    co_return Result<>{std::unexpected(tokens.error())};
  }
  const bool is_lock = wanted->id == held.row.id;
  auto adopted = co_await saver_.adopt(is_lock ? held.row : *wanted, is_lock ? held.row.lease.fence : 0, std::move(*tokens));
  if (!is_lock) co_await release(held);
  co_return adopted;
}

Task<Result<TokenSet>> Refresher::open_all(const Connection& source) {
  TokenSet tokens;
  auto access = co_await sealing_.open_access(source);
  if (!access) co_return std::unexpected(access.error());
  tokens.access_token = std::move(*access);
  if (!source.tokens.refresh_token.empty()) {
    auto refresh = co_await sealing_.open_refresh(source);
    if (!refresh) co_return std::unexpected(refresh.error());
    tokens.refresh_token = std::move(*refresh);
  }
  tokens.token_type = source.token_type;
  tokens.scope = source.scope;
  tokens.access_expires_at = source.access_expires_at;
  tokens.refresh_idle_expires_at = source.refresh_idle_expires_at;
  tokens.refresh_absolute_expires_at = source.refresh_absolute_expires_at;
  tokens.extras = source.extras;
  co_return tokens;
}

}  // namespace evergrant
