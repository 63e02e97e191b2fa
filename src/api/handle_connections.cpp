#include "api/handlers.hpp"
#include "oauth/configured_extras.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_tenant = 200;
constexpr std::size_t longest_realm = 500;
constexpr std::size_t longest_id = 64;
constexpr std::size_t longest_pair = 32;
constexpr std::size_t most_pairs = 20;

void read_tokens(JsonBody& body, Connector::ImportedTokens& tokens) {
  if (auto secret = body.secret("access_token")) tokens.access_token = std::move(*secret);
  if (auto secret = body.secret("refresh_token")) tokens.refresh_token = std::move(*secret);
  tokens.access_expires_at = body.time("access_expires_at");
  tokens.refresh_idle_expires_at = body.time("refresh_idle_expires_at");
  tokens.refresh_absolute_expires_at = body.time("refresh_absolute_expires_at");
  tokens.scope = body.texts("scope");
}

// `limit`, `cursor` and the filters that the route allows.
Result<ConnectionFilter> filter_of(const Call& call) {
  ConnectionFilter filter;
  if (auto text = query_text(call, "tenant"); !text.empty()) filter.tenant = TenantId{text};
  if (auto text = query_text(call, "registration"); !text.empty()) filter.registration = RegistrationId{text};
  if (auto text = query_text(call, "realm"); !text.empty()) filter.realm = RealmId{text};
  if (auto text = query_text(call, "status"); !text.empty()) {
    filter.status = status_from(text);
    if (!filter.status) {
      return fail(Errc::invalid_argument, "'status': expected active, reauth_required, revoking, revoked or quarantined");
    }
  }
  restrict_to(*call.caller, filter);
  return filter;
}

Result<bool> query_flag(const Call& call, std::string_view name) {
  const auto text = query_text(call, name);
  if (text.empty() || text == "false") return false;
  if (text == "true") return true;
  return fail(Errc::invalid_argument, "'" + std::string{name} + "': expected true or false");
}

Connector::ImportedPair read_pair(JsonBody& body) {
  Connector::ImportedPair pair;
  pair.pair = body.text("pair", longest_pair);
  read_tokens(body, pair);
  return pair;
}

}  // namespace

Task<Result<Reply>> Handlers::list_connections(Call& call) const {
  auto filter = filter_of(call);
  if (!filter) co_return std::unexpected(filter.error());
  const auto pairs = query_flag(call, "pairs");
  if (!pairs) co_return std::unexpected(pairs.error());
  filter->main_only = !*pairs;
  auto limit = query_integer(call, "limit", 50, 1, 200);
  if (!limit) co_return std::unexpected(limit.error());
  auto page = co_await parts_.store.connections(*filter, query_text(call, "cursor"), static_cast<int>(*limit));
  if (!page) co_return std::unexpected(page.error());
  for (auto& row : page->items) keep_configured(row);
  co_return Reply{.status = 200, .body = page_body(*page), .content_type = "application/json", .headers = {}};
}

void Handlers::keep_configured(Connection& row) const {
  const Registration* registration = parts_.registrations.find(row.registration);
  if (registration == nullptr) return row.extras.clear();
  keep_configured_extras(*registration, row.pair, row.extras);
}

boost::json::object Handlers::connection_body(Connection row) const {
  keep_configured(row);
  return to_json(row);
}

Task<Result<Reply>> Handlers::show_connection(Call& call) const {
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  auto body = connection_body(*connection);
  if (connection->status == Status::revoking) {
    auto waiting = co_await parts_.store.outbox_of(connection->id);
    if (!waiting) co_return std::unexpected(waiting.error());
    boost::json::array items;
    for (const auto& item : *waiting) {
      items.push_back(boost::json::object{
          {"tries", item.tries}, {"next_try_at", to_rfc3339(item.next_try_at)}, {"last_error", item.last_error}});
    }
    body["revocation"] = boost::json::object{{"waiting", std::move(items)}};
  }
  if (connection->main.empty()) {
    auto pairs = co_await parts_.store.pairs_of(connection->id);
    if (!pairs) co_return std::unexpected(pairs.error());
    boost::json::array further;
    for (const auto& pair : *pairs) further.push_back(connection_body(pair));
    body["pairs"] = std::move(further);
  }
  if (const auto* registration = parts_.registrations.find(connection->registration)) {
    body["allowed_hosts"] = boost::json::value_from(registration->provider.inject.allowed_hosts);
  }
  co_return json_reply(200, body);
}

Task<Result<Reply>> Handlers::import_connection(Call& call) const {
  auto body = JsonBody::parse(call.request, options_.json_depth);
  if (!body) co_return std::unexpected(body.error());
  Connector::ImportRequest request;
  request.registration = RegistrationId{body->text("registration", longest_id)};
  request.tenant = TenantId{body->text("tenant", longest_tenant)};
  request.realm = RealmId{body->optional_text("realm", longest_realm)};
  read_tokens(*body, request);
  request.verify = body->boolean("verify", false);
  for (auto& pair : body->objects("pairs", most_pairs)) {
    request.pairs.push_back(read_pair(pair));
    if (auto read = pair.finish(); !read) co_return std::unexpected(read.error());
  }
  if (auto read = body->finish(); !read) co_return std::unexpected(read.error());
  if (auto allowed = allow(call, request.registration, request.tenant); !allowed) co_return std::unexpected(allowed.error());
  auto connection = co_await parts_.connector.import(std::move(request));
  if (!connection) co_return std::unexpected(connection.error());
  call.audit.connection = connection->id;
  auto reply = json_reply(201, connection_body(*connection));
  reply.headers.emplace_back("Location", "/v1/connections/" + connection->id.str());
  co_return reply;
}

