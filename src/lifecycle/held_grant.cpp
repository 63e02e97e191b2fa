#include "lifecycle/held_grant.hpp"

namespace evergrant {

namespace {

Time stored_at(const Connection& connection) { return connection.last_refreshed_at.value_or(connection.created_at); }

}  // namespace

std::optional<SharedGrant> shared_grant_of(const std::vector<Connection>& siblings) {
  const Connection* lock = nullptr;
  const Connection* newest = nullptr;
  for (const Connection& sibling : siblings) {
    if (sibling.status != Status::active) continue;
    if (lock == nullptr || sibling.id < lock->id) lock = &sibling;
    if (newest == nullptr || stored_at(sibling) > stored_at(*newest)) newest = &sibling;
  }
  if (lock == nullptr) return std::nullopt;
  return SharedGrant{*lock, *newest};
}

bool can_adopt(const Connection& row, const Connection& source, Duration mandatory, Time now) {
  if (source.id == row.id || stored_at(source) <= stored_at(row)) return false;
  return !source.access_expires_at || *source.access_expires_at - now > mandatory;
}

std::string flight_key(const Connection& connection) {
  if (connection.upstream_grant.empty()) return connection.id.str();
  return connection.registration.str() + '\n' + connection.upstream_grant;
}

}  // namespace evergrant
