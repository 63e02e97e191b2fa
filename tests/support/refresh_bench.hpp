// A whole engine on virtual time: a store in memory, a real vault, a provider double. Engines can be abandoned in the middle
// of what they do, as a power cut does, and others started on the same store.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lifecycle/token_service.hpp"
#include "oauth/metadata.hpp"
#include "store/sqlite_store.hpp"
#include "support/fake_provider.hpp"
#include "testing/faulty_store.hpp"
#include "testing/memory_escrow.hpp"
#include "testing/seeded_random.hpp"
#include "testing/virtual_time.hpp"

namespace evergrant::test {

[[nodiscard]] Registration some_registration(std::string id = "books");

// One process: its own executor, so that a dead one never runs again. What it waits for stays where it is.
struct Engine {
  Engine(VirtualClock& clock, std::unique_ptr<VirtualExecutor> own, VirtualExecutor& on, Store& inner, KekSource& kek,
         Random& random, HttpTransport& transport, const Registrations& registrations, const Log& log,
         RefreshOptions options, Escrow* escrow = nullptr);

  std::unique_ptr<VirtualExecutor> own_executor;
  VirtualExecutor& executor;
  FaultyStore store;
  Metrics metrics;
  Vault vault;
  ProviderDirectory directory;
  TokenService service;
};

class RefreshBench : public ::testing::Test {
 protected:
  // Abandoned engines keep what they hold for ever: nothing of them may run again, and nothing they own is a leak.
  static std::vector<std::unique_ptr<Engine>>& graveyard();

  RefreshBench();
  ~RefreshBench() override;

  void profile(Rotation rotation, Duration grace = std::chrono::minutes{30});
  template <class Change>
  void change_profile(Change change) {
    std::vector<Registration> all;
    for (const std::string name : {"books", "sheets"}) {
      Registration registration = some_registration(name);
      registration.provider.refresh = registrations->find(registration.id)->provider.refresh;
      change(registration);
      all.push_back(std::move(registration));
    }
    registrations = std::make_unique<Registrations>(std::move(all));
  }

  std::unique_ptr<Engine> make_engine(VirtualExecutor* shared = nullptr);
  // The disk of a process: it outlives it. Tests of several processes on one machine give each its own.
  virtual Escrow* escrow_of(const std::string&) { return escrow.get(); }
  Engine& node();
  // The power goes off, at whatever await the engine stands; then another process starts on the same store.
  void crash();
  void start_scheduler();

  // A connection as connect stores it; its grant at the provider bears its id.
  Connection connect(const std::string& id, const std::string& registration = "books", const std::string& upstream = {}) {
    const auto [access, refresh] = provider->grant(upstream.empty() ? id : upstream);
    auto row = store_grant(id, registration, upstream, access, refresh);
    return row;
  }
  Connection store_grant(const std::string& id, const std::string& registration, const std::string& upstream,
                         const std::string& access, const std::string& refresh);

  // Reads as a caller does, letting time pass where it has to wait.
  Result<TokenLease> read(const std::string& id, ReadRequest request = {}) {
    return run_through_time(node().executor, node().service.token(ConnectionId{id}, request));
  }
  Result<TokenLease> force(const std::string& id, std::optional<Generation> seen = std::nullopt);
  // The access token, or the error's name.
  static std::string text(const Result<TokenLease>& lease);
  Connection row(const std::string& id) { return run(node().executor, sqlite->connection(ConnectionId{id})).value(); }
  std::vector<OutboxItem> outbox(const std::string& id);
  std::size_t open_attempts() { return run(node().executor, sqlite->unresolved_attempts(1000)).value().size(); }
  void let_pass(Duration time) { node().executor.advance(time); }

  // A read that is under way: the test goes on meanwhile.
  struct Reading {
    std::optional<Result<TokenLease>> result;
  };
  std::shared_ptr<Reading> start_read(const std::string& id, ReadRequest request = {}) {
    auto reading = std::make_shared<Reading>();
    spawn(node().executor, read_into(node().service.token(ConnectionId{id}, request), reading));  // ends with the read
    return reading;
  }
  static Task<void> read_into(Task<Result<TokenLease>> task, std::shared_ptr<Reading> reading);

  VirtualClock clock;
  SeededRandom random;
  std::unique_ptr<Log> log = Log::silent();
  // Abandoned engines go on pointing at these: they outlive the test with them.
  std::shared_ptr<FakeProvider> provider = keep(std::make_shared<FakeProvider>(clock));
  std::unique_ptr<Store> sqlite = std::move(*open_sqlite_store({.path = ":memory:", .inline_execution = true}, *log));
  std::unique_ptr<KekSource> kek = std::move(*make_local_kek(Secret{std::string(64, 'a')}, random));
  std::shared_ptr<MemoryEscrow> escrow = keep_escrow(std::make_shared<MemoryEscrow>());
  std::unique_ptr<Registrations> registrations;
  RefreshOptions options;
  std::unique_ptr<Engine> engine;
  std::vector<std::unique_ptr<Engine>> others;
  int engines = 0;

 private:
  static std::shared_ptr<FakeProvider> keep(std::shared_ptr<FakeProvider> made);
  static std::shared_ptr<MemoryEscrow> keep_escrow(std::shared_ptr<MemoryEscrow> made);
};

}  // namespace evergrant::test