Task<Result<Reply>> Handlers::revoke_connection(Call& call) const {
  const auto force = query_flag(call, "force");
  if (!force) co_return std::unexpected(force.error());
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  if (*force && !connection->upstream_grant.empty()) {
    auto siblings = co_await parts_.store.sharing(connection->registration, connection->upstream_grant);
    if (!siblings) co_return std::unexpected(siblings.error());
    for (const auto& other : *siblings) {
      const AccessRequest access{
          .verb = Verb::revoke, .registration = other.registration, .tenant = other.tenant, .connection = public_id(other)};
      if (auto allowed = authorise(*call.caller, access); !allowed) {
        co_return fail(Errc::forbidden,
                       "'force': the provider's grant is shared with connections that this caller may not revoke",
                       "revoke it without 'force', or ask a caller whose policy covers them");
      }
    }
  }
  auto revoked = co_await parts_.revoker.revoke(
      {.connection = connection->id, .reason = "Revoked by " + call.caller->name + ".", .force = *force});
  if (!revoked) co_return std::unexpected(revoked.error());
  co_return json_reply(202, connection_body(*revoked));
}

Task<Result<Reply>> Handlers::release_connection(Call& call) const {
  auto shown = co_await visible_connection(call, 0);
  if (!shown) co_return std::unexpected(shown.error());
  auto connection = co_await chosen_pair(call, std::move(*shown));
  if (!connection) co_return std::unexpected(connection.error());
  if (connection->status != Status::quarantined) {
    co_return fail(Errc::conflict, "the connection is not quarantined but " + std::string{to_string(connection->status)});
  }
  const std::string reason = "Released by " + call.caller->name + '.';
  Event event{.sequence = 0,
              .at = parts_.clock.now(),
              .type = "released",
              .connection = connection->id,
              .registration = connection->registration,
              .tenant = connection->tenant,
              .realm = connection->realm,
              .generation = connection->generation,
              .detail = reason,
              .code = {},
              .correlation = {}};
  auto changed = co_await parts_.store.change_status(connection->id, Status::quarantined, Status::active, reason, event);
  if (!changed) co_return std::unexpected(changed.error());
  parts_.tokens.forget(connection->id);
  if (is_renewable(*connection)) {
    // What came of it is in the connection; while the provider cannot be asked, the scheduler tries again.
    auto tried = co_await parts_.tokens.refresh(connection->id, connection->generation, std::nullopt);
    if (!tried)
      parts_.log.info("released_not_confirmed",
                      {{"connection", connection->id.str()}, {"code", to_string(tried.error().code)}});
  }
  auto now = co_await parts_.store.connection(connection->id);
  if (!now) co_return std::unexpected(now.error());
  co_return json_reply(200, connection_body(*now));
}

Task<Result<Reply>> Handlers::offboard_tenant(Call& call) const {
  const TenantId tenant{call.path.at(0)};
  if (auto checked = check_tenant(tenant); !checked) co_return std::unexpected(checked.error());
  call.audit.tenant = tenant;
  // Off-boarding reaches every registration of the tenant, so a caller limited to some of them may not ask for it.
  auto allowed = authorise(*call.caller, {.verb = Verb::revoke, .registration = RegistrationId{"*"}, .tenant = tenant});
  if (!allowed) co_return std::unexpected(allowed.error());
  auto report = co_await parts_.revoker.offboard(tenant);
  if (!report) co_return std::unexpected(report.error());
  co_return json_reply(202, {{"tenant", report->tenant.str()},
                             {"connections", report->connections},
                             {"already_revoked", report->already_revoked},
                             {"waiting", report->waiting},
                             {"keys_shredded", report->keys_shredded},
                             {"at", to_rfc3339(report->at)}});
}

Task<Result<Reply>> Handlers::list_events(Call& call) const {
  auto filter = filter_of(call);
  if (!filter) co_return std::unexpected(filter.error());
  auto limit = query_integer(call, "limit", 50, 1, 200);
  if (!limit) co_return std::unexpected(limit.error());
  std::optional<ConnectionId> connection;
  if (auto text = query_text(call, "connection"); !text.empty()) connection = ConnectionId{text};
  auto page = co_await parts_.store.events(*filter, connection, query_text(call, "cursor"), static_cast<int>(*limit));
  if (!page) co_return std::unexpected(page.error());
  co_return Reply{.status = 200, .body = page_body(*page), .content_type = "application/json", .headers = {}};
}

Task<Result<Reply>> Handlers::list_timeline(Call& call) const {
  auto connection = co_await visible_connection(call, 0);
  if (!connection) co_return std::unexpected(connection.error());
  auto limit = query_integer(call, "limit", 50, 1, 200);
  if (!limit) co_return std::unexpected(limit.error());
  auto page = co_await parts_.store.timeline(connection->id, query_text(call, "cursor"), static_cast<int>(*limit));
  if (!page) co_return std::unexpected(page.error());
  co_return Reply{.status = 200, .body = page_body(*page), .content_type = "application/json", .headers = {}};
}

}  // namespace evergrant
