#include "net/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace evergrant {
namespace {

thread_local const EventLoop* loop_of_thread = nullptr;

constexpr std::size_t most_senders = 32;  // before the first of them has waited long enough

int checked(int descriptor) {
  if (descriptor >= 0) return descriptor;
  throw std::system_error{errno, std::system_category(), "an event loop cannot be made"};
}

}  // namespace

EventLoop::EventLoop() : epoll_{checked(::epoll_create1(EPOLL_CLOEXEC))} {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // Edge-triggered: each write is told once, and nothing need be read.
  if (wake_ >= 0 && control(EPOLL_CTL_ADD, wake_, nullptr, EPOLLIN | EPOLLET)) return;
  const int why = errno;
  ::close(wake_);
  ::close(epoll_);
  throw std::system_error{why, std::system_category(), "an event loop cannot be made"};
}

EventLoop::~EventLoop() {
  guest_.reset();
  posted_.clear();
  ::close(wake_);
  ::close(epoll_);
}

bool EventLoop::control(int operation, int descriptor, Watcher* watcher, std::uint32_t events) const noexcept {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  return ::epoll_ctl(epoll_, operation, descriptor, &event) == 0;
}

bool EventLoop::watch(int descriptor, Watcher& watcher, std::uint32_t events) noexcept {
  return control(EPOLL_CTL_ADD, descriptor, &watcher, events);
}

bool EventLoop::change(int descriptor, Watcher& watcher, std::uint32_t events) noexcept {
  return control(EPOLL_CTL_MOD, descriptor, &watcher, events);
}

// What was told of it in this round and not yet passed on is forgotten, too.
void EventLoop::unwatch(int descriptor, Watcher& watcher) noexcept {
  if (descriptor >= 0) static_cast<void>(control(EPOLL_CTL_DEL, descriptor, nullptr, 0));
  for (std::size_t i = batch_at_; i < batch_end_; ++i) {
    if (batch_[i].data.ptr == &watcher) batch_[i].events = 0;
  }
  if (!std::exchange(watcher.soon_, false)) return;
  std::ranges::replace(soon_, &watcher, nullptr);
  std::ranges::replace(running_, &watcher, nullptr);
}

void EventLoop::call_soon(Watcher& watcher) {
  if (!std::exchange(watcher.soon_, true)) soon_.push_back(&watcher);
}

bool EventLoop::on_this_thread() const noexcept { return loop_of_thread == this; }

void EventLoop::wake() const noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_, &one, sizeof one));  // it fails only where the loop has been told often enough
}

void EventLoop::post(Work work) {
  bool first = false;
  {
    const std::lock_guard lock{mutex_};
    first = posted_.empty();
    posted_.push_back(std::move(work));
    has_posted_.store(true, std::memory_order_release);
  }
  if (first && !on_this_thread()) wake();
}

Executor::TimerId EventLoop::call_after(Duration delay, Work work) {
  TimerId id = 0;
  {
    const std::lock_guard lock{mutex_};
    id = timers_.add(std::chrono::steady_clock::now() + delay, std::move(work));
    note_next_due();
  }
  if (!on_this_thread()) wake();
  return id;
}

void EventLoop::cancel(TimerId timer) {
  Work dropped;  // declared before the lock, so destroyed outside it: it may own what takes locks of its own
  const std::lock_guard lock{mutex_};
  dropped = timers_.remove(timer);
  note_next_due();
}

// With the lock.
void EventLoop::note_next_due() { next_due_.store(timers_.next().value_or(Instant::max()), std::memory_order_release); }

void EventLoop::stop() {
  stopped_.store(true);
  if (!on_this_thread()) wake();
}

// The clock is asked once a round: a timer may be late by what the round before it took.
void EventLoop::run() {
  loop_of_thread = this;
  now_ = std::chrono::steady_clock::now();
  while (!stopped_.load(std::memory_order_relaxed)) {
    run_posted();
    run_soon();
    if (stopped_.load(std::memory_order_relaxed)) break;
    const int count = ::epoll_wait(epoll_, batch_.data(), static_cast<int>(batch_.size()), wait_ms());
    now_ = std::chrono::steady_clock::now();
    dispatch(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  loop_of_thread = nullptr;
}

// What there is now, and the timers that are due; what those post is the next round's, so that nobody waits for ever.
void EventLoop::run_posted() {
  if (has_posted_.load(std::memory_order_acquire)) {
    std::vector<Work> all;
    {
      const std::lock_guard lock{mutex_};
      all.swap(posted_);
      has_posted_.store(false, std::memory_order_relaxed);
    }
    for (Work& work : all) {
      if (stopped_.load(std::memory_order_relaxed)) return;
      std::exchange(work, {})();
    }
    worked_ = true;
  }
  // Timers one at a time: each may cancel the next; one that is set now is due after this round's beginning.
  while (now_ >= next_due_.load(std::memory_order_acquire) && !stopped_.load(std::memory_order_relaxed)) {
    Work due = take_due();
    if (due) due();
  }
}

Work EventLoop::take_due() {
  const std::lock_guard lock{mutex_};
  Work due = timers_.take_due(now_);
  note_next_due();
  return due;
}

void EventLoop::run_soon() {
  running_.swap(soon_);
  for (Watcher*& place : running_) {
    Watcher* const watcher = std::exchange(place, nullptr);
    if (watcher == nullptr) continue;
    watcher->soon_ = false;
    watcher->on_ready(0);
  }
  running_.clear();
}

int EventLoop::wait_ms() {
  if (!soon_.empty() || has_posted_.load(std::memory_order_acquire)) return 0;
  const Instant due = next_due_.load(std::memory_order_acquire);
  if (due == Instant::max()) return -1;
  // What was posted may have taken its time. Timers that are due by now come behind what descriptors have to say.
  const Instant now = std::exchange(worked_, false) ? std::chrono::steady_clock::now() : now_;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void EventLoop::dispatch(std::size_t count) {
  batch_end_ = count;
  for (batch_at_ = 0; batch_at_ < batch_end_;) {
    const epoll_event event = batch_[batch_at_++];
    auto* watcher = static_cast<Watcher*>(event.data.ptr);
    const std::size_t before = senders_.size();
    if (watcher != nullptr && event.events != 0) watcher->on_ready(event.events);
    // One that has nothing to send may have taken its time (a handshake): whoever has does not wait for the next of those.
    if (senders_.size() == before || senders_.size() >= most_senders) resume_senders();
  }
  while (!senders_.empty()) resume_senders();
  batch_at_ = batch_end_ = 0;
}

void EventLoop::resume_senders() {
  resumed_.swap(senders_);
  for (const auto sender : resumed_) sender.resume();
  resumed_.clear();
}

}  // namespace evergrant
