// The event loop by itself and the streams on it, with pairs of sockets: everything runs on the test's own thread.
#include "net/event_loop.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <thread>

#include "base/task.hpp"
#include "net/socket_stream.hpp"
#include "unit/net/loopback.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class Told final : public EventLoop::Watcher {
 public:
  explicit Told(std::function<void(std::uint32_t)> what) : what_{std::move(what)} {}
  void on_ready(std::uint32_t events) override { what_(events); }

 private:
  std::function<void(std::uint32_t)> what_;
};

struct Ends {
  Socket ours;
  Wire theirs;
};

Ends connected() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  EXPECT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  return {Socket{ends[0]}, Wire{ends[1]}};
}

// Runs the task on the loop until it ends; nothing but its end stops the loop.
void run(EventLoop& loop, Task<void> task) {
  spawn(loop, [](EventLoop& on, Task<void> inner) -> Task<void> {
    co_await std::move(inner);
    on.stop();
  }(loop, std::move(task)));
  loop.run();
}

TEST(EventLoop, what_is_posted_runs_in_order_and_so_do_timers) {
  EventLoop loop;
  std::vector<int> posted;
  std::vector<int> due;
  loop.call_after(2ms, [&] {
    due.push_back(2);
    loop.stop();
  });
  const auto dropped = loop.call_after(0ms, [&] { due.push_back(0); });
  loop.call_after(1ms, [&] { due.push_back(1); });
  loop.post([&] {
    posted.push_back(1);
    loop.post([&] { posted.push_back(3); });
  });
  loop.post([&] { posted.push_back(2); });
  loop.cancel(dropped);
  loop.cancel(dropped);  // one that is not there any more
  loop.run();
  EXPECT_THAT(due, ElementsAre(1, 2));
  EXPECT_THAT(posted,
              testing::AnyOf(ElementsAre(1, 2), ElementsAre(1, 2, 3)));  // two milliseconds may have passed before the first
}

