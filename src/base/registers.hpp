// The vector registers of a thread, in which copying leaves the last bytes that were copied: a piece of a token stays there
// for as long as the thread waits, and is in its core image. Whoever wipes a block of memory that was copied forgets them
// too.
#pragma once

#include <cstddef>

namespace evergrant {

// Shorter blocks are copied through few registers, which the next copy uses again.
inline constexpr std::size_t leaves_traces = 256;

// Zeroes them: SSE, AVX and AVX-512, whichever the processor has; some ten nanoseconds. No effect on other architectures.
void forget_registers() noexcept;

}  // namespace evergrant
