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

Registration sandbox_registration();

Registration fake_registration(const std::string& id);

class ConnectBench : public ::testing::Test {
 protected:
  struct World {
    World(ConnectBench& bench, std::vector<Registration> all);
    TokenService::Parts parts(ConnectBench& bench);

    Registrations registrations;
    Metrics metrics;
    Vault vault;
    ProviderDirectory directory;
    TokenService tokens;
    Connector connector;
    Revoker revoker;
  };

  ~ConnectBench() override;

  World& world();

  // --- connect ---

  static ConnectRequest request(const std::string& registration = "sandbox", const std::string& tenant = "acme");
  Result<ConnectLink> start(ConnectRequest asked) { return run(executor, world().connector.start(std::move(asked))); }
  static Secret token_of(const ConnectLink& link);
  Result<BrowserStep> open(const Secret& token, const Secret& cookie = {}) {
    return run_through_time(executor, world().connector.open(token.clone(), cookie.clone()));
  }
  Result<ConnectResult> callback(const std::string& registration, const std::string& query, const Secret& cookie);
  static std::string query_of(std::string_view url) { return std::string{url.substr(url.find('?') + 1)}; }
  static std::string parameter(std::string_view url, std::string_view name);
  // The query with which the sandbox sends the browser back.
  std::string consent(const std::string& location);

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
  Result<ConnectResult> connect(const std::string& realm, const std::string& tenant = "acme");
  // At the scripted provider, whose token endpoint must have an answer prepared.
  Result<ConnectResult> connect_fake(ConnectRequest asked = request("fake"));
  static std::string answer_with(const std::string& access, const std::string& refresh, const std::string& account = "a-1",
                                 const std::string& more = "");

  // --- looking ---

  Connection row(const ConnectionId& id) { return run(executor, sqlite->connection(id)).value(); }
  std::vector<Connection> rows() { return run(executor, sqlite->connections({}, "", 1000)).value().items; }
  std::vector<OutboxItem> outbox(const ConnectionId& id) { return run(executor, sqlite->outbox_of(id)).value(); }
  std::string outcome(const SessionId& id) { return run(executor, sqlite->session(id)).value().outcome; }
  std::vector<std::string> events();
  std::string read(const ConnectionId& id);

  // --- importing and revoking ---

  static Connector::ImportRequest tokens_of(const std::string& realm, const std::string& registration = "fake");
  Result<Connection> import(Connector::ImportRequest asked);
  Connection imported(const std::string& realm, const std::string& registration = "fake");
  Result<Connection> revoke(const ConnectionId& id, bool force = false);
  void work_off_outbox();

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
