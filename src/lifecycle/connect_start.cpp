#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/strict_json.hpp"
#include "lifecycle/connect_impl.hpp"
#include "lifecycle/revoker.hpp"
#include "oauth/security_policy.hpp"

namespace evergrant {
namespace {

constexpr std::size_t longest_tenant = 200;

Place place_of(const ConnectSession& session) {
  return {.tenant = session.tenant,
          .registration = session.registration,
          .realm = {},
          .connection = ConnectionId{session.id.str()},
          .field = "session",
          .generation = 0};
}

bool hint_names_host(const Provider& provider) {
  return std::ranges::find(provider.host_variables, "connection", &HostVariable::source) != provider.host_variables.end();
}

// Where the customer's host must be known before the redirect, it is asked for here: not in the customer's browser.
Result<> check_hint(const Provider& provider, const std::string& login_hint) {
  const auto hosts = hosts_of_hint(provider, login_hint);
  if (!hosts) return fail(Errc::invalid_argument, "'login_hint': " + hosts.error().message, hosts.error().hint);
  for (const auto& variable : provider.host_variables) {
    if (variable.source != "connection" || !variable.fallback.empty() || hosts->contains(variable.name)) continue;
    return fail(Errc::invalid_argument, "'login_hint' is missing: this provider's host differs per account",
                "name it: the profile's [[host_variable]] '" + variable.name + "' says what it looks like");
  }
  return {};
}

}  // namespace

Connector::Connector(TokenService::Parts parts, TokenService& tokens, ConnectOptions options)
    : impl_{std::make_unique<Impl>(parts, tokens, std::move(options),
                                   TokenEndpoint{parts.transport, parts.clock, parts.random}, RealmProof{parts.transport})} {
}
Connector::~Connector() = default;

Task<Result<ConnectLink>> Connector::start(ConnectRequest request) {
  return run_on(impl_->parts.engine, impl_->start(std::move(request)));
}
Task<Result<BrowserStep>> Connector::open(Secret link_token, Secret cookie) {
  return run_on(impl_->parts.engine, impl_->open(std::move(link_token), std::move(cookie)));
}
Task<Result<ConnectResult>> Connector::callback(RegistrationId registration, std::string query, Secret cookie) {
  return run_on(impl_->parts.engine, impl_->callback(std::move(registration), std::move(query), std::move(cookie)));
}
Task<Result<ConnectSession>> Connector::session(SessionId id) { return impl_->parts.store.session(std::move(id)); }
Task<Result<Connection>> Connector::import(ImportRequest request) {
  return run_on(impl_->parts.engine, impl_->import(std::move(request)));
}

Result<> check_tenant(const TenantId& tenant) {
  const auto& text = tenant.str();
  if (text.empty() || text.size() > longest_tenant || printable(text, longest_tenant) != text || text.starts_with('@')) {
    return fail(Errc::invalid_argument, "'tenant': expected 1 to 200 printable characters that do not begin with '@'");
  }
  return {};
}

Error no_such_registration(const RegistrationId& id) {
  return {Errc::invalid_argument, "'registration': there is no registration '" + printable(id.str(), 80) + "'",
          "list them with: evergrant registrations"};
}

Result<HostValues> hosts_of_hint(const Provider& provider, const std::string& login_hint) {
  std::map<std::string, std::string> members;
  for (const auto& variable : provider.host_variables) members[variable.field] = login_hint;
  return host_values(provider, "connection", members);
}

std::string hash_of(std::string_view secret) { return hex_encode(sha256(secret)); }

Task<Result<ConnectionId>> Connector::Impl::check_reconnect(const ConnectRequest& request) {
  auto connection = co_await parts.store.connection(*request.connection);
  if (connection && !connection->main.empty()) connection = co_await parts.store.connection(connection->main);
  const bool same = connection && connection->registration == request.registration && connection->tenant == request.tenant;
  if (!connection && connection.error().code != Errc::not_found) co_return std::unexpected(connection.error());
  if (!same) {
    co_return fail(Errc::not_found, "'connection': this tenant has no such connection of this registration");
  }
  if (connection->status == Status::revoking || connection->status == Status::revoked) {
    co_return fail(Errc::conflict, "'connection': it is " + std::string{to_string(connection->status)},
                   "leave 'connection' out to make a new one");
  }
  co_return connection->id;
}

// What the customer consents to could not be exchanged: said before anybody is sent to the provider.
Task<Result<>> Connector::Impl::check_not_paused(const Registration& registration) {
  auto paused = co_await parts.store.paused();
  if (!paused) co_return std::unexpected(paused.error());
  const auto found = std::ranges::find(*paused, registration.id, &Store::Pause::registration);
  if (found == paused->end()) co_return Result<>{};
  co_return fail(
      Errc::registration_paused, "the provider refuses our client (" + found->code + ")",
      "check " + what_proves_client(registration) + ", then: evergrant registrations resume " + registration.id.str());
}

Task<Result<>> Connector::Impl::check_not_offboarded(const ConnectSession& session) {
  auto noted = co_await parts.store.meta(offboarded_name(session.tenant));
  if (!noted) co_return std::unexpected(noted.error());
  if (!*noted) co_return Result<>{};
  const std::string& text = **noted;
  std::int64_t at = 0;
  std::from_chars(text.data(), text.data() + text.size(), at);
  if (to_epoch_ms(session.created_at) >= at) co_return Result<>{};
  co_return fail(Errc::gone, "the tenant was off-boarded since this link was made", "start again from the application");
}

Task<Result<ConnectLink>> Connector::Impl::start(ConnectRequest request) {
  const Registration* registration = parts.registrations.find(request.registration);
  if (registration == nullptr) co_return std::unexpected(no_such_registration(request.registration));
  if (auto checked = check_tenant(request.tenant); !checked) co_return std::unexpected(checked.error());
  auto scope = choose_scope(*registration, request.scopes);
  if (!scope) co_return std::unexpected(scope.error());
  if (!request.return_to.empty()) {
    if (auto checked = check_return_url(*registration, request.return_to); !checked)
      co_return std::unexpected(checked.error());
  }
  if (auto checked = check_hint(registration->provider, request.login_hint); !checked)
    co_return std::unexpected(checked.error());
  auto served = co_await check_not_paused(*registration);
  if (!served) co_return std::unexpected(served.error());
  if (request.connection) {
    auto checked = co_await check_reconnect(request);
    if (!checked) co_return std::unexpected(checked.error());
    request.connection = *checked;
  }
  const Secret token = parts.random.token();
  const Time now = parts.clock.now();
  ConnectSession session{.id = SessionId{parts.random.id("cs_")},
                         .token_hash = hash_of(token.reveal()),
                         .registration = request.registration,
                         .tenant = request.tenant,
                         .reconnect = request.connection,
                         .return_to = request.return_to,
                         .login_hint = request.login_hint,
                         .scope = std::move(*scope),
                         .caller = request.caller,
                         .created_at = now,
                         .expires_at = now + options.session_ttl};
  ConnectLink link{.id = session.id,
                   .url = Secret::take(options.public_url + "/connect/" + std::string{token.reveal()}),
                   .expires_at = session.expires_at};
  auto created = co_await parts.store.create_session(std::move(session), options.max_pending_per_tenant);
  if (!created) co_return std::unexpected(created.error());
  co_return link;
}

Task<Result<BrowserStep>> Connector::Impl::open(Secret link_token, Secret cookie) {
  auto session = co_await parts.store.open_session(hash_of(link_token.reveal()), parts.clock.now());
  if (!session) co_return std::unexpected(session.error());
  const Registration* registration = parts.registrations.find(session->registration);
  if (registration == nullptr) co_return std::unexpected(no_such_registration(session->registration));
  const SessionId id = session->id;
  auto step = co_await arm(std::move(*session), *registration, std::move(cookie));
  if (!step) {
    parts.log.warning("connect_not_begun",
                      {{"registration", registration->id.str()}, {"session", id.str()}, {"reason", step.error().message}});
    auto ended = co_await parts.store.finish_session(id, std::string{to_string(step.error().code)}, std::nullopt);
    if (!ended) parts.log.warning("session_not_ended", {{"reason", ended.error().message}});
  }
  co_return step;
}

Task<Result<BrowserStep>> Connector::Impl::arm(ConnectSession session, const Registration& registration, Secret cookie) {
  auto wanted = co_await check_not_offboarded(session);
  if (!wanted) co_return std::unexpected(wanted.error());
  auto resolved = co_await parts.directory.resolve(registration.provider);
  if (!resolved) co_return std::unexpected(resolved.error());
  if (const auto good = check_provider(registration, *resolved); !good) co_return std::unexpected(good.error());
  auto hosts = hosts_of_hint(registration.provider, session.login_hint);
  if (!hosts) co_return std::unexpected(hosts.error());
  auto authorize = fill_hosts(resolved->endpoints.authorize, registration.provider, *hosts);
  if (!authorize) co_return std::unexpected(authorize.error());
  const FlowSecrets secrets = make_flow_secrets(registration, session.scope, parts.random);
  const Secret kept = serialize_secret(boost::json::object{{"verifier", secrets.verifier.reveal()},
                                                           {"nonce", secrets.nonce.reveal()},
                                                           {"iss_promised", resolved->iss_parameter_supported}});
  auto sealed = co_await parts.vault.seal(place_of(session), kept);
  if (!sealed) co_return std::unexpected(sealed.error());
  if (cookie.empty()) cookie = parts.random.token();
  BrowserStep step;
  step.cookie = cookie.clone();  // also one that the browser has: its life begins again
  const AuthorizationRequest request{.authorize_endpoint = std::move(*authorize),
                                     .scope = session.scope,
                                     .login_hint = hint_names_host(registration.provider) ? "" : session.login_hint};
  auto url = build_authorization_url(registration, request, secrets);
  if (!url) co_return std::unexpected(url.error());
  auto armed = co_await parts.store.arm_session(session.id, hash_of(secrets.state.reveal()), hash_of(cookie.reveal()),
                                                resolved->issuer, std::move(*sealed));
  if (!armed) co_return std::unexpected(armed.error());
  step.location = std::move(*url);
  co_return step;
}

}  // namespace evergrant
