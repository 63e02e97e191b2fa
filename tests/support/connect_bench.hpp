// Connect, import and revoke on virtual time: a store in memory, a real vault, the sandbox provider in the same process as
// registration "sandbox", and a scripted provider as registration "fake". Registrations may be changed until `world` is
// first asked for.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lifecycle/connect.hpp"
#include "lifecycle/revoker.hpp"
#include "oauth/metadata.hpp"
#include "oauth/profile.hpp"
#include "sandbox/sandbox_transport.hpp"
#include "store/sqlite_store.hpp"
#include "support/fake_transport.hpp"
#include "support/refresh_bench.hpp"
#include "testing/faulty_store.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {

inline constexpr std::string_view sandbox_origin = "http://127.0.0.1:9500/";

// The sandbox where its address is asked for, the script elsewhere.
class TwoProviders final : public HttpTransport {
 public:
  TwoProviders(SandboxTransport& sandbox, FakeTransport& fake) : sandbox_{sandbox}, fake_{fake} {}
  Task<Result<HttpResponse>> send(OutboundRequest request) override {
    if (request.url.starts_with(sandbox_origin)) return sandbox_.send(std::move(request));
    return fake_.send(std::move(request));
  }

 private:
  SandboxTransport& sandbox_;
  FakeTransport& fake_;
};

