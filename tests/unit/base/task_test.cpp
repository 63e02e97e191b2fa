#include "base/task.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "testing/virtual_time.hpp"

namespace evergrant::test {
namespace {

using namespace std::chrono_literals;

Task<int> number(int value) { co_return value; }
Task<int> thrower() {
  throw std::runtime_error("a bug");
  co_return 0;
}
Task<int> sum(int depth) {
  if (depth == 0) co_return 0;
  const int rest = co_await sum(depth - 1);
  co_return rest + 1;
}
Task<Executor*> where() {
  Executor& here = co_await current_executor();
  co_return &here;
}
Task<int> awaiting(Completion<int> completion) {
  const int value = co_await completion;
  co_return value;
}
Task<void> note(std::string& notes, std::string text) {
  notes += text;
  co_return;
}

class TaskTest : public ::testing::Test {
 protected:
  VirtualClock clock;
  VirtualExecutor executor{clock};
};

TEST_F(TaskTest, is_lazy) {
  std::string notes;
  {
    const Task<void> never = note(notes, "ran");
  }
  EXPECT_EQ(notes, "");
  run(executor, note(notes, "ran"));
  EXPECT_EQ(notes, "ran");
}

TEST_F(TaskTest, gives_its_value_or_its_exception) {
  EXPECT_EQ(run(executor, number(7)), 7);
  EXPECT_THROW(run(executor, thrower()), std::runtime_error);
}

TEST_F(TaskTest, awaits_deeply_without_deep_stacks_at_its_end) { EXPECT_EQ(run(executor, sum(10'000)), 10'000); }

TEST_F(TaskTest, inherits_the_executor_of_whoever_awaits_it) { EXPECT_EQ(run(executor, where()), &executor); }

TEST_F(TaskTest, a_spawned_task_never_runs_inline) {
  std::string notes;
  spawn(executor, note(notes, "b"));  // ends at once
  notes += "a";
  executor.run_until_idle();
  EXPECT_EQ(notes, "ab");
}

TEST_F(TaskTest, run_on_hops_there_and_back) {
  VirtualExecutor other{clock};
  Executor* there = nullptr;
  Executor* back = nullptr;
  spawn(executor, [](Executor& target, Executor*& went, Executor*& came) -> Task<void> {  // ends when `other` has run
    went = co_await run_on(target, where());
    came = co_await where();
  }(other, there, back));
  executor.run_until_idle();
  EXPECT_EQ(there, nullptr) << "the other one has not run";
  other.run_until_idle();
  executor.run_until_idle();
  EXPECT_EQ(there, &other);
  EXPECT_EQ(back, &executor);
}

TEST_F(TaskTest, run_on_brings_the_exception_back) {
  EXPECT_THROW(run(executor, run_on(executor, thrower())), std::runtime_error);
}

TEST_F(TaskTest, the_first_value_of_a_completion_counts) {
  const Completion<int> completion;
  EXPECT_FALSE(completion.is_set());
  EXPECT_TRUE(completion.try_set(1));
  EXPECT_FALSE(completion.try_set(2));
  EXPECT_TRUE(completion.is_set());
  EXPECT_EQ(run(executor, awaiting(completion)), 1);
  EXPECT_TRUE(completion.is_set()) << "also when its value was taken";
  EXPECT_FALSE(completion.try_set(3));
}

TEST_F(TaskTest, a_completion_may_be_set_by_another_thread) {
  const Completion<int> completion;
  std::thread setter{[completion] { completion.set(5); }};
  EXPECT_EQ(run(executor, awaiting(completion)), 5);
  setter.join();
}

TEST_F(TaskTest, waiting_ends_with_the_value_or_the_time) {
  const Completion<int> early;
  executor.call_after(1s, [early] { early.set(5); });
  EXPECT_EQ(run_through_time(executor, wait_for(early, 2s)), 5);
  EXPECT_EQ(executor.timers(), 0U) << "the timer is cancelled";
  const Completion<int> late;
  executor.call_after(3s, [late] { late.set(5); });
  const Time before = clock.now();
  EXPECT_EQ(run_through_time(executor, wait_for(late, 2s)), std::nullopt);
  EXPECT_EQ(clock.now() - before, 2s);
  executor.advance(1s);  // the late value has nobody left to go to
}

TEST_F(TaskTest, a_delay_lets_its_time_pass) {
  const Time before = clock.now();
  run_through_time(executor, delay(90s));
  EXPECT_EQ(clock.now() - before, 90s);
}

class LoopTest : public ::testing::Test {
 protected:
  ~LoopTest() override {
    loop.stop();
    if (thread.joinable()) thread.join();
  }
  RunLoop loop;
  std::thread thread{[this] { loop.run(); }};
};

TEST_F(LoopTest, runs_work_in_order_on_its_own_thread) {
  std::string notes;
  const Completion<bool> done;
  for (const auto* text : {"a", "b", "c"}) loop.post([&notes, text] { notes += text; });
  std::thread::id where_it_ran;
  loop.post([&, done] {
    where_it_ran = std::this_thread::get_id();
    done.set(true);
  });
  EXPECT_EQ(wait_on(loop, [](Completion<bool> over) -> Task<bool> { co_return co_await over; }(done)), true);
  EXPECT_EQ(notes, "abc");
  EXPECT_EQ(where_it_ran, thread.get_id());
}

TEST_F(LoopTest, timers_fire_by_their_time_and_not_when_cancelled) {
  const auto order = wait_on(loop, [](RunLoop& on) -> Task<std::string> {
    std::string notes;
    const Completion<bool> last;
    on.call_after(6ms, [&notes, last] {
      notes += "late";
      last.set(true);
    });
    const auto never = on.call_after(3ms, [&notes] { notes += "cancelled"; });
    on.call_after(1ms, [&notes] { notes += "early "; });
    on.cancel(never);
    on.cancel(12345);
    co_await last;
    co_return notes;
  }(loop));
  EXPECT_EQ(order, "early late");
}

TEST(RunLoop, a_timer_that_one_due_with_it_cancels_does_not_run) {
  RunLoop loop;
  std::string notes;
  Executor::TimerId second = 0;
  loop.post([&] {
    loop.call_after(0ms, [&] {
      notes += "first";
      loop.cancel(second);
    });
    second = loop.call_after(0ms, [&] { notes += " second"; });
    loop.call_after(0ms, [&] { loop.stop(); });
  });
  loop.run();
  EXPECT_EQ(notes, "first");
}

TEST(RunLoop, timers_that_are_always_due_keep_nothing_that_is_posted_from_running) {
  RunLoop loop;
  int rounds = 0;
  std::function<void()> again = [&] {
    if (++rounds < 1000) loop.call_after(0ms, again);
  };
  loop.call_after(0ms, again);
  loop.post([&] { loop.stop(); });
  loop.run();
  EXPECT_LT(rounds, 10);
}

TEST_F(LoopTest, wait_on_gives_the_exception) { EXPECT_THROW(wait_on(loop, thrower()), std::runtime_error); }

TEST(RunLoop, drops_what_is_queued_when_it_stops) {
  RunLoop loop;
  bool ran = false;
  loop.post([&] { loop.stop(); });
  loop.post([&] { ran = true; });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(RunLoop, drops_the_tasks_that_have_not_ended_with_all_that_they_hold) {
  RunLoop loop;
  const Completion<int> never;
  const auto held = std::make_shared<int>(7);
  bool went_on = false;
  spawn(loop, [](Completion<int> awaited, std::shared_ptr<int> kept, bool& flag) -> Task<void> {
    co_await [](Completion<int> inner, [[maybe_unused]] std::shared_ptr<int> deeper) -> Task<void> {
      co_await inner;  // ends when the loop drops it
    }(awaited, kept);
    flag = true;
  }(never, held, went_on));
  spawn(loop, [](RunLoop& on) -> Task<void> {
    on.stop();
    co_return;
  }(loop));
  loop.run();
  spawn(loop, [](std::shared_ptr<int>) -> Task<void> { co_return; }(held));  // never begun
  EXPECT_GT(held.use_count(), 1);
  loop.drop_tasks();
  EXPECT_EQ(held.use_count(), 1);
  never.set(1);  // finds nobody waiting
  EXPECT_FALSE(went_on);
}

}  // namespace
}  // namespace evergrant::test
