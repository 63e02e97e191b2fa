// The program's seams, real ones, with the object graph on them (app/service_graph.hpp), started and stopped in order. One
// per process.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/config.hpp"
#include "app/service_graph.hpp"
#include "base/executor.hpp"
#include "crypto/kek.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/upstream.hpp"
#include "oauth/profile.hpp"
#include "store/escrow_file.hpp"
#include "store/sqlite_store.hpp"

namespace evergrant {

// A KEK and the older ones that may still be needed to unwrap.
struct Keks {
  std::unique_ptr<SystemRandom> random;  // what they wrap with
  std::unique_ptr<KekSource> current;
  std::vector<std::unique_ptr<KekSource>> previous;
  [[nodiscard]] std::vector<KekSource*> older() const;
};

// Errors: invalid_argument, key_unavailable, each naming the reference.
[[nodiscard]] Result<Keks> make_keks(const Config& config);
// The shipped profiles and the user's. Errors: those of the profiles; not_found where the shipped ones are not installed.
[[nodiscard]] Result<ProviderCatalogue> load_catalogue(const Config& config);

class Wiring {
 public:
  // Opens the store and the escrow (blocking). Errors: those of keys, registrations, store and escrow.
  [[nodiscard]] static Result<std::unique_ptr<Wiring>> make(const Config& config, const ProviderCatalogue& catalogue,
                                                            std::vector<Registration> registrations, const Log& log);
  ~Wiring();
  Wiring(const Wiring&) = delete;
  Wiring& operator=(const Wiring&) = delete;

  // Loads the keys, starts the engine and the listener. Errors: key_unavailable, invalid_argument (address in use …).
  [[nodiscard]] Result<> start();
  // Lets what is in progress end, for a few seconds at most.
  void stop();

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] Result<NewCaller> create_caller(std::string name, Policy policy);

 private:
  Wiring(const Config& config, const ProviderCatalogue& catalogue, std::vector<Registration> registrations, Keks keks,
         std::unique_ptr<Store> store, std::unique_ptr<Escrow> escrow, std::string owner, const Log& log);
  const Log& log_;
  SystemClock clock_;
  SystemRandom random_;
  Keks keks_;
  RunLoop engine_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Escrow> escrow_;
  HttpClient http_;
  UpstreamClient upstream_;
  ServiceGraph graph_;
  HttpServer server_;
  std::thread engine_thread_;
  bool serving_ = false;
};

}  // namespace evergrant
