// Leases a second from TokenManager::get with a valid token: tokens of 1,000 characters, sealed in memory and opened at each
// get, a lease of its own each time that is wiped at its end. The application's whole cost: look-up, margins, decryption,
// accounting of use. One thread and two, each on a core's own time; one connection, and many asked for in random order, ten
// to a tenant. `bare EVP`: OpenSSL opens the same bytes with a context that has the key already, which is the least that the
// rule "sealed in memory" costs. Both take turns.
#include <openssl/evp.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "evergrant/token_manager.hpp"

namespace {

using namespace std::chrono_literals;
using evergrant::Pending;
using evergrant::Secret;
using evergrant::TokenManager;

constexpr std::size_t token_size = 1000;
constexpr std::size_t bound_size = 190;  // what a token is bound to, in bytes
constexpr int per_tenant = 10;
constexpr std::size_t at_once = 2000;
constexpr std::size_t batch = 1000;

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << "library: " << why << '\n';
  std::exit(1);
}

// Of this thread alone: what else the machine does counts for neither side.
double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Calls of `body` in a second of this thread's time.
double rate(double seconds, const std::function<void()>& body) {
  const double begin = cpu_seconds();
  double now = begin;
  std::size_t calls = 0;
  while (now - begin < seconds) {
    for (std::size_t i = 0; i < batch; ++i) body();
    calls += batch;
    now = cpu_seconds();
  }
  return static_cast<double>(calls) / (now - begin);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

// What a token costs that is opened and nothing else.
class BareOpening {
 public:
  BareOpening() {
    const std::string key(32, 'k');
    int size = 0;
    EVP_CipherInit_ex2(context_, EVP_aes_256_gcm(), bytes(key), bytes(nonce_), 1, nullptr);
    EVP_CipherUpdate(context_, nullptr, &size, bytes(bound_), static_cast<int>(bound_.size()));
    EVP_CipherUpdate(context_, reinterpret_cast<unsigned char*>(sealed_.data()), &size, bytes(plain_),
                     static_cast<int>(plain_.size()));
    EVP_CipherFinal_ex(context_, reinterpret_cast<unsigned char*>(tag_.data()), &size);
    EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_.size()), tag_.data());
    EVP_CipherInit_ex2(context_, nullptr, bytes(key), bytes(nonce_), 0, nullptr);
  }
  BareOpening(const BareOpening&) = delete;
  BareOpening& operator=(const BareOpening&) = delete;
  ~BareOpening() { EVP_CIPHER_CTX_free(context_); }

  void open() {
    int size = 0;
    unsigned char rest[16];
    EVP_CipherInit_ex2(context_, nullptr, nullptr, bytes(nonce_), 0, nullptr);
    EVP_CipherUpdate(context_, nullptr, &size, bytes(bound_), static_cast<int>(bound_.size()));
    EVP_CipherUpdate(context_, reinterpret_cast<unsigned char*>(plain_.data()), &size, bytes(sealed_),
                     static_cast<int>(sealed_.size()));
    EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_.size()), tag_.data());
    if (EVP_CipherFinal_ex(context_, rest, &size) != 1) give_up("OpenSSL does not open what it sealed");
  }

 private:
  static const unsigned char* bytes(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT: OpenSSL's type
  }
  EVP_CIPHER_CTX* context_ = EVP_CIPHER_CTX_new();
  std::string nonce_ = std::string(12, 'n');
  std::string bound_ = std::string(bound_size, 'b');
  std::string plain_ = std::string(token_size, 'a');
  std::string sealed_ = std::string(token_size, '\0');
  std::string tag_ = std::string(16, '\0');
};

struct Settings {
  std::size_t connections = 100'000;
  int turns = 5;
  double seconds = 1.0;  // of each turn
};

// Ids side by side, as small as they are: what looking one up here costs is none of the library's business.
class Ids {
 public:
  void add(const std::string& id) {
    length_ = id.size();
    all_ += id;
  }
  [[nodiscard]] std::size_t size() const { return length_ == 0 ? 0 : all_.size() / length_; }
  [[nodiscard]] std::string_view at(std::size_t number) const {
    return std::string_view{all_}.substr(number * length_, length_);
  }

 private:
  std::string all_;
  std::size_t length_ = 0;
};

std::unique_ptr<TokenManager> make_manager(const std::filesystem::path& folder, std::size_t connections) {
  evergrant::Options options;
  options.public_url = "http://127.0.0.1:8000";
  options.profiles = {std::filesystem::path{EVERGRANT_SOURCE_DIR} / "providers"};
  options.threads = evergrant::Threads::own;
  options.cached_connections = connections * 2;  // each has its shard; none is driven out by chance
  options.store_is_shared = false;
  auto& registration = options.registrations.emplace_back();
  registration.id = "sandbox";
  registration.provider = "sandbox";
  registration.client_id = "sandbox-client";
  registration.client_secret = Secret{"sandbox-secret"};
  evergrant::Seams seams;
  auto store = evergrant::open_sqlite_store({.path = folder / "grants.db", .threads = evergrant::Threads::own});
  if (!store) give_up(store.error().message);
  seams.store = std::move(*store);
  seams.kek = std::move(*evergrant::kek_from_text(evergrant::generate_kek()));
  auto made = TokenManager::make(std::move(options), std::move(seams));
  if (!made) give_up(made.error().message + " " + made.error().hint);
  return std::move(*made);
}

