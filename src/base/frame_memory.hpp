// Memory of coroutine frames. A refresh makes some dozens of them, mostly of more than the kilobyte up to which malloc is
// quick; so each thread keeps those that were given back, wiped as all of the heap is (docs/adr/0001), and hands them out
// again: at most 256 of a size, and half a megabyte. Thread-safe: a frame may end on another thread than it began on.
#pragma once

#include <cstddef>

namespace evergrant {

[[nodiscard]] void* allocate_frame(std::size_t size);
// `size` as it was asked for. What the frame held is wiped.
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace evergrant
