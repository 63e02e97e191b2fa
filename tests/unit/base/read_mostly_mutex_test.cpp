#include "base/read_mostly_mutex.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace evergrant {
namespace {

TEST(ReadMostlyMutex, no_reader_sees_half_of_what_a_writer_does) {
  ReadMostlyMutex mutex;
  int first = 0;
  int second = 0;
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const std::shared_lock lock{mutex.nearest()};
        if (first != second) ++torn;
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) {
    const std::lock_guard lock{mutex};
    ++first;
    ++second;
  }
  stop = true;
  readers.clear();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(second, 20'000);
}

TEST(ReadMostlyMutex, a_reader_keeps_writers_out_and_lets_readers_in) {
  ReadMostlyMutex mutex;
  std::shared_mutex& mine = mutex.nearest();
  mine.lock_shared();
  EXPECT_TRUE(mine.try_lock_shared());
  mine.unlock_shared();
  EXPECT_FALSE(mine.try_lock());
  mine.unlock_shared();
}

}  // namespace
}  // namespace evergrant
