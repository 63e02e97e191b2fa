// The escrow of a simulated process: the real frames, in a file that outlives the process, with a lock that does not. A
// process may die in the middle of a write.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "sim/transport.hpp"
#include "store/escrow.hpp"

namespace evergrant::sim {

struct EscrowFile {
  std::string bytes;
  bool locked = false;
};
// The machine's disk; the files stay where they are.
using EscrowDisk = std::deque<EscrowFile>;

class SimEscrow final : public Escrow {
 public:
  // Takes the first file that nobody has, with what it holds. `die` ends the process that this belongs to.
  SimEscrow(Network& network, EscrowDisk& disk, std::string owner, std::function<void()> die);
  SimEscrow(const SimEscrow&) = delete;
  SimEscrow& operator=(const SimEscrow&) = delete;

  // The process is gone: so is its lock.
  void unlock() { file_.locked = false; }

  bool reserve() override;
  void release() override { --reservations_; }
  Task<Result<>> put(EscrowedAnswer answer) override;
  Task<Result<>> remove(AttemptId attempt) override;
  Task<Result<>> set_aside(AttemptId attempt) override;
  Task<Result<std::vector<std::string>>> adopt() override;
  Task<Result<>> settled(std::string owner) override;
  [[nodiscard]] std::vector<EscrowedAnswer> pending() const override { return pending_; }
  [[nodiscard]] bool holds(const ConnectionId& connection) const override;
  [[nodiscard]] EscrowStatus status() const override;

 private:
  [[nodiscard]] bool knows(const AttemptId& attempt) const;
  static EscrowFile& free_file(EscrowDisk& disk);
  void take_over(const EscrowFile& file);
  Task<void> append(std::string frame);
  Task<void> may_die(std::string_view where);
  void rewrite();

  Network& network_;
  EscrowDisk& disk_;
  const std::string owner_;
  std::function<void()> die_;
  EscrowFile& file_;
  std::vector<EscrowedAnswer> pending_;
  std::vector<std::string> dead_owners_;
  std::size_t reservations_ = 0;
};

}  // namespace evergrant::sim
