// evergrant's store with faults. Reads and writes go to a real SQLite store in memory until a fault says otherwise.
//
// Thread-safe. Faults add up and stay until they are used up or `work_again`. What an operation was refused it did not do.
#pragma once

#include <string_view>

namespace evergrant::testing {

struct BenchParts;

// The moments in the life of a token at which a store matters. A refresh is: claim, the request to the provider,
// keep_answer, commit.
enum class StoreStep {
  claim,           // the right to refresh and the record that a request goes out; refused: nothing is sent
  keep_answer,     // the provider's raw answer, kept before it is judged
  commit,          // the new tokens; only then are they given out
  record_failure,  // what a refused or lost refresh was
  create,          // a new connection
  reconnect,       // new tokens for a connection that ended
  revoke,          // a revocation begins: local use stops
  any_write,       // any operation that changes something
};

class BenchStore {
 public:
  explicit BenchStore(BenchParts& parts) : parts_{parts} {}
  BenchStore(const BenchStore&) = delete;
  BenchStore& operator=(const BenchStore&) = delete;

  // From now on every write fails and reads work: the disk is full.
  void refuse_writes();
  // From the next `step` on, that one included, every write fails: the store goes down between two steps.
  void refuse_writes_from(StoreStep step);
  // From now on every operation fails, reads too: the database is away.
  void go_away();
  // The next `times` of `step` change nothing and fail.
  void fail_next(StoreStep step, int times = 1);
  // The next `times` of `step` are carried out, and evergrant is told that they failed.
  void lose_next_answer(StoreStep step, int times = 1);
  // At the next `step`, before or after it is durable, evergrant loses its power, as by `kill -9`: no line of it runs after
  // that, its open requests are closed unanswered, and it is down until Bench::start_again. The store keeps what was
  // durable.
  void lose_power_before(StoreStep step);
  void lose_power_after(StoreStep step);
  // No fault any more. What evergrant could not save it saves when its next attempt is due: `advance` the clock by a minute.
  void work_again();

  // How often `step` was called since the bench began, refused ones included.
  [[nodiscard]] int calls(StoreStep step) const;
  // Provider answers that the store refused and evergrant keeps aside until it works again.
  [[nodiscard]] int answers_kept_aside() const;

 private:
  BenchParts& parts_;
};

}  // namespace evergrant::testing
