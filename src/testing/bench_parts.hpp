// What a bench is made of: the real object graph (app/service_graph.hpp) on virtual seams. Everything here but the
// listeners' sockets lives on the loop's thread: others come in through BenchLoop::at_rest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/service_graph.hpp"
#include "evergrant/testing/bench.hpp"
#include "net/http_server.hpp"
#include "sandbox/sandbox.hpp"
#include "sandbox/sandbox_transport.hpp"
#include "testing/bench_loop.hpp"
#include "testing/faulty_store.hpp"
#include "testing/gate.hpp"
#include "testing/lane.hpp"
#include "testing/memory_escrow.hpp"
#include "testing/seeded_random.hpp"
#include "testing/store_plan.hpp"

namespace evergrant::testing {

// providers/sandbox.toml, as it was when the kit was built.
[[nodiscard]] std::string_view sandbox_profile() noexcept;

// Throws BenchError for an error.
[[noreturn]] void give_up(const Error& error);
template <class T>
T value_of(Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// To the provider, which goes on when evergrant dies.
class ProviderLink final : public HttpTransport {
 public:
  ProviderLink(Lane& lane, SandboxTransport& sandbox) : lane_{lane}, sandbox_{sandbox} {}
  Task<Result<HttpResponse>> send(OutboundRequest request) override;

 private:
  Lane& lane_;
  SandboxTransport& sandbox_;
};

// One life of evergrant, from a start to a loss of power.
struct Life {
  Life(Executor& road, std::string name) : owner{std::move(name)}, lane{road} {}
  ~Life();
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  std::string owner;
  Lane lane;
  std::unique_ptr<ServiceGraph> graph;
};

struct BenchParts {
  explicit BenchParts(BenchOptions wanted);
  ~BenchParts();
  BenchParts(const BenchParts&) = delete;
  BenchParts& operator=(const BenchParts&) = delete;

  // On the loop's thread.
  void start_again();
  void lose_power();
  // Drives `task` to its end on evergrant's lane; time passes where it has to wait. Throws BenchError if evergrant is down,
  // or dies meanwhile.
  template <class T>
  T drive(Task<T> task);
  std::string connect(const TenantId& tenant, const std::string& realm);
  [[nodiscard]] Connection row(std::string_view id);
  [[nodiscard]] Grant grant_of(std::string_view connection);
  // The sandbox's control API, below /control; its answer. Throws BenchError for what it refuses.
  std::string control(std::string_view method, std::string_view path, std::string body = {});

  BenchOptions options;
  std::unique_ptr<Log> log;
  BenchLoop loop;
  test::SeededRandom random;
  Lane provider_lane{loop.executor()};
  Sandbox sandbox;
  SandboxTransport sandbox_transport{sandbox};
  ProviderLink transport{provider_lane, sandbox_transport};
  std::unique_ptr<KekSource> kek;
  std::unique_ptr<Store> sqlite;
  StorePlan plan;
  test::FaultyStore store;
  test::MemoryEscrow escrow;
  ProviderCatalogue catalogue;
  Gate api_gate{loop};
  Gate provider_gate{loop};
  HttpServer api_server;
  HttpServer provider_server;
  Config config;
  std::string provider_url;
  std::string api_key;
  std::unique_ptr<Life> life;
  BenchClock bench_clock{loop};
  BenchProvider bench_provider{*this};
  BenchStore bench_store{*this};

 private:
  void listen();
  [[nodiscard]] std::vector<Registration> registrations() const;
  Task<test::FaultyStore::Interference> interfere(std::string operation, StoreMoment moment);
  // Carries out what `lane.end()` has begun.
  void bury();
};

template <class T>
T BenchParts::drive(Task<T> task) {
  if (!life) throw BenchError("evergrant is down: Bench::start_again starts it");
  const auto state = std::make_shared<test::detail::RunState<T>>();
  spawn(life->lane, test::detail::run_into(std::move(task), state));  // ends with the task, or with the lane
  loop.executor().run_until_idle();
  while (!state->done) {
    if (!life) throw BenchError("evergrant lost its power meanwhile");
    if (!loop.executor().advance_to_next_timer()) throw BenchError("evergrant waits for nobody");
  }
  if (state->error) std::rethrow_exception(state->error);
  if constexpr (!std::is_void_v<T>) return std::move(*state->value);
}

}  // namespace evergrant::testing
