#include "sim/node.hpp"

#include <algorithm>
#include <utility>

namespace evergrant::sim {

using namespace std::chrono_literals;

namespace {

constexpr double deaths_of_refusal = 10;
constexpr double refuses_for_long = 0.3;

RefreshOptions owned_by(RefreshOptions options, const std::string& owner) {
  options.owner = owner;
  return options;
}

TokenSet tokens_of(const Family& family, Time now, Duration lifetime) {
  TokenSet tokens;
  tokens.access_token = Secret{family.mints.back().access};
  tokens.refresh_token = Secret{family.refresh};
  tokens.access_expires_at = now + lifetime;
  return tokens;
}

}  // namespace

Task<Result<>> NodeStore::keep_answer(AttemptId attempt, Fence fence, Sealed answer) {
  if (network_.world.dice.chance(network_.weather.stops_with_answer)) {
    stop_for_(network_.world.dice.between(30s, 3min));
    co_await delay(0ms);
  }
  auto kept = co_await FaultyStore::keep_answer(attempt, fence, std::move(answer));
  if (kept || kept.error().code != Errc::store_unavailable) co_return kept;
  network_.oracle.keep_refused(attempt);
  Dice& dice = network_.world.dice;
  const bool again = !refused_.insert(attempt.str()).second;
  if (again && dice.chance(network_.weather.dies_at_store * deaths_of_refusal)) {
    die_();
    co_await never();
  }
  // What makes it refuse, a full disk say, seldom ends at once.
  if (dice.chance(refuses_for_long)) {
    const Duration until = network_.world.steady() + dice.between(1s, 30s);
    network_.weather.store_away_until = std::max(network_.weather.store_away_until, until);
  }
  co_return kept;
}

Node::Node(const Surroundings& around, std::string name, Duration clock_offset)
    : network_{around.network},
      executor_{network_.world.make_executor(std::move(name))},
      clock_{network_.world},
      random_{network_.world.dice.next()},
      store_{around.store, network_, [this] { die(); }, [this](Duration length) { stop_for(length); }},
      escrow_{around.escrows == nullptr
                  ? nullptr
                  : std::make_unique<SimEscrow>(network_, *around.escrows, executor_.name(), [this] { die(); })},
      vault_{store_, around.kek, {}, clock_, random_, around.log},
      transport_{network_, executor_, clock_, [this] { die(); }},
      directory_{transport_, clock_, around.log, metrics_},
      registrations_{around.registrations},
      log_{around.log},
      service_{parts(), owned_by(around.options, executor_.name())},
      revoker_{parts(), service_} {
  clock_.offset = clock_offset;
  store_.interpose([this](std::string operation, Moment moment) { return interfere(this, std::move(operation), moment); });
  spawn(executor_, boot(this));  // ends once the process is up
}

TokenService::Parts Node::parts() {
  return {executor_, store_, vault_, directory_, transport_, registrations_, clock_, random_, metrics_, log_, escrow_.get()};
}

void Node::die() {
  if (executor_.dead()) return;
  executor_.kill();
  if (escrow_) escrow_->unlock();
  ready_ = false;
  network_.world.note(name(), "dies");
  network_.oracle.died(name());
  network_.world.want_attention();
}

void Node::stop_for(Duration length) {
  network_.oracle.stopped(name(), length);
  network_.world.note(name(), "is stopped for " + std::to_string(length.count()) + " ms");
  executor_.freeze_until(network_.world.steady() + length);
}

Task<void> Node::boot(Node* self) {
  auto started = co_await self->vault_.start();
  while (!started) {  // ends when the store answers
    co_await delay(1s);
    started = co_await self->vault_.start();
  }
  self->ready_ = true;
  self->network_.world.note(self->name(), "is up");
  spawn(self->executor_, schedule(self));  // ends with the process
  spawn(self->executor_, work_off(self));  // likewise
}

Task<void> Node::schedule(Node* self) { co_await self->service_.run(); }
Task<void> Node::work_off(Node* self) { co_await self->revoker_.run(); }

// Every operation of the store may wait, fail, lose its answer, or be the last thing that this process did.
Task<Node::Interference> Node::interfere(Node* self, std::string operation, Moment moment) {
  Network& network = self->network_;
  Weather& weather = network.weather;
  Dice& dice = network.world.dice;
  const bool before = moment == Moment::before;
  if (dice.chance(weather.store_waits)) {
    const Duration longest = dice.chance(weather.store_stalls) ? Duration{20s} : Duration{20ms};
    co_await delay(dice.between(0ms, longest));
  }
  if (dice.chance(weather.dies_at_store / 10)) {
    network.world.note(self->name(), (before ? "before " : "after ") + operation);
    self->die();
    co_await never();
  }
  if (dice.chance(weather.stops_at_store)) {
    self->stop_for(dice.between(1s, 3min));
    co_await delay(0ms);
  }
  const bool away = before && weather.store_away_until > network.world.steady();
  if (!away && !dice.chance(before ? weather.store_fails : weather.store_loses_answer)) co_return Interference::none;
  ++network.oracle.counters.faults;
  if (operation == "connection") network.oracle.row_refused(self->name());
  network.world.note(self->name(), (before ? "store refuses " : "answer lost of ") + operation);
  co_return Interference::fail;
}

void Node::note_lease(const Result<TokenLease>& lease, const std::string& connection, Duration asked_at) {
  Oracle& oracle = network_.oracle;
  ++oracle.counters.reads;
  if (!lease) {
    ++oracle.counters.reads_failed;
    network_.world.note(name(), connection + ": " + std::string{to_string(lease.error().code)});
    return;
  }
  network_.world.note(name(), connection + " gets " + std::string{lease->access_token.reveal()});
  oracle.handed_out(name(), *lease, asked_at);
}

Task<void> Node::read_into(Node* self, std::string connection) {
  const Duration asked_at = self->network_.world.steady();
  const auto lease = co_await self->service_.token(ConnectionId{connection}, {});
  self->note_lease(lease, connection, asked_at);
}

Task<void> Node::force_into(Node* self, std::string connection) {
  self->network_.oracle.forced(connection);
  const Duration asked_at = self->network_.world.steady();
  const auto lease = co_await self->service_.refresh(ConnectionId{connection}, std::nullopt, std::nullopt);
  self->note_lease(lease, connection, asked_at);
}

// As an application does: until it is told that local use has stopped.
Task<void> Node::revoke_until_told(Node* self, std::string connection) {
  for (int tries = 0; tries < 20; ++tries) {
    const auto begun = co_await self->revoker_.revoke({ConnectionId{connection}, "the simulation revokes", false});
    if (begun) {
      self->network_.oracle.revocation_answered(connection, self->name());
      self->network_.world.note(self->name(), "was told that " + connection + " is revoked");
      co_return;
    }
    co_await delay(5s);
  }
}

Task<void> Node::reconnect_once(Node* self, std::string connection) {
  SimProvider& provider = self->network_.provider;
  auto row = co_await self->store_.connection(ConnectionId{connection});
  if (!row || row->status == Status::revoking || row->status == Status::revoked) co_return;
  Family& family = provider.grant(connection);
  const Time now = self->clock_.now();
  auto update =
      co_await self->service_.seal_tokens(*row, row->generation + 1, tokens_of(family, now, provider.habits.lifetime));
  if (!update) co_return;
  std::optional<OutboxItem> replaced;
  if (row->status != Status::reauth_required) {
    replaced = OutboxItem{.id = 0,
                          .kind = OutboxKind::revoke_replaced,
                          .connection = row->id,
                          .registration = row->registration,
                          .tenant = row->tenant,
                          .realm = row->realm,
                          .generation = row->generation,
                          .tokens = row->tokens,
                          .tries = 0,
                          .next_try_at = now,
                          .created_at = now,
                          .last_error = {}};
  }
  Event event;
  event.at = now;
  event.type = "reconnected";
  event.connection = row->id;
  const auto stored = co_await self->store_.reconnect(row->id, row->generation, *update, std::move(replaced), event);
  self->service_.forget(row->id);
  self->network_.world.note(self->name(), "reconnects " + connection + " with " + family.name() +
                                              (stored ? "" : ": " + std::string{to_string(stored.error().code)}));
}

Task<void> Node::connect_once(Node* self, std::string connection) {
  SimProvider& provider = self->network_.provider;
  Family& family = provider.grant(connection);
  Connection row;
  row.id = ConnectionId{connection};
  row.registration = self->registrations_.all().front().id;
  row.tenant = TenantId{"acme"};
  row.realm = RealmId{"realm of " + connection};
  row.created_at = row.updated_at = self->clock_.now();
  auto update = co_await self->service_.seal_tokens(row, 1, tokens_of(family, self->clock_.now(), provider.habits.lifetime));
  if (!update) throw std::logic_error(update.error().message);
  row.tokens = update->tokens;
  row.access_expires_at = update->access_expires_at;
  row.refresh_idle_expires_at = update->refresh_idle_expires_at;
  row.next_due_at = update->next_due_at;
  row.last_refreshed_at = update->at;
  const auto created = co_await self->store_.create(row, {});
  if (!created) throw std::logic_error(created.error().message);
}

void Node::read(const std::string& connection) { spawn(executor_, read_into(this, connection)); }
void Node::force(const std::string& connection) { spawn(executor_, force_into(this, connection)); }
void Node::revoke(const std::string& connection) { spawn(executor_, revoke_until_told(this, connection)); }
void Node::reconnect(const std::string& connection) { spawn(executor_, reconnect_once(this, connection)); }
void Node::connect(const std::string& connection) { spawn(executor_, connect_once(this, connection)); }

}  // namespace evergrant::sim
