// One seed: a scenario is drawn, processes, customers and callers live through it, faults stop, time runs on, the oracle
// judges.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/node.hpp"
#include "sim/watched_store.hpp"

namespace evergrant::sim {

struct SimOptions {
  bool trace = false;  // print every line
  Breakage breakage = Breakage::none;
};

struct Outcome {
  std::uint64_t hash = 0;
  std::uint64_t steps = 0;
  std::optional<Violation> violation;
  std::string scenario;
  std::vector<std::string> last_lines;
  Counters counters;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, const SimOptions& options);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Outcome run();

 private:
  struct Scenario {
    Habits habits;
    int nodes = 1, connections = 4;
    Duration faulty{0}, calm{0};
    Weather weather;
  };
  static Scenario draw(Dice& dice, Breakage breakage);
  [[nodiscard]] std::string describe() const;
  static std::vector<Registration> registrations_of(const Scenario& scenario);

  void start_node(std::size_t slot);
  void bury();  // of processes that have died: frees what they had, and plans the next start
  Node* some_node();
  std::string some_connection();
  void turn();  // one thing that somebody does
  void do_harm();
  void jump();
  static Task<void> drive(Simulation* self, Duration until);
  static Task<void> drive_calmly(Simulation* self, Duration until);
  static Task<void> start_later(Simulation* self, std::size_t slot, Duration after);
  void calm_down();
  void judge();

  SimOptions options_;
  World world_;
  Scenario scenario_;
  Weather weather_;
  SimProvider provider_;
  DiceRandom random_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<Store> sqlite_;
  std::unique_ptr<KekSource> kek_;
  Registrations registrations_;
  SimClock true_clock_;
  Vault oracle_vault_;
  Oracle oracle_;
  BrokenStore broken_;
  WatchedStore watched_;
  SimExecutor& driver_;
  Network network_;
  EscrowDisk escrows_;
  Surroundings surroundings_;
  Duration clock_offset_{0};
  std::vector<std::unique_ptr<Node>> nodes_;  // a slot is empty while its process is down
  std::vector<std::string> connections_;
  int started_ = 0;
};

}  // namespace evergrant::sim
