#include <algorithm>

#include "api/handlers.hpp"
#include "api/quick_token.hpp"

namespace evergrant {
namespace {

constexpr std::int64_t longest_ttl = 366LL * 24 * 3600;

}  // namespace

Error no_such_connection(const std::string& id) {
  return {Errc::not_found, "there is no connection '" + printable(id, 80) + "' that this caller may see",
          "list them with: evergrant connections list"};
}

bool may_be_id(const ConnectionId& id) {
  constexpr std::size_t length = 30;  // con_ and 26 characters
  return id.str().starts_with("con_") && id.str().size() == length;
}

Result<ReadRequest> token_request(const Call& call) {
  auto min_ttl = query_integer(call, "min_ttl", 0, 0, longest_ttl);
  if (!min_ttl) return std::unexpected(min_ttl.error());
  auto wait = query_integer(call, "wait", -1, 0, longest_wait);
  if (!wait) return std::unexpected(wait.error());
  ReadRequest request{.min_ttl = std::chrono::seconds{*min_ttl}, .deadline = std::nullopt};
  if (*wait >= 0) request.deadline = std::chrono::seconds{*wait};
  return request;
}

Result<> Handlers::allow(Call& call, const RegistrationId& registration, const TenantId& tenant,
                         const ConnectionId& connection) const {
  call.audit.registration = registration;
  call.audit.tenant = tenant;
  const Verb verb = call.route->verb.value_or(Verb::admin);
  AccessRequest access{.verb = verb, .registration = registration, .tenant = tenant};
  if (!connection.empty()) access.connection = connection;
  // Of a proxied call the path at the provider is known later (ProxyCall::rules).
  return verb == Verb::proxy ? authorise_account(*call.caller, access) : authorise(*call.caller, access);
}

Task<Result<Connection>> Handlers::visible_connection(Call& call, std::size_t index) const {
  return visible_connection(call, ConnectionId{call.path.at(index)});
}

Task<Result<Connection>> Handlers::visible_connection(Call& call, ConnectionId id) const {
  if (!may_be_id(id)) co_return std::unexpected(no_such_connection(id.str()));
  call.audit.connection = id;
  auto connection = co_await parts_.store.connection(id);
  if (!connection && connection.error().code == Errc::not_found) co_return std::unexpected(no_such_connection(id.str()));
  if (!connection) co_return connection;
  if (!allow(call, connection->registration, connection->tenant, public_id(*connection))) {
    call.audit.detail = "denied by policy";
    co_return std::unexpected(no_such_connection(id.str()));
  }
  call.problem_members = {
      {"connection", id.str()}, {"registration", connection->registration.str()}, {"tenant", connection->tenant.str()}};
  co_return connection;
}

Task<Result<Connection>> Handlers::chosen_pair(Call& call, Connection main) const {
  const std::string pair = query_text(call, "pair");
  if (pair.empty() || pair == main.pair) co_return main;
  auto pairs = co_await parts_.store.pairs_of(main.id);
  if (!pairs) co_return std::unexpected(pairs.error());
  const auto chosen = std::ranges::find(*pairs, pair, &Connection::pair);
  if (chosen != pairs->end()) {
    call.problem_members.emplace_back("pair", chosen->pair);
    co_return std::move(*chosen);
  }
  std::string names;
  for (const auto& row : *pairs) names += (names.empty() ? "" : ", ") + row.pair;
  co_return fail(
      Errc::not_found, name_of(main) + " has no token pair '" + printable(pair, 40) + "'",
      names.empty() ? "it has the main one only: leave 'pair' out" : "it has these beside the main one: " + names);
}

Result<Reply> Handlers::token_reply(Call& call, Result<TokenLease> lease) const {
  if (!lease) return std::unexpected(lease.error());
  call.audit.connection = lease->connection;
  call.audit.fingerprint = lease->mark.fingerprint();
  call.audit.detail = "generation " + std::to_string(lease->generation);
  if (!lease->pair.empty()) call.audit.detail += ", pair " + lease->pair;
  return Reply{
      .status = 200, .body = token_body(*lease, parts_.clock.now()), .content_type = "application/json", .headers = {}};
}

Task<Result<Reply>> Handlers::read_token(Call& call) const {
  auto request = token_request(call);
  if (!request) co_return std::unexpected(request.error());
  const ConnectionId id{call.path.at(0)};
  const std::string pair = query_text(call, "pair");
  auto lease_now = pair.empty() ? parts_.tokens.read_now(id, *request) : parts_.tokens.read_now_pair(id, pair, *request);
  if (auto lease = std::move(lease_now)) {
    if (!allow(call, lease->registration, lease->tenant, lease->connection)) {
      call.audit.connection = id;
      call.audit.detail = "denied by policy";
      co_return std::unexpected(no_such_connection(id.str()));
    }
    co_return token_reply(call, std::move(*lease));
  }
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  auto row = co_await chosen_pair(call, std::move(*connection));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await parts_.tokens.token(row->id, *request);
  co_return token_reply(call, std::move(lease));
}

Task<Result<Reply>> Handlers::read_token_of_realm(Call& call) const {
  auto request = token_request(call);
  if (!request) co_return std::unexpected(request.error());
  const RegistrationId registration{call.path.at(0)};
  const RealmId realm{call.path.at(1)};
  auto connection = co_await parts_.store.connection_of(registration, realm);
  if (connection) call.audit.connection = connection->id;
  const bool seen = connection && allow(call, connection->registration, connection->tenant, connection->id).has_value();
  if (!connection && connection.error().code != Errc::not_found) co_return std::unexpected(connection.error());
  if (!seen) {
    if (connection) call.audit.detail = "denied by policy";
    co_return fail(Errc::not_found, "there is no connection for that realm that this caller may see",
                   "list them with: evergrant connections list");
  }
  call.problem_members = {
      {"connection", connection->id.str()}, {"registration", registration.str()}, {"tenant", connection->tenant.str()}};
  auto row = co_await chosen_pair(call, std::move(*connection));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await parts_.tokens.token(row->id, *request);
  co_return token_reply(call, std::move(lease));
}

Task<Result<Reply>> Handlers::refresh_token(Call& call) const {
  std::optional<Generation> seen;
  if (!call.request.body.empty()) {
    auto body = JsonBody::parse(call.request, options_.json_depth);
    if (!body) co_return std::unexpected(body.error());
    seen = body->integer("generation", 1, std::numeric_limits<std::int64_t>::max());
    if (auto read = body->finish(); !read) co_return std::unexpected(read.error());
  }
  auto wait = query_integer(call, "wait", -1, 0, longest_wait);
  if (!wait) co_return std::unexpected(wait.error());
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  const std::optional<Duration> deadline = *wait < 0 ? std::nullopt : std::optional<Duration>{std::chrono::seconds{*wait}};
  auto row = co_await chosen_pair(call, std::move(*connection));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await parts_.tokens.refresh(row->id, seen, deadline);
  co_return token_reply(call, std::move(lease));
}

}  // namespace evergrant
