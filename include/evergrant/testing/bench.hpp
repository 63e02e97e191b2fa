// A bench to test an application on: evergrant itself with a provider that misbehaves on demand, in this process, on
// loopback, with a store in memory and a clock that you move. Nothing leaves the machine, nothing is left behind.
//
//   evergrant::testing::Bench bench;
//   my_application.configure(bench.url(), bench.api_key());
//   const auto connection = bench.connect("acme", "4620816365000000001");
//   bench.provider().lose_next_answer();
//   bench.clock().advance(1h);
//   EXPECT_EQ(bench.connection(connection).status, "active");
//
// See docs/testing-your-application.md. Needs the standard library only, no test framework.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "evergrant/testing/clock.hpp"
#include "evergrant/testing/error.hpp"
#include "evergrant/testing/provider.hpp"
#include "evergrant/testing/store.hpp"

namespace evergrant::testing {

struct BenchOptions {
  // How the provider rotates refresh tokens, and how evergrant is told that it does.
  Rotation rotation = Rotation::sometimes;
  // Where the virtual clock begins; nothing: the time of day, so that absolute times mean something to an application that
  // looks at its own clock.
  std::optional<BenchClock::Time> start_at;
  // What jitter, ids and keys are drawn from: two benches of one seed behave alike.
  std::uint64_t seed = 1;
  // evergrant's log on standard error, as text.
  bool log = false;
  // Where a browser may be sent after connecting (`return_to` of a connect session), compared as evergrant does.
  std::vector<std::string> return_urls;
};

// What evergrant knows of a connection; never a token.
struct ConnectionState {
  std::string id, tenant, realm;
  std::string status;           // active, reauth_required, quarantined, revoking, revoked
  std::string reason;           // a sentence: why it is in this status
  std::int64_t generation = 0;  // 1 when connected, +1 with each refresh
  int failures = 0;             // refreshes that failed, in a row
  std::string failure_code;     // the provider's error code of the last of these, or evergrant's
  std::optional<BenchClock::Time> access_expires_at;
  std::optional<BenchClock::Time> last_refreshed_at;
};

// One line of a connection's story.
struct ConnectionEvent {
  BenchClock::Time at;
  std::string type;  // connected, refreshed, refresh_failed, reauth_required …: docs/events.md
  std::int64_t generation = 0;
  std::string detail;  // a sentence
  std::string code;    // an error code, where there is one
};

// Thread-safe. Calls block until they are carried out; they throw BenchError where they cannot be. Several benches may live
// in one process. Costs three threads and two ports; made in some milliseconds.
class Bench {
 public:
  explicit Bench(BenchOptions options = {});
  // Open requests are closed unanswered.
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // evergrant's API, http://127.0.0.1:PORT, without a slash at the end. Any HTTP client may call it.
  [[nodiscard]] std::string url() const;
  // A key for it that may do everything. The same for the life of the bench.
  [[nodiscard]] std::string api_key() const;
  // The one registration: /v1/registrations/sandbox/realms/{realm}/token.
  [[nodiscard]] static std::string registration() { return "sandbox"; }

  // A customer of `tenant` connects the provider's account `realm` (any id of up to 64 letters, digits, '.', '_', '-'): the
  // whole flow, from the link to the stored connection. The same realm again reconnects it. Returns the connection's id.
  // Throws BenchError where the flow fails (the realm is another tenant's, the provider or the store has a fault …).
  std::string connect(std::string_view tenant, std::string_view realm);

  // Throws BenchError where there is no such connection. Works whatever fault the store has.
  [[nodiscard]] ConnectionState connection(std::string_view id) const;
  // Oldest first.
  [[nodiscard]] std::vector<ConnectionEvent> events(std::string_view connection) const;

  [[nodiscard]] BenchClock& clock();
  [[nodiscard]] BenchProvider& provider();
  [[nodiscard]] BenchStore& store();

  // evergrant dies as by `kill -9`: no line of it runs after that, open requests are closed unanswered, new ones too. The
  // provider, the store and what evergrant keeps beside it stay.
  void lose_power();
  // Starts it again on the same store, at the same address. Throws BenchError where it runs, or cannot start (the store's
  // faults count).
  void start_again();
  [[nodiscard]] bool running() const;

 private:
  std::unique_ptr<BenchParts> parts_;
};

}  // namespace evergrant::testing
