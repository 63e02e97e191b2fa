// Memory of coroutine frames: given out again, and never with what it held.
#include "base/frame_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

namespace evergrant::test {
namespace {

// The pool writes a pointer into what it keeps; everything else is as it was given back.
bool holds(void* frame, std::size_t size, unsigned char byte) {
  const std::span bytes{static_cast<const unsigned char*>(frame), size};
  return std::ranges::count(bytes.subspan(sizeof(void*)), byte) > 16;
}

TEST(FrameMemory, what_a_frame_held_is_gone_when_its_memory_is_given_out_again) {
  for (const std::size_t size : {48U, 512U, 513U, 3000U, 8192U, 9000U, 16'384U, 16'385U}) {
    void* frame = allocate_frame(size);
    std::memset(frame, 0xA5, size);
    free_frame(frame, size);
    void* again = allocate_frame(size);
    if (again == frame) EXPECT_FALSE(holds(again, size, 0xA5)) << size;
    free_frame(again, size);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST(FrameMemory, a_frame_that_was_given_back_is_given_out_next_up_to_sixteen_kilobytes) {
  for (const std::size_t size : {48U, 8192U, 8193U, 9048U, 16'384U}) {
    std::array<void*, 3> frames{};
    for (void*& frame : frames) frame = allocate_frame(size);
    for (void* frame : frames) free_frame(frame, size);
    EXPECT_EQ(allocate_frame(size), frames.back()) << size;
    EXPECT_EQ(allocate_frame(size), frames.at(1)) << size;
    free_frame(frames.at(1), size);
    free_frame(frames.back(), size);
  }
}
#endif

TEST(FrameMemory, frames_of_all_sizes_do_not_overlap) {
  std::vector<std::pair<unsigned char*, std::size_t>> frames;
  for (std::size_t size = 1; size < 20'000; size += 97) {
    auto* frame = static_cast<unsigned char*>(allocate_frame(size));
    std::memset(frame, static_cast<int>(frames.size() % 251), size);
    frames.emplace_back(frame, size);
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto [frame, size] = frames[i];
    EXPECT_TRUE(std::all_of(frame, frame + size, [&](unsigned char byte) { return byte == i % 251; })) << size;
    free_frame(frame, size);
  }
}

TEST(FrameMemory, a_frame_may_end_on_another_thread_than_it_began_on) {
  std::vector<void*> frames;
  for (int i = 0; i < 1000; ++i) frames.push_back(allocate_frame(2000));  // more than a thread keeps
  std::thread{[&] {
    for (void* frame : frames) free_frame(frame, 2000);
  }}.join();
  void* frame = allocate_frame(2000);
  EXPECT_NE(frame, nullptr);
  free_frame(frame, 2000);
}

}  // namespace
}  // namespace evergrant::test
