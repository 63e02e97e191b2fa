// One AES-256-GCM key that opens again and again, for the reading path: OpenSSL's, at its provider's own interface
// (crypto/provider.hpp). For this folder only. One thread at a time; makes no errors but "no".
#pragma once

#include <openssl/evp.h>

#include <span>
#include <string_view>

namespace evergrant {

class GcmOpener {
 public:
  // Throws std::bad_alloc. Where the provider offers no such interface it takes no key and opens nothing.
  GcmOpener();
  GcmOpener(const GcmOpener&) = delete;
  GcmOpener& operator=(const GcmOpener&) = delete;
  ~GcmOpener();

  // Locks the memory that the key schedule is to lie in and leaves it out of core images. Nothing: OpenSSL does not tell
  // where that is.
  [[nodiscard]] std::span<const char> lock_memory() noexcept;
  // `key` has 32 bytes.
  [[nodiscard]] bool set(std::span<const unsigned char> key) noexcept;
  // Overwrites the key schedule.
  void clear() noexcept;
  // False also where `nonce` has not 12 bytes, `tag` not 16, or `out` less than `ciphertext`; `out` may then hold anything.
  [[nodiscard]] bool open(std::string_view nonce, std::string_view bound, std::string_view ciphertext, std::string_view tag,
                          std::span<char> out) noexcept;

 private:
  [[nodiscard]] bool bind(std::string_view associated) noexcept;
  [[nodiscard]] bool transform(std::string_view ciphertext, std::span<char> out) noexcept;
  void* context_;  // the provider's
};

}  // namespace evergrant
