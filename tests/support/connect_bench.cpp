#include "support/connect_bench.hpp"

namespace evergrant::test {

Registration sandbox_registration() {
  auto profiles = load_profile_file(std::string{EVERGRANT_SOURCE_DIR} + "/providers/sandbox.toml");
  if (!profiles) throw std::logic_error(profiles.error().message);
  Registration registration;
  registration.id = RegistrationId{"sandbox"};
  registration.provider = profiles->front();
  registration.client_id = "sandbox-client";
  registration.client_secrets.push_back({Secret{"sandbox-secret"}, std::nullopt});
  registration.redirect_uri = "http://127.0.0.1:8000/callback/sandbox";
  registration.scopes = {"com.intuit.quickbooks.accounting"};
  registration.return_urls = {"https://app.example/back/"};
  return registration;
}

Registration fake_registration(const std::string& id) {
  Registration registration;
  registration.id = RegistrationId{id};
  registration.client_id = "client";
  registration.client_secrets.push_back({Secret{"client-secret"}, std::nullopt});
  registration.redirect_uri = "http://127.0.0.1:8000/callback/" + id;
  registration.scopes = {"read", "write"};
  Provider& provider = registration.provider;
  provider.id = ProviderId{"fake"};
  provider.metadata_mode = MetadataMode::fixed;
  provider.endpoints.authorize = "https://fake.test/authorize";
  provider.endpoints.token = "https://fake.test/token";
  provider.endpoints.revoke = "https://fake.test/revoke";
  provider.refresh.rotation = Rotation::always_with_grace;
  provider.refresh.grace = std::chrono::minutes{30};
  provider.token.kept_members = {"account"};
  provider.realm.source = RealmSource::token_response;
  provider.realm.field = "account";
  return registration;
}

ConnectBench::World::World(ConnectBench& bench, std::vector<Registration> all)
    : registrations{std::move(all)},
      vault{bench.store, *bench.kek, {}, bench.clock, bench.random, *bench.log},
      directory{bench.transport, bench.clock, *bench.log, metrics},
      tokens{parts(bench), bench.refresh_options},
      connector{parts(bench), tokens, bench.options},
      revoker{parts(bench), tokens} {
  const auto started = run(bench.executor, vault.start());
  if (!started) throw std::logic_error(started.error().message);
}

TokenService::Parts ConnectBench::World::parts(ConnectBench& bench) {
  return {bench.executor, bench.store, vault,        directory, bench.transport,
          registrations,  bench.clock, bench.random, metrics,   *bench.log};
}

ConnectBench::~ConnectBench() {
  if (!world_) return;
  world_->revoker.stop();
  spawn(executor, [](TokenService& tokens) -> Task<void> { co_await tokens.stop(); }(world_->tokens));  // ends below
  // What waits for a timer ends, so that nothing is left behind.
  for (int i = 0; i < 1000 && executor.advance_to_next_timer(); ++i) continue;
}

ConnectBench::World& ConnectBench::world() {
  if (!world_) {
    std::vector<Registration> all;
    all.push_back(std::move(sandbox_one));
    all.push_back(std::move(fake_one));
    all.push_back(std::move(other_one));
    world_ = std::make_unique<World>(*this, std::move(all));
  }
  return *world_;
}

ConnectRequest ConnectBench::request(const std::string& registration, const std::string& tenant) {
  ConnectRequest made;
  made.registration = RegistrationId{registration};
  made.tenant = TenantId{tenant};
  made.caller = CallerId{"cal_1"};
  return made;
}

Secret ConnectBench::token_of(const ConnectLink& link) {
  return Secret{link.url.reveal().substr(link.url.reveal().rfind('/') + 1)};
}

Result<ConnectResult> ConnectBench::callback(const std::string& registration, const std::string& query,
                                             const Secret& cookie) {
  return run_through_time(executor, world().connector.callback(RegistrationId{registration}, query, cookie.clone()));
}

std::string ConnectBench::parameter(std::string_view url, std::string_view name) {
  return single(form_decode(query_of(url)).value_or(Parameters{}), name).value_or("");
}

std::string ConnectBench::consent(const std::string& location) {
  HttpRequest at_provider;
  at_provider.method = "GET";
  at_provider.path = "/authorize";
  at_provider.query = query_of(location);
  const auto answer = run_through_time(executor, sandbox.handle(std::move(at_provider)));
  return query_of(answer.headers.find("location").value_or("?"));
}

Result<ConnectResult> ConnectBench::connect(const std::string& realm, const std::string& tenant) {
  auto asked = request("sandbox", tenant);
  asked.login_hint = "realm:" + realm;
  const Flow flow = begin(std::move(asked));
  return callback("sandbox", consent(flow.location), flow.cookie);
}

Result<ConnectResult> ConnectBench::connect_fake(ConnectRequest asked) {
  const std::string registration = asked.registration.str();
  const Flow flow = begin(std::move(asked));
  return callback(registration, "code=c&state=" + flow.state(), flow.cookie);
}

std::string ConnectBench::answer_with(const std::string& access, const std::string& refresh, const std::string& account,
                                      const std::string& more) {
  std::string body = R"({"token_type":"Bearer","expires_in":3600,"access_token":")" + access + '"';
  if (!refresh.empty()) body += R"(,"refresh_token":")" + refresh + '"';
  if (!account.empty()) body += R"(,"account":")" + account + '"';
  return body + more + '}';
}

std::vector<std::string> ConnectBench::events() {
  const auto page = run(executor, sqlite->events({}, std::nullopt, "", 1000));
  std::vector<std::string> types;
  for (const auto& event : page->items) types.push_back(event.type);
  return types;
}

std::string ConnectBench::read(const ConnectionId& id) {
  const auto lease = run_through_time(executor, world().tokens.token(id, {}));
  return lease ? std::string{lease->access_token.reveal()} : std::string{to_string(lease.error().code)};
}

Connector::ImportRequest ConnectBench::tokens_of(const std::string& realm, const std::string& registration) {
  Connector::ImportRequest made;
  made.registration = RegistrationId{registration};
  made.tenant = TenantId{"acme"};
  made.realm = RealmId{realm};
  made.access_token = Secret{"at-" + realm};
  made.refresh_token = Secret{"rt-" + realm};
  return made;
}

Result<Connection> ConnectBench::import(Connector::ImportRequest asked) {
  return run_through_time(executor, world().connector.import(std::move(asked)));
}

Connection ConnectBench::imported(const std::string& realm, const std::string& registration) {
  auto made = import(tokens_of(realm, registration));
  if (!made) throw std::logic_error(made.error().message);
  return std::move(*made);
}

Result<Connection> ConnectBench::revoke(const ConnectionId& id, bool force) {
  return run(executor, world().revoker.revoke({.connection = id, .reason = "a test", .force = force}));
}

void ConnectBench::work_off_outbox() {
  spawn(executor, world().revoker.run());  // ends with the fixture
  executor.run_until_idle();
}

}  // namespace evergrant::test
