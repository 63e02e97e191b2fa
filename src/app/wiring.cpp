#include "app/wiring.hpp"

#include <filesystem>
#include <thread>

#include "app/config_secret.hpp"
#include "base/thread_name.hpp"

namespace evergrant {
std::vector<KekSource*> Keks::older() const {
  std::vector<KekSource*> all;
  for (const auto& kek : previous) all.push_back(kek.get());
  return all;
}

Result<Keks> make_keks(const Config& config) {
  auto random = std::make_unique<SystemRandom>();
  auto text = resolve(config.kek);
  if (!text) return std::unexpected(text.error());
  auto current = make_local_kek(*text, *random);
  if (!current) return std::unexpected(current.error());
  Keks keks{.random = std::move(random), .current = std::move(*current), .previous = {}};
  for (const auto& reference : config.previous_keks) {
    auto older_text = resolve(reference);
    if (!older_text) return std::unexpected(older_text.error());
    auto older = make_local_kek(*older_text, *keks.random);
    if (!older) return std::unexpected(older.error());
    keks.previous.push_back(std::move(*older));
  }
  return keks;
}

Result<ProviderCatalogue> load_catalogue(const Config& config) {
  std::vector<std::filesystem::path> candidates;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing sets it after the start
  if (const char* named = std::getenv("EVERGRANT_PROVIDERS_DIR"); named != nullptr) candidates.emplace_back(named);
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  candidates.push_back(program.parent_path().parent_path() / "share/evergrant/providers");
  candidates.emplace_back(EVERGRANT_PROVIDERS_DIR);
  for (const auto& shipped : candidates) {
    if (!std::filesystem::is_directory(shipped, ignored)) continue;
    std::vector<std::filesystem::path> directories{shipped};
    directories.insert(directories.end(), config.provider_directories.begin(), config.provider_directories.end());
    return load_profiles(directories);
  }
  return fail(Errc::not_found, "the shipped provider profiles are not installed: looked in " + candidates.front().string(),
              "set EVERGRANT_PROVIDERS_DIR to the folder providers/ of the source");
}

namespace {

// Made when the store was opened (store/high_water.hpp); a backup keeps it.
Result<std::string> id_of(Store& store) {
  RunLoop loop;
  const std::jthread thread{[&loop] { loop.run(); }};
  auto id = wait_on(loop, store.meta("store_id"));
  loop.stop();
  if (!id) return std::unexpected(id.error());
  if (!*id) return fail(Errc::internal, "the store has no id", "Report it: the store gets one when it is opened.");
  return std::move(**id);
}

// Calls to providers' APIs are made as requests to their token endpoints are.
UpstreamOptions upstream_options(const Config& config) {
  UpstreamOptions options = config.proxy.upstream;
  options.ca_file = config.http_client.ca_file;
  options.pinned_addresses = config.http_client.pinned_addresses;
  options.forward_proxy = config.http_client.proxy;
  return options;
}

}  // namespace

Result<std::unique_ptr<Wiring>> Wiring::make(const Config& config, const ProviderCatalogue& catalogue,
                                             std::vector<Registration> registrations, const Log& log) {
  if (!config.server.tls_key.empty()) {
    if (auto checked = check_private(config.server.tls_key); !checked) return std::unexpected(checked.error());
  }
  auto keks = make_keks(config);
  if (!keks) return std::unexpected(keks.error());
  auto store = open_sqlite_store({.path = config.store.string(),
                                  .check = StoreCheck::behind,
                                  .high_water = config.store.string() + ".mark",
                                  .now = SystemClock{}.now()},
                                 log);
  if (!store) return std::unexpected(store.error());
  auto store_id = id_of(**store);
  if (!store_id) return std::unexpected(store_id.error());
  std::string owner = keks->random->id("node_");  // unique per start: a lease of an earlier life is a stranger's
  auto escrow = open_file_escrow(
      {.path = config.escrow_path(), .store = *store_id, .owner = owner, .capacity = config.escrow_bytes}, log);
  if (!escrow) return std::unexpected(escrow.error());
  return std::unique_ptr<Wiring>{new Wiring{config, catalogue, std::move(registrations), std::move(*keks), std::move(*store),
                                            std::move(*escrow), std::move(owner), log}};
}

Wiring::Wiring(const Config& config, const ProviderCatalogue& catalogue, std::vector<Registration> registrations, Keks keks,
               std::unique_ptr<Store> store, std::unique_ptr<Escrow> escrow, std::string owner, const Log& log)
    : log_{log},
      keks_{std::move(keks)},
      store_{std::move(store)},
      escrow_{std::move(escrow)},
      http_{config.http_client},
      upstream_{upstream_options(config)},
      graph_{{engine_, *store_, *escrow_, http_, *keks_.current, keks_.older(), clock_, random_, log_, {}, &upstream_},
             config,
             catalogue,
             std::move(registrations),
             std::move(owner)},
      server_{config.server, graph_.api(), log_} {}

Result<> Wiring::start() {
  engine_thread_ = std::thread{[this] {
    name_this_thread("eg-engine");
    engine_.run();
  }};
  if (auto started = http_.start(); !started) return started;
  if (auto started = upstream_.start(); !started) return started;
  if (auto started = wait_on(engine_, graph_.start()); !started) return started;
  if (auto listening = server_.start(); !listening) return listening;
  serving_ = true;
  return {};
}

void Wiring::stop() {
  if (!engine_thread_.joinable()) return;
  if (serving_) server_.stop(grace_at_stop);
  serving_ = false;
  const bool ended = wait_on(engine_, graph_.stop());
  if (!ended) log_.warning("stopped_with_work_in_progress", {{"effect", "it is taken up again at the next start"}});
  engine_.stop();
  engine_thread_.join();
  engine_.drop_tasks();
}

Wiring::~Wiring() { stop(); }

Result<NewCaller> Wiring::create_caller(std::string name, Policy policy) {
  return wait_on(engine_, graph_.callers().create(std::move(name), std::move(policy), std::nullopt));
}

}  // namespace evergrant
