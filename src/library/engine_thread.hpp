// The thread that an engine's executor runs on: one of its own, or one that the application lends. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/executor.hpp"
#include "base/result.hpp"

namespace evergrant::library {

class EngineThread {
 public:
  EngineThread() = default;
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;
  // Nobody is in `run` any more.
  ~EngineThread() { join(); }

  [[nodiscard]] RunLoop& loop() noexcept { return loop_; }
  // A thread of its own.
  void start();
  // On the calling thread until `join`. False: it runs already, or has ended.
  [[nodiscard]] bool run();
  // Whether somebody runs it.
  [[nodiscard]] bool running() const;
  // Ends it and waits until nobody runs it.
  void join();

 private:
  RunLoop loop_;
  std::thread own_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  bool entered_ = false;
  bool inside_ = false;
  bool ended_ = false;
};

}  // namespace evergrant::library
