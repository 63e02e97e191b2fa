// The handlers of the route table, grouped by file: tokens, connections, connect, callers, operations. Thin: read the call,
// check the policy, ask the lifecycle, write the answer. Thread-safe; stateless but for its references.
#pragma once

#include <atomic>

#include <boost/json.hpp>

#include "api/call.hpp"
#include "api/json_body.hpp"
#include "api/route.hpp"
#include "api/service.hpp"

namespace evergrant {

struct GatewayQuestion;

[[nodiscard]] inline Reply json_reply(int status, const boost::json::value& body) {
  return {.status = status, .body = boost::json::serialize(body), .content_type = "application/json", .headers = {}};
}

class Handlers {
 public:
  Handlers(ApiParts parts, ApiOptions options);

  // tokens
  Task<Result<Reply>> read_token(Call& call) const;
  Task<Result<Reply>> read_token_of_realm(Call& call) const;
  Task<Result<Reply>> read_token_batch(Call& call) const;
  Task<Result<Reply>> refresh_token(Call& call) const;
  // gateways
  Task<Result<Reply>> auth_request(Call& call) const;
  // connections
  Task<Result<Reply>> list_connections(Call& call) const;
  Task<Result<Reply>> show_connection(Call& call) const;
  Task<Result<Reply>> import_connection(Call& call) const;
  Task<Result<Reply>> revoke_connection(Call& call) const;
  Task<Result<Reply>> release_connection(Call& call) const;
  Task<Result<Reply>> offboard_tenant(Call& call) const;
  Task<Result<Reply>> list_events(Call& call) const;
  Task<Result<Reply>> list_timeline(Call& call) const;
  // connect
  Task<Result<Reply>> create_connect_session(Call& call) const;
  Task<Result<Reply>> show_connect_session(Call& call) const;
  Task<Result<Reply>> open_connect_link(Call& call) const;
  Task<Result<Reply>> provider_callback(Call& call) const;
  Task<Result<Reply>> connect_result(Call& call) const;
  // ID tokens, UserInfo
  Task<Result<Reply>> verify_id_token(Call& call) const;
  Task<Result<Reply>> read_user_info(Call& call) const;
  // callers
  Task<Result<Reply>> list_callers(Call& call) const;
  Task<Result<Reply>> create_caller(Call& call) const;
  Task<Result<Reply>> derive_caller(Call& call) const;
  Task<Result<Reply>> explain_caller(Call& call) const;
  Task<Result<Reply>> revoke_caller(Call& call) const;
  // proxy: answered on the exchange, or refused in the report; the error is one from before the call was understood
  Task<Result<ProxyReport>> proxy(Call& call, HttpExchange& exchange) const;
  // operations
  Task<Result<Reply>> list_registrations(Call& call) const;
  Task<Result<Reply>> resume_registration(Call& call) const;
  Task<Result<Reply>> release_registration_hold(Call& call) const;
  Task<Result<Reply>> show_client_keys(Call& call) const;
  Task<Result<Reply>> list_providers(Call& call) const;
  Task<Result<Reply>> list_audit(Call& call) const;
  Task<Result<Reply>> list_keys(Call& call) const;
  Task<Result<Reply>> rotate_keys(Call& call) const;
  Task<Result<Reply>> retire_key(Call& call) const;
  Task<Result<Reply>> health(Call& call) const;
  Task<Result<Reply>> ready(Call& call) const;
  Task<Result<Reply>> metrics(Call& call) const;
  Task<Result<Reply>> openapi(Call& call) const;
  Task<Result<Reply>> front_page(Call& call) const;

 private:
  // The connection of path parameter `index` if the caller may see it. Errors: not_found also where the policy forbids it,
  // so that nobody learns what exists.
  Task<Result<Connection>> visible_connection(Call& call, std::size_t index) const;
  Task<Result<Connection>> visible_connection(Call& call, ConnectionId id) const;
  // The row that the query's `pair` names: a further token pair of `main`, which the caller may see; itself without one.
  Task<Result<Connection>> chosen_pair(Call& call, Connection main) const;
  // `connection` is the main one's; empty: the request is about more than one, or about a new one.
  [[nodiscard]] Result<> allow(Call& call, const RegistrationId& registration, const TenantId& tenant,
                               const ConnectionId& connection = {}) const;
  // The registration that the path names, or the given one, where this caller may see it. Errors: not_found.
  [[nodiscard]] Result<RegistrationId> registration_in(Call& call) const;
  [[nodiscard]] Result<RegistrationId> visible_registration(Call& call, RegistrationId id) const;
  // What is shown is what is configured: of a row that was stored under an earlier configuration, too.
  void keep_configured(Connection& row) const;
  [[nodiscard]] boost::json::object connection_body(Connection row) const;
  [[nodiscard]] Result<Reply> token_reply(Call& call, Result<TokenLease> lease) const;
  [[nodiscard]] Task<Result<TokenLease>> lease_for(std::shared_ptr<const Caller> caller, ConnectionId id,
                                                   ReadRequest request) const;
  [[nodiscard]] std::string batch_item(const Caller& caller, std::string_view remote, const ConnectionId& asked,
                                       Result<TokenLease> lease) const;
  [[nodiscard]] Result<Reply> gateway_reply(Call& call, Result<TokenLease> lease) const;
  // Whether the caller may see it is still to be asked. Errors: not_found.
  [[nodiscard]] Task<Result<Connection>> connection_asked_by_gateway(GatewayQuestion question) const;
  struct ProxiedToken {
    TokenLease lease;
    ConnectionId row;
    std::map<std::string, std::string> extras;
  };
  Task<Result<ProxiedToken>> token_to_proxy(Call& call) const;
  // Errors: invalid_argument, forbidden.
  [[nodiscard]] Task<Result<>> check_proxied_method(Call& call) const;

  ApiParts parts_;
  ApiOptions options_;
};

// What else stands in the place of an id may be anything, a token too: it is neither written down nor looked for, since the
// store's library keeps what it was asked for until it is asked again.
[[nodiscard]] bool may_be_id(const ConnectionId& id);
// For the audit trail: a derived key's row goes soon after its end; the trail says for good where it came from.
[[nodiscard]] inline std::string derived_from(const Caller& caller) {
  return "derived from " + caller.ancestors.front().id.str();
}
// What is not there and what a caller may not see look alike.
[[nodiscard]] Error no_such_connection(const std::string& id);

// The path behind "/v1/connections/{id}/proxy", and the id; nothing for any other path.
struct ProxyPath {
  std::string_view id;
  std::string_view tail;
};
[[nodiscard]] std::optional<ProxyPath> proxy_path(std::string_view path) noexcept;

// Query parameters, checked. Errors: invalid_argument.
[[nodiscard]] Result<std::int64_t> query_integer(const Call& call, std::string_view name, std::int64_t otherwise,
                                                 std::int64_t least, std::int64_t most);
[[nodiscard]] std::string query_text(const Call& call, std::string_view name);
// min_ttl and wait.
[[nodiscard]] Result<ReadRequest> token_request(const Call& call);

}  // namespace evergrant
