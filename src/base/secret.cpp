#include "base/secret.hpp"

#include <cstring>
#include <utility>

#include "base/secret_memory.hpp"

namespace evergrant {

Secret::Secret(std::string_view text) : Secret(of_size(text.size())) {
  if (!text.empty()) std::memcpy(data_, text.data(), text.size());
}

Secret Secret::take(std::string&& from) {
  Secret secret{from};
  wipe(from);
  return secret;
}

Secret Secret::of_size(std::size_t size) {
  Secret secret;
  if (size == 0) return secret;
  secret.data_ = take_secret_memory(size);
  secret.size_ = size;
  return secret;
}

Secret::Secret(Secret&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  reset();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { reset(); }

void Secret::reset() noexcept {
  if (data_ == nullptr) return;
  give_back_secret_memory(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

std::span<const unsigned char> Secret::reveal_bytes() const noexcept {
  return {reinterpret_cast<const unsigned char*>(data_), size_};
}

std::span<unsigned char> Secret::bytes() noexcept { return {reinterpret_cast<unsigned char*>(data_), size_}; }

bool operator==(const Secret& a, const Secret& b) noexcept { return equal_in_constant_time(a.reveal(), b.reveal()); }

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference =
        static_cast<unsigned char>(difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  }
  const volatile unsigned char result = difference;
  return result == 0;
}

void wipe(std::string& text) noexcept {
  // A short text lives inside the string object, so the whole capacity is wiped, not only what is in use.
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace evergrant
