#include "sim/world.hpp"

#include <algorithm>

namespace evergrant::sim {

void SimExecutor::post(Work work) {
  if (!dead_) ready_.push_back(std::move(work));
}

Executor::TimerId SimExecutor::call_after(Duration delay, Work work) {
  const TimerId id = world_.next_timer_++;
  if (dead_) return id;
  const Duration due = world_.steady() + std::max(delay, Duration{0});
  timers_.emplace(std::pair{due, id}, std::move(work));
  due_.emplace(id, due);
  return id;
}

void SimExecutor::cancel(TimerId timer) {
  const auto found = due_.find(timer);
  if (found == due_.end()) return;
  timers_.erase({found->second, timer});
  due_.erase(found);
}

bool SimExecutor::frozen() const { return frozen_until_ > world_.steady(); }

void SimExecutor::fire_due_timers(Duration now) {
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    due_.erase(timers_.begin()->first.second);
    ready_.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
}

std::optional<Duration> SimExecutor::next_wake() const {
  if (!ready_.empty()) return frozen_until_;
  if (timers_.empty()) return std::nullopt;
  return std::max(frozen_until_, timers_.begin()->first.first);
}

void SimExecutor::clear() {
  ready_.clear();
  timers_.clear();
  due_.clear();
}

SimExecutor& World::make_executor(std::string name) {
  executors_.push_back(std::make_unique<SimExecutor>(*this, std::move(name)));
  live_.push_back(executors_.back().get());
  return *executors_.back();
}

SimExecutor* World::draw_ready() {
  ready_.clear();
  for (SimExecutor* executor : live_) {
    if (!executor->ready_.empty() && !executor->frozen()) ready_.push_back(executor);
  }
  if (ready_.empty()) return nullptr;
  return ready_.size() == 1 ? ready_.front() : ready_[dice.below(ready_.size())];
}

void World::run_one(SimExecutor& executor) {
  ++steps_;
  Work work = std::move(executor.ready_.front());
  executor.ready_.pop_front();
  work();
}

void World::bury_dead() {
  std::erase_if(live_, [](SimExecutor* executor) {
    if (executor->dead()) executor->clear();
    return executor->dead();
  });
}

void World::run_until(Duration end) {
  while (!stopped_) {
    if (SimExecutor* executor = draw_ready()) {
      run_one(*executor);
      if (attention_wanted_) {
        attention_wanted_ = false;
        bury_dead();
        if (attention) attention();
      }
      continue;
    }
    std::optional<Duration> next;
    for (const SimExecutor* executor : live_) {
      const auto wake = executor->next_wake();
      if (wake && (!next || *wake < *next)) next = wake;
    }
    if (!next || *next > end) break;
    steady_ = std::max(steady_, *next);
    for (SimExecutor* executor : live_) {
      if (!executor->frozen()) executor->fire_due_timers(steady_);
    }
  }
  if (!stopped_) steady_ = std::max(steady_, end);
}

}  // namespace evergrant::sim
