// The local escrow: a provider's answer that the store refuses is made durable here, beside the store, until the store has
// it (design section 5, steps 4 and 8; docs/adr/0004). It holds sealed answers and knows no key.
//
// `reserve`, `release`, `pending`, `holds` and `status` are thread-safe and never wait for a disk. The tasks may be awaited
// on any executor and resume there. Whoever sends a request that may rotate a token has reserved room for its answer first.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "model/connection.hpp"

namespace evergrant {

// What Store::keep_answer needs, and what opening the answer again needs. Nothing in it is secret but the sealed bytes.
struct EscrowedAnswer {
  AttemptId attempt;
  Fence fence = 0;
  ConnectionId connection;
  Generation generation = 0;
  Time at;
  Sealed answer;

  bool operator==(const EscrowedAnswer&) const = default;
};

struct EscrowStatus {
  std::size_t answers = 0;       // that wait for the store
  std::int64_t bytes = 0;        // used of `capacity`
  std::int64_t capacity = 0;     // 0: unbounded
  std::int64_t room = 0;         // bytes that the disk has set aside for it; less than `capacity`: the disk is full
  std::size_t damaged = 0;       // records that could not be read or delivered; they are set aside
  std::size_t reservations = 0;  // requests under way
};

class Escrow {
 public:
  virtual ~Escrow() = default;

  // Room for one answer, which is there on the disk. False: it is full, or the disk is; then nothing may be sent whose
  // answer could be lost. Room that the disk could not give is asked for again, behind this call and at each `adopt`.
  [[nodiscard]] virtual bool reserve() = 0;
  virtual void release() = 0;

  // Durable when it completes. The same attempt again changes nothing. Errors: too_large (no room), store_unavailable.
  virtual Task<Result<>> put(EscrowedAnswer answer) = 0;
  // The store has it, or it means nothing any more. Unknown attempts are ignored. Errors: store_unavailable.
  virtual Task<Result<>> remove(AttemptId attempt) = 0;
  // It cannot be delivered, and may be wanted all the same: out of the way, durably kept, and counted as damaged. Unknown
  // attempts are ignored. Errors: store_unavailable.
  virtual Task<Result<>> set_aside(AttemptId attempt) = 0;
  // Takes over what processes left that are dead for certain, and names the owners whose leases nobody holds any more. Each
  // is named until `settled` says that its leases are free, to later processes too. Errors: store_unavailable.
  virtual Task<Result<std::vector<std::string>>> adopt() = 0;
  // Durable when it completes. Unknown owners are ignored. Errors: store_unavailable (then it is named again).
  virtual Task<Result<>> settled(std::string owner) = 0;

  // Oldest first.
  [[nodiscard]] virtual std::vector<EscrowedAnswer> pending() const = 0;
  [[nodiscard]] virtual bool holds(const ConnectionId& connection) const = 0;
  [[nodiscard]] virtual EscrowStatus status() const = 0;
};

// Room for one answer while a request is under way.
class EscrowRoom {
 public:
  EscrowRoom() = default;
  // The room was reserved.
  explicit EscrowRoom(Escrow& escrow) : escrow_{&escrow} {}
  EscrowRoom(EscrowRoom&& other) noexcept : escrow_{std::exchange(other.escrow_, nullptr)} {}
  EscrowRoom& operator=(EscrowRoom&& other) noexcept {
    std::swap(escrow_, other.escrow_);
    return *this;
  }
  EscrowRoom(const EscrowRoom&) = delete;
  EscrowRoom& operator=(const EscrowRoom&) = delete;
  ~EscrowRoom() {
    if (escrow_ != nullptr) escrow_->release();
  }

 private:
  Escrow* escrow_ = nullptr;
};

}  // namespace evergrant
