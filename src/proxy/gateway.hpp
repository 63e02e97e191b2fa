// What a gateway asks before it passes a call on (nginx auth_request, Envoy ext_authz, Traefik forwardAuth): for which
// connection, and for which call of its client. The gateway says all of it in headers that it sets itself. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/access_control.hpp"
#include "model/provider.hpp"
#include "model/token_set.hpp"
#include "net/http.hpp"
#include "proxy/header_rules.hpp"

namespace evergrant {

constexpr std::string_view gateway_path = "/v1/auth-request";

struct GatewayQuestion {
  ConnectionId connection;  // X-Evergrant-Connection; empty: registration and realm are given
  RegistrationId registration;
  RealmId realm;
  std::string pair;                  // X-Evergrant-Pair
  std::optional<ProviderCall> call;  // X-Original-Method and -URI, or X-Forwarded-Method and -Uri; nothing: not told
  bool names_method = false;         // the call's query names a method besides (proxy/method_rule.hpp)
};

// Envoy asks with its client's own method and path behind a prefix of ours: made into the form that the others use.
void fold_gateway_path(HttpRequest& request);

// Each header once; the original call may be told in several ways, which have to agree. Errors: invalid_argument.
[[nodiscard]] Result<GatewayQuestion> read_gateway_question(const Headers& headers);

// The path of the client's call has one reading, and names no other realm where the provider's paths name one. Errors:
// forbidden.
[[nodiscard]] Result<> check_gateway_call(const InjectProfile& profile, std::string_view realm, const ProviderCall& call);

// What the gateway sets on the call that it passes on: the credential, and the profile's further headers. Errors:
// invalid_argument.
[[nodiscard]] Result<std::vector<Injection>> gateway_fields(const InjectProfile& profile, const TokenLease& lease);

// The statuses that gateways can tell apart: 403 (no, and asking again helps nobody), 429 and 503 (not now); and for whoever
// sets the gateway up 400 (it asks wrongly), 401 (its own key), 500.
[[nodiscard]] int gateway_status(Errc code) noexcept;

}  // namespace evergrant