inline Registration sandbox_registration() {
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

inline Registration fake_registration(const std::string& id) {
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

class ConnectBench : public ::testing::Test {
 protected:
  struct World {
    World(ConnectBench& bench, std::vector<Registration> all)
        : registrations{std::move(all)},
          vault{bench.store, *bench.kek, {}, bench.clock, bench.random, *bench.log},
          directory{bench.transport, bench.clock, *bench.log},
          tokens{parts(bench), bench.refresh_options},
          connector{parts(bench), tokens, bench.options},
          revoker{parts(bench), tokens} {
      const auto started = run(bench.executor, vault.start());
      if (!started) throw std::logic_error(started.error().message);
    }
    TokenService::Parts parts(ConnectBench& bench) {
      return {bench.executor, bench.store, vault,        directory, bench.transport,
              registrations,  bench.clock, bench.random, metrics,   *bench.log};
    }

    Registrations registrations;
    Metrics metrics;
    Vault vault;
    ProviderDirectory directory;
    TokenService tokens;
    Connector connector;
    Revoker revoker;
  };

  ~ConnectBench() override {
    if (!world_) return;
    world_->revoker.stop();
    spawn(executor, [](TokenService& tokens) -> Task<void> { co_await tokens.stop(); }(world_->tokens));  // ends below
    // What waits for a timer ends, so that nothing is left behind.
    for (int i = 0; i < 1000 && executor.advance_to_next_timer(); ++i) continue;
  }

  World& world() {
    if (!world_) {
      std::vector<Registration> all;
      all.push_back(std::move(sandbox_one));
      all.push_back(std::move(fake_one));
      all.push_back(std::move(other_one));
      world_ = std::make_unique<World>(*this, std::move(all));
    }
    return *world_;
  }

  // --- connect ---

  static ConnectRequest request(const std::string& registration = "sandbox", const std::string& tenant = "acme") {
    ConnectRequest made;
    made.registration = RegistrationId{registration};
    made.tenant = TenantId{tenant};
    made.caller = CallerId{"cal_1"};
    return made;
  }
  Result<ConnectLink> start(ConnectRequest asked) { return run(executor, world().connector.start(std::move(asked))); }
  static Secret token_of(const ConnectLink& link) {
    return Secret{link.url.reveal().substr(link.url.reveal().rfind('/') + 1)};
  }
  Result<BrowserStep> open(const Secret& token, const Secret& cookie = {}) {
    return run_through_time(executor, world().connector.open(token.clone(), cookie.clone()));
  }
  Result<ConnectResult> callback(const std::string& registration, const std::string& query, const Secret& cookie) {
    return run_through_time(executor, world().connector.callback(RegistrationId{registration}, query, cookie.clone()));
  }
  static std::string query_of(std::string_view url) { return std::string{url.substr(url.find('?') + 1)}; }
  static std::string parameter(std::string_view url, std::string_view name) {
    return single(form_decode(query_of(url)).value_or(Parameters{}), name).value_or("");
  }
  // The query with which the sandbox sends the browser back.
  std::string consent(const std::string& location) {
    HttpRequest at_provider;
    at_provider.method = "GET";
    at_provider.path = "/authorize";
    at_provider.query = query_of(location);
    const auto answer = run_through_time(executor, sandbox.handle(std::move(at_provider)));
    return query_of(answer.headers.find("location").value_or("?"));
  }

  // A flow up to the provider's page.
  struct Flow {
    SessionId session;
    std::string location;
    Secret cookie;
    [[nodiscard]] std::string state() const { return parameter(location, "state"); }
  };
  Flow begin(ConnectRequest asked, const Secret& cookie = {}) {
    auto link = start(std::move(asked));
    if (!link) throw std::logic_error(link.error().message);
    auto step = open(token_of(*link), cookie);
    if (!step) throw std::logic_error(step.error().message);
    return {link->id, step->location, std::move(step->cookie)};
  }
  Result<ConnectResult> connect(const std::string& realm, const std::string& tenant = "acme") {
    auto asked = request("sandbox", tenant);
    asked.login_hint = "realm:" + realm;
    const Flow flow = begin(std::move(asked));
    return callback("sandbox", consent(flow.location), flow.cookie);
  }
  // At the scripted provider, whose token endpoint must have an answer prepared.
  Result<ConnectResult> connect_fake(ConnectRequest asked = request("fake")) {
    const std::string registration = asked.registration.str();
    const Flow flow = begin(std::move(asked));
    return callback(registration, "code=c&state=" + flow.state(), flow.cookie);
  }
  static std::string answer_with(const std::string& access, const std::string& refresh, const std::string& account = "a-1",
                                 const std::string& more = "") {
    std::string body = R"({"token_type":"Bearer","expires_in":3600,"access_token":")" + access + '"';
    if (!refresh.empty()) body += R"(,"refresh_token":")" + refresh + '"';
    if (!account.empty()) body += R"(,"account":")" + account + '"';
    return body + more + '}';
  }

  // --- looking ---

  Connection row(const ConnectionId& id) { return run(executor, sqlite->connection(id)).value(); }
  std::vector<Connection> rows() { return run(executor, sqlite->connections({}, "", 1000)).value().items; }
  std::vector<OutboxItem> outbox(const ConnectionId& id) { return run(executor, sqlite->outbox_of(id)).value(); }
  std::string outcome(const SessionId& id) { return run(executor, sqlite->session(id)).value().outcome; }
  std::vector<std::string> events() {
    const auto page = run(executor, sqlite->events({}, std::nullopt, "", 1000));
    std::vector<std::string> types;
    for (const auto& event : page->items) types.push_back(event.type);
    return types;
  }
  std::string read(const ConnectionId& id) {
    const auto lease = run_through_time(executor, world().tokens.token(id, {}));
    return lease ? std::string{lease->access_token.reveal()} : std::string{to_string(lease.error().code)};
  }

  // --- importing and revoking ---

  static Connector::ImportRequest tokens_of(const std::string& realm, const std::string& registration = "fake") {
    Connector::ImportRequest made;
    made.registration = RegistrationId{registration};
    made.tenant = TenantId{"acme"};
    made.realm = RealmId{realm};
    made.access_token = Secret{"at-" + realm};
    made.refresh_token = Secret{"rt-" + realm};
    return made;
  }
  Result<Connection> import(Connector::ImportRequest asked) {
    return run_through_time(executor, world().connector.import(std::move(asked)));
  }
  Connection imported(const std::string& realm, const std::string& registration = "fake") {
    auto made = import(tokens_of(realm, registration));
    if (!made) throw std::logic_error(made.error().message);
    return std::move(*made);
  }
  Result<Connection> revoke(const ConnectionId& id, bool force = false) {
    return run(executor, world().revoker.revoke({.connection = id, .reason = "a test", .force = force}));
  }
  void work_off_outbox() {
    spawn(executor, world().revoker.run());  // ends with the fixture
    executor.run_until_idle();
  }

  VirtualClock clock;
  VirtualExecutor executor{clock};
  SeededRandom random;
  std::string lines;
  std::unique_ptr<Log> log = Log::into(lines);
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  FaultyStore store{*sqlite};
  std::unique_ptr<KekSource> kek = std::move(*make_local_kek(Secret{std::string(64, 'a')}, random));
  Sandbox sandbox{{}, clock, random, *log};
  SandboxTransport sandbox_transport{sandbox};
  FakeTransport fake;
  TwoProviders transport{sandbox_transport, fake};
  ConnectOptions options{.public_url = "http://127.0.0.1:8000"};
  RefreshOptions refresh_options{.owner = "node-1"};
  Registration sandbox_one = sandbox_registration();
  Registration fake_one = fake_registration("fake");
  Registration other_one = fake_registration("other");

 private:
  std::unique_ptr<World> world_;
};

}  // namespace evergrant::test
