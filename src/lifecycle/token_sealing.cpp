#include "lifecycle/token_sealing.hpp"

#include <algorithm>
#include <utility>

#include "oauth/configured_extras.hpp"
#include "oauth/host_variables.hpp"

namespace evergrant {

namespace {

// Ends that the provider states win over the profile's windows.
std::optional<Time> idle_end(const TokenSet& tokens, const RefreshProfile& refresh, Time at) {
  if (tokens.refresh_idle_expires_at) return tokens.refresh_idle_expires_at;
  if (refresh.mode == RefreshMode::access_token_exchange) return tokens.access_expires_at;  // the grant ends with it
  if (tokens.refresh_token && refresh.idle_window) return at + *refresh.idle_window;
  return std::nullopt;
}

std::vector<std::string> without(std::vector<std::string> scopes, const std::vector<std::string>& removed) {
  std::erase_if(scopes, [&](const std::string& scope) { return std::ranges::find(removed, scope) != removed.end(); });
  return scopes;
}

std::vector<std::string> missing_after_refresh(const Connection& connection, const TokenSet& tokens) {
  std::vector<std::string> missing = without(connection.missing_scope, tokens.scope);
  for (std::string& lost : without(connection.scope, tokens.scope)) missing.push_back(std::move(lost));
  return missing;
}

TokenUpdate describe(const TokenSet& tokens, Time at) {
  TokenUpdate update;
  update.token_type = tokens.token_type;
  update.scope = tokens.scope;
  update.extras = tokens.extras;
  update.access_expires_at = tokens.access_expires_at;
  update.at = at;
  return update;
}

}  // namespace

TokenSet clone_of(const TokenSet& tokens) {
  TokenSet copy;
  copy.access_token = tokens.access_token.clone();
  copy.token_type = tokens.token_type;
  if (tokens.refresh_token) copy.refresh_token = tokens.refresh_token->clone();
  if (tokens.id_token) copy.id_token = tokens.id_token->clone();
  copy.scope = tokens.scope;
  copy.access_expires_at = tokens.access_expires_at;
  copy.refresh_idle_expires_at = tokens.refresh_idle_expires_at;
  copy.refresh_absolute_expires_at = tokens.refresh_absolute_expires_at;
  copy.extras = tokens.extras;
  copy.raw_extras = tokens.raw_extras.clone();
  return copy;
}

TokenSealing::TokenSealing(Vault& vault, const Registrations& registrations, Clock& clock, Random& random)
    : vault_{vault}, registrations_{registrations}, clock_{clock}, random_{random} {}

Task<Result<TokenUpdate>> TokenSealing::seal_grant(const Connection& connection, Generation generation, TokenSet tokens) {
  const Registration* registration = registrations_.find(connection.registration);
  if (registration == nullptr)
    co_return fail(Errc::not_found, "registration " + connection.registration.str() + " is unknown");
  const Time at = clock_.now();
  const RefreshProfile& refresh = registration->provider.refresh;
  TokenUpdate update = describe(tokens, at);
  update.missing_scope = connection.missing_scope;
  update.refresh_idle_expires_at = idle_end(tokens, refresh, at);
  update.refresh_absolute_expires_at = tokens.refresh_absolute_expires_at;
  if (!update.refresh_absolute_expires_at && tokens.refresh_token && refresh.absolute_window) {
    update.refresh_absolute_expires_at = at + *refresh.absolute_window;
  }
  tokens.refresh_idle_expires_at = update.refresh_idle_expires_at;
  update.next_due_at = draw_next_due(*registration, tokens, at, at, random_);  // who connects is about to use it
  auto sealed = co_await seal_fields(connection, generation, std::move(tokens));
  if (!sealed) co_return std::unexpected(sealed.error());
  update.tokens = std::move(*sealed);
  co_return update;
}

Task<Result<TokenUpdate>> TokenSealing::seal_refresh(const Connection& connection, TokenSet tokens,
                                                     std::optional<Time> last_used_at) {
  const Registration* registration = registrations_.find(connection.registration);
  if (registration == nullptr)
    co_return fail(Errc::not_found, "registration " + connection.registration.str() + " is unknown");
  const Time at = clock_.now();
  TokenUpdate update = describe(tokens, at);
  update.missing_scope = missing_after_refresh(connection, tokens);
  keep_known_hosts(registration->provider, update.extras);
  update.extras.insert(connection.extras.begin(), connection.extras.end());  // the answer's own win
  keep_configured_extras(*registration, connection.pair, update.extras);
  update.refresh_idle_expires_at = idle_end(tokens, registration->provider.refresh, at);
  if (!update.refresh_idle_expires_at && tokens.refresh_token)
    update.refresh_idle_expires_at = connection.refresh_idle_expires_at;
  update.refresh_absolute_expires_at = tokens.refresh_absolute_expires_at;
  if (!update.refresh_absolute_expires_at) update.refresh_absolute_expires_at = connection.refresh_absolute_expires_at;
  tokens.refresh_idle_expires_at = update.refresh_idle_expires_at;
  update.next_due_at = draw_next_due(*registration, tokens, std::max(last_used_at, connection.last_used_at), at, random_);
  const bool extras_said = !tokens.raw_extras.empty();
  auto sealed = co_await seal_fields(connection, connection.generation + 1, std::move(tokens));
  if (!sealed) co_return std::unexpected(sealed.error());
  update.tokens = std::move(*sealed);
  if (!extras_said) {
    auto extras = co_await carry_extras(connection, connection.generation + 1);
    if (!extras) co_return std::unexpected(extras.error());
    update.tokens.extras = std::move(*extras);
  }
  co_return update;
}

Task<Result<SealedTokens>> TokenSealing::seal_fields(const Connection& connection, Generation generation, TokenSet tokens) {
  SealedTokens sealed;
  if (!tokens.access_token.empty()) {
    auto access = co_await vault_.seal(place_of(connection, "access_token", generation), tokens.access_token);
    if (!access) co_return std::unexpected(access.error());
    sealed.access_token = std::move(*access);
  }
  if (tokens.refresh_token && !tokens.refresh_token->empty()) {
    auto refresh = co_await vault_.seal(place_of(connection, "refresh_token", generation), *tokens.refresh_token);
    if (!refresh) co_return std::unexpected(refresh.error());
    sealed.refresh_token = std::move(*refresh);
  }
  if (!tokens.raw_extras.empty()) {
    auto extras = co_await vault_.seal(place_of(connection, "extras", generation), tokens.raw_extras);
    if (!extras) co_return std::unexpected(extras.error());
    sealed.extras = std::move(*extras);
  }
  co_return sealed;
}

Task<Result<Sealed>> TokenSealing::carry_extras(const Connection& connection, Generation generation) {
  if (connection.tokens.extras.empty()) co_return Sealed{};
  auto opened = co_await vault_.open(place_of(connection, "extras", connection.generation), connection.tokens.extras);
  if (!opened) {
    // What the provider told us beside the tokens must not cost the tokens.
    if (opened.error().code == Errc::sealed_broken) co_return Sealed{};
    co_return std::unexpected(opened.error());
  }
  auto sealed = co_await vault_.seal(place_of(connection, "extras", generation), *opened);
  co_return sealed;
}

Task<Result<Secret>> TokenSealing::open_access(const Connection& connection) {
  if (connection.tokens.access_token.empty()) {
    co_return fail(Errc::internal, "connection " + connection.id.str() + " has no access token");
  }
  auto opened =
      co_await vault_.open(place_of(connection, "access_token", connection.generation), connection.tokens.access_token);
  co_return opened;
}

Task<Result<Secret>> TokenSealing::open_refresh(const Connection& connection) {
  auto refresh =
      co_await vault_.open(place_of(connection, "refresh_token", connection.generation), connection.tokens.refresh_token);
  co_return refresh;
}

}  // namespace evergrant
