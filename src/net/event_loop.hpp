// The event loop of one serving thread: an Asio io_context that is also an Executor, so that handlers' tasks resume on
// the thread that reads and writes their connection. Internal to net/: it shows Asio.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <mutex>

#include "base/executor.hpp"

namespace evergrant {

class EventLoop final : public Executor {
 public:
  using IoExecutor = boost::asio::io_context::executor_type;
  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void post(Work work) override;
  TimerId call_after(Duration delay, Work work) override;
  void cancel(TimerId timer) override;

  void run() { io_.run(); }
  void stop() { io_.stop(); }  // thread-safe; work that is queued then stays undone
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }

 private:
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;
  struct Scheduled {
    Timer timer;
    Work work;
  };
  void fire(TimerId id);

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<IoExecutor> guard_{io_.get_executor()};
  std::mutex mutex_;  // the timers may be set and cancelled from any thread
  std::map<TimerId, Scheduled> timers_;
  TimerId next_timer_ = 1;
};

}  // namespace evergrant
