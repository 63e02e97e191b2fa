#include "evergrant/token_manager.hpp"

#include <utility>

#include "base/encoding.hpp"
#include "library/embedded_engine.hpp"
#include "library/shown.hpp"
#include "oauth/client_keys.hpp"

namespace evergrant::library {
namespace {

std::unique_ptr<Clock> clock_or_the_machines(std::unique_ptr<Clock> clock) {
  return clock ? std::move(clock) : std::make_unique<SystemClock>();
}

// Takes a token from memory into a lease of its own.
class IntoLease final : public TokenTaker {
 public:
  std::span<char> room(const Connection& row, const OnceText& /*caption*/, std::size_t size) override {
    std::string joined;  // of more than one scope
    lease_.emplace(lease_parts(row, joined), size);
    return {lease_->room(), size};
  }
  [[nodiscard]] TokenLease lease() { return std::move(*lease_); }

 private:
  std::optional<TokenLease> lease_;
};

std::unexpected<Error> names_none() {
  return fail(Errc::invalid_argument, "a token is asked for by connection, or by registration and realm",
              "TokenRequest: give one of these");
}

Task<Result<TokenLease>> shown(Task<Result<evergrant::TokenLease>> task) {
  auto lease = co_await std::move(task);
  if (!lease) co_return std::unexpected(std::move(lease).error());
  co_return lease_from(*lease);
}

// A token request of which nothing is a view.
struct Asked {
  ConnectionId connection;  // or
  RegistrationId registration;
  RealmId realm;
  std::string pair;
  ReadRequest reading;
};

Task<Result<evergrant::TokenLease>> token_of_pair(TokenService& tokens, evergrant::Store& store, Asked asked) {
  if (asked.connection.empty()) {
    const auto main = co_await store.connection_of(std::move(asked.registration), std::move(asked.realm));
    if (!main) co_return std::unexpected(main.error());
    asked.connection = main->id;
  }
  auto row = co_await tokens.row_of(std::move(asked.connection), std::move(asked.pair));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await tokens.token(std::move(*row), asked.reading);
  co_return lease;
}

// A lease names its connection; the row of its pair is another one.
Task<Result<evergrant::TokenLease>> refreshed(TokenService& tokens, ConnectionId connection, std::string pair,
                                              Generation seen, std::optional<Duration> deadline) {
  auto row = co_await tokens.row_of(std::move(connection), std::move(pair));
  if (!row) co_return std::unexpected(row.error());
  auto lease = co_await tokens.refresh(std::move(*row), seen, deadline);
  co_return lease;
}

Task<Result<ConnectionInfo>> shown_connection(Task<Result<Connection>> task) {
  auto row = co_await std::move(task);
  if (!row) co_return std::unexpected(std::move(row).error());
  co_return info_of(*row);
}

// The link is opened at once: it is the application that has the browser.
Task<Result<ConnectStart>> start_connecting(Connector& connector, evergrant::ConnectRequest request) {
  auto link = co_await connector.start(std::move(request));
  if (!link) co_return std::unexpected(std::move(link).error());
  const std::string_view url = link->url.reveal();
  Secret token{url.substr(url.rfind('/') + 1)};
  const Time expires_at = link->expires_at;
  auto step = co_await connector.open(std::move(token), Secret{});
  if (!step) co_return std::unexpected(std::move(step).error());
  co_return ConnectStart{
      .url = Secret::take(std::move(step->location)), .cookie = std::move(step->cookie), .expires_at = expires_at};
}

Task<Result<ConnectOutcome>> finish_connecting(Connector& connector, RegistrationId registration, std::string query,
                                               Secret cookie) {
  auto result = co_await connector.callback(std::move(registration), std::move(query), std::move(cookie));
  if (!result) co_return std::unexpected(std::move(result).error());
  co_return ConnectOutcome{.status = std::move(result->status),
                           .message = std::move(result->message),
                           .connection = result->connection ? result->connection->str() : std::string{},
                           .return_to = std::move(result->return_to)};
}

Task<Result<ConnectionPage>> listed(evergrant::Store& store, evergrant::ConnectionFilter filter, std::string cursor,
                                    int limit) {
  auto page = co_await store.connections(std::move(filter), std::move(cursor), limit);
  if (!page) co_return std::unexpected(std::move(page).error());
  ConnectionPage shown_page{.connections = {}, .next = std::move(page->next)};
  for (const auto& row : page->items) shown_page.connections.push_back(info_of(row));
  co_return shown_page;
}

}  // namespace

TokenManager::Impl::Impl(Options given, Seams on, Config configured, const ProviderCatalogue& catalogue,
                         std::vector<Registration> registrations, std::unique_ptr<Escrow> its_escrow, std::string owner)
    : options{std::move(given)},
      seams{std::move(on)},
      config{std::move(configured)},
      log{options.log ? std::make_unique<Log>(LogFormat::json, LogLevel::warning) : Log::silent()},
      escrow{std::move(its_escrow)},
      curl{seams.http ? nullptr : std::make_unique<HttpClient>(config.http_client)},
      foreign{seams.http ? std::make_unique<ForeignTransport>(*seams.http) : nullptr},
      graph{{.engine = engine.loop(),
             .store = store(),
             .escrow = *escrow,
             .transport = curl ? static_cast<evergrant::HttpTransport&>(*curl) : *foreign,
             .kek = *seams.kek,
             .older_keks = older_keks(seams),
             .clock = *(seams.clock = clock_or_the_machines(std::move(seams.clock))),
             .random = random,
             .log = *log,
             .grace = options.stop_wait},
            config,
            catalogue,
            std::move(registrations),
            std::move(owner)},
      waiters{options.resume} {}

Result<> TokenManager::Impl::start() {
  auto started = wait_on(engine.loop(), graph.start());
  if (started) serving = true;
  return started;
}

void TokenManager::Impl::stop() {
  const std::lock_guard lock{stop_mutex};
  if (stopped) return;
  stopped = true;
  if (engine.running() && serving) {
    const bool ended = wait_on(engine.loop(), graph.stop());
    if (!ended) log->warning("stopped_with_work_in_progress", {{"effect", "it is taken up again at the next start"}});
  }
  if (curl) curl->stop();
  engine.join();
  waiters.give_up();
  engine.loop().drop_tasks();
}

TokenManager::TokenManager(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Result<std::unique_ptr<TokenManager>> TokenManager::make(Options options, Seams seams) {
  auto impl = Impl::make(std::move(options), std::move(seams));
  if (!impl) return std::unexpected(impl.error());
  std::unique_ptr<TokenManager> manager{new TokenManager{std::move(*impl)}};
  if (manager->impl_->options.threads == Threads::own) {
    manager->impl_->engine.start();
    if (auto started = manager->impl_->start(); !started) return std::unexpected(started.error());
  }
  return manager;
}

TokenManager::~TokenManager() { impl_->stop(); }

Result<> TokenManager::run() {
  std::optional<Error> failed;
  auto& loop = impl_->engine.loop();
  spawn(loop, [](Impl& impl, std::optional<Error>& error) -> Task<void> {
    auto started = co_await impl.graph.start();  // ends once the keys are loaded
    impl.serving = started.has_value();
    if (started) co_return;
    error = started.error();
    impl.engine.loop().stop();
  }(*impl_, failed));
  if (!impl_->engine.run()) return fail(Errc::conflict, "the engine runs already, or has been stopped", "call run() once");
  if (failed) return std::unexpected(std::move(*failed));
  return {};
}

void TokenManager::run_http() {
  if (impl_->curl && impl_->options.threads == Threads::application) impl_->curl->run();
}

void TokenManager::stop() { impl_->stop(); }

Pending<TokenLease> TokenManager::Impl::get_pair(const TokenRequest& request, const ReadRequest& reading) {
  auto& tokens = graph.tokens();
  if (!request.connection.empty()) {
    auto ready = tokens.read_now_pair(ConnectionId{request.connection}, std::string{request.pair}, reading);
    if (ready) return Result<TokenLease>{lease_from(*ready)};
  } else if (request.registration.empty() || request.realm.empty()) {
    return Result<TokenLease>{names_none()};
  }
  return begin(shown(token_of_pair(tokens, store(),
                                   {.connection = ConnectionId{request.connection},
                                    .registration = RegistrationId{request.registration},
                                    .realm = RealmId{request.realm},
                                    .pair = std::string{request.pair},
                                    .reading = reading})),
               request.deadline);
}

Pending<TokenLease> TokenManager::get(const TokenRequest& request) {
  const ReadRequest reading{.min_ttl = request.min_ttl, .deadline = request.deadline};
  auto& tokens = impl_->graph.tokens();
  if (!request.pair.empty()) return impl_->get_pair(request, reading);
  if (!request.connection.empty()) {
    IntoLease taker;
    if (tokens.read_now(request.connection, reading, impl_->seams.clock->now(), taker) == TakenNow::taken)
      return Result<TokenLease>{taker.lease()};
    return impl_->begin(shown(tokens.token(ConnectionId{request.connection}, reading)), request.deadline);
  }
  if (request.registration.empty() || request.realm.empty()) return Result<TokenLease>{names_none()};
  return impl_->begin(shown(tokens.token_of(RegistrationId{request.registration}, RealmId{request.realm}, reading)),
                      request.deadline);
}

Pending<TokenLease> TokenManager::invalidate(const TokenLease& lease, std::optional<Duration> deadline) {
  return impl_->begin(shown(refreshed(impl_->graph.tokens(), ConnectionId{lease.connection()}, std::string{lease.pair()},
                                      lease.generation(), deadline)),
                      deadline);
}

Pending<ConnectStart> TokenManager::connect(ConnectRequest request) {
  evergrant::ConnectRequest inner{.registration = RegistrationId{request.registration},
                                  .tenant = TenantId{request.tenant},
                                  .return_to = std::move(request.return_to),
                                  .scopes = std::move(request.scopes),
                                  .login_hint = std::move(request.login_hint),
                                  .connection = std::nullopt,
                                  .caller = CallerId{"library"}};
  if (!request.reconnect.empty()) inner.connection = ConnectionId{request.reconnect};
  return impl_->begin(start_connecting(impl_->graph.connector(), std::move(inner)));
}

Pending<ConnectOutcome> TokenManager::finish_connect(std::string registration, std::string query, Secret cookie) {
  return impl_->begin(finish_connecting(impl_->graph.connector(), RegistrationId{std::move(registration)}, std::move(query),
                                        std::move(cookie)),
                      Duration{std::chrono::minutes{2}});
}

Pending<ConnectionInfo> TokenManager::import(ImportRequest request) {
  Connector::ImportRequest inner;
  inner.registration = RegistrationId{request.registration};
  inner.tenant = TenantId{request.tenant};
  inner.realm = RealmId{request.realm};
  inner.access_token = std::move(request.access_token);
  inner.refresh_token = std::move(request.refresh_token);
  inner.access_expires_at = request.access_expires_at;
  inner.scope = std::move(request.scopes);
  inner.verify = request.verify;
  return impl_->begin(shown_connection(impl_->graph.connector().import(std::move(inner))),
                      Duration{std::chrono::minutes{2}});
}

Pending<ConnectionInfo> TokenManager::revoke(std::string connection, std::string reason) {
  return impl_->begin(shown_connection(impl_->graph.revoker().revoke(
      {.connection = ConnectionId{std::move(connection)}, .reason = std::move(reason), .force = false})));
}

Result<std::string> TokenManager::client_key_set(std::string_view registration) const {
  const Registration* known = impl_->graph.registrations().find(RegistrationId{registration});
  auto keys = known == nullptr ? std::nullopt : public_key_set(*known);
  if (keys) return std::move(*keys);
  return fail(Errc::not_found, "there is no key set of \"" + printable(registration, 64) + "\"",
              "a registration has one where token.client_auth is \"private_key_jwt\"");
}

Pending<ConnectionPage> TokenManager::list(ConnectionFilter filter) {
  evergrant::ConnectionFilter inner;
  inner.main_only = true;
  if (!filter.tenant.empty()) inner.tenant = TenantId{filter.tenant};
  if (!filter.registration.empty()) inner.registration = RegistrationId{filter.registration};
  if (!filter.realm.empty()) inner.realm = RealmId{filter.realm};
  if (!filter.status.empty()) {
    inner.status = status_from(filter.status);
    if (!inner.status) {
      return Result<ConnectionPage>{fail(Errc::invalid_argument, "there is no such status of a connection",
                                         "active, reauth_required, quarantined, revoking or revoked")};
    }
  }
  return impl_->begin(listed(impl_->store(), std::move(inner), std::move(filter.cursor), filter.limit));
}

}  // namespace evergrant::library
