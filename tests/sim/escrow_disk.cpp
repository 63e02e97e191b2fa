#include "sim/escrow_disk.hpp"

#include <algorithm>
#include <utility>

#include "store/escrow_frames.hpp"

namespace evergrant::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration slowest_write = 200ms;
constexpr double deaths_here = 5;  // it is used seldom: a process that dies at all dies here more often than at the store

}  // namespace

EscrowFile& SimEscrow::free_file(EscrowDisk& disk) {
  const auto found = std::ranges::find(disk, false, &EscrowFile::locked);
  EscrowFile& file = found == disk.end() ? disk.emplace_back() : *found;
  file.locked = true;
  return file;
}

SimEscrow::SimEscrow(Network& network, EscrowDisk& disk, std::string owner, std::function<void()> die)
    : network_{network}, disk_{disk}, owner_{std::move(owner)}, die_{std::move(die)}, file_{free_file(disk)} {
  take_over(file_);
  rewrite();
}

// What a dead process left. A tail that its death cut off is no damage.
void SimEscrow::take_over(const EscrowFile& file) {
  if (file.bytes.empty()) return;
  const EscrowReading reading = read_escrow(file.bytes);
  if (!reading.damage.empty())
    network_.oracle.violated("lost", "the escrow of " + read_escrow_head(file.bytes).owner + " is damaged");
  for (const std::string& owner : reading.owners) {
    if (std::ranges::count(dead_owners_, owner) == 0) dead_owners_.push_back(owner);
  }
  for (const EscrowedAnswer& answer : reading.pending) {
    if (!knows(answer.attempt)) pending_.push_back(answer);
    network_.oracle.escrowed(answer.attempt, owner_);
    network_.world.note(owner_, "takes over the escrowed answer for " + answer.connection.str());
  }
}

void SimEscrow::rewrite() {
  file_.bytes = escrow_head({.store = "the store", .owner = owner_});
  for (const std::string& owner : dead_owners_) file_.bytes += owner_frame(owner);
  for (const EscrowedAnswer& answer : pending_) file_.bytes += answer_frame(answer);
}

bool SimEscrow::knows(const AttemptId& attempt) const {
  return std::ranges::find(pending_, attempt, &EscrowedAnswer::attempt) != pending_.end();
}

bool SimEscrow::holds(const ConnectionId& connection) const {
  return std::ranges::find(pending_, connection, &EscrowedAnswer::connection) != pending_.end();
}

EscrowStatus SimEscrow::status() const {
  return {.answers = pending_.size(),
          .bytes = static_cast<std::int64_t>(file_.bytes.size()),
          .capacity = 0,
          .room = 0,
          .damaged = 0,
          .reservations = reservations_};
}

bool SimEscrow::reserve() {
  ++reservations_;
  return true;
}

Task<void> SimEscrow::may_die(std::string_view where) {
  if (!network_.world.dice.chance(network_.weather.dies_at_store * deaths_here)) co_return;
  network_.world.note(owner_, std::string{where} + " of its escrow");
  die_();
  co_await never();
}

// Durable when it completes. Of a write that the death of its process cuts, some bytes are there.
Task<void> SimEscrow::append(std::string frame) {
  Dice& dice = network_.world.dice;
  if (dice.chance(network_.weather.store_waits)) co_await delay(dice.between(0ms, slowest_write));
  const std::size_t whole = file_.bytes.size();
  file_.bytes += frame.substr(0, dice.below(frame.size()));
  co_await may_die("in the middle of a write");
  file_.bytes.resize(whole);
  file_.bytes += frame;
}

Task<Result<>> SimEscrow::put(EscrowedAnswer answer) {
  if (knows(answer.attempt)) co_return Result<>{};
  network_.oracle.escrow_begins(answer.attempt);
  co_await append(answer_frame(answer));
  network_.oracle.escrowed(answer.attempt, owner_);
  network_.world.note(owner_, "escrows the answer for " + answer.connection.str());
  ++network_.oracle.counters.escrowed;
  pending_.push_back(std::move(answer));
  co_await may_die("behind a write");
  co_return Result<>{};
}

Task<Result<>> SimEscrow::remove(AttemptId attempt) {
  if (!knows(attempt)) co_return Result<>{};
  co_await append(done_frame(attempt));
  network_.world.note(owner_, "has no answer for " + attempt.str() + " in its escrow any more");
  std::erase_if(pending_, [&](const EscrowedAnswer& one) { return one.attempt == attempt; });
  co_await may_die("behind a write");
  if (pending_.empty()) rewrite();
  co_return Result<>{};
}

// Nothing in the simulation damages an answer or takes its key away.
Task<Result<>> SimEscrow::set_aside(AttemptId attempt) {
  if (knows(attempt)) network_.oracle.violated("lost", "the escrowed answer of " + attempt.str() + " is set aside");
  auto removed = co_await remove(std::move(attempt));
  co_return removed;
}

Task<Result<>> SimEscrow::settled(std::string owner) {
  co_await append(settled_frame(owner));
  std::erase(dead_owners_, owner);
  co_return Result<>{};
}

Task<Result<std::vector<std::string>>> SimEscrow::adopt() {
  for (EscrowFile& file : disk_) {
    if (file.locked || file.bytes.empty()) continue;
    take_over(file);
    rewrite();
    co_await may_die("before it empties a file that it took over and goes on");
    file.bytes.clear();
  }
  co_return dead_owners_;
}

}  // namespace evergrant::sim
