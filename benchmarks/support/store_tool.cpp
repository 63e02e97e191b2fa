// Makes and prepares stores for benchmarks: through the store layer and the vault, sealed as the server seals. Not
// installed.
//
//   store_tool create --store FILE --kek FILE --connections N [--per-tenant 10]
//   store_tool arm    --store FILE --kek FILE --connections N --hot H   < refresh tokens, one a line
//   store_tool rest   --store FILE --kek FILE --connections N --hot H
//
// `create`: N connections of the registration "sandbox" that are due in a year. `arm`: gives H of them, spread evenly over
// the store, refresh tokens of the running sandbox and makes them due now. `rest`: puts those back to sleep.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "store/sqlite_store.hpp"
#include "store/vault.hpp"

namespace evergrant {
namespace {

using namespace std::chrono_literals;

constexpr int in_flight = 4096;           // writes that one transaction can take
constexpr std::size_t access_bytes = 60;  // as long as the sandbox's
constexpr auto year = std::chrono::hours{24 * 365};

struct Options {
  std::string store, kek;
  std::int64_t connections = 0, per_tenant = 10, hot = 0;
};

// Scattered over the index as random ids are, and found again without a list.
ConnectionId id_of(std::int64_t number) {
  const std::string digest = hex_encode(sha256("benchmark connection " + std::to_string(number)));
  return ConnectionId{"con_" + digest.substr(0, 26)};
}

TenantId tenant_of(std::int64_t number, const Options& options) {
  return TenantId{"customer-" + std::to_string(number / options.per_tenant)};
}

Result<Secret> read_kek(const std::string& path) {
  std::ifstream file{path};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (text.empty()) return fail(Errc::invalid_argument, path + " has no key");
  return Secret{std::string{trim(text)}};
}

class Tool {
 public:
  Tool(Options options, std::unique_ptr<Store> store, std::unique_ptr<KekSource> kek)
      : options_{std::move(options)}, store_{std::move(store)}, kek_{std::move(kek)}, vault_{*store_, *kek_,   {},
                                                                                             clock_,  random_, *log_} {
    thread_ = std::thread{[this] { loop_.run(); }};
  }
  ~Tool() {
    loop_.stop();
    thread_.join();
  }
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;

  Result<> create() {
    return each(options_.connections, [this](std::int64_t number) { return add(number); });
  }
  Result<> arm() {
    std::vector<Secret> tokens;
    for (std::string line; std::getline(std::cin, line);) tokens.emplace_back(line);
    if (std::ssize(tokens) < options_.hot) return fail(Errc::invalid_argument, "fewer refresh tokens than connections");
    return each(options_.hot, [this, &tokens](std::int64_t place) {
      return give(number_of(place), tokens[static_cast<std::size_t>(place)], clock_.now());
    });
  }
  Result<> rest() {
    const Secret none{"not-used"};
    return each(options_.hot,
                [this, &none](std::int64_t place) { return give(number_of(place), none, clock_.now() + year); });
  }

 private:
  [[nodiscard]] std::int64_t number_of(std::int64_t place) const { return place * options_.connections / options_.hot; }

  // Runs `body` for 0 to count - 1, many at once. The first error ends it.
  template <class Body>
  Result<> each(std::int64_t count, Body body) {
    if (auto started = wait_on(loop_, vault_.start()); !started) return started;
    return wait_on(loop_, all(count, std::move(body)));
  }
  template <class Body>
  Task<Result<>> all(std::int64_t count, Body body) {
    std::int64_t next = 0;
    Result<> outcome;
    std::vector<Completion<bool>> workers;
    for (int i = 0; i < in_flight; ++i) {
      const Completion<bool> ended = workers.emplace_back();
      spawn(loop_, work(count, body, next, outcome, ended));  // ends when all numbers are taken
    }
    for (const auto& worker : workers) co_await worker;
    co_return outcome;
  }
  template <class Body>
  static Task<void> work(std::int64_t count, Body& body, std::int64_t& next, Result<>& outcome, Completion<bool> ended) {
    while (next < count && outcome) {
      const auto done = co_await body(next++);
      if (!done) outcome = std::unexpected(done.error());
    }
    ended.set(true);
  }

  Connection blank(std::int64_t number) {
    Connection connection;
    connection.id = id_of(number);
    connection.registration = RegistrationId{"sandbox"};
    connection.tenant = tenant_of(number, options_);
    connection.realm = RealmId{"46208163650" + std::to_string(100'000'000 + number)};
    connection.created_at = connection.updated_at = clock_.now();
    return connection;
  }

