#include <algorithm>

#include "base/encoding.hpp"
#include "lifecycle/connect_impl.hpp"
#include "oauth/realm_rules.hpp"

namespace evergrant {
namespace {

Result<> check_tokens(const Connector::ImportedTokens& tokens, const Registration& registration, const std::string& whose) {
  if (tokens.access_token.empty() && tokens.refresh_token.empty()) {
    return fail(Errc::invalid_argument, "neither 'access_token' nor 'refresh_token' is given" + whose,
                "give at least one of them");
  }
  if (tokens.access_token.empty() && registration.provider.refresh.mode == RefreshMode::access_token_exchange) {
    return fail(Errc::invalid_argument, "'access_token' is missing" + whose + ": this provider renews by it");
  }
  return {};
}

Result<> check_pairs(const std::vector<Connector::ImportedPair>& pairs, const Registration& registration) {
  const auto& known = registration.provider.token.pairs;
  for (const auto& given : pairs) {
    const std::string name = '\'' + printable(given.pair, 40) + '\'';
    if (std::ranges::find(known, given.pair, &PairProfile::name) == known.end()) {
      return fail(Errc::invalid_argument, "'pairs': this provider has no token pair " + name,
                  "the profile's [[token.pair]] names those that there are");
    }
    if (std::ranges::count(pairs, given.pair, &Connector::ImportedPair::pair) > 1) {
      return fail(Errc::invalid_argument, "'pairs': " + name + " is given twice");
    }
    if (auto checked = check_tokens(given, registration, " for the pair " + name); !checked) return checked;
  }
  return {};
}

Result<> check(const Connector::ImportRequest& request, const Registration& registration) {
  if (auto checked = check_tenant(request.tenant); !checked) return checked;
  if (auto checked = check_tokens(request, registration, ""); !checked) return checked;
  if (auto checked = check_pairs(request.pairs, registration); !checked) return checked;
  if (request.realm.empty() && registration.provider.realm.source != RealmSource::none) {
    return fail(Errc::invalid_argument, "'realm' is missing: a connection of this provider belongs to one (" +
                                            registration.provider.realm.field + ")");
  }
  if (!request.realm.empty() && !checked_realm(request.realm.str())) {
    return fail(Errc::invalid_argument, "'realm': expected 1 to 500 printable characters, not '.' or '..'");
  }
  const bool exchanges = registration.provider.refresh.mode == RefreshMode::access_token_exchange;
  if (request.verify && request.refresh_token.empty() && !exchanges) {
    return fail(Errc::invalid_argument, "'verify' needs a refresh token: it refreshes once");
  }
  return {};
}

}  // namespace

Task<Result<Connection>> Connector::Impl::import_row(Connection row, const Registration& registration,
                                                     ImportedTokens imported) {
  std::vector<std::string> scope = std::move(imported.scope);
  if (scope.empty() && row.pair.empty()) scope = registration.scopes;  // what was asked for is known of the main pair only
  TokenSet given{.access_token = std::move(imported.access_token),
                 .token_type = "Bearer",
                 .scope = std::move(scope),
                 .access_expires_at = imported.access_expires_at,
                 .refresh_idle_expires_at = imported.refresh_idle_expires_at,
                 .refresh_absolute_expires_at = imported.refresh_absolute_expires_at};
  // A refresh token alone is an access token that has just expired: the first read refreshes.
  if (given.access_token.empty()) given.access_expires_at = parts.clock.now();
  if (!imported.refresh_token.empty()) given.refresh_token = std::move(imported.refresh_token);
  auto update = co_await tokens.seal_tokens(row, row.generation, std::move(given));
  if (!update) co_return std::unexpected(update.error());
  apply(*update, row);
  co_return row;
}

Task<Result<std::vector<Connection>>> Connector::Impl::import_pairs(const Registration& registration, const Connection& main,
                                                                    std::vector<ImportedPair> pairs) {
  std::vector<Connection> rows;
  for (ImportedPair& imported : pairs) {
    Connection row = new_connection(parts.random, registration.id, main.tenant, main.realm, main.created_at);
    row.pair = imported.pair;
    row.main = main.id;
    auto made = co_await import_row(std::move(row), registration, std::move(imported));
    if (!made) co_return std::unexpected(made.error());
    rows.push_back(std::move(*made));
  }
  co_return rows;
}

Task<Result<Connection>> Connector::Impl::import(ImportRequest request) {
  const Registration* registration = parts.registrations.find(request.registration);
  if (registration == nullptr) co_return std::unexpected(no_such_registration(request.registration));
  if (auto checked = check(request, *registration); !checked) co_return std::unexpected(checked.error());
  const Time now = parts.clock.now();
  const bool verified = request.verify;
  Connection made = new_connection(parts.random, registration->id, request.tenant, request.realm, now);
  auto given_pairs = std::move(request.pairs);
  auto connection = co_await import_row(std::move(made), *registration, std::move(request));
  if (!connection) co_return connection;
  auto pairs = co_await import_pairs(*registration, *connection, std::move(given_pairs));
  if (!pairs) co_return std::unexpected(pairs.error());
  auto created = co_await parts.store.create(*connection, *pairs,
                                             event_about(*connection, now, "imported", "Existing tokens were imported."));
  if (!created) co_return std::unexpected(created.error());
  tokens.forget(connection->id);
  if (!verified) co_return connection;
  co_return co_await verify(std::move(*connection), std::move(*pairs));
}

// The refresh goes through the engine and its journal: a crash in the middle loses nothing. What the provider refuses for
// good is taken back, all of it; what could not be asked stays, and is refreshed when it is needed.
Task<Result<Connection>> Connector::Impl::verify(Connection connection, std::vector<Connection> pairs) {
  std::vector<Connection> rows{connection};
  std::ranges::copy_if(pairs, std::back_inserter(rows), is_renewable);
  for (const Connection& row : rows) {
    auto lease = co_await tokens.refresh(row.id, row.generation, std::nullopt);
    if (lease) continue;
    const Error& refused = lease.error();
    auto state = co_await parts.store.connection(row.id);
    const bool terminal = refused.code == Errc::reauth_required || (state && state->status == Status::reauth_required);
    if (!terminal) {
      co_return fail(refused.code,
                     "imported as " + connection.id.str() + ", but it could not be verified: " + refused.message,
                     refused.hint);
    }
    auto undone = co_await parts.store.begin_revocation(
        connection.id, false, "the imported refresh token was refused", parts.clock.now(),
        event_about(connection, parts.clock.now(), "revoking", "The import was undone."));
    for (const Connection& one : rows) tokens.forget(one.id);
    if (!undone) co_return std::unexpected(undone.error());
    co_return fail(Errc::reauth_required, "the provider refused the imported refresh token: " + refused.message,
                   "connect the account instead");
  }
  co_return co_await parts.store.connection(connection.id);
}

}  // namespace evergrant
