#include "sim/simulation.hpp"

#include <algorithm>
#include <stdexcept>

#include "store/sqlite_store.hpp"

namespace evergrant::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration turn_least = 200ms;
constexpr Duration turn_most = 12s;

std::string_view name_of(Rotation rotation) {
  switch (rotation) {
    case Rotation::never: return "never";
    case Rotation::always_with_grace: return "always_with_grace";
    case Rotation::sometimes: return "sometimes";
    case Rotation::always_strict: return "always_strict";
    case Rotation::self_refresh: return "self_refresh";
  }
  return "";
}

std::unique_ptr<Store> open_store(const Log& log) {
  auto opened = open_sqlite_store({.path = ":memory:", .inline_execution = true}, log);
  if (!opened) throw std::runtime_error(opened.error().message);
  return std::move(*opened);
}

std::unique_ptr<KekSource> make_kek(Random& random) {
  auto made = make_local_kek(Secret{std::string(64, 'a')}, random);
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

RefreshOptions engine_options() {
  RefreshOptions options;
  options.look_every = 60s;
  options.follow_every = 30s;
  return options;
}

// A late answer matters only where a process is slow beyond its lease with it in its hands, and the grant outlives what
// another does meanwhile: such a seed is all about that.
void slow_down(Habits& habits, Weather& weather, int& nodes) {
  habits.rotation = Rotation::always_strict;
  habits.reuse_kills = false;
  nodes = 3;
  weather = Weather::calm();
  weather.stops_with_answer = 0.5;
  weather.stops_at_store = 0.01;
}

}  // namespace

Simulation::Scenario Simulation::draw(Dice& dice, Breakage breakage) {
  constexpr std::array rotations{Rotation::always_strict,     Rotation::always_strict, Rotation::always_with_grace,
                                 Rotation::always_with_grace, Rotation::sometimes,     Rotation::never,
                                 Rotation::self_refresh};
  Scenario scenario;
  Habits& habits = scenario.habits;
  habits.rotation = dice.pick(std::span<const Rotation>{rotations});
  habits.grace = dice.chance(0.5) ? Duration{45min} : Duration{24h};
  habits.reuse_kills = dice.chance(0.7);
  habits.replay_gives_same = dice.chance(0.5);
  habits.kills_old_access = dice.chance(0.2);
  habits.revokes_by_superseded = dice.chance(0.3);
  habits.lifetime = dice.chance(0.7) ? Duration{10min} : Duration{30min};
  scenario.nodes = 1 + static_cast<int>(dice.below(3));
  scenario.connections = 2 + static_cast<int>(dice.below(4));
  scenario.faulty = dice.between(15min, 40min);
  scenario.calm = 75min;
  scenario.weather = Weather::draw(dice);
  if (scenario.nodes > 1) scenario.weather.clock_jumps /= 4;
  if (breakage == Breakage::dropped_late_answer) slow_down(scenario.habits, scenario.weather, scenario.nodes);
  return scenario;
}

std::vector<Registration> Simulation::registrations_of(const Scenario& scenario) {
  Registration registration;
  registration.id = RegistrationId{"books"};
  registration.client_id = "client";
  registration.client_secrets.push_back({Secret{"client-secret"}, std::nullopt});
  Provider& provider = registration.provider;
  provider.id = ProviderId{"fake"};
  provider.metadata_mode = MetadataMode::fixed;
  provider.endpoints.token = "https://provider.test/token";
  provider.endpoints.revoke = "https://provider.test/revoke";
  provider.refresh.rotation = scenario.habits.rotation;
  provider.refresh.grace = scenario.habits.rotation == Rotation::always_with_grace ? scenario.habits.grace : Duration{0};
  provider.refresh.invalidates_old_access_token = scenario.habits.kills_old_access;
  provider.refresh.idle_window = std::chrono::days{100};
  std::vector<Registration> all;
  all.push_back(std::move(registration));
  return all;
}