Ids connect_all(TokenManager& tokens, std::size_t connections) {
  const auto expires_at = evergrant::SystemClock{}.now() + 24h;
  Ids ids;
  while (ids.size() < connections) {
    std::vector<Pending<evergrant::ConnectionInfo>> waiting;
    const std::size_t from = ids.size();
    for (std::size_t i = from; i < std::min(connections, from + at_once); ++i) {
      waiting.push_back(tokens.import({.registration = "sandbox",
                                       .tenant = "customer-" + std::to_string(i / per_tenant),
                                       .realm = "46208163650" + std::to_string(100'000'000 + i),
                                       .access_token = Secret{std::string(token_size, 'a')},
                                       .refresh_token = Secret{std::string(40, 'r')},
                                       .access_expires_at = expires_at,
                                       .scopes = {"com.intuit.quickbooks.accounting"}}));
    }
    for (auto& one : waiting) {
      auto made = one.wait();
      if (!made) give_up(made.error().message);
      ids.add(made->id);
    }
  }
  for (int pass = 0; pass < 2; ++pass) {  // into memory
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!tokens.get({.connection = ids.at(i)}).wait()) give_up("a token that was stored is not given");
    }
  }
  return ids;
}

// Leases a second of each thread's own time.
std::vector<double> lease_rates(TokenManager& tokens, const Ids& ids, int threads, double seconds) {
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::vector<std::jthread> running;
  for (std::size_t t = 0; t < rates.size(); ++t) {
    running.emplace_back([&, t] {
      std::uint64_t state = 88'172'645'463'325'252ULL + t;
      rates[t] = rate(seconds, [&] {
        state ^= state << 13U;
        state ^= state >> 7U;
        state ^= state << 17U;
        const auto lease = tokens.get({.connection = ids.at(state % ids.size())}).wait();
        if (!lease || lease->reveal().size() != token_size) give_up("a valid token was not given");
      });
    });
  }
  running.clear();
  return rates;
}

struct Row {
  std::string name;
  int threads = 1;
  std::vector<double> leases, bare;  // a second and thread
};

boost::json::object measure(TokenManager& tokens, const Ids& ids, const Settings& settings) {
  std::vector<Row> rows;
  for (const int threads : {1, 2}) {
    rows.push_back({.name = "1 connection", .threads = threads, .leases = {}, .bare = {}});
    rows.push_back({.name = std::to_string(ids.size()) + " connections", .threads = threads, .leases = {}, .bare = {}});
  }
  BareOpening bare;
  Ids one;
  one.add(std::string{ids.at(0)});
  for (int turn = 0; turn < settings.turns; ++turn) {
    for (Row& row : rows) {
      row.bare.push_back(rate(settings.seconds / 4, [&] { bare.open(); }));
      const auto rates = lease_rates(tokens, row.name == "1 connection" ? one : ids, row.threads, settings.seconds);
      row.leases.insert(row.leases.end(), rates.begin(), rates.end());
    }
  }
  boost::json::object shown;
  for (const Row& row : rows) {
    const double leases = median(row.leases);
    const std::string name = row.name + ", " + std::to_string(row.threads) + (row.threads == 1 ? " thread" : " threads");
    std::printf("%-32s %9.0f leases/s and thread (%9.0f to %9.0f), %5.0f ns; bare EVP %9.0f/s\n", name.c_str(), leases,
                std::ranges::min(row.leases), std::ranges::max(row.leases), 1e9 / leases, median(row.bare));
    shown[name] = {{"leases_per_second_and_thread", leases}, {"bare_evp_per_second", median(row.bare)}};
  }
  const double value = median(rows.front().leases);
  const double baseline = median(rows.front().bare);
  return {{"name", "library"},    {"unit", "leases/s and thread"}, {"value", value},
          {"baseline", baseline}, {"ratio", value / baseline},     {"rows", shown}};
}

Settings settings_of(const std::vector<std::string_view>& arguments) {
  Settings settings;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    const auto text = arguments[i + 1];
    int number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{} || number < 1) {
      give_up("a number from 1 is needed after " + std::string{arguments[i]});
    }
    if (arguments[i] == "--connections") settings.connections = static_cast<std::size_t>(number);
    if (arguments[i] == "--turns") settings.turns = number;
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments{argv + 1, argv + argc};
  if (!arguments.empty() && (arguments[0] == "--help" || arguments.size() % 2 == 1)) {
    std::puts("./bench library [--connections 100000] [--turns 5]");
    return 0;
  }
  const Settings settings = settings_of(arguments);
  std::string name = std::filesystem::temp_directory_path() / "evergrant-bench-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name.data());
  {
    const auto tokens = make_manager(folder, settings.connections);
    const auto ids = connect_all(*tokens, settings.connections);
    const auto result = measure(*tokens, ids, settings);
    std::cout << boost::json::serialize(result) << '\n';
  }
  std::filesystem::remove_all(folder);
}
