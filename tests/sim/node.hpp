// One process: a whole engine with its scheduler and its outbox, on an executor of its own. It dies at the await at which it
// stands; what it had in memory goes with it.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/log.hpp"
#include "crypto/kek.hpp"
#include "lifecycle/revoker.hpp"
#include "lifecycle/token_service.hpp"
#include "oauth/metadata.hpp"
#include "sim/escrow_disk.hpp"

namespace evergrant::sim {

// What a process is started with.
struct Surroundings {
  Network& network;
  Store& store;
  KekSource& kek;
  const Registrations& registrations;
  const Log& log;
  RefreshOptions options;
  EscrowDisk* escrows = nullptr;  // none: the engine has no escrow
};

// Where the engine meets the store: the oracle hears which answer was refused. A process that is refused again may die of
// it; one that has an answer in its hands may be stopped, most often beyond its lease.
class NodeStore final : public test::FaultyStore {
 public:
  NodeStore(Store& inner, Network& network, std::function<void()> die, std::function<void(Duration)> stop_for)
      : FaultyStore{inner}, network_{network}, die_{std::move(die)}, stop_for_{std::move(stop_for)} {}
  Task<Result<>> keep_answer(AttemptId attempt, Fence fence, Sealed answer) override;

 private:
  Network& network_;
  std::function<void()> die_;
  std::function<void(Duration)> stop_for_;
  std::set<std::string> refused_;  // attempts
};

class Node {
 public:
  // Starts at once; `ready` once its keys are loaded.
  Node(const Surroundings& around, std::string name, Duration clock_offset);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return executor_.name(); }
  [[nodiscard]] bool ready() const noexcept { return ready_; }
  [[nodiscard]] bool dead() const noexcept { return executor_.dead(); }
  [[nodiscard]] SimExecutor& executor() noexcept { return executor_; }
  [[nodiscard]] SimClock& clock() noexcept { return clock_; }
  [[nodiscard]] TokenService& service() noexcept { return service_; }
  [[nodiscard]] Store& store() noexcept { return store_; }

  // From here on nothing of it runs.
  void die();
  // As SIGSTOP and SIGCONT do.
  void stop_for(Duration length);
  // The callers: each tells the oracle what it got. They end with the engine's answer, or with the process.
  void read(const std::string& connection);
  void force(const std::string& connection);
  void revoke(const std::string& connection);
  // A customer's new consent, stored as the connect flow stores it.
  void reconnect(const std::string& connection);
  void connect(const std::string& connection);

 private:
  using Moment = test::FaultyStore::Moment;
  using Interference = test::FaultyStore::Interference;

  static Task<void> boot(Node* self);
  static Task<void> schedule(Node* self);
  static Task<void> work_off(Node* self);
  static Task<void> read_into(Node* self, std::string connection);
  static Task<void> force_into(Node* self, std::string connection);
  static Task<void> revoke_until_told(Node* self, std::string connection);
  static Task<void> reconnect_once(Node* self, std::string connection);
  static Task<void> connect_once(Node* self, std::string connection);
  static Task<Interference> interfere(Node* self, std::string operation, Moment moment);
  void note_lease(const Result<TokenLease>& lease, const std::string& connection, Duration asked_at);
  [[nodiscard]] TokenService::Parts parts();

  Network& network_;
  SimExecutor& executor_;
  SimClock clock_;
  DiceRandom random_;
  NodeStore store_;
  std::unique_ptr<SimEscrow> escrow_;
  Metrics metrics_;
  Vault vault_;
  SimTransport transport_;
  ProviderDirectory directory_;
  const Registrations& registrations_;
  const Log& log_;
  TokenService service_;
  Revoker revoker_;
  bool ready_ = false;
};

}  // namespace evergrant::sim
