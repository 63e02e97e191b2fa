#include <algorithm>

#include "api/handlers.hpp"
#include "proxy/method_rule.hpp"

namespace evergrant {
namespace {

constexpr std::string_view connections_folder = "/v1/connections/";
constexpr std::string_view proxy_segment = "proxy";

Error no_such_proxied(std::string_view id) {
  return {Errc::not_found, "there is no connection '" + printable(id, 80) + "' that this caller may see",
          "list them with: evergrant connections list"};
}

// A caller that may use some methods only must not name another one in the query.
Result<> judge_method(const Call& call) {
  if (auto proper = check_method(call.request.method); !proper) return proper;
  if (auto allowed = authorise_method(*call.caller, call.request.method); !allowed) return allowed;
  if (call.caller->policy.methods.empty() || !overrides_method(call.request.query)) return {};
  return std::unexpected(names_another_method());
}

}  // namespace

std::optional<ProxyPath> proxy_path(std::string_view path) noexcept {
  if (!path.starts_with(connections_folder)) return std::nullopt;
  const auto rest = path.substr(connections_folder.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const auto behind = rest.substr(slash + 1);
  if (!behind.starts_with(proxy_segment)) return std::nullopt;
  const auto tail = behind.substr(proxy_segment.size());
  if (!tail.empty() && !tail.starts_with('/')) return std::nullopt;
  return ProxyPath{.id = rest.substr(0, slash), .tail = tail};
}

// Before a token is read, a body taken or a gate passed. The trail tells whose connection a refused call was for.
Task<Result<>> Handlers::check_proxied_method(Call& call) const {
  auto judged = judge_method(call);
  if (judged) co_return judged;
  const auto connection = co_await visible_connection(call, 0);
  if (connection) call.audit.detail = "refused method " + printable(call.request.method, 40);
  co_return judged;
}

// As for reading a token: what a caller may not see does not exist for it.
Task<Result<Handlers::ProxiedToken>> Handlers::token_to_proxy(Call& call) const {
  const ConnectionId id{call.path.at(0)};
  if (call.request.headers.count("Evergrant-Pair") > 1) co_return fail(Errc::invalid_argument, "two Evergrant-Pair headers");
  const auto pair = call.request.headers.find("Evergrant-Pair");
  if (!pair) {
    auto lease_now = parts_.tokens.read_now(id, {});
    const Registration* registration = lease_now ? parts_.registrations.find(lease_now->registration) : nullptr;
    // A provider with hosts of its own for each account: the row says which.
    if (registration != nullptr && registration->provider.host_variables.empty()) {
      if (!allow(call, lease_now->registration, lease_now->tenant, lease_now->connection)) {
        call.audit.connection = id;
        call.audit.detail = "denied by policy";
        co_return std::unexpected(no_such_proxied(id.str()));
      }
      co_return ProxiedToken{.lease = std::move(*lease_now), .row = id, .extras = {}};
    }
  }
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  auto extras = connection->extras;
  if (pair) call.query = {{"pair", std::string{*pair}}};
  auto row = co_await chosen_pair(call, std::move(*connection));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await parts_.tokens.token(row->id, {});
  if (!lease) co_return std::unexpected(lease.error());
  co_return ProxiedToken{.lease = std::move(*lease), .row = row->id, .extras = std::move(extras)};
}

Task<Result<ProxyReport>> Handlers::proxy(Call& call, HttpExchange& exchange) const {
  const auto where = proxy_path(call.request.path);
  if (!where) co_return fail(Errc::internal, "a path that is not proxied came to the proxy");
  call.path = {std::string{where->id}};
  if (auto fits = co_await check_proxied_method(call); !fits) co_return std::unexpected(fits.error());
  auto token = co_await token_to_proxy(call);
  if (!token) co_return std::unexpected(token.error());
  const Registration* registration = parts_.registrations.find(token->lease.registration);
  if (registration == nullptr) {
    co_return fail(Errc::not_found, "registration " + token->lease.registration.str() + " is not in the configuration",
                   "add it again; the connection's tokens are kept");
  }
  call.audit.connection = token->lease.connection;
  call.audit.fingerprint = token->lease.mark.fingerprint();
  call.problem_members = {{"connection", token->lease.connection.str()},
                          {"registration", token->lease.registration.str()},
                          {"tenant", token->lease.tenant.str()}};
  const Generation generation = token->lease.generation;
  auto report = co_await parts_.proxy->serve(
      {.head = call.request,
       .path = std::string{where->tail},
       .base = std::string{connections_folder} + call.path[0] + "/proxy",
       .registration = *registration,
       .extras = std::move(token->extras),
       .row = token->row,
       .lease = std::move(token->lease),
       .rules = [caller = call.caller](std::string_view method,
                                       std::string_view path) { return authorise_call(*caller, method, path); },
       .sending =
           [&, first = generation](const TokenLease& lease) {
             if (lease.generation != first) call.audit.fingerprint = lease.mark.fingerprint();
           }},
      exchange);
  if (!report.sent) call.audit.fingerprint.clear();  // no token was used
  co_return report;
}

}  // namespace evergrant
