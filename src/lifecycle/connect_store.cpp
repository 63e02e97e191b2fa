#include <algorithm>

#include "lifecycle/connect_impl.hpp"

namespace evergrant {
namespace {

constexpr int most_races = 5;  // with refreshes of the same connection

std::vector<std::string> not_granted(const std::vector<std::string>& asked, const std::vector<std::string>& granted) {
  std::vector<std::string> missing;
  std::ranges::copy_if(asked, std::back_inserter(missing),
                       [&](const std::string& scope) { return std::ranges::find(granted, scope) == granted.end(); });
  return missing;
}

// REV-08: the old grant may be revoked only where that cannot end the new one.
bool may_revoke_replaced(const Provider& provider) {
  return provider.revoke.style != RevokeStyle::none && !provider.revoke.replaced_grant_is_shared;
}

OutboxItem replaced_item(const Connection& old, Time now) {
  return {.id = 0,
          .kind = OutboxKind::revoke_replaced,
          .connection = old.id,
          .registration = old.registration,
          .tenant = old.tenant,
          .realm = old.realm,
          .generation = old.generation,
          .tokens = old.tokens,
          .tries = 0,
          .next_try_at = now,
          .created_at = now,
          .last_error = {}};
}

}  // namespace

Event event_about(const Connection& connection, Time at, std::string type, std::string detail) {
  return {.sequence = 0,
          .at = at,
          .type = std::move(type),
          .connection = connection.id,
          .registration = connection.registration,
          .tenant = connection.tenant,
          .realm = connection.realm,
          .generation = connection.generation,
          .detail = std::move(detail),
          .code = {},
          .correlation = {}};
}

Connection new_connection(Random& random, const RegistrationId& registration, const TenantId& tenant, RealmId realm,
                          Time now) {
  Connection connection;
  connection.id = ConnectionId{random.id("con_")};
  connection.registration = registration;
  connection.tenant = tenant;
  connection.realm = realm.empty() ? RealmId{connection.id.str()} : std::move(realm);
  connection.created_at = now;
  connection.updated_at = now;
  return connection;
}

void apply(const TokenUpdate& update, Connection& connection) {
  connection.tokens = update.tokens;
  connection.token_type = update.token_type;
  connection.scope = update.scope;
  connection.missing_scope = update.missing_scope;
  connection.extras = update.extras;
  connection.access_expires_at = update.access_expires_at;
  connection.refresh_idle_expires_at = update.refresh_idle_expires_at;
  connection.refresh_absolute_expires_at = update.refresh_absolute_expires_at;
  connection.next_due_at = update.next_due_at;
  connection.issuer = update.issuer.value_or(connection.issuer);
  connection.subject = update.subject.value_or(connection.subject);
}

Task<Result<Connection>> Connector::Impl::store(const Registration& registration, const ConnectSession& session,
                                                NewGrant grant) {
  if (grant.realm.empty() && session.reconnect) {
    auto existing = co_await parts.store.connection(*session.reconnect);
    if (!existing) co_return std::unexpected(existing.error());
    co_return co_await reconnect(registration, session, std::move(*existing), std::move(grant));
  }
  if (grant.realm.empty()) co_return co_await create(registration, session, std::move(grant));
  auto existing = co_await parts.store.connection_of(registration.id, grant.realm);
  if (!existing && existing.error().code != Errc::not_found) co_return std::unexpected(existing.error());
  if (session.reconnect && (!existing || existing->id != *session.reconnect)) {
    co_return fail(Errc::conflict, "another account was chosen at the provider than the one to reconnect",
                   "choose the same account, or connect it as a new one");
  }
  if (!existing) co_return co_await create(registration, session, std::move(grant));
  if (existing->tenant != session.tenant) {
    // The new tokens are dropped, not revoked: at many providers that would end the owner's grant too.
    parts.log.warning("realm_conflict", {{"registration", registration.id.str()}, {"tenant", session.tenant.str()}});
    co_return fail(Errc::conflict, "this account is connected by another tenant already",
                   "disconnect it there first, or choose another account");
  }
  if (existing->status == Status::revoking) {
    co_return fail(Errc::conflict, "this account is just being disconnected", "connect it again when that is done");
  }
  co_return co_await reconnect(registration, session, std::move(*existing), std::move(grant));
}

Task<Result<TokenUpdate>> Connector::Impl::sealed_update(const Connection& connection, Generation generation,
                                                         const ConnectSession& session, NewGrant grant) {
  const auto missing = not_granted(session.scope, grant.tokens.scope);
  for (const auto& [name, value] : grant.host_values) grant.tokens.extras[name] = value;
  const auto issuer = grant.issuer;
  const auto subject = grant.subject;
  auto update = co_await tokens.seal_tokens(connection, generation, std::move(grant.tokens));
  if (!update) co_return update;
  update->missing_scope = missing;
  update->issuer = issuer;
  update->subject = subject;
  co_return update;
}

Task<Result<Connection>> Connector::Impl::create(const Registration& registration, const ConnectSession& session,
                                                 NewGrant grant) {
  const Time now = parts.clock.now();
  Connection connection = new_connection(parts.random, registration.id, session.tenant, grant.realm, now);
  const bool access_only = !grant.tokens.refresh_token;
  const auto correlation = grant.correlation;
  auto update = co_await sealed_update(connection, connection.generation, session, std::move(grant));
  if (!update) co_return std::unexpected(update.error());
  apply(*update, connection);
  if (access_only) {
    connection.reason = "the provider gave no refresh token, so this connection ends with its access token";
    if (!registration.provider.refresh_hint.empty()) connection.reason += "; " + registration.provider.refresh_hint;
  }
  auto event = event_about(connection, now, "connected", access_only ? connection.reason : "the customer gave consent");
  event.correlation = correlation;
  auto created = co_await parts.store.create(connection, std::move(event));
  if (!created) co_return std::unexpected(created.error());
  tokens.forget(connection.id);
  co_return connection;
}

Task<Result<Connection>> Connector::Impl::reconnect(const Registration& registration, const ConnectSession& session,
                                                    Connection existing, NewGrant grant) {
  for (int race = 0; race < most_races; ++race) {
    const Time now = parts.clock.now();
    NewGrant copy{.tokens = {},
                  .realm = grant.realm,
                  .issuer = grant.issuer,
                  .subject = grant.subject,
                  .host_values = grant.host_values,
                  .correlation = grant.correlation};
    copy.tokens = clone(grant.tokens);
    auto update = co_await sealed_update(existing, existing.generation + 1, session, std::move(copy));
    if (!update) co_return std::unexpected(update.error());
    std::optional<OutboxItem> replaced;
    if (may_revoke_replaced(registration.provider) && existing.status != Status::reauth_required)
      replaced = replaced_item(existing, now);
    Connection after = existing;
    ++after.generation;
    auto event = event_about(after, now, "reconnected", "the customer gave consent again; the token set was replaced");
    event.correlation = grant.correlation;
    auto stored = co_await parts.store.reconnect(existing.id, existing.generation, *update, replaced, std::move(event));
    tokens.forget(existing.id);
    if (stored) co_return co_await parts.store.connection(existing.id);
    if (stored.error().code != Errc::stale) co_return std::unexpected(stored.error());
    auto again = co_await parts.store.connection(existing.id);  // a refresh came between: its tokens are now the old ones
    if (!again) co_return again;
    existing = std::move(*again);
  }
  co_return fail(Errc::stale, "the connection changed again and again while it was being replaced", "connect again");
}

}  // namespace evergrant
