#include "lifecycle/connect_impl.hpp"
#include "oauth/realm_rules.hpp"

namespace evergrant {
namespace {

Result<> check(const Connector::ImportRequest& request, const Registration& registration) {
  if (auto checked = check_tenant(request.tenant); !checked) return checked;
  if (request.access_token.empty() && request.refresh_token.empty()) {
    return fail(Errc::invalid_argument, "neither 'access_token' nor 'refresh_token' is given", "give at least one of them");
  }
  if (request.realm.empty() && registration.provider.realm.source != RealmSource::none) {
    return fail(Errc::invalid_argument, "'realm' is missing: a connection of this provider belongs to one (" +
                                            registration.provider.realm.field + ")");
  }
  if (!request.realm.empty() && !checked_realm(request.realm.str())) {
    return fail(Errc::invalid_argument, "'realm': expected 1 to 500 printable characters, not '.' or '..'");
  }
  if (request.verify && request.refresh_token.empty()) {
    return fail(Errc::invalid_argument, "'verify' needs a refresh token: it refreshes once");
  }
  return {};
}

}  // namespace

Task<Result<Connection>> Connector::Impl::import(ImportRequest request) {
  const Registration* registration = parts.registrations.find(request.registration);
  if (registration == nullptr) co_return std::unexpected(no_such_registration(request.registration));
  if (auto checked = check(request, *registration); !checked) co_return std::unexpected(checked.error());
  const Time now = parts.clock.now();
  Connection connection = new_connection(parts.random, registration->id, request.tenant, request.realm, now);
  TokenSet given{.access_token = std::move(request.access_token),
                 .token_type = "Bearer",
                 .scope = request.scope.empty() ? registration->scopes : request.scope,
                 .access_expires_at = request.access_expires_at,
                 .refresh_idle_expires_at = request.refresh_idle_expires_at,
                 .refresh_absolute_expires_at = request.refresh_absolute_expires_at};
  // A refresh token alone is an access token that has just expired: the first read refreshes.
  if (given.access_token.empty()) given.access_expires_at = now;
  if (!request.refresh_token.empty()) given.refresh_token = std::move(request.refresh_token);
  auto update = co_await tokens.seal_tokens(connection, connection.generation, std::move(given));
  if (!update) co_return std::unexpected(update.error());
  apply(*update, connection);
  auto created =
      co_await parts.store.create(connection, event_about(connection, now, "imported", "Existing tokens were imported."));
  if (!created) co_return std::unexpected(created.error());
  tokens.forget(connection.id);
  if (!request.verify) co_return connection;
  co_return co_await verify(std::move(connection));
}

// The refresh goes through the engine and its journal: a crash in the middle loses nothing. What the provider refuses for
// good is taken back; what could not be asked stays, and is refreshed when it is needed.
Task<Result<Connection>> Connector::Impl::verify(Connection connection) {
  auto lease = co_await tokens.refresh(connection.id, connection.generation, std::nullopt);
  if (lease) co_return co_await parts.store.connection(connection.id);
  const Error& refused = lease.error();
  auto state = co_await parts.store.connection(connection.id);
  const bool terminal = refused.code == Errc::reauth_required || (state && state->status == Status::reauth_required);
  if (!terminal) {
    co_return fail(refused.code, "imported as " + connection.id.str() + ", but it could not be verified: " + refused.message,
                   refused.hint);
  }
  auto undone = co_await parts.store.begin_revocation(
      connection.id, false, "the imported refresh token was refused", parts.clock.now(),
      event_about(connection, parts.clock.now(), "revoking", "The import was undone."));
  tokens.forget(connection.id);
  if (!undone) co_return std::unexpected(undone.error());
  co_return fail(Errc::reauth_required, "the provider refused the imported refresh token: " + refused.message,
                 "connect the account instead");
}

}  // namespace evergrant
