// Every block of the C++ heap is wiped when it is freed, so that no copy of a token outlives its owner in this process: not
// in a string, not in a JSON value, not in a buffer of a library that allocates with new. (libcurl and OpenSSL allocate with
// malloc and are told to wipe: base/wiping_malloc.hpp.) Sanitizers bring an allocator of their own and are left alone.
#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/registers.hpp"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)

namespace {

void* allocate(std::size_t size, std::size_t alignment) {
  while (true) {
    void* block =
        alignment == 0 ? std::malloc(size) : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (block != nullptr) return block;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc{};
    handler();
  }
}

// As many bytes as were asked for: no more were written.
void wipe_and_free(void* block, std::size_t size) noexcept {
  if (block == nullptr) return;
  explicit_bzero(block, size);
  if (size >= evergrant::leaves_traces) evergrant::forget_registers();
  std::free(block);
}

void wipe_and_free(void* block) noexcept {
  if (block != nullptr) wipe_and_free(block, malloc_usable_size(block));
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, 0); }
void* operator new[](std::size_t size) { return allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { wipe_and_free(block); }
void operator delete[](void* block) noexcept { wipe_and_free(block); }
void operator delete(void* block, std::size_t size) noexcept { wipe_and_free(block, size); }
void operator delete[](void* block, std::size_t size) noexcept { wipe_and_free(block, size); }
void operator delete(void* block, std::align_val_t) noexcept { wipe_and_free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { wipe_and_free(block); }
void operator delete(void* block, std::size_t size, std::align_val_t) noexcept { wipe_and_free(block, size); }
void operator delete[](void* block, std::size_t size, std::align_val_t) noexcept { wipe_and_free(block, size); }

#endif