  Task<Result<SealedTokens>> seal(const Connection& connection, Generation generation, const Secret& refresh) {
    SealedTokens sealed;
    const Secret access{std::string(access_bytes, 'a')};
    auto first = co_await vault_.seal(place_of(connection, "access_token", generation), access);
    if (!first) co_return std::unexpected(first.error());
    auto second = co_await vault_.seal(place_of(connection, "refresh_token", generation), refresh);
    if (!second) co_return std::unexpected(second.error());
    sealed.access_token = std::move(*first);
    sealed.refresh_token = std::move(*second);
    co_return sealed;
  }

  Task<Result<>> add(std::int64_t number) {
    const Time now = clock_.now();
    Connection connection = blank(number);
    connection.scope = {"com.intuit.quickbooks.accounting"};
    connection.access_expires_at = now;
    connection.refresh_idle_expires_at = now + 5 * year;
    connection.refresh_absolute_expires_at = now + 5 * year;
    connection.next_due_at = now + year + std::chrono::seconds{number % (365 * 24 * 3600)};
    connection.last_refreshed_at = now;
    auto sealed = co_await seal(connection, 1, Secret{"RT1-000-H0-" + std::string(36, 'r')});
    if (!sealed) co_return std::unexpected(sealed.error());
    connection.tokens = std::move(*sealed);
    auto created = co_await store_->create(std::move(connection), Event{});
    co_return created;
  }

  Task<Result<>> give(std::int64_t number, const Secret& refresh, Time due) {
    const auto row = co_await store_->connection(id_of(number));
    if (!row) co_return std::unexpected(row.error());
    const Time now = clock_.now();
    auto sealed = co_await seal(*row, row->generation + 1, refresh);
    if (!sealed) co_return std::unexpected(sealed.error());
    TokenUpdate update;
    update.tokens = std::move(*sealed);
    update.token_type = row->token_type;
    update.scope = row->scope;
    update.access_expires_at = now;
    update.refresh_idle_expires_at = now + 5 * year;
    update.refresh_absolute_expires_at = now + 5 * year;
    update.next_due_at = due;
    update.at = now;
    auto given = co_await store_->reconnect(row->id, row->generation, std::move(update), std::nullopt, Event{});
    if (!given) co_return given;
    auto used = co_await store_->touch({{row->id, now}});  // in use: refreshed ahead of each expiry
    co_return used;
  }

  Options options_;
  std::unique_ptr<Log> log_ = Log::silent();
  SystemClock clock_;
  SystemRandom random_;
  RunLoop loop_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<KekSource> kek_;
  Vault vault_;
  std::thread thread_;
};

Result<> run(const std::string& verb, const Options& options) {
  SystemRandom random;
  const auto log = Log::silent();
  auto text = read_kek(options.kek);
  if (!text) return std::unexpected(text.error());
  auto kek = make_local_kek(*text, random);
  if (!kek) return std::unexpected(kek.error());
  auto store = open_sqlite_store(
      {.path = options.store, .max_batch = in_flight, .high_water = options.store + ".mark", .now = SystemClock{}.now()},
      *log);
  if (!store) return std::unexpected(store.error());
  Tool tool{options, std::move(*store), std::move(*kek)};
  if (verb == "create") return tool.create();
  return verb == "arm" ? tool.arm() : tool.rest();
}

}  // namespace
}  // namespace evergrant

int main(int argc, char** argv) {
  evergrant::Options options;
  CLI::App program{"Makes and prepares stores for benchmarks"};
  program.require_subcommand(1);
  for (const char* verb : {"create", "arm", "rest"}) {
    auto* command = program.add_subcommand(verb);
    command->add_option("--store", options.store)->required();
    command->add_option("--kek", options.kek)->required();
    command->add_option("--connections", options.connections)->required()->check(CLI::PositiveNumber);
    command->add_option("--per-tenant", options.per_tenant)->check(CLI::PositiveNumber);
    command->add_option("--hot", options.hot)->check(CLI::NonNegativeNumber);
  }
  CLI11_PARSE(program, argc, argv);
  const auto done = evergrant::run(program.get_subcommands().front()->get_name(), options);
  if (done) return 0;
  std::cerr << done.error().message << ' ' << done.error().hint << '\n';
  return 1;
}
