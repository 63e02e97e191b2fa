#include "base/secret_memory.hpp"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>

namespace evergrant {
namespace {

constexpr std::size_t smallest = 32;  // a power of two, with room for a link
constexpr std::size_t largest = 16384;
constexpr std::size_t usual = 4096;  // what threads keep blocks of
constexpr std::size_t region = 65536;
constexpr std::size_t page = 4096;

char* map_pages(std::size_t size) {
  void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc{};
  ::madvise(pages, size, MADV_DONTDUMP);  // a kernel without it also has no core dumps worth guarding against
  return static_cast<char*>(pages);
}

std::size_t whole_pages(std::size_t size) { return (size + page - 1) / page * page; }

// Free blocks of one size, linked through their first bytes; all the others are zero.
class Shelf {
 public:
  char* take(std::size_t size) {
    const std::lock_guard lock{mutex_};
    if (first_ == nullptr) stock(size);
    char* block = first_;
    std::memcpy(static_cast<void*>(&first_), block, sizeof first_);
    std::memset(block, 0, sizeof first_);
    return block;
  }

  void give_back(char* block) noexcept {
    const std::lock_guard lock{mutex_};
    link(block);
  }

 private:
  void stock(std::size_t size) {
    char* blocks = map_pages(region);
    for (std::size_t at = region; at >= size; at -= size) link(blocks + (at - size));
  }

  void link(char* block) noexcept {
    std::memcpy(block, static_cast<const void*>(&first_), sizeof first_);
    first_ = block;
  }

  std::mutex mutex_;
  char* first_ = nullptr;
};

constexpr std::size_t shelf_of(std::size_t rounded) {
  return static_cast<std::size_t>(std::countr_zero(rounded) - std::countr_zero(smallest));
}

// An allocator, and process-wide as every allocator is. Never destroyed: a secret may outlive main's statics.
auto& shelves() {
  static auto& all = *new std::array<Shelf, shelf_of(largest) + 1>;
  return all;
}

// A few free blocks of each usual size that a thread keeps for itself, so that readers of tokens do not wait for each
// other's lock. They are zero but for the link, as on the shelves, where they go when the thread ends.
class ThreadBlocks {
 public:
  ThreadBlocks() = default;
  ThreadBlocks(const ThreadBlocks&) = delete;
  ThreadBlocks& operator=(const ThreadBlocks&) = delete;
  ~ThreadBlocks() {
    for (std::size_t i = 0; i < lists_.size(); ++i) {
      while (char* block = take(i)) shelves().at(i).give_back(block);
    }
    ended = true;
  }

  char* take(std::size_t shelf) noexcept {
    List& list = lists_.at(shelf);
    if (list.first == nullptr) return nullptr;
    char* block = list.first;
    std::memcpy(static_cast<void*>(&list.first), block, sizeof list.first);
    std::memset(block, 0, sizeof list.first);
    --list.kept;
    return block;
  }
  bool keep(std::size_t shelf, char* block) noexcept {
    List& list = lists_.at(shelf);
    if (list.kept == most) return false;
    std::memcpy(block, static_cast<const void*>(&list.first), sizeof list.first);
    list.first = block;
    ++list.kept;
    return true;
  }

  static thread_local bool ended;  // blocks that go later than this thread's lists

 private:
  static constexpr std::size_t most = 4;
  struct List {
    char* first = nullptr;
    std::size_t kept = 0;
  };
  std::array<List, shelf_of(usual) + 1> lists_;
};

thread_local bool ThreadBlocks::ended = false;
thread_local ThreadBlocks thread_blocks;

std::size_t rounded_up(std::size_t size) { return std::bit_ceil(size < smallest ? smallest : size); }

}  // namespace

char* take_secret_memory(std::size_t size) {
  if (size > largest) return map_pages(whole_pages(size));
  const std::size_t rounded = rounded_up(size);
  const std::size_t shelf = shelf_of(rounded);
  if (rounded <= usual && !ThreadBlocks::ended) {
    if (char* block = thread_blocks.take(shelf)) return block;
  }
  return shelves().at(shelf).take(rounded);
}

void give_back_secret_memory(char* block, std::size_t size) noexcept {
  explicit_bzero(block, size);
  if (size > largest) {
    ::munmap(block, whole_pages(size));
    return;
  }
  const std::size_t rounded = rounded_up(size);
  const std::size_t shelf = shelf_of(rounded);
  if (rounded <= usual && !ThreadBlocks::ended && thread_blocks.keep(shelf, block)) return;
  shelves().at(shelf).give_back(block);
}

}  // namespace evergrant
