#include "net/event_loop.hpp"

#include <boost/asio/post.hpp>

namespace evergrant {

void EventLoop::post(Work work) { boost::asio::post(io_, std::move(work)); }

Executor::TimerId EventLoop::call_after(Duration delay, Work work) {
  const std::lock_guard lock{mutex_};
  const TimerId id = next_timer_++;
  const auto added = timers_.emplace(id, Scheduled{Timer{io_, delay}, std::move(work)}).first;
  added->second.timer.async_wait([this, id](const boost::system::error_code& ec) {
    if (!ec) fire(id);
  });
  return id;
}

void EventLoop::cancel(TimerId timer) {
  Work dropped;  // declared before the lock, so destroyed outside it: it may own what takes locks of its own
  const std::lock_guard lock{mutex_};
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  dropped = std::move(found->second.work);
  timers_.erase(found);
}

void EventLoop::fire(TimerId id) {
  Work work;
  {
    const std::lock_guard lock{mutex_};
    const auto found = timers_.find(id);
    if (found == timers_.end()) return;  // cancelled after it had run out
    work = std::move(found->second.work);
    timers_.erase(found);
  }
  work();
}

}  // namespace evergrant
