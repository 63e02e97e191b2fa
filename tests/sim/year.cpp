#include "sim/year.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <set>
#include <stdexcept>

#include "base/log.hpp"
#include "lifecycle/token_service.hpp"
#include "oauth/metadata.hpp"
#include "sim/provider.hpp"
#include "store/sqlite_store.hpp"
#include "testing/memory_escrow.hpp"

namespace evergrant::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration year = std::chrono::days{365};
constexpr Duration idle_window = std::chrono::days{100};
constexpr std::uint64_t one_of_so_many_is_used = 1000;  // once a day each
constexpr double lost = 0.005;                          // of answers, and as many 503

// The provider at the other end of a line that loses little.
class YearTransport final : public HttpTransport {
 public:
  YearTransport(World& world, SimProvider& provider) : world_{world}, provider_{provider} {}
  int requests = 0;
  int overlaps = 0;

  Task<Result<HttpResponse>> send(OutboundRequest request) override {
    ++requests;
    const std::string family = provider_.family_of(SimProvider::sent_token(request.body, "refresh_token"))->name();
    if (!in_flight_.insert(family).second) ++overlaps;
    co_await delay(100ms);
    const bool fails = world_.dice.chance(lost);
    HttpResponse answer = fails ? json_answer(503, "{}") : provider_.token(request.body, 100ms);
    in_flight_.erase(family);
    if (!fails && world_.dice.chance(lost)) co_return std::unexpected(Error{Errc::ambiguous, "the answer was lost", {}});
    co_return answer;
  }

 private:
  World& world_;
  SimProvider& provider_;
  std::set<std::string> in_flight_;
};

std::vector<Registration> quickbooks_like() {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.client_id = "client";
  registration.client_secrets.push_back({Secret{"client-secret"}, std::nullopt});
  registration.provider.id = ProviderId{"fake"};
  registration.provider.endpoints.token = "https://provider.test/token";
  registration.provider.refresh.rotation = Rotation::sometimes;
  registration.provider.refresh.idle_window = idle_window;
  std::vector<Registration> all;
  all.push_back(std::move(registration));
  return all;
}

template <class T>
T wanted(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

struct Year {
  explicit Year(std::uint64_t count)
      : connections{count},
        provider{world, {.rotation = Rotation::sometimes, .lifetime = 1h}},
        transport{world, provider},
        log{Log::silent()},
        store{wanted(open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log))},
        kek{wanted(make_local_kek(Secret{std::string(64, 'a')}, random))},
        registrations{quickbooks_like()},
        clock{world},
        vault{*store, *kek, {}, clock, random, *log},
        directory{transport, clock, *log, metrics},
        executor{world.make_executor("node")},
        service{{executor, *store, vault, directory, transport, registrations, clock, random, metrics, *log, &escrow},
                {.owner = "node", .recheck = 0ms, .look_every = 1h}} {}

  std::uint64_t connections;
  World world{1, false};
  SimProvider provider;
  YearTransport transport;
  DiceRandom random{1};
  std::unique_ptr<Log> log;
  std::unique_ptr<Store> store;
  std::unique_ptr<KekSource> kek;
  Registrations registrations;
  SimClock clock;
  Vault vault;
  Metrics metrics;
  ProviderDirectory directory;
  SimExecutor& executor;
  test::MemoryEscrow escrow;
  TokenService service;
  int reads_failed = 0;
};

Task<void> connect(Year* year_of, std::uint64_t number) {
  Family& family = year_of->provider.grant("con_" + std::to_string(number));
  Connection row;
  row.id = ConnectionId{family.connection};
  row.registration = RegistrationId{"books"};
  row.tenant = TenantId{"acme"};
  row.realm = RealmId{family.connection};
  row.created_at = row.updated_at = year_of->clock.now();
  TokenSet tokens;
  tokens.access_token = Secret{family.mints.back().access};
  tokens.refresh_token = Secret{family.refresh};
  tokens.access_expires_at = year_of->clock.now() + 1h;
  auto sealed = co_await year_of->service.seal_tokens(row, 1, std::move(tokens));
  const TokenUpdate update = wanted(std::move(sealed));
  row.tokens = update.tokens;
  row.access_expires_at = update.access_expires_at;
  row.refresh_idle_expires_at = update.refresh_idle_expires_at;
  row.next_due_at = update.next_due_at;
  row.last_refreshed_at = update.at;
  const auto created = co_await year_of->store->create(std::move(row), {});
  if (!created) throw std::runtime_error(created.error().message);
}

Task<void> live(Year* year_of) {
  const auto started = co_await year_of->vault.start();
  if (!started) throw std::runtime_error(started.error().message);
  for (std::uint64_t i = 1; i <= year_of->connections; ++i) co_await connect(year_of, i);
  co_await year_of->service.run();
}

Task<void> use_daily(Year* year_of, std::string connection) {
  while (year_of->world.steady() < year) {
    const auto lease = co_await year_of->service.token(ConnectionId{connection}, {.deadline = 2min});
    if (!lease || !year_of->provider.accepts(std::string{lease->access_token.reveal()})) ++year_of->reads_failed;
    co_await delay(year_of->world.dice.between(20h, 28h));
  }
}

// What is not as it should be at the end of the year.
struct Losses {
  int dead = 0, inactive = 0, unhonoured = 0, idle_too_long = 0;
  [[nodiscard]] int sum() const { return dead + inactive + unhonoured + idle_too_long; }
};

Losses count_losses(Year& it) {
  Losses losses;
  for (Family& family : it.provider.families()) {
    if (!family.alive) ++losses.dead;
    const Connection row = wanted(at_once(it.store->connection(ConnectionId{family.connection})));
    if (row.status != Status::active) ++losses.inactive;
    const auto refresh = at_once(it.vault.open(place_of(row, "refresh_token", row.generation), row.tokens.refresh_token));
    if (!refresh || !it.provider.honours(family, std::string{refresh->reveal()})) ++losses.unhonoured;
    Duration last{0};
    bool idle = false;
    for (const Mint& mint : family.mints) {
      idle = idle || mint.at - last > idle_window;
      last = mint.at;
    }
    if (idle || year - last > idle_window) ++losses.idle_too_long;
  }
  return losses;
}

}  // namespace

int run_year(std::uint64_t connections) {
  const std::clock_t began = std::clock();
  const auto it = std::make_unique<Year>(connections);
  spawn(it->executor, live(it.get()));  // goes on until the year is over
  it->world.run_until(1s);
  for (std::uint64_t i = 1; i <= connections; i += one_of_so_many_is_used) {
    spawn(it->executor, use_daily(it.get(), "con_" + std::to_string(i)));  // likewise
  }
  it->world.run_until(year);
  const Losses losses = count_losses(*it);
  it->executor.kill();
  it->executor.drop_tasks();
  const double took = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  std::printf(
      "a year of %llu connections, %llu of them read once a day: %d token requests in %.1f s of CPU; %d ended, %d not "
      "active, %d with a refresh token that is not honoured, %d idle too long, %d overlaps, %d reads failed\n",
      static_cast<unsigned long long>(connections),
      static_cast<unsigned long long>((connections + one_of_so_many_is_used - 1) / one_of_so_many_is_used),
      it->transport.requests, took, losses.dead, losses.inactive, losses.unhonoured, losses.idle_too_long,
      it->transport.overlaps, it->reads_failed);
  return losses.sum() == 0 && it->transport.overlaps == 0 && it->reads_failed == 0 ? 0 : 1;
}

}  // namespace evergrant::sim
