// A lock for what is read all the time and changed seldom: a reader touches one of several locks, that of the processor it
// runs on, so that readers on different processors do not wait for each other's cache lines; a writer takes them all.
// Not recursive. What a writer has let go of is seen by no reader afterwards.
#pragma once

#include <sched.h>

#include <array>
#include <cstddef>
#include <shared_mutex>

namespace evergrant {

class ReadMostlyMutex {
 public:
  void lock() {
    for (Stripe& stripe : stripes_) stripe.mutex.lock();
  }
  void unlock() {
    for (Stripe& stripe : stripes_) stripe.mutex.unlock();
  }
  // This processor's lock, to be held shared.
  [[nodiscard]] std::shared_mutex& nearest() noexcept { return stripes_.at(nearest_stripe(stripes_.size())).mutex; }

  // Which of `stripes` the thread that asks is to use now.
  [[nodiscard]] static std::size_t nearest_stripe(std::size_t stripes) noexcept {
    const int processor = ::sched_getcpu();
    return processor < 0 ? 0 : static_cast<std::size_t>(processor) % stripes;
  }

 private:
  struct alignas(64) Stripe {
    std::shared_mutex mutex;
  };
  std::array<Stripe, 16> stripes_;
};

}  // namespace evergrant
