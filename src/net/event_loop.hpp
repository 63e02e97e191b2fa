// The event loop of one serving thread: it waits with epoll for descriptors, for timers and for what other threads post, and
// is an Executor, so that handlers' tasks resume on the thread that reads and writes their connection. One thread runs it;
// the Executor's part and `stop` are for any thread, the rest for that one, or for any before it runs.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/executor.hpp"
#include "base/timer_queue.hpp"

namespace evergrant {

class EventLoop final : public Executor {
 public:
  using Instant = TimerQueue::Instant;

  // Told what came of a descriptor: as epoll says it, or 0 after `call_soon`. It may end in the call.
  class Watcher {
   public:
    Watcher() = default;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;

   private:
    friend class EventLoop;
    bool soon_ = false;
  };
  // What somebody keeps with the loop; it ends with it.
  class Guest {
   public:
    Guest() = default;
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    virtual ~Guest() = default;
  };

  // Throws std::system_error where the process has no descriptors left.
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() override;

  void post(Work work) override;
  TimerId call_after(Duration delay, Work work) override;
  void cancel(TimerId timer) override;

  void run();
  void stop();  // work that is queued then stays undone

  // False: the kernel refuses. A watcher that ends is unwatched before; a descriptor that is closed is -1.
  [[nodiscard]] bool watch(int descriptor, Watcher& watcher, std::uint32_t events) noexcept;
  [[nodiscard]] bool change(int descriptor, Watcher& watcher, std::uint32_t events) noexcept;
  void unwatch(int descriptor, Watcher& watcher) noexcept;
  void call_soon(Watcher& watcher);

  // Awaited by who has something to send: until the others of this round have got as far, or a good number of them. Whoever
  // sends one answer at a time wakes a client that waits for several again for each of them, which costs more than the
  // answer; a client that is awake is sent to for nothing.
  struct EndOfBatch {
    EventLoop& loop;
    [[nodiscard]] bool await_ready() const noexcept { return loop.batch_end_ <= 1; }  // nobody else is being told anything
    void await_suspend(std::coroutine_handle<> self) const { loop.senders_.push_back(self); }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] EndOfBatch end_of_batch() noexcept { return {*this}; }

  // When this round began: exact enough for deadlines, and costs nothing.
  [[nodiscard]] Instant now() const noexcept { return now_; }
  [[nodiscard]] std::unique_ptr<Guest>& guest() noexcept { return guest_; }

 private:
  static constexpr std::size_t batch_size = 256;

  [[nodiscard]] bool control(int operation, int descriptor, Watcher* watcher, std::uint32_t events) const noexcept;
  [[nodiscard]] bool on_this_thread() const noexcept;
  void wake() const noexcept;
  void run_posted();
  [[nodiscard]] Work take_due();
  void run_soon();
  void note_next_due();
  [[nodiscard]] int wait_ms();
  void dispatch(std::size_t count);
  void resume_senders();

  int epoll_ = -1;
  int wake_ = -1;  // an eventfd
  std::atomic<bool> stopped_ = false;
  Instant now_ = std::chrono::steady_clock::now();
  bool worked_ = false;  // something posted ran since `now_`

  std::mutex mutex_;  // of what other threads may reach
  std::vector<Work> posted_;
  TimerQueue timers_;
  // What a round looks at without the lock: whether there is anything posted, and when the next timer is due.
  std::atomic<bool> has_posted_ = false;
  std::atomic<Instant> next_due_ = Instant::max();

  std::array<epoll_event, batch_size> batch_{};
  std::size_t batch_at_ = 0;
  std::size_t batch_end_ = 0;
  std::vector<std::coroutine_handle<>> senders_;
  std::vector<std::coroutine_handle<>> resumed_;
  std::vector<Watcher*> soon_;     // null: it ended meanwhile
  std::vector<Watcher*> running_;  // those of this round
  std::unique_ptr<Guest> guest_;   // the last member: its sockets leave the loop while there is one
};

}  // namespace evergrant
