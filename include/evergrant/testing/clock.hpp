// The virtual clock of a bench: engine, store and provider agree on it, and it moves when you say so.
//
// Thread-safe. Every call blocks until it is carried out and throws BenchError where it cannot be.
#pragma once

#include <chrono>

namespace evergrant::testing {

class BenchLoop;

class BenchClock {
 public:
  using Duration = std::chrono::milliseconds;
  using Time = std::chrono::sys_time<Duration>;  // UTC

  explicit BenchClock(BenchLoop& loop) : loop_{loop} {}
  BenchClock(const BenchClock&) = delete;
  BenchClock& operator=(const BenchClock&) = delete;

  [[nodiscard]] Time now() const;

  // Lets `by` pass, at once. Whatever falls due on the way (refreshes, retries, time-outs, late answers of the provider,
  // clean-ups) happens in order, each at its own instant, and when `advance` returns, the time is `now() + by` to the
  // millisecond and engine, store and provider are at rest: nothing is left to do before more time passes or somebody asks.
  // A request that arrives meanwhile is served at the instant that is reached then. What is still on its way through a
  // socket is not waited for. Nothing is due while evergrant is down (Bench::lose_power); the provider goes on. Throws
  // BenchError where `by` is negative or more than ten years.
  void advance(Duration by);

  // While a request of your application waits for something that only time brings (a slow provider, a retry, a time-out) and
  // nothing else is left to do, time jumps to the next moment at which something falls due, so that a test on one thread
  // need not advance the clock from another. On unless you turn it off; then such a request waits, in real time, until you
  // `advance`. A request is carried at most two hours in this way; it then waits for `advance`.
  void jump_for_waiting_requests(bool on);

 private:
  BenchLoop& loop_;
};

}  // namespace evergrant::testing
