#include <algorithm>

#include "crypto/strict_json.hpp"
#include "lifecycle/connect_impl.hpp"
#include "lifecycle/refresh_policy.hpp"
#include "oauth/json_member.hpp"

namespace evergrant {
namespace {

constexpr int most_races = 5;  // with refreshes of the same connection

std::vector<std::string> not_granted(const std::vector<std::string>& asked, const std::vector<std::string>& granted) {
  std::vector<std::string> missing;
  std::ranges::copy_if(asked, std::back_inserter(missing),
                       [&](const std::string& scope) { return std::ranges::find(granted, scope) == granted.end(); });
  return missing;
}

NewGrant copy_of(const NewGrant& grant) {
  NewGrant copy{.tokens = {},
                .realm = grant.realm,
                .issuer = grant.issuer,
                .subject = grant.subject,
                .sign_in_nonce = grant.sign_in_nonce,
                .signed_in_at = grant.signed_in_at,
                .claims = grant.claims,
                .host_values = grant.host_values,
                .correlation = grant.correlation};
  copy.tokens = clone(grant.tokens);
  copy.pairs = clone(grant.pairs);
  return copy;
}

}  // namespace

std::string shared_key_of(const Provider& provider, const TokenSet& tokens) {
  const std::string& name = provider.revoke.shared_grant_key;
  if (name.empty()) return {};
  if (const auto shown = tokens.extras.find(name); shown != tokens.extras.end()) return shown->second;
  auto members = parse_strict_json(tokens.raw_extras.reveal());
  if (!members) return {};
  const WipedJson answer{std::move(*members)};
  const auto* value = member_at(answer.get(), name);
  return value == nullptr ? std::string{} : text_of(*value).value_or("");
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
  if (!update.sign_in_nonce) return;
  connection.sign_in_nonce = *update.sign_in_nonce;
  connection.signed_in_at = update.signed_in_at;
}

namespace {

// A grant that says no account replaces one of which none is known either, and of the same user where that is known.
Result<> check_same_account(const Connection& existing, const NewGrant& grant) {
  const bool same_user = existing.subject.empty() || (grant.issuer == existing.issuer && grant.subject == existing.subject);
  if (proven_realm(existing).empty() && same_user) return {};
  return fail(Errc::conflict, "nothing shows that the account chosen at the provider is the one to reconnect",
              "ask for the scopes of the first time and choose the same account, or connect it as a new one");
}

}  // namespace

Task<Result<Connection>> Connector::Impl::store(const Registration& registration, const ConnectSession& session,
                                                NewGrant grant) {
  for (int race = 1;; ++race) {
    auto stored = co_await store_once(registration, session, copy_of(grant));
    if (stored || race == most_races) co_return stored;
    const auto code = stored.error().code;
    if (code != Errc::stale && code != Errc::key_unavailable) co_return stored;
  }
}

Task<Result<Connection>> Connector::Impl::store_once(const Registration& registration, const ConnectSession& session,
                                                     NewGrant grant) {
  if (grant.realm.empty() && session.reconnect) {
    auto existing = co_await parts.store.connection(*session.reconnect);
    if (!existing) co_return std::unexpected(existing.error());
    if (const auto same = check_same_account(*existing, grant); !same) co_return std::unexpected(same.error());
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
    auto pairs = std::move(grant.pairs);
    auto update = co_await sealed_update(*existing, existing->generation + 1, session, std::move(grant));
    if (!update) co_return std::unexpected(update.error());
    co_return co_await undo(registration, std::move(*existing), std::move(update->tokens), std::move(pairs));
  }
  co_return co_await reconnect(registration, session, std::move(*existing), std::move(grant));
}

Task<Result<TokenUpdate>> Connector::Impl::sealed_update(const Connection& connection, Generation generation,
                                                         const ConnectSession& session, NewGrant grant) {
  const auto missing = not_granted(session.scope, grant.tokens.scope);
  grant.tokens.extras.insert(grant.claims.begin(), grant.claims.end());  // the answer's own win
  for (const auto& [name, value] : grant.host_values) grant.tokens.extras[name] = value;
  const auto issuer = grant.issuer;
  const auto subject = grant.subject;
  const auto sign_in_nonce = grant.sign_in_nonce;
  const auto signed_in_at = grant.signed_in_at;
  auto update = co_await tokens.seal_tokens(connection, generation, std::move(grant.tokens));
  if (!update) co_return update;
  update->missing_scope = missing;
  update->issuer = issuer;
  update->subject = subject;
  update->sign_in_nonce = sign_in_nonce;
  update->signed_in_at = signed_in_at;
  co_return update;
}

Task<Result<std::string>> Connector::Impl::upstream_grant(const Registration& registration, std::string shared_key,
                                                          std::string pair) {
  if (shared_key.empty()) co_return std::string{};
  std::string purpose = "upstream-grant:" + registration.id.str();
  if (!pair.empty()) purpose += ':' + pair;
  // Without a tenant: connections of several tenants can live on one grant.
  co_return co_await parts.vault.blind_index(TenantId{}, std::move(purpose), std::move(shared_key));
}

std::string access_only_reason(const Provider& provider) {
  std::string reason = "the provider gave no refresh token, so this connection ends with its access token";
  if (!provider.refresh_hint.empty()) reason += "; " + provider.refresh_hint;
  return reason;
}

Task<Result<Connection>> Connector::Impl::create(const Registration& registration, const ConnectSession& session,
                                                 NewGrant grant) {
  const Time now = parts.clock.now();
  Connection connection = new_connection(parts.random, registration.id, session.tenant, grant.realm, now);
  PairGrant further = take_pairs(registration, grant);
  auto upstream = co_await upstream_grant(registration, further.shared_key, {});
  if (!upstream) co_return std::unexpected(upstream.error());
  connection.upstream_grant = std::move(*upstream);
  const auto correlation = grant.correlation;
  auto update = co_await sealed_update(connection, connection.generation, session, std::move(grant));
  if (!update) co_return std::unexpected(update.error());
  apply(*update, connection);
  const bool access_only = !can_refresh(connection, registration.provider);
  if (access_only) connection.reason = access_only_reason(registration.provider);
  auto pairs = co_await new_pairs(registration, connection, std::move(further));
  if (!pairs) co_return std::unexpected(pairs.error());
  auto event = event_about(connection, now, "connected", access_only ? connection.reason : "The customer gave consent.");
  event.correlation = correlation;
  auto created = co_await parts.store.create(connection, std::move(*pairs), std::move(event));
  if (!created && created.error().code == Errc::conflict) {
    co_return fail(Errc::stale, "the account was connected by another flow at the same moment", "connect again");
  }
  if (!created) co_return std::unexpected(created.error());
  tokens.forget(connection.id);
  co_return connection;
}

Task<bool> Connector::Impl::is_same_token(const Connection& old, std::string_view field, Sealed sealed,
                                          const Secret& token) {
  if (sealed.empty() || token.empty()) co_return false;
  auto opened = co_await parts.vault.open(place_of(old, field, old.generation), std::move(sealed));
  co_return opened && *opened == token;
}

// REV-08, REV-06: the old grant may be revoked only where that ends neither the new one nor another connection's.
Task<bool> Connector::Impl::may_revoke_replaced(const Registration& registration, const Connection& old,
                                                const TokenSet& tokens_of_grant) {
  const RevokeProfile& profile = registration.provider.revoke;
  if (profile.style == RevokeStyle::none || profile.replaced_grant_is_shared) co_return false;
  if (old.status == Status::reauth_required) co_return false;
  if (!old.upstream_grant.empty()) {
    auto siblings = co_await parts.store.sharing(old.registration, old.upstream_grant);
    if (!siblings || siblings->size() > 1) co_return false;
  }
  // Some providers give the same token again, whatever the profile says of them.
  const Secret none;
  const Secret& refresh_token = tokens_of_grant.refresh_token ? *tokens_of_grant.refresh_token : none;
  const bool same_refresh = co_await is_same_token(old, "refresh_token", old.tokens.refresh_token, refresh_token);
  const bool same_access =
      co_await is_same_token(old, "access_token", old.tokens.access_token, tokens_of_grant.access_token);
  co_return !same_refresh && !same_access;
}

// I5: consent that was under way when the disconnecting began does not outlive it at the provider. The connection ends when
// this has been told too.
Task<Result<Connection>> Connector::Impl::undo(const Registration& registration, Connection existing, SealedTokens unwanted,
                                               std::vector<PairTokens> pairs) {
  const Error refused{Errc::conflict, "this account is just being disconnected", "connect it again when that is done"};
  // Where other connections can live on the same grant it is not ours to end (REV-06).
  if (!registration.provider.revoke.shared_grant_key.empty()) co_return std::unexpected(refused);
  std::vector<SealedTokens> all{std::move(unwanted)};
  for (PairTokens& pair : pairs) {
    auto sealed = co_await tokens.seal_tokens(existing, existing.generation + 1, std::move(pair.tokens));
    if (!sealed) co_return std::unexpected(sealed.error());
    all.push_back(std::move(sealed->tokens));
  }
  ++existing.generation;  // the one that they were sealed for
  for (SealedTokens& one : all) {
    existing.tokens = std::move(one);
    auto queued = co_await parts.store.enqueue(replaced_item(existing, parts.clock.now()));
    if (!queued) co_return std::unexpected(queued.error());
  }
  co_return std::unexpected(refused);
}

Task<Result<Connection>> Connector::Impl::reconnect(const Registration& registration, const ConnectSession& session,
                                                    Connection existing, NewGrant grant) {
  const Time now = parts.clock.now();
  const bool revoke_old = co_await may_revoke_replaced(registration, existing, grant.tokens);
  Replacement main{.id = existing.id, .expected = existing.generation, .update = {}, .replaced = {}};
  if (revoke_old) main.replaced = replaced_item(existing, now);
  Connection after = existing;
  ++after.generation;
  auto event = event_about(after, now, "reconnected", "The customer gave consent again; the token set was replaced.");
  event.correlation = grant.correlation;
  PairGrant further = take_pairs(registration, grant);
  auto unwanted_pairs = clone(further.pairs);
  auto update = co_await sealed_update(existing, after.generation, session, std::move(grant));
  if (!update) co_return std::unexpected(update.error());
  main.update = *update;
  auto changes = co_await pair_changes(registration, existing, std::move(further));
  if (!changes) co_return std::unexpected(changes.error());
  auto stored = co_await parts.store.reconnect(std::move(main), *changes, std::move(event));
  tokens.forget(existing.id);
  for (const auto& pair : changes->replaced) tokens.forget(pair.id);
  for (const auto& pair : changes->ended) tokens.forget(pair.id);
  if (!stored && stored.error().code == Errc::revoked)
    co_return co_await undo(registration, std::move(existing), std::move(update->tokens), std::move(unwanted_pairs));
  if (!stored) co_return std::unexpected(stored.error());  // stale: a refresh came between, its tokens are now the old ones
  co_return co_await parts.store.connection(existing.id);
}

}  // namespace evergrant
