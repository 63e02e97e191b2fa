// What a TokenManager is made of. Private to library/. Built on the thread that makes it; afterwards everything below the
// graph belongs to the engine's thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "app/service_graph.hpp"
#include "evergrant/token_manager.hpp"
#include "library/engine_thread.hpp"
#include "library/store_parts.hpp"
#include "library/transport.hpp"
#include "library/waiters.hpp"
#include "net/http_client.hpp"

namespace evergrant::library {

struct TokenManager::Impl {
  // Everything checked and read; nothing started.
  static Result<std::unique_ptr<Impl>> make(Options options, Seams seams);

  Impl(Options given, Seams on, Config configured, const ProviderCatalogue& catalogue,
       std::vector<Registration> registrations, std::unique_ptr<Escrow> its_escrow, std::string owner);

  // On the engine: loads the keys and starts what goes on until `stop`.
  [[nodiscard]] Result<> start();
  void stop();

  [[nodiscard]] evergrant::Store& store() const noexcept { return *seams.store->impl().store; }
  Pending<TokenLease> get_pair(const TokenRequest& request, const ReadRequest& reading);
  template <class T>
  Pending<T> begin(Task<Result<T>> task, std::optional<Duration> deadline = std::nullopt) {
    return waiters.start(engine.loop(), std::move(task), deadline.value_or(options.wait) + grace_at_stop);
  }

  Options options;
  Seams seams;
  Config config;
  std::unique_ptr<Log> log;
  SystemRandom random;
  std::unique_ptr<Escrow> escrow;
  std::unique_ptr<HttpClient> curl;  // null: the application's transport
  std::unique_ptr<ForeignTransport> foreign;
  EngineThread engine;
  ServiceGraph graph;
  Waiters waiters;
  std::mutex stop_mutex;  // held while one stops it; another waits
  bool serving = false;   // the graph was started; of the engine's thread, and of who stops it
  bool stopped = false;   // under stop_mutex
};

}  // namespace evergrant::library