TEST(EventLoop, a_timer_that_is_due_can_still_be_cancelled) {
  EventLoop loop;
  Executor::TimerId second = 0;
  bool ran = false;
  loop.call_after(0ms, [&] {
    loop.cancel(second);
    loop.call_after(0ms, [&] { loop.stop(); });
  });
  second = loop.call_after(0ms, [&] { ran = true; });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(EventLoop, who_has_something_to_send_waits_for_the_others_of_the_round) {
  EventLoop loop;
  Ends one = connected();
  Ends other = connected();
  std::vector<std::string> seen;
  const auto streams = std::array{make_stream(loop, std::move(one.ours)), make_stream(loop, std::move(other.ours))};
  one.theirs.write("1");
  other.theirs.write("2");
  for (const auto& stream : streams) {
    spawn(loop, [](EventLoop& on, ByteStream& from, std::vector<std::string>& list) -> Task<void> {
      std::array<char, 8> room{};
      const auto got = co_await from.read(room);
      const std::string name{room.data(), got.bytes};
      list.push_back("read " + name);
      co_await on.end_of_batch();
      list.push_back("send " + name);
      if (list.size() == 4) on.stop();
    }(loop, *stream, seen));
  }
  loop.run();
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_TRUE(seen[0].starts_with("read") && seen[1].starts_with("read")) << testing::PrintToString(seen);
}

TEST(EventLoop, another_thread_wakes_it) {
  EventLoop loop;
  std::thread other;
  loop.post([&] { other = std::thread{[&] { loop.post([&] { loop.call_after(0ms, [&] { loop.stop(); }); }); }}; });
  loop.run();  // waits for ever where nobody wakes it
  other.join();
}

TEST(EventLoop, a_timer_that_another_thread_sets_is_not_missed_while_it_waits_for_a_later_one) {
  EventLoop loop;
  bool late = false;
  loop.call_after(1h, [&] { late = true; });
  std::thread other;
  loop.post([&] { other = std::thread{[&] { loop.call_after(0ms, [&] { loop.stop(); }); }}; });
  loop.run();  // waits for an hour where nobody tells it
  other.join();
  EXPECT_FALSE(late);
}

TEST(EventLoop, a_timer_that_another_thread_cancels_does_not_run_and_hinders_no_other) {
  EventLoop loop;
  bool ran = false;
  const auto dropped = loop.call_after(0ms, [&] { ran = true; });
  std::thread{[&] { loop.cancel(dropped); }}.join();
  loop.call_after(0ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(EventLoop, what_is_queued_when_it_stops_stays_undone) {
  EventLoop loop;
  bool ran = false;
  loop.post([&] { loop.stop(); });
  loop.post([&] { ran = true; });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(EventLoop, a_watcher_that_left_is_not_told_what_came_before) {
  EventLoop loop;
  Ends one = connected();
  Ends other = connected();
  std::vector<std::string> told;
  std::unique_ptr<Told> second;
  std::unique_ptr<Told> first;
  first = std::make_unique<Told>([&](std::uint32_t) {
    told.emplace_back("first");
    if (second) loop.unwatch(other.ours.descriptor(), *second);
    second.reset();
    loop.unwatch(one.ours.descriptor(), *first);
    loop.post([&] { loop.stop(); });
  });
  second = std::make_unique<Told>([&](std::uint32_t) { told.emplace_back("second"); });
  ASSERT_TRUE(loop.watch(one.ours.descriptor(), *first, EPOLLIN));
  ASSERT_TRUE(loop.watch(other.ours.descriptor(), *second, EPOLLIN));
  one.theirs.write("x");  // both are told of in one round, and the first ends the second
  other.theirs.write("x");
  loop.run();
  EXPECT_THAT(told, ElementsAre("first"));
}

TEST(EventLoop, a_watcher_that_left_is_not_called_soon) {
  EventLoop loop;
  int calls = 0;
  Told stays{[&](std::uint32_t events) {
    EXPECT_EQ(events, 0U);
    ++calls;
    loop.stop();
  }};
  {
    Told leaves{[&](std::uint32_t) { calls += 100; }};
    loop.call_soon(leaves);
    loop.call_soon(stays);
    loop.call_soon(stays);  // once is enough
    loop.unwatch(-1, leaves);
  }
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(SocketStream, the_end_that_comes_with_the_last_bytes_is_seen) {
  EventLoop loop;
  Ends ends = connected();
  const auto stream = make_stream(loop, std::move(ends.ours));
  ends.theirs.write("last words");
  ends.theirs.shutdown_write();  // before the first look: one event tells of both
  run(loop, [](ByteStream& from) -> Task<void> {
    std::array<char, 64> room{};
    const auto some = co_await from.read(room);
    EXPECT_EQ(std::string_view(room.data(), some.bytes), "last words");
    const auto end = co_await from.read(room);
    EXPECT_TRUE(!end.ok && end.end);
  }(*stream));
}

TEST(SocketStream, what_fills_the_room_is_read_on) {
  EventLoop loop;
  Ends ends = connected();
  const auto stream = make_stream(loop, std::move(ends.ours));
  ends.theirs.write("abcdef");
  run(loop, [](ByteStream& from) -> Task<void> {
    std::string all;
    std::array<char, 2> room{};
    while (all.size() < 6) {
      const auto some = co_await from.read(room);
      EXPECT_TRUE(some.ok);
      if (!some.ok) break;
      all.append(room.data(), some.bytes);
    }
    EXPECT_EQ(all, "abcdef");
  }(*stream));
}

TEST(SocketStream, a_write_goes_on_when_the_other_end_takes_more) {
  EventLoop loop;
  Ends ends = connected();
  const auto stream = make_stream(loop, std::move(ends.ours));
  const std::string much(4U << 20U, 'm');
  std::string got;
  std::thread reader{[&] {
    while (got.size() < much.size() && ends.theirs.read_more()) got = ends.theirs.received();
  }};
  run(loop, [](ByteStream& to, const std::string& all) -> Task<void> {
    const auto written = co_await to.write(all);
    EXPECT_TRUE(written.ok);
  }(*stream, much));
  reader.join();
  EXPECT_EQ(got.size(), much.size());
}

TEST(SocketStream, whoever_waits_is_told_when_it_is_closed_cancelled_or_gone) {
  for (const int way : {0, 1, 2}) {
    SCOPED_TRACE(way);
    EventLoop loop;
    Ends ends = connected();
    auto stream = make_stream(loop, std::move(ends.ours));
    loop.call_after(0ms, [&] {
      if (way == 0) stream->cancel();
      if (way == 1) stream->close();
      if (way == 2) stream.reset();
    });
    run(loop, [](ByteStream& from) -> Task<void> {
      std::array<char, 8> room{};
      const auto got = co_await from.read(room);
      EXPECT_TRUE(!got.ok && !got.end);
    }(*stream));
  }
}

TEST(SocketStream, a_stream_that_is_closed_reads_and_writes_nothing) {
  EventLoop loop;
  Ends ends = connected();
  const auto stream = make_stream(loop, std::move(ends.ours));
  stream->close();
  run(loop, [](ByteStream& closed) -> Task<void> {
    std::array<char, 8> room{};
    const auto got = co_await closed.read(room);
    EXPECT_FALSE(got.ok);
    const auto written = co_await closed.write("x");
    EXPECT_FALSE(written.ok);
  }(*stream));
  EXPECT_EQ(stream->write_now("x"), 0U);
}

}  // namespace
}  // namespace evergrant::test
