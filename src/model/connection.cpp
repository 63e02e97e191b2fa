#include "model/connection.hpp"

namespace evergrant {

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::active: return "active";
    case Status::reauth_required: return "reauth_required";
    case Status::revoking: return "revoking";
    case Status::revoked: return "revoked";
    case Status::quarantined: return "quarantined";
  }
  return "active";
}

std::optional<Status> status_from(std::string_view text) noexcept {
  for (const auto status :
       {Status::active, Status::reauth_required, Status::revoking, Status::revoked, Status::quarantined}) {
    if (to_string(status) == text) return status;
  }
  return std::nullopt;
}

std::string_view to_string(FailureClass failure) noexcept {
  switch (failure) {
    case FailureClass::none: return "none";
    case FailureClass::grant: return "grant";
    case FailureClass::registration: return "registration";
    case FailureClass::transient: return "transient";
    case FailureClass::ambiguous: return "ambiguous";
  }
  return "none";
}

std::optional<FailureClass> failure_class_from(std::string_view text) noexcept {
  for (const auto kind : {FailureClass::none, FailureClass::grant, FailureClass::registration, FailureClass::transient,
                          FailureClass::ambiguous}) {
    if (to_string(kind) == text) return kind;
  }
  return std::nullopt;
}

const ConnectionId& public_id(const Connection& connection) noexcept {
  return connection.main.empty() ? connection.id : connection.main;
}

RealmId proven_realm(const Connection& connection) {
  return connection.realm.str() == public_id(connection).str() ? RealmId{} : connection.realm;
}

std::string name_of(const Connection& connection) {
  const std::string name = "connection " + public_id(connection).str();
  return connection.pair.empty() ? name : "token pair '" + connection.pair + "' of " + name;
}

bool is_renewable(const Connection& connection) noexcept {
  if (!connection.tokens.refresh_token.empty()) return true;
  return !connection.tokens.access_token.empty() && connection.refresh_idle_expires_at.has_value();
}

}  // namespace evergrant
