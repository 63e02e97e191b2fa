// An Escrow in memory that outlives the engines of a test, as a disk does, and fails on demand. On one executor.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "store/escrow.hpp"

namespace evergrant::test {

class MemoryEscrow final : public Escrow {
 public:
  std::size_t most = 1000;  // answers and reservations
  bool refuses = false;     // every write fails: the disk is broken
  int puts = 0;
  std::vector<std::string> dead;  // owners whose processes are gone
  std::vector<EscrowedAnswer> answers;
  std::vector<EscrowedAnswer> aside;
  std::size_t reservations = 0;

  bool reserve() override;
  void release() override;

  Task<Result<>> put(EscrowedAnswer answer) override;
  Task<Result<>> remove(AttemptId attempt) override;
  Task<Result<>> set_aside(AttemptId attempt) override;
  Task<Result<std::vector<std::string>>> adopt() override;
  Task<Result<>> settled(std::string owner) override;

  [[nodiscard]] std::vector<EscrowedAnswer> pending() const override;
  [[nodiscard]] bool holds(const ConnectionId& connection) const override;
  [[nodiscard]] EscrowStatus status() const override;

 private:
  static Result<> broken() { return fail(Errc::store_unavailable, "The test lets the escrow fail.", "None: it is a test."); }
};

}  // namespace evergrant::test
