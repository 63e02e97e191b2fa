// The parts of Connector, private to lifecycle/: each coroutine runs on the engine's executor.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lifecycle/connect.hpp"
#include "oauth/authorization_request.hpp"
#include "oauth/callback.hpp"
#include "oauth/host_variables.hpp"
#include "oauth/id_token.hpp"
#include "oauth/metadata.hpp"
#include "oauth/realm_proof.hpp"
#include "oauth/token_endpoint.hpp"
#include "oauth/user_info.hpp"

namespace evergrant {

// What the exchange brought, checked, before it is stored.
struct NewGrant {
  TokenSet tokens;
  std::vector<PairTokens> pairs;
  RealmId realm;
  std::string issuer;
  std::string subject;
  std::string sign_in_nonce;  // hashed, as of the connection
  std::optional<Time> signed_in_at;
  std::map<std::string, std::string> claims;  // that the registration keeps
  std::map<std::string, std::string> host_values;
  std::string correlation;
};

// What was drawn and learnt when the flow began, sealed meanwhile.
struct FlowMemory {
  Secret verifier;
  std::string nonce;
  bool iss_promised = false;  // by the provider's document of then (RFC 9207 2.4)
};

// The further token pairs of a grant (REF-23), and what of the rest of it concerns them.
struct PairGrant {
  std::vector<PairTokens> pairs;
  std::map<std::string, std::string> host_values;
  std::string shared_key;  // as the main pair's; empty: the grant is nobody else's
};

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): an aggregate, made whole in one place
struct Connector::Impl {
  TokenService::Parts parts;
  TokenService& tokens;
  ConnectOptions options;
  TokenEndpoint token_endpoint;
  RealmProof realm_proof;

  // connect_start.cpp
  Task<Result<ConnectLink>> start(ConnectRequest request);
  Task<Result<BrowserStep>> open(Secret link_token, Secret cookie);
  Task<Result<BrowserStep>> arm(ConnectSession session, const Registration& registration, Secret cookie);
  // The connection that is meant, where a further token pair is named: all of it is connected again.
  Task<Result<ConnectionId>> check_reconnect(const ConnectRequest& request);
  Task<Result<>> check_not_paused(const Registration& registration);
  // Errors: gone, where the tenant was off-boarded since the link was made.
  Task<Result<>> check_not_offboarded(const ConnectSession& session);

  // connect_callback.cpp
  Task<Result<ConnectResult>> callback(RegistrationId id, std::string query, Secret cookie);
  Task<Result<Connection>> complete(const Registration& registration, const ConnectSession& session, Callback callback);
  Task<Result<NewGrant>> exchange(const Registration& registration, const ConnectSession& session, Callback callback,
                                  ResolvedProvider resolved, FlowMemory memory);

  // connect_identity.cpp
  Task<Result<RealmClues>> identify(const Registration& registration, const ConnectSession& session,
                                    ResolvedProvider resolved, Endpoints endpoints, NewGrant& grant,
                                    std::map<std::string, std::string> callback_extras, std::string nonce);
  Task<Result<std::optional<boost::json::object>>> ask_user_info(const Registration& registration, ResolvedProvider resolved,
                                                                 const TokenSet& tokens, const KnownUser& user);
  Task<Result<IdTokenClaims>> check_id_token(const Registration& registration, ResolvedProvider resolved,
                                             const TokenSet& tokens, std::string nonce, std::optional<std::string> realm);

  // connect_store.cpp
  Task<Result<Connection>> store(const Registration& registration, const ConnectSession& session, NewGrant grant);
  // One try. Errors: stale, where somebody else changed or made the connection meanwhile; key_unavailable.
  Task<Result<Connection>> store_once(const Registration& registration, const ConnectSession& session, NewGrant grant);
  Task<Result<Connection>> create(const Registration& registration, const ConnectSession& session, NewGrant grant);
  Task<Result<Connection>> reconnect(const Registration& registration, const ConnectSession& session, Connection existing,
                                     NewGrant grant);
  // The tokens of a grant that came while `existing` is being revoked are revoked too. Errors: conflict, always.
  Task<Result<Connection>> undo(const Registration& registration, Connection existing, SealedTokens unwanted,
                                std::vector<PairTokens> pairs);
  Task<bool> may_revoke_replaced(const Registration& registration, const Connection& old, const TokenSet& tokens_of_grant);
  Task<bool> is_same_token(const Connection& old, std::string_view field, Sealed sealed, const Secret& token);
  // Empty for an empty key. `pair` empty: of the main one.
  Task<Result<std::string>> upstream_grant(const Registration& registration, std::string shared_key, std::string pair);
  Task<Result<TokenUpdate>> sealed_update(const Connection& connection, Generation generation, const ConnectSession& session,
                                          NewGrant grant);

  // connect_pairs.cpp
  [[nodiscard]] PairGrant take_pairs(const Registration& registration, NewGrant& grant) const;
  Task<Result<std::vector<Connection>>> new_pairs(const Registration& registration, const Connection& main, PairGrant grant);
  Task<Result<Connection>> new_pair(const Registration& registration, const Connection& main, const PairGrant& grant,
                                    PairTokens given);
  // What the new consent makes of the pairs that are there: what it has takes their place, what it lacks ends.
  Task<Result<PairChanges>> pair_changes(const Registration& registration, const Connection& main, PairGrant grant);
  Task<Result<Replacement>> replace_pair(const Registration& registration, Connection row, const PairGrant& grant,
                                         PairTokens given);
  Task<Result<TokenUpdate>> sealed_pair(const Connection& row, Generation generation, const PairGrant& grant,
                                        TokenSet tokens_of_pair);

  // connect_import.cpp
  Task<Result<Connection>> import(ImportRequest request);
  Task<Result<std::vector<Connection>>> import_pairs(const Registration& registration, const Connection& main,
                                                     std::vector<ImportedPair> pairs);
  Task<Result<Connection>> import_row(Connection row, const Registration& registration, ImportedTokens imported);
  Task<Result<Connection>> verify(Connection connection, std::vector<Connection> pairs);
};

[[nodiscard]] Event event_about(const Connection& connection, Time at, std::string type, std::string detail);
[[nodiscard]] Error no_such_registration(const RegistrationId& id);
// A row that holds nothing yet but whose it is.
[[nodiscard]] Connection new_connection(Random& random, const RegistrationId& registration, const TenantId& tenant,
                                        RealmId realm, Time now);
void apply(const TokenUpdate& update, Connection& connection);
// A promise to tell the provider that the row's tokens are not used any more.
[[nodiscard]] OutboxItem replaced_item(const Connection& old, Time now);
[[nodiscard]] std::string access_only_reason(const Provider& provider);
// What the token answer says under the profile's name for the upstream grant; empty: nothing.
[[nodiscard]] std::string shared_key_of(const Provider& provider, const TokenSet& tokens);
// Where a provider's hosts differ per account and are named before the flow (Shopify), the login hint names them.
[[nodiscard]] Result<HostValues> hosts_of_hint(const Provider& provider, const std::string& login_hint);
[[nodiscard]] std::string hash_of(std::string_view secret);

}  // namespace evergrant
