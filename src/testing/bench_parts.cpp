#include "testing/bench_parts.hpp"

#include <boost/json.hpp>

#include "app/dev_setup.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant::testing {
namespace {

namespace json = boost::json;
using Interference = test::FaultyStore::Interference;

constexpr std::string_view registration_id = "sandbox";
// Nobody else makes anything due behind evergrant's back, and a year of looks costs time.
constexpr Duration look_every{std::chrono::minutes{10}};
constexpr Cadence cadence{.audit_flush = std::chrono::minutes{10}, .outbox_look = std::chrono::minutes{1}};

evergrant::Rotation to_model(Rotation rotation) {
  switch (rotation) {
    case Rotation::never: return evergrant::Rotation::never;
    case Rotation::sometimes: return evergrant::Rotation::sometimes;
    case Rotation::always_with_grace: return evergrant::Rotation::always_with_grace;
    case Rotation::always_strict: return evergrant::Rotation::always_strict;
  }
  return evergrant::Rotation::always_strict;
}

SandboxOptions sandbox_options(const BenchOptions& options) {
  SandboxOptions sandbox;
  sandbox.settings.rotation = to_model(options.rotation);
  return sandbox;
}

ProviderCatalogue only_the_sandbox() {
  return ProviderCatalogue{value_of(parse_profile(sandbox_profile(), "sandbox.toml"))};
}

ServerOptions loopback() {
  ServerOptions options;
  options.address = "127.0.0.1";
  return options;
}

std::unique_ptr<Store> store_in_memory(const Log& log) {
  return value_of(open_sqlite_store({.path = ":memory:", .inline_execution = true}, log));
}

std::string base_url(const HttpServer& server) { return "http://127.0.0.1:" + std::to_string(server.port()); }

// What follows `mark` in a URL.
std::string after(std::string_view url, std::string_view mark) {
  const auto at = url.find(mark);
  return std::string{at == std::string_view::npos ? std::string_view{} : url.substr(at + mark.size())};
}

// The customer's browser at the provider: consents by itself, for `login_hint` names the realm. The callback's query.
Task<std::string> consent(Sandbox& sandbox, std::string location) {
  HttpRequest request;
  request.method = "GET";
  request.path = "/authorize";
  request.query = after(location, "?");
  auto response = co_await sandbox.handle(std::move(request));
  const auto callback = response.headers.find("Location");
  if (!callback)
    throw BenchError("the provider does not consent: it answers with status " + std::to_string(response.status));
  co_return after(*callback, "?");
}

}  // namespace

void give_up(const Error& error) { throw BenchError(error.message + (error.hint.empty() ? "" : " (" + error.hint + ")")); }

Task<Result<HttpResponse>> ProviderLink::send(OutboundRequest request) {
  auto answer = co_await run_on(lane_, sandbox_.send(std::move(request)));
  co_return answer;
}

Life::~Life() {
  lane.end();
  lane.drop_tasks();  // before what they refer to
}

BenchParts::BenchParts(BenchOptions wanted)
    : options{std::move(wanted)},
      log{options.log ? std::make_unique<Log>(LogFormat::text) : Log::silent()},
      loop{options.start_at.value_or(SystemClock{}.now())},
      random{options.seed},
      sandbox{sandbox_options(options), loop.clock(), random, *log},
      kek{value_of(make_local_kek(generate_kek_text(random), random))},
      sqlite{store_in_memory(*log)},
      store{*sqlite},
      catalogue{only_the_sandbox()},
      api_server{loopback(), api_gate, *log},
      provider_server{loopback(), provider_gate, *log} {
  listen();
  store.interpose([this](std::string operation, test::FaultyStore::Moment moment) {
    const bool before = moment == test::FaultyStore::Moment::before;
    return interfere(std::move(operation), before ? StoreMoment::before : StoreMoment::after);
  });
  loop.start();
  loop.at_rest([this] {
    provider_gate.open(provider_lane, sandbox);
    start_again();
    const Policy everything{.verbs = {Verb::admin}, .registrations = {RegistrationId{"*"}}, .tenants = {TenantId{"*"}}};
    const auto caller = value_of(drive(life->graph->callers().create("bench", everything, std::nullopt)));
    api_key = caller.key.reveal();
  });
}

BenchParts::~BenchParts() {
  loop.at_rest([this] {
    lose_power();
    provider_gate.close();
    provider_lane.end();
    provider_lane.drop_tasks();
  });
  api_server.stop();
  provider_server.stop();
  loop.stop();
}

