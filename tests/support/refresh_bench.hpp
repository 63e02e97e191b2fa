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

[[nodiscard]] inline Registration some_registration(std::string id = "books") {
  Registration registration;
  registration.id = RegistrationId{id};
  registration.client_id = "client";
  registration.client_secrets.push_back({Secret{"client-secret"}, std::nullopt});
  Provider& provider = registration.provider;
  provider.id = ProviderId{"fake"};
  provider.metadata_mode = MetadataMode::fixed;
  provider.endpoints.token = "https://" + id + ".provider.test/token";
  provider.refresh.rotation = Rotation::always_with_grace;
  provider.refresh.grace = std::chrono::minutes{30};
  provider.refresh.idle_window = std::chrono::days{100};
  return registration;
}

// One process: its own executor, so that a dead one never runs again. What it waits for stays where it is.
struct Engine {
  Engine(VirtualClock& clock, std::unique_ptr<VirtualExecutor> own, VirtualExecutor& on, Store& inner, KekSource& kek,
         Random& random, HttpTransport& transport, const Registrations& registrations, const Log& log,
         RefreshOptions options, Escrow* escrow = nullptr)
      : own_executor{std::move(own)},
        executor{on},
        store{inner},
        vault{store, kek, {}, clock, random, log},
        directory{transport, clock, log},
        service{{executor, store, vault, directory, transport, registrations, clock, random, metrics, log, escrow},
                std::move(options)} {}

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
  static std::vector<std::unique_ptr<Engine>>& graveyard() {
    static auto* dead = new std::vector<std::unique_ptr<Engine>>;  // NOLINT(cppcoreguidelines-owning-memory)
    return *dead;
  }

  RefreshBench() {
    options.follow_every = Duration{0};  // most tests have one process, and some let a year pass
    std::vector<Registration> all;
    all.push_back(some_registration("books"));
    all.push_back(some_registration("sheets"));
    registrations = std::make_unique<Registrations>(std::move(all));
  }
  ~RefreshBench() override {
    if (engine) graveyard().push_back(std::move(engine));
    for (auto& one : others) graveyard().push_back(std::move(one));
  }

  void profile(Rotation rotation, Duration grace = std::chrono::minutes{30}) {
    std::vector<Registration> all;
    for (const std::string name : {"books", "sheets"}) {
      Registration registration = some_registration(name);
      registration.provider.refresh.rotation = rotation;
      registration.provider.refresh.grace = grace;
      all.push_back(std::move(registration));
    }
    registrations = std::make_unique<Registrations>(std::move(all));
    provider->rotation = rotation;
    provider->grace = grace;
  }
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

  std::unique_ptr<Engine> make_engine(VirtualExecutor* shared = nullptr) {
    RefreshOptions mine = options;
    mine.owner = "node-" + std::to_string(++engines);
    auto own = shared == nullptr ? std::make_unique<VirtualExecutor>(clock) : nullptr;
    VirtualExecutor& on = shared == nullptr ? *own : *shared;
    auto made = std::make_unique<Engine>(clock, std::move(own), on, *sqlite, *kek, random, *provider, *registrations, *log,
                                         mine, escrow_of(mine.owner));
    const auto started = run(made->executor, made->vault.start());
    if (!started) throw std::logic_error(started.error().message);
    return made;
  }
  // The disk of a process: it outlives it. Tests of several processes on one machine give each its own.
  virtual Escrow* escrow_of(const std::string&) { return escrow.get(); }
  Engine& node() {
    if (!engine) engine = make_engine();
    return *engine;
  }
  // The power goes off, at whatever await the engine stands; then another process starts on the same store.
  void crash() {
    graveyard().push_back(std::move(engine));
    engine = make_engine();
  }
  void start_scheduler() {
    spawn(node().executor, node().service.run());  // ends with the engine
    node().executor.run_until_idle();
  }

  // A connection as connect stores it; its grant at the provider bears its id.
  Connection connect(const std::string& id, const std::string& registration = "books", const std::string& upstream = {}) {
    const auto [access, refresh] = provider->grant(upstream.empty() ? id : upstream);
    auto row = store_grant(id, registration, upstream, access, refresh);
    return row;
  }
  Connection store_grant(const std::string& id, const std::string& registration, const std::string& upstream,
                         const std::string& access, const std::string& refresh) {
    Connection row;
    row.id = ConnectionId{id};
    row.registration = RegistrationId{registration};
    row.tenant = TenantId{"acme"};
    row.realm = RealmId{"realm-" + id};
    row.upstream_grant = upstream;
    row.created_at = row.updated_at = clock.now();
    TokenSet tokens;
    tokens.access_token = Secret{access};
    if (!refresh.empty()) tokens.refresh_token = Secret{refresh};
    tokens.access_expires_at = clock.now() + provider->lifetime;
    auto update = run(node().executor, node().service.seal_tokens(row, 1, std::move(tokens)));
    if (!update) throw std::logic_error(update.error().message);
    row.tokens = update->tokens;
    row.access_expires_at = update->access_expires_at;
    row.refresh_idle_expires_at = update->refresh_idle_expires_at;
    row.next_due_at = update->next_due_at;
    row.last_refreshed_at = update->at;
    const auto created = run(node().executor, sqlite->create(row, {}));
    if (!created) throw std::logic_error(created.error().message);
    return row;
  }

  // Reads as a caller does, letting time pass where it has to wait.
  Result<TokenLease> read(const std::string& id, ReadRequest request = {}) {
    return run_through_time(node().executor, node().service.token(ConnectionId{id}, request));
  }
  Result<TokenLease> force(const std::string& id, std::optional<Generation> seen = std::nullopt) {
    return run_through_time(node().executor, node().service.refresh(ConnectionId{id}, seen, std::nullopt));
  }
  // The access token, or the error's name.
  static std::string text(const Result<TokenLease>& lease) {
    return lease ? std::string{lease->access_token.reveal()} : std::string{to_string(lease.error().code)};
  }
  Connection row(const std::string& id) { return run(node().executor, sqlite->connection(ConnectionId{id})).value(); }
  std::vector<OutboxItem> outbox(const std::string& id) {
    return run(node().executor, sqlite->outbox_of(ConnectionId{id})).value();
  }
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
  static Task<void> read_into(Task<Result<TokenLease>> task, std::shared_ptr<Reading> reading) {
    auto lease = co_await std::move(task);
    reading->result.emplace(std::move(lease));
  }

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
  static std::shared_ptr<FakeProvider> keep(std::shared_ptr<FakeProvider> made) {
    static auto* kept = new std::vector<std::shared_ptr<FakeProvider>>;  // NOLINT(cppcoreguidelines-owning-memory)
    kept->push_back(made);
    return made;
  }
  static std::shared_ptr<MemoryEscrow> keep_escrow(std::shared_ptr<MemoryEscrow> made) {
    static auto* kept = new std::vector<std::shared_ptr<MemoryEscrow>>;  // NOLINT(cppcoreguidelines-owning-memory)
    kept->push_back(made);
    return made;
  }
};

}  // namespace evergrant::test
