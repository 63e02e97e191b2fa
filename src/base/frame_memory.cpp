#include "base/frame_memory.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace evergrant {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer)
constexpr bool pooled = false;  // they are to see each frame come and go
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t step = 512;
constexpr std::size_t classes = 32;  // up to 16 KiB
// Of each class and thread: frames, and bytes.
constexpr std::size_t most_kept = 256;
constexpr std::size_t most_bytes = 512U << 10U;

constexpr std::size_t bytes_of(std::size_t size_class) { return (size_class + 1) * step; }

struct Free {
  Free* next;
};

struct FreeList {
  Free* first = nullptr;
  std::size_t kept = 0;
};

class Shelves {
 public:
  Shelves() = default;
  Shelves(const Shelves&) = delete;
  Shelves& operator=(const Shelves&) = delete;
  ~Shelves() {
    for (FreeList& shelf : shelves_) {
      while (Free* frame = take(shelf)) ::operator delete(frame);
    }
    ended = true;
  }

  void* allocate(std::size_t size_class) {
    Free* kept = take(shelves_[size_class]);
    return kept != nullptr ? kept : ::operator new(bytes_of(size_class));
  }
  bool keep(void* frame, std::size_t size_class) noexcept {
    FreeList& shelf = shelves_[size_class];
    if (shelf.kept >= std::min(most_kept, most_bytes / bytes_of(size_class))) return false;
    shelf.first = new (frame) Free{shelf.first};
    ++shelf.kept;
    return true;
  }

  static thread_local bool ended;  // frames that go later than this thread's shelves

 private:
  static Free* take(FreeList& shelf) noexcept {
    Free* first = shelf.first;
    if (first == nullptr) return nullptr;
    shelf.first = first->next;
    --shelf.kept;
    return first;
  }

  std::array<FreeList, classes> shelves_;
};

thread_local bool Shelves::ended = false;
thread_local Shelves shelves;

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t size_class = (size - 1) / step;
  if (!pooled || size_class >= classes) return ::operator new(size);
  if (Shelves::ended) return ::operator new(bytes_of(size_class));
  return shelves.allocate(size_class);
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t size_class = (size - 1) / step;
  ::explicit_bzero(frame, size);  // also where no allocator of ours does
  if (!pooled || size_class >= classes) return ::operator delete(frame);
  if (Shelves::ended || !shelves.keep(frame, size_class)) ::operator delete(frame);
}

}  // namespace evergrant
