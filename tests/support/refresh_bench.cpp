#include "support/refresh_bench.hpp"

namespace evergrant::test {

Registration some_registration(std::string id) {
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

Engine::Engine(VirtualClock& clock, std::unique_ptr<VirtualExecutor> own, VirtualExecutor& on, Store& inner, KekSource& kek,
               Random& random, HttpTransport& transport, const Registrations& registrations, const Log& log,
               RefreshOptions options, Escrow* escrow)
    : own_executor{std::move(own)},
      executor{on},
      store{inner},
      vault{store, kek, {}, clock, random, log},
      directory{transport, clock, log, metrics},
      service{{executor, store, vault, directory, transport, registrations, clock, random, metrics, log, escrow},
              std::move(options)} {}

RefreshBench::RefreshBench() {
  options.follow_every = Duration{0};  // most tests have one process, and some let a year pass
  std::vector<Registration> all;
  all.push_back(some_registration("books"));
  all.push_back(some_registration("sheets"));
  registrations = std::make_unique<Registrations>(std::move(all));
}

RefreshBench::~RefreshBench() {
  if (engine) graveyard().push_back(std::move(engine));
  for (auto& one : others) graveyard().push_back(std::move(one));
}

void RefreshBench::profile(Rotation rotation, Duration grace) {
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

std::vector<std::unique_ptr<Engine>>& RefreshBench::graveyard() {
  static auto* dead = new std::vector<std::unique_ptr<Engine>>;  // NOLINT(cppcoreguidelines-owning-memory)
  return *dead;
}

std::unique_ptr<Engine> RefreshBench::make_engine(VirtualExecutor* shared) {
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

Engine& RefreshBench::node() {
  if (!engine) engine = make_engine();
  return *engine;
}

void RefreshBench::crash() {
  graveyard().push_back(std::move(engine));
  engine = make_engine();
}

void RefreshBench::start_scheduler() {
  spawn(node().executor, node().service.run());  // ends with the engine
  node().executor.run_until_idle();
}

Connection RefreshBench::store_grant(const std::string& id, const std::string& registration, const std::string& upstream,
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

Result<TokenLease> RefreshBench::force(const std::string& id, std::optional<Generation> seen) {
  return run_through_time(node().executor, node().service.refresh(ConnectionId{id}, seen, std::nullopt));
}

std::string RefreshBench::text(const Result<TokenLease>& lease) {
  return lease ? std::string{lease->access_token.reveal()} : std::string{to_string(lease.error().code)};
}

std::vector<OutboxItem> RefreshBench::outbox(const std::string& id) {
  return run(node().executor, sqlite->outbox_of(ConnectionId{id})).value();
}

Task<void> RefreshBench::read_into(Task<Result<TokenLease>> task, std::shared_ptr<Reading> reading) {
  auto lease = co_await std::move(task);
  reading->result.emplace(std::move(lease));
}

std::shared_ptr<FakeProvider> RefreshBench::keep(std::shared_ptr<FakeProvider> made) {
  static auto* kept = new std::vector<std::shared_ptr<FakeProvider>>;  // NOLINT(cppcoreguidelines-owning-memory)
  kept->push_back(made);
  return made;
}

std::shared_ptr<MemoryEscrow> RefreshBench::keep_escrow(std::shared_ptr<MemoryEscrow> made) {
  static auto* kept = new std::vector<std::shared_ptr<MemoryEscrow>>;  // NOLINT(cppcoreguidelines-owning-memory)
  kept->push_back(made);
  return made;
}

}  // namespace evergrant::test
