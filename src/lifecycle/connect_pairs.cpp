// Further token pairs of a connection (REF-23): rows of their own, made, replaced and ended with the main one.
#include <algorithm>

#include "lifecycle/connect_impl.hpp"
#include "lifecycle/refresh_policy.hpp"

namespace evergrant {
namespace {

// Where one token ends the whole grant and consent gave that grant again, telling the provider would end what is new
// (REV-08).
bool may_revoke_ended(const Provider& provider) {
  const RevokeProfile& profile = provider.revoke;
  return profile.style != RevokeStyle::none && (profile.cascade == Cascade::one || !profile.replaced_grant_is_shared);
}

}  // namespace

PairGrant Connector::Impl::take_pairs(const Registration& registration, NewGrant& grant) const {
  return {.pairs = std::move(grant.pairs),
          .host_values = grant.host_values,
          .shared_key = shared_key_of(registration.provider, grant.tokens)};
}

Task<Result<TokenUpdate>> Connector::Impl::sealed_pair(const Connection& row, Generation generation, const PairGrant& grant,
                                                       TokenSet tokens_of_pair) {
  for (const auto& [name, value] : grant.host_values) tokens_of_pair.extras[name] = value;
  auto update = co_await tokens.seal_tokens(row, generation, std::move(tokens_of_pair));
  if (update) update->missing_scope.clear();  // what was asked for is the main pair's
  co_return update;
}

Task<Result<Connection>> Connector::Impl::new_pair(const Registration& registration, const Connection& main,
                                                   const PairGrant& grant, PairTokens given) {
  Connection row = new_connection(parts.random, registration.id, main.tenant, main.realm, parts.clock.now());
  row.pair = given.pair;
  row.main = main.id;
  auto upstream = co_await upstream_grant(registration, grant.shared_key, given.pair);
  if (!upstream) co_return std::unexpected(upstream.error());
  row.upstream_grant = std::move(*upstream);
  auto update = co_await sealed_pair(row, row.generation, grant, std::move(given.tokens));
  if (!update) co_return std::unexpected(update.error());
  apply(*update, row);
  if (!can_refresh(row, registration.provider)) row.reason = access_only_reason(registration.provider);
  co_return row;
}

Task<Result<std::vector<Connection>>> Connector::Impl::new_pairs(const Registration& registration, const Connection& main,
                                                                 PairGrant grant) {
  std::vector<Connection> rows;
  for (PairTokens& given : grant.pairs) {
    auto row = co_await new_pair(registration, main, grant, std::move(given));
    if (!row) co_return std::unexpected(row.error());
    rows.push_back(std::move(*row));
  }
  co_return rows;
}

Task<Result<Replacement>> Connector::Impl::replace_pair(const Registration& registration, Connection row,
                                                        const PairGrant& grant, PairTokens given) {
  Replacement replacement{.id = row.id, .expected = row.generation, .update = {}, .replaced = {}};
  const bool revoke_old = co_await may_revoke_replaced(registration, row, given.tokens);
  if (revoke_old) replacement.replaced = replaced_item(row, parts.clock.now());
  auto update = co_await sealed_pair(row, row.generation + 1, grant, std::move(given.tokens));
  if (!update) co_return std::unexpected(update.error());
  replacement.update = std::move(*update);
  co_return replacement;
}

Task<Result<PairChanges>> Connector::Impl::pair_changes(const Registration& registration, const Connection& main,
                                                        PairGrant grant) {
  auto there = co_await parts.store.pairs_of(main.id);
  if (!there) co_return std::unexpected(there.error());
  std::erase_if(*there, [](const Connection& row) { return row.status == Status::revoking; });
  PairChanges changes{.reason = "the customer's new consent has no such token pair"};
  for (PairTokens& given : grant.pairs) {
    const auto row = std::ranges::find(*there, given.pair, &Connection::pair);
    if (row == there->end()) {
      auto made = co_await new_pair(registration, main, grant, std::move(given));
      if (!made) co_return std::unexpected(made.error());
      changes.made.push_back(std::move(*made));
      continue;
    }
    Connection replaced = std::move(*row);
    there->erase(row);
    auto replacement = co_await replace_pair(registration, std::move(replaced), grant, std::move(given));
    if (!replacement) co_return std::unexpected(replacement.error());
    changes.replaced.push_back(std::move(*replacement));
  }
  for (const Connection& row : *there) {
    changes.ended.push_back({.id = row.id, .tell_provider = may_revoke_ended(registration.provider)});
  }
  co_return changes;
}

}  // namespace evergrant
