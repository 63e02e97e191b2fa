#include "app/wiring.hpp"

#include <filesystem>

#include "app/config_secret.hpp"
#include "net/address_guard.hpp"

namespace evergrant {
namespace {

constexpr Duration grace{std::chrono::seconds{5}};

ConnectOptions connect_options(const Config& config) {
  ConnectOptions options = config.connect;
  options.public_url = config.public_url;
  return options;
}

RefreshOptions refresh_options(const Config& config, std::string owner) {
  RefreshOptions options = config.refresh;
  options.owner = std::move(owner);
  options.stop_wait = grace;
  return options;
}

// Metrics carry no tenant data but do tell about the business, so they need a key unless only this machine can ask (SVC-07).
// A loopback listener behind a proxy is open to whom the proxy serves: then the public URL is https, as http is loopback's.
bool is_local(const Config& config) {
  const bool here = !config.server.unix_socket.empty() || is_loopback_host(config.server.address);
  return here && config.server.trusted_proxies.empty() && config.public_url.starts_with("http://");
}

}  // namespace

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

Result<std::unique_ptr<Wiring>> Wiring::make(const Config& config, const ProviderCatalogue& catalogue,
                                             std::vector<Registration> registrations, const Log& log) {
  if (!config.server.tls_key.empty()) {
    if (auto checked = check_private(config.server.tls_key); !checked) return std::unexpected(checked.error());
  }
  auto keks = make_keks(config);
  if (!keks) return std::unexpected(keks.error());
  auto store = open_sqlite_store(
      {.path = config.store.string(), .check = StoreCheck::behind, .high_water = config.store.string() + ".mark", .now = SystemClock{}.now()}, log);
  if (!store) return std::unexpected(store.error());
  std::string owner = keks->random->id("node_");  // unique per start: a lease of an earlier life is a stranger's
  auto escrow = open_file_escrow({.path = config.escrow_path(), .owner = owner, .capacity = config.escrow_bytes}, log);
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
      registrations_{std::move(registrations)},
      providers_{catalogue.all()},
      vault_{*store_, *keks_.current, keks_.older(), clock_, random_, log_},
      directory_{http_, clock_, log_},
      tokens_{parts(), refresh_options(config, std::move(owner))},
      connector_{parts(), tokens_, connect_options(config)},
      revoker_{parts(), tokens_},
      janitor_{*store_, clock_, metrics_, log_, config.retention, config.sweep_every},
      announcer_{*store_, registrations_, clock_, metrics_, log_},
      callers_{*store_, clock_, random_},
      audit_{*store_, clock_, log_},
      api_{{*store_, vault_, tokens_, connector_, revoker_, callers_, audit_, registrations_, providers_, clock_, random_,
            metrics_, log_},
           {.public_url = config.public_url, .metrics_need_key = !is_local(config)}},
      server_{config.server, api_, log_} {}

TokenService::Parts Wiring::parts() {
  return {engine_, *store_, vault_, directory_, http_, registrations_, clock_, random_, metrics_, log_, escrow_.get()};
}

void Wiring::run_until_stopped(Task<void> task) {
  const Completion<bool> ended = endings_.emplace_back();
  spawn(engine_, [](Task<void> inner, Completion<bool> over) -> Task<void> {
    co_await std::move(inner);  // ends after `stop`
    over.set(true);
  }(std::move(task), ended));
}

Result<> Wiring::start() {
  engine_thread_ = std::thread{[this] { engine_.run(); }};
  if (auto started = http_.start(); !started) return started;
  if (auto loaded = wait_on(engine_, vault_.start()); !loaded) return loaded;
  run_until_stopped(tokens_.run());
  run_until_stopped(revoker_.run());
  run_until_stopped(janitor_.run());
  run_until_stopped(announcer_.run());
  run_until_stopped(audit_.run());
  if (auto listening = server_.start(); !listening) return listening;
  serving_ = true;
  return {};
}

void Wiring::stop() {
  if (!engine_thread_.joinable()) return;
  if (serving_) server_.stop(grace);
  serving_ = false;
  const auto ended = wait_on(engine_, [](Wiring& self) -> Task<bool> {
    self.revoker_.stop();
    self.janitor_.stop();
    self.announcer_.stop();
    self.audit_.stop();
    co_await self.tokens_.stop();
    for (const auto& ending : self.endings_) {
      auto over = co_await wait_for(ending, grace);
      if (!over) co_return false;
    }
    auto flushed = co_await self.audit_.flush();
    co_return flushed.has_value();
  }(*this));
  if (!ended) log_.warning("stopped_with_work_in_progress", {{"effect", "it is taken up again at the next start"}});
  engine_.stop();
  engine_thread_.join();
  engine_.drop_tasks();
}

Wiring::~Wiring() { stop(); }

Result<NewCaller> Wiring::create_caller(std::string name, Policy policy) {
  return wait_on(engine_, callers_.create(std::move(name), std::move(policy), std::nullopt));
}

}  // namespace evergrant
