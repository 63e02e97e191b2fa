#include "library/shown.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace evergrant::library {
namespace {

std::string_view scope_text(const std::vector<std::string>& scope, std::string& joined) {
  if (scope.empty()) return {};
  if (scope.size() == 1) return scope.front();
  joined = join(scope, " ");
  return joined;
}

std::optional<Time> earlier(std::optional<Time> a, std::optional<Time> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

ConnectionInfo info_of(const Connection& row) {
  std::string joined;
  return {.id = row.id.str(),
          .registration = row.registration.str(),
          .tenant = row.tenant.str(),
          .realm = row.realm.str(),
          .status = std::string{to_string(row.status)},
          .reason = row.reason,
          .generation = row.generation,
          .scope = std::string{scope_text(row.scope, joined)},
          .access_expires_at = row.access_expires_at,
          .refresh_expires_at = earlier(row.refresh_idle_expires_at, row.refresh_absolute_expires_at),
          .last_refreshed_at = row.last_refreshed_at,
          .created_at = row.created_at};
}

TokenLease::Parts lease_parts(const Connection& row, std::string& joined) {
  return {.access_token = {},
          .connection = public_id(row).str(),
          .registration = row.registration.str(),
          .tenant = row.tenant.str(),
          .realm = row.realm.str(),
          .pair = row.pair,
          .token_type = row.token_type,
          .scope = scope_text(row.scope, joined),
          .expires_at = row.access_expires_at,
          .generation = row.generation};
}

TokenLease lease_from(const evergrant::TokenLease& lease) {
  std::string joined;
  return TokenLease{TokenLease::Parts{.access_token = lease.access_token.reveal(),
                                      .connection = lease.connection.str(),
                                      .registration = lease.registration.str(),
                                      .tenant = lease.tenant.str(),
                                      .realm = lease.realm.str(),
                                      .pair = lease.pair,
                                      .token_type = lease.token_type,
                                      .scope = scope_text(lease.scope, joined),
                                      .expires_at = lease.expires_at,
                                      .generation = lease.generation}};
}

std::vector<KekSource*> older_keks(const Seams& seams) {
  std::vector<KekSource*> all;
  for (const auto& kek : seams.older_keks) all.push_back(kek.get());
  return all;
}

}  // namespace evergrant::library
