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

  bool reserve() override {
    if (answers.size() + reservations >= most) return false;
    ++reservations;
    return true;
  }
  void release() override { --reservations; }

  Task<Result<>> put(EscrowedAnswer answer) override {
    ++puts;
    if (refuses) co_return broken();
    const bool known = std::ranges::find(answers, answer.attempt, &EscrowedAnswer::attempt) != answers.end();
    if (!known) answers.push_back(std::move(answer));
    co_return Result<>{};
  }
  Task<Result<>> remove(AttemptId attempt) override {
    if (refuses) co_return broken();
    std::erase_if(answers, [&](const EscrowedAnswer& one) { return one.attempt == attempt; });
    co_return Result<>{};
  }
  Task<Result<>> set_aside(AttemptId attempt) override {
    if (refuses) co_return broken();
    const auto found = std::ranges::find(answers, attempt, &EscrowedAnswer::attempt);
    if (found == answers.end()) co_return Result<>{};
    aside.push_back(std::move(*found));
    answers.erase(found);
    co_return Result<>{};
  }
  Task<Result<std::vector<std::string>>> adopt() override { co_return dead; }
  Task<Result<>> settled(std::string owner) override {
    if (refuses) co_return broken();
    std::erase(dead, owner);
    co_return Result<>{};
  }

  [[nodiscard]] std::vector<EscrowedAnswer> pending() const override { return answers; }
  [[nodiscard]] bool holds(const ConnectionId& connection) const override {
    return std::ranges::find(answers, connection, &EscrowedAnswer::connection) != answers.end();
  }
  [[nodiscard]] EscrowStatus status() const override {
    return {.answers = answers.size(),
            .bytes = 0,
            .capacity = 0,
            .room = 0,
            .damaged = aside.size(),
            .reservations = reservations};
  }

 private:
  static Result<> broken() { return fail(Errc::store_unavailable, "The test lets the escrow fail.", "None: it is a test."); }
};

}  // namespace evergrant::test
