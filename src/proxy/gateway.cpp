#include "proxy/gateway.hpp"

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "oauth/request_body.hpp"
#include "proxy/method_rule.hpp"
#include "proxy/path_check.hpp"
#include "proxy/realm_rule.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_account = 500;

std::unexpected<Error> bad_question(std::string what) {
  return fail(Errc::invalid_argument, std::move(what),
              "the gateway sets X-Evergrant-Connection, or X-Evergrant-Registration and X-Evergrant-Realm, each once, and "
              "passes on none of its client's; see docs/recipes");
}

// A header that may be there once; empty without it.
Result<std::string> one_of(const Headers& headers, std::string_view name) {
  if (headers.count(name) > 1) return bad_question("two " + std::string{name} + " headers");
  const auto value = headers.find(name);
  if (!value) return std::string{};
  std::string text{trim(*value)};
  if (text.size() > longest_account || printable(text, longest_account) != text) {
    return bad_question(std::string{name} + ": expected at most 500 printable characters");
  }
  return text;
}

// The value that all headers of these names agree on; empty without any.
Result<std::string> agreed(const Headers& headers, const std::array<std::string_view, 2>& names) {
  std::optional<std::string> agreed_on;
  for (const auto& [name, value] : headers.all()) {
    const bool named = equal_ignoring_case(names[0], name) || equal_ignoring_case(names[1], name);
    if (!named) continue;
    if (agreed_on && *agreed_on != value) {
      return bad_question("the original call is told twice, and differently: pass on none of the client's own headers");
    }
    agreed_on = value;
  }
  return std::move(agreed_on).value_or(std::string{});
}

struct OriginalCall {
  std::optional<ProviderCall> call;
  bool names_method = false;
};

Result<OriginalCall> original_call(const Headers& headers) {
  auto method = agreed(headers, {"X-Original-Method", "X-Forwarded-Method"});
  if (!method) return std::unexpected(method.error());
  auto uri = agreed(headers, {"X-Original-URI", "X-Forwarded-Uri"});
  if (!uri) return std::unexpected(uri.error());
  if (method->empty() && uri->empty()) return OriginalCall{};
  const auto query_at = std::min(uri->find('?'), uri->size());
  return OriginalCall{.call = ProviderCall{.method = std::move(*method), .path = uri->substr(0, query_at)},
                      .names_method = overrides_method(std::string_view{*uri}.substr(std::min(query_at + 1, uri->size())))};
}

}  // namespace

void fold_gateway_path(HttpRequest& request) {
  if (!request.path.starts_with(gateway_path) || request.path.size() == gateway_path.size()) return;
  std::string uri = request.path.substr(gateway_path.size());
  if (!uri.starts_with('/')) return;
  if (!request.query.empty()) uri += '?' + request.query;
  request.headers.add("X-Original-Method", request.method);
  request.headers.add("X-Original-URI", std::move(uri));
  request.method = "GET";
  request.path = gateway_path;
  request.query.clear();
}

Result<GatewayQuestion> read_gateway_question(const Headers& headers) {
  auto connection = one_of(headers, "X-Evergrant-Connection");
  auto registration = one_of(headers, "X-Evergrant-Registration");
  auto realm = one_of(headers, "X-Evergrant-Realm");
  auto pair = one_of(headers, "X-Evergrant-Pair");
  for (const auto* one : {&connection, &registration, &realm, &pair}) {
    if (!*one) return std::unexpected(one->error());
  }
  const bool by_account = !registration->empty() && !realm->empty();
  if (registration->empty() != realm->empty() || connection->empty() != by_account) {
    return bad_question("the connection is not named, or named in two ways");
  }
  auto call = original_call(headers);
  if (!call) return std::unexpected(call.error());
  return GatewayQuestion{.connection = ConnectionId{std::move(*connection)},
                         .registration = RegistrationId{std::move(*registration)},
                         .realm = RealmId{std::move(*realm)},
                         .pair = std::move(*pair),
                         .call = std::move(call->call),
                         .names_method = call->names_method};
}

Result<> check_gateway_call(const InjectProfile& profile, std::string_view realm, const ProviderCall& call) {
  if (call.path.empty()) return {};
  // Whatever is wrong with it came from the gateway's client, and is refused as such.
  const auto refused = [](Error why) {
    why.code = Errc::forbidden;
    return std::unexpected(std::move(why));
  };
  if (call.path.contains('#')) return refused({Errc::forbidden, "the path holds a '#'", {}});
  const auto readings = readings_of(call.path);
  if (!readings) return refused(readings.error());
  if (auto checked = check_path(*readings); !checked) return refused(checked.error());
  if (auto own = check_realm_in_path(*readings, profile.realm_path, realm); !own) return refused(own.error());
  return {};
}

Result<std::vector<Injection>> gateway_fields(const InjectProfile& profile, const TokenLease& lease) {
  auto fields = extra_fields(profile, lease.realm.str());
  if (!fields) return fields;
  fields->push_back({.name = profile.header, .value = fill_in(profile.format, "token", lease.access_token.reveal())});
  return fields;
}

int gateway_status(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return 400;
    case Errc::unauthenticated: return 401;
    case Errc::rate_limited: return 429;
    case Errc::provider_unavailable:
    case Errc::registration_paused:
    case Errc::ambiguous:
    case Errc::stale:
    case Errc::busy:
    case Errc::deadline_exceeded:
    case Errc::key_unavailable:
    case Errc::store_unavailable: return 503;
    case Errc::sealed_broken:
    case Errc::unsupported:
    case Errc::internal: return 500;
    case Errc::forbidden:
    case Errc::not_found:
    case Errc::conflict:
    case Errc::gone:
    case Errc::too_large:
    case Errc::reauth_required:
    case Errc::revoked:
    case Errc::quarantined:
    case Errc::provider_rejected:
    case Errc::insufficient_scope: return 403;
  }
  return 500;
}

}  // namespace evergrant
