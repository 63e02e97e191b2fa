#include "testing/memory_escrow.hpp"

#include <algorithm>
#include <utility>

namespace evergrant::test {

bool MemoryEscrow::reserve() {
  if (answers.size() + reservations >= most) return false;
  ++reservations;
  return true;
}

void MemoryEscrow::release() { --reservations; }

Task<Result<>> MemoryEscrow::put(EscrowedAnswer answer) {
  ++puts;
  if (refuses) co_return broken();
  const bool known = std::ranges::find(answers, answer.attempt, &EscrowedAnswer::attempt) != answers.end();
  if (!known) answers.push_back(std::move(answer));
  co_return Result<>{};
}

Task<Result<>> MemoryEscrow::remove(AttemptId attempt) {
  if (refuses) co_return broken();
  std::erase_if(answers, [&](const EscrowedAnswer& one) { return one.attempt == attempt; });
  co_return Result<>{};
}

Task<Result<>> MemoryEscrow::set_aside(AttemptId attempt) {
  if (refuses) co_return broken();
  const auto found = std::ranges::find(answers, attempt, &EscrowedAnswer::attempt);
  if (found == answers.end()) co_return Result<>{};
  aside.push_back(std::move(*found));
  answers.erase(found);
  co_return Result<>{};
}

Task<Result<std::vector<std::string>>> MemoryEscrow::adopt() { co_return dead; }

Task<Result<>> MemoryEscrow::settled(std::string owner) {
  if (refuses) co_return broken();
  std::erase(dead, owner);
  co_return Result<>{};
}

std::vector<EscrowedAnswer> MemoryEscrow::pending() const { return answers; }

bool MemoryEscrow::holds(const ConnectionId& connection) const {
  return std::ranges::find(answers, connection, &EscrowedAnswer::connection) != answers.end();
}

EscrowStatus MemoryEscrow::status() const {
  return {.answers = answers.size(),
          .bytes = 0,
          .capacity = 0,
          .room = 0,
          .damaged = aside.size(),
          .reservations = reservations};
}

}  // namespace evergrant::test
