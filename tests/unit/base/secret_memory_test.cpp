#include "base/secret_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/secret.hpp"
#include "support/page_flags.hpp"

namespace evergrant {
namespace {

bool all_zero(const char* block, std::size_t size) {
  return std::all_of(block, block + size, [](char c) { return c == 0; });
}

TEST(SecretMemory, is_left_out_of_core_images) {
  for (const std::size_t size : {1U, 100U, 5000U, 100'000U}) {
    const Secret secret = Secret::of_size(size);
    EXPECT_NE(test::page_flags(secret.reveal().data()).find(" dd"), std::string::npos) << size;
  }
}

TEST(SecretMemory, is_zero_and_writable_to_its_last_byte_at_every_size) {
  for (std::size_t size = 1; size < 40'000; size = size * 3 / 2 + 1) {
    for (int again = 0; again < 3; ++again) {
      char* block = take_secret_memory(size);
      EXPECT_TRUE(all_zero(block, size)) << size;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0U) << size;
      std::fill_n(block, size, 'x');
      give_back_secret_memory(block, size);
    }
  }
}

TEST(SecretMemory, blocks_never_overlap) {
  std::vector<char*> blocks;
  for (int i = 0; i < 3000; ++i) {
    blocks.push_back(take_secret_memory(64));
    std::fill_n(blocks.back(), 64, static_cast<char>(i));
  }
  for (int i = 0; i < 3000; ++i) {
    char* block = blocks[static_cast<std::size_t>(i)];
    EXPECT_TRUE(std::all_of(block, block + 64, [&](char c) { return c == static_cast<char>(i); })) << i;
    give_back_secret_memory(block, 64);
  }
}

TEST(SecretMemory, is_wiped_when_it_is_given_back) {
  char* block = take_secret_memory(1000);
  std::fill_n(block, 1000, 'x');
  give_back_secret_memory(block, 1000);
  EXPECT_TRUE(all_zero(block + sizeof(void*), 1000 - sizeof(void*)));  // its pages stay; the first bytes link the free list
}

TEST(SecretMemory, serves_many_threads) {
  std::vector<std::jthread> threads;
  for (char mark = 'a'; mark < 'e'; ++mark) {
    threads.emplace_back([mark] {
      for (int i = 0; i < 2000; ++i) {
        const auto size = static_cast<std::size_t>(1 + (i * 37) % 3000);
        char* block = take_secret_memory(size);
        ASSERT_TRUE(all_zero(block, size));
        std::fill_n(block, size, mark);
        ASSERT_TRUE(std::all_of(block, block + size, [&](char c) { return c == mark; }));
        give_back_secret_memory(block, size);
      }
    });
  }
}

}  // namespace
}  // namespace evergrant
