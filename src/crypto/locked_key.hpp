// A 32-byte key in memory that is locked against swapping, left out of core dumps and wiped when the key ends
// (design section 7). Keys share pages, so that ten thousand of them stay inside the usual limit of locked memory.
// Where the kernel refuses to lock (RLIMIT_MEMLOCK), the key still works and `is_locked()` says so.
// Move-only; one owner at a time; different keys may be made and destroyed on different threads.
#pragma once

#include <cstddef>
#include <span>

#include "base/secret.hpp"

namespace evergrant {

inline constexpr std::size_t key_bytes = 32;

class LockedKey {
 public:
  // `key` has exactly `key_bytes` bytes; anything else is a bug (std::invalid_argument).
  explicit LockedKey(const Secret& key);
  LockedKey(const LockedKey&) = delete;
  LockedKey& operator=(const LockedKey&) = delete;
  LockedKey(LockedKey&& other) noexcept;
  LockedKey& operator=(LockedKey&& other) noexcept;
  ~LockedKey();

  [[nodiscard]] std::span<const unsigned char> reveal_bytes() const noexcept {
    return {data_, data_ == nullptr ? 0 : key_bytes};
  }
  [[nodiscard]] bool is_locked() const noexcept { return locked_; }

 private:
  void reset() noexcept;
  unsigned char* data_ = nullptr;
  bool locked_ = false;
};

// A key as the sealing functions take it: borrowed for the length of the call, from either kind of owner.
class KeyView {
 public:
  KeyView(const Secret& key) noexcept : bytes_{key.reveal_bytes()} {}     // NOLINT(google-explicit-constructor)
  KeyView(const LockedKey& key) noexcept : bytes_{key.reveal_bytes()} {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] std::span<const unsigned char> reveal_bytes() const noexcept { return bytes_; }

 private:
  std::span<const unsigned char> bytes_;
};

}  // namespace evergrant
