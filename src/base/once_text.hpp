// A text that is made once, by whoever asks for it first, and the same for all from then on. Thread-safe; of two who ask at
// once, one makes it in vain.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace evergrant {

class OnceText {
 public:
  OnceText() = default;
  OnceText(const OnceText&) = delete;
  OnceText& operator=(const OnceText&) = delete;
  ~OnceText() { delete[] made_.load(std::memory_order_relaxed); }

  // `make()` gives the text. The view holds as long as this does.
  template <class Make>
  [[nodiscard]] std::string_view get(Make&& make) const {
    if (const char* known = made_.load(std::memory_order_acquire); known != nullptr) return text_of(known);
    auto fresh = block_of(std::forward<Make>(make)());
    const char* other = nullptr;
    if (!made_.compare_exchange_strong(other, fresh.get(), std::memory_order_acq_rel)) return text_of(other);
    return text_of(fresh.release());
  }
  // Asks the processor to fetch its first `size` bytes.
  void prefetch(std::size_t size) const noexcept {
    constexpr std::size_t line = 64;
    const char* known = made_.load(std::memory_order_acquire);
    for (std::size_t at = 0; known != nullptr && at < size; at += line) __builtin_prefetch(known + at);
  }

 private:
  // The length and the text in one block, so that there is one way to it.
  static std::unique_ptr<char[]> block_of(const std::string& text) {  // NOLINT(modernize-avoid-c-arrays)
    const std::size_t size = text.size();
    auto block = std::make_unique<char[]>(sizeof size + size);  // NOLINT(modernize-avoid-c-arrays)
    std::memcpy(block.get(), &size, sizeof size);
    text.copy(block.get() + sizeof size, size);
    return block;
  }
  static std::string_view text_of(const char* block) noexcept {
    std::size_t size = 0;
    std::memcpy(&size, block, sizeof size);
    return {block + sizeof size, size};
  }

  mutable std::atomic<const char*> made_ = nullptr;
};

}  // namespace evergrant