std::string Simulation::describe() const {
  const Habits& habits = scenario_.habits;
  std::string text{name_of(habits.rotation)};
  if (habits.rotation == Rotation::always_with_grace) text += habits.grace < 1h ? " 45 min" : " 24 h";
  if (habits.reuse_kills) text += ", reuse kills";
  if (habits.replay_gives_same) text += ", replay gives the same";
  if (habits.kills_old_access) text += ", kills old access tokens";
  if (habits.revokes_by_superseded) text += ", revokes by superseded tokens";
  return text + "; " + std::to_string(scenario_.nodes) + " processes, " + std::to_string(scenario_.connections) +
         " connections, " + std::to_string(scenario_.faulty / 1min) + " min of faults, tokens of " +
         std::to_string(habits.lifetime / 1min) + " min";
}

Simulation::Simulation(std::uint64_t seed, const SimOptions& options)
    : options_{options},
      world_{seed, options.trace},
      scenario_{draw(world_.dice, options.breakage)},
      provider_{world_, scenario_.habits},
      random_{seed},
      log_{Log::silent()},
      sqlite_{open_store(*log_)},
      kek_{make_kek(random_)},
      registrations_{registrations_of(scenario_)},
      true_clock_{world_},
      oracle_vault_{*sqlite_, *kek_, {}, true_clock_, random_, *log_},
      oracle_{world_, provider_, *sqlite_, oracle_vault_, engine_options().recheck},
      broken_{*sqlite_, options.breakage},
      watched_{broken_, *sqlite_, oracle_},
      driver_{world_.make_executor("driver")},
      network_{world_, world_.make_executor("internet"), weather_, provider_, oracle_, options.breakage},
      surroundings_{network_,
                    watched_,
                    *kek_,
                    registrations_,
                    *log_,
                    engine_options(),
                    options.breakage == Breakage::no_escrow ? nullptr : &escrows_},
      nodes_(static_cast<std::size_t>(scenario_.nodes)) {
  world_.attention = [this] { bury(); };
  for (int i = 1; i <= scenario_.connections; ++i) connections_.push_back("con_" + std::to_string(i));
}

// What is under way ends here, as if the power went.
Simulation::~Simulation() {
  for (auto& node : nodes_) {
    if (!node) continue;
    node->executor().kill();
    node->executor().drop_tasks();
  }
  for (SimExecutor* executor : {&driver_, &network_.internet}) {
    executor->kill();
    executor->drop_tasks();
  }
}

void Simulation::start_node(std::size_t slot) {
  const Duration skew = scenario_.nodes > 1 ? Duration{static_cast<std::int64_t>(slot) * 700} : Duration{0};
  nodes_[slot] = std::make_unique<Node>(surroundings_, "node-" + std::to_string(++started_), clock_offset_ + skew);
}

Task<void> Simulation::start_later(Simulation* self, std::size_t slot, Duration after) {
  co_await delay(after);
  self->start_node(slot);
}

void Simulation::bury() {
  for (std::size_t slot = 0; slot < nodes_.size(); ++slot) {
    if (!nodes_[slot] || !nodes_[slot]->dead()) continue;
    nodes_[slot]->executor().drop_tasks();
    nodes_[slot].reset();
    spawn(driver_, start_later(this, slot, world_.dice.between(100ms, 40s)));  // ends with the start
  }
}

Node* Simulation::some_node() {
  Node* node = nodes_[world_.dice.below(nodes_.size())].get();
  return node != nullptr && node->ready() ? node : nullptr;
}

std::string Simulation::some_connection() { return connections_[world_.dice.below(connections_.size())]; }

// All processes share one machine's clock.
void Simulation::jump() {
  const Duration length = world_.dice.between(0ms, longest_jump * 2) - longest_jump;
  clock_offset_ = std::clamp(clock_offset_ + length, -longest_jump, longest_jump);
  oracle_.jumped();
  world_.note("driver", "the clock is off by " + std::to_string(clock_offset_.count()) + " ms");
  for (auto& node : nodes_) {
    if (node) node->clock().offset = clock_offset_;
  }
}