void BenchParts::listen() {
  value_of(api_server.start());
  value_of(provider_server.start());
  provider_url = base_url(provider_server);
  sandbox.set_base_url(provider_url);
  config.server = loopback();
  config.public_url = base_url(api_server);
  config.refresh.look_every = look_every;
  config.refresh.recheck = Duration{0};  // nobody else writes
}

std::vector<Registration> BenchParts::registrations() const {
  std::vector<Registration> all;
  all.push_back(value_of(sandbox_registration(catalogue, provider_url, config.public_url, options.return_urls)));
  auto& refresh = all.back().provider.refresh;
  refresh.rotation = to_model(options.rotation);
  if (options.rotation == Rotation::always_with_grace) refresh.grace = SandboxSettings{}.grace;
  return all;
}

void BenchParts::start_again() {
  if (life) throw BenchError("evergrant runs already");
  auto born = std::make_unique<Life>(loop.executor(), random.id("node_"));
  born->graph = std::make_unique<ServiceGraph>(
      Seams{born->lane, store, escrow, transport, *kek, {}, loop.clock(), random, *log, cadence}, config, catalogue,
      registrations(), born->owner);
  life = std::move(born);
  try {
    value_of(drive(life->graph->start()));
  } catch (const BenchError&) {
    if (life) life->lane.end();
    bury();
    throw;
  }
  api_gate.open(life->lane, life->graph->api());
}

void BenchParts::lose_power() {
  if (!life) return;
  life->lane.end();
  bury();
}

void BenchParts::bury() {
  api_gate.close();
  if (!life) return;
  const std::string owner = life->owner;
  life.reset();
  escrow.dead.push_back(owner);  // the lock on its files is free: the next life knows for certain that it is gone
}

// Ends with the operation; where the power goes, never: the lane that it runs on takes it along.
Task<Interference> BenchParts::interfere(std::string operation, StoreMoment moment) {
  switch (plan.decide(operation, moment)) {
    case StoreVerdict::proceed: break;
    case StoreVerdict::fail: co_return Interference::fail;
    case StoreVerdict::lose_power: {
      life->lane.end();
      loop.executor().post([this] { bury(); });
      const Completion<bool> never;
      co_await never;
      break;
    }
  }
  co_return Interference::none;
}

std::string BenchParts::connect(const TenantId& tenant, const std::string& realm) {
  if (!life) throw BenchError("evergrant is down: Bench::start_again starts it");
  Connector& connector = life->graph->connector();
  ConnectRequest request;
  request.registration = RegistrationId{registration_id};
  request.tenant = tenant;
  request.login_hint = "realm:" + realm;
  const auto link = value_of(drive(connector.start(std::move(request))));
  auto step = value_of(drive(connector.open(Secret{after(link.url.reveal(), "/connect/")}, Secret{})));
  const auto query = drive(run_on(provider_lane, consent(sandbox, step.location)));
  const auto result = value_of(drive(connector.callback(RegistrationId{registration_id}, query, std::move(step.cookie))));
  if (!result.connection) throw BenchError("not connected: " + result.status + ": " + result.message);
  return result.connection->str();
}

Connection BenchParts::row(std::string_view id) {
  return value_of(test::run(loop.executor(), sqlite->connection(ConnectionId{id})));
}

std::string BenchParts::control(std::string_view method, std::string_view path, std::string body) {
  const auto response = sandbox.control(method, path, std::move(body));
  if (response.status >= 400) throw BenchError("the provider refuses this: " + response.body);
  return response.body;
}

Grant BenchParts::grant_of(std::string_view connection) {
  const auto answer = json::parse(control("GET", "/grants?realm=" + row(connection).realm.str()));
  const auto& grants = answer.at("grants").as_array();
  if (grants.empty()) throw BenchError("the provider has no grant for this connection");
  const auto& latest = grants.back().as_object();
  const auto number = [&](std::string_view name) { return latest.at(name).to_number<int>(); };
  const auto text = [&](std::string_view name) { return std::string{latest.at(name).as_string()}; };
  return {.id = text("id"),
          .alive = latest.at("alive").as_bool(),
          .ended_by = text("ended_by"),
          .refresh_requests = number("token_requests") - 1,  // the first is the code's
          .refreshes = number("refreshes"),
          .refresh_tokens_issued = number("refresh_values_issued"),
          .superseded_presented = number("superseded_presented"),
          .most_in_flight = number("most_in_flight")};
}

}  // namespace evergrant::testing
