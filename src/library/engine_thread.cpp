#include "library/engine_thread.hpp"

#include "base/thread_name.hpp"

namespace evergrant::library {

void EngineThread::start() {
  own_ = std::thread{[this] {
    name_this_thread("eg-engine");
    static_cast<void>(run());
  }};
}

bool EngineThread::run() {
  {
    const std::lock_guard lock{mutex_};
    if (entered_ || ended_) return false;
    entered_ = inside_ = true;
  }
  loop_.run();
  {
    const std::lock_guard lock{mutex_};
    inside_ = false;
  }
  left_.notify_all();
  return true;
}

bool EngineThread::running() const {
  const std::lock_guard lock{mutex_};
  return inside_ || own_.joinable();
}

void EngineThread::join() {
  loop_.stop();
  if (own_.joinable()) own_.join();
  std::unique_lock lock{mutex_};
  ended_ = true;
  left_.wait(lock, [this] { return !inside_; });
}

}  // namespace evergrant::library