void Simulation::do_harm() {
  Dice& dice = world_.dice;
  const Duration now = world_.steady();
  Node* node = some_node();
  if (node != nullptr && dice.chance(weather_.node_dies)) return node->die();
  if (node != nullptr && dice.chance(weather_.node_freezes)) {
    return node->stop_for(dice.chance(0.5) ? dice.between(1s, 30s) : dice.between(30s, 3min));
  }
  if (dice.chance(weather_.store_goes_away)) weather_.store_away_until = now + dice.between(1s, 2min);
  if (dice.chance(weather_.provider_goes_down)) weather_.provider_down_until = now + dice.between(5s, 4min);
  if (dice.chance(weather_.client_is_refused)) weather_.client_refused_until = now + dice.between(5s, 3min);
  if (dice.chance(weather_.clock_jumps)) jump();
  if (dice.chance(weather_.customer_disconnects)) {
    if (Family* family = oracle_.family(some_connection())) provider_.end(*family, "by the customer");
  }
  if (node == nullptr) return;
  if (dice.chance(weather_.customer_reconnects)) node->reconnect(some_connection());
  if (dice.chance(weather_.application_revokes)) node->revoke(some_connection());
}

void Simulation::turn() {
  Dice& dice = world_.dice;
  if (dice.chance(0.1)) {  // everybody at once
    const std::string connection = some_connection();
    for (auto& node : nodes_) {
      if (node && node->ready()) node->read(connection);
      if (node && node->ready()) node->read(connection);
    }
  } else if (Node* node = some_node()) {
    dice.chance(0.12) ? node->force(some_connection()) : node->read(some_connection());
  }
  do_harm();
}

Task<void> Simulation::drive(Simulation* self, Duration until) {
  while (self->world_.steady() < until) {
    co_await delay(self->world_.dice.between(turn_least, turn_most));
    self->turn();
  }
}

Task<void> Simulation::drive_calmly(Simulation* self, Duration until) {
  while (self->world_.steady() < until) {
    co_await delay(2min);
    for (const std::string& connection : self->connections_) {
      if (Node* node = self->some_node()) node->read(connection);
    }
  }
}

void Simulation::calm_down() {
  weather_ = Weather::calm();
  if (clock_offset_ != Duration{0}) oracle_.jumped();
  clock_offset_ = Duration{0};
  for (auto& node : nodes_) {
    if (node) node->clock().offset = Duration{0};
  }
  world_.note("driver", "faults stop");
}

void Simulation::judge() {
  for (const std::string& connection : connections_) oracle_.judge(connection);
  oracle_.judge_families();
  for (const EscrowFile& file : escrows_) oracle_.judge_escrow(file.bytes);
}

Outcome Simulation::run() {
  for (std::size_t slot = 0; slot < nodes_.size(); ++slot) start_node(slot);
  world_.run_until(1s);
  for (const std::string& connection : connections_) nodes_.front()->connect(connection);
  world_.run_until(2s);
  weather_ = scenario_.weather;
  const Duration faults_end = world_.steady() + scenario_.faulty;
  spawn(driver_, drive(this, faults_end));  // ends at its time
  world_.run_until(faults_end);
  const Duration end = faults_end + scenario_.calm;
  if (!world_.stopped()) {
    calm_down();
    spawn(driver_, drive_calmly(this, end - 1min));  // likewise
    world_.run_until(end - 30s);
    if (Node* node = nodes_.front().get()) {
      for (const std::string& connection : connections_) node->force(connection);
    }
    world_.run_until(end);
  }
  if (!world_.stopped()) judge();
  Outcome outcome;
  outcome.hash = world_.trace.hash();
  outcome.steps = world_.steps();
  outcome.violation = oracle_.violation();
  outcome.scenario = describe();
  outcome.last_lines.assign(world_.trace.last().begin(), world_.trace.last().end());
  outcome.counters = oracle_.counters;
  return outcome;
}

}  // namespace evergrant::sim
