#include "base/registers.hpp"

#include <gtest/gtest.h>

#if defined(__x86_64__)

#include <array>

namespace evergrant {
namespace {

// Loads, forgets, and looks, with nothing in between that could use a register for something else.
std::array<unsigned char, 16> after_forgetting_sse() {
  alignas(16) std::array<unsigned char, 16> bytes;
  bytes.fill(0xAB);
  asm volatile("movdqa %0, %%xmm9" : : "m"(bytes) : "xmm9");
  forget_registers();
  asm volatile("movdqa %%xmm9, %0" : "=m"(bytes) : : "memory");
  return bytes;
}

[[gnu::target("avx512f")]] std::array<unsigned char, 64> after_forgetting_avx512() {
  alignas(64) std::array<unsigned char, 64> bytes;
  bytes.fill(0xAB);
  asm volatile("vmovdqa64 %0, %%zmm22" : : "m"(bytes) : "xmm22");
  forget_registers();
  asm volatile("vmovdqa64 %%zmm22, %0" : "=m"(bytes) : : "memory");
  return bytes;
}

TEST(Registers, hold_nothing_once_they_are_forgotten) {
  EXPECT_EQ(after_forgetting_sse(), (std::array<unsigned char, 16>{}));
  if (!__builtin_cpu_supports("avx512f")) return;
  EXPECT_EQ(after_forgetting_avx512(), (std::array<unsigned char, 64>{}));
}

}  // namespace
}  // namespace evergrant

#endif
