#include "crypto/locked_key.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace evergrant {
namespace {

struct Slot {
  unsigned char* data = nullptr;
  bool locked = false;
};

// An allocator, and process-wide as every allocator is: locked memory is a budget of the process, and pages are shared.
class KeyPages {
 public:
  Slot take() {
    const std::lock_guard lock{mutex_};
    if (free_.empty()) add_page();
    const Slot slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void give_back(Slot slot) noexcept {
    explicit_bzero(slot.data, key_bytes);
    const std::lock_guard lock{mutex_};
    free_.push_back(slot);  // never grows: `add_page` reserved room for every slot there is
  }

 private:
  void add_page() {
    const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t slots = size / key_bytes;
    free_.reserve(slots_ + slots);
    void* page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc{};
    const bool locked = mlock2(page, size, 0) == 0;  // not mlock: sanitizers turn that into nothing
    madvise(page, size, MADV_DONTDUMP);              // a kernel without it also has no core dumps worth guarding against
    slots_ += slots;
    for (std::size_t i = slots; i-- > 0;) free_.push_back({static_cast<unsigned char*>(page) + (i * key_bytes), locked});
  }

  std::mutex mutex_;
  std::vector<Slot> free_;
  std::size_t slots_ = 0;
};

// Never destroyed, so that a key that outlives main's statics can still be wiped.
KeyPages& key_pages() {
  static auto& pages = *new KeyPages;
  return pages;
}

}  // namespace

LockedKey::LockedKey(const Secret& key) {
  if (key.size() != key_bytes) throw std::invalid_argument{"a locked key has exactly 32 bytes"};
  const Slot slot = key_pages().take();
  data_ = slot.data;
  locked_ = slot.locked;
  std::memcpy(data_, key.reveal_bytes().data(), key_bytes);
}

LockedKey::LockedKey(LockedKey&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), locked_(std::exchange(other.locked_, false)) {}

LockedKey& LockedKey::operator=(LockedKey&& other) noexcept {
  if (this == &other) return *this;
  reset();
  data_ = std::exchange(other.data_, nullptr);
  locked_ = std::exchange(other.locked_, false);
  return *this;
}

LockedKey::~LockedKey() { reset(); }

void LockedKey::reset() noexcept {
  if (data_ == nullptr) return;
  key_pages().give_back({data_, locked_});
  data_ = nullptr;
  locked_ = false;
}

}  // namespace evergrant
