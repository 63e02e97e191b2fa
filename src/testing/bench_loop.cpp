#include "testing/bench_loop.hpp"

namespace evergrant::testing {
namespace {

// A request is not carried further than this: what nobody will ever answer must not let time run away.
constexpr Duration furthest_jump{std::chrono::hours{2}};

}  // namespace

void BenchLoop::start() {
  thread_ = std::thread{[this] { run(); }};
}

void BenchLoop::stop() {
  if (!thread_.joinable()) return;
  enqueue([this] { stopping_ = true; });
  thread_.join();
}

void BenchLoop::run() {
  while (true) {
    executor_.run_until_idle();
    look();
    if (obey()) {
      if (stopping_) return;
      continue;
    }
    if (!jump()) executor_.wait_until_posted();
  }
}

void BenchLoop::enqueue(Work command) {
  {
    const std::lock_guard lock{mutex_};
    commands_.push_back(std::move(command));
  }
  executor_.post([] {});  // wakes the loop
}

bool BenchLoop::obey() {
  Work command;
  {
    const std::lock_guard lock{mutex_};
    if (commands_.empty()) return false;
    command = std::move(commands_.front());
    commands_.pop_front();
  }
  command();
  return true;
}

bool BenchLoop::jump() {
  if (!jumps_ || requests_.empty()) return false;
  const auto next = executor_.until_next_timer();
  if (!next) return false;
  for (const auto& [request, came] : requests_) {
    if (clock_.now() + *next - came > furthest_jump) continue;
    executor_.advance_to_next_timer();
    return true;
  }
  return false;
}

void BenchLoop::look() {
  for (auto watch = watches_.begin(); watch != watches_.end();) {
    try {
      if (!watch->condition()) {
        ++watch;
        continue;
      }
      watch->met.set_value();
    } catch (...) {
      watch->met.set_exception(std::current_exception());
    }
    watch = watches_.erase(watch);
  }
}

bool BenchLoop::wait_until(std::function<bool()> condition, std::chrono::milliseconds at_most) {
  std::promise<void> promise;
  auto met = promise.get_future();
  const auto mine = at_rest([&] {
    watches_.push_back({std::move(condition), std::move(promise)});
    return std::prev(watches_.end());
  });
  if (met.wait_for(at_most) != std::future_status::ready) {
    const bool late = at_rest([&] {
      if (met.wait_for(std::chrono::seconds{0}) == std::future_status::ready) return false;  // just now, and it is gone
      watches_.erase(mine);
      return true;
    });
    if (late) return false;
  }
  met.get();  // throws what the condition threw
  return true;
}

std::uint64_t BenchLoop::request_came() {
  requests_.emplace(next_request_, clock_.now());
  return next_request_++;
}

}  // namespace evergrant::testing
