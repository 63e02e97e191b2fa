// AES-256-GCM (SP 800-38D) with a random 96-bit nonce and mandatory associated data.
//
// A sealed record is: format (1 byte, 1), algorithm (1 byte, 1 = AES-256-GCM), length of the key id (1 byte), key id,
// nonce (12), ciphertext, tag (16). The header is part of the associated data. Opening fails in one way only
// (`sealed_broken`): wrong key, altered bytes and wrong associated data look the same (ASVS 11.2.5). Thread-safe: each
// thread has its own cipher context, which is wiped after each use. A `PreparedKey` has one of its own, which is not.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/locked_key.hpp"
#include "model/connection.hpp"
#include "model/ids.hpp"

namespace evergrant {

// `key` has 32 bytes, `id` 1 to 255. `associated` binds the record to its place. Errors: invalid_argument (sizes).
[[nodiscard]] Result<Sealed> seal(const KeyId& id, KeyView key, std::string_view associated, std::string_view plain,
                                  Random& random);
[[nodiscard]] Result<Secret> open(KeyView key, std::string_view associated, const Sealed& sealed);
// The key that a sealed record names; nothing if it is not a sealed record.
[[nodiscard]] std::optional<KeyId> key_of(const Sealed& sealed);

// The reading path: opens straight into a response buffer that the caller wipes. `out` has `plain_size(sealed)` bytes or
// more; on failure it holds zeros only. Gives the number of bytes written.
[[nodiscard]] Result<std::size_t> open_into(KeyView key, std::string_view associated, const Sealed& sealed,
                                            std::span<char> out);
// Bytes that a sealed record opens to; 0 also for what is not a sealed record.
[[nodiscard]] std::size_t plain_size(const Sealed& sealed) noexcept;

// A sealed record taken apart once, to be opened often: what it is bound to stands in one piece. Views into `sealed`, which
// outlives it unchanged.
class Openable {
 public:
  Openable(std::string_view associated, const Sealed& sealed);
  // It is not a sealed record: it never opens.
  [[nodiscard]] bool empty() const noexcept { return bound_ == nullptr; }
  [[nodiscard]] std::size_t plain_size() const noexcept { return plain_size_; }
  // Of the sealed record what is read to open it; for fetching it early.
  [[nodiscard]] std::string_view body() const noexcept;
  // Asks the processor to fetch what it is bound to, while something else is done.
  void prefetch_bound() const noexcept;

 private:
  friend class PreparedKey;
  friend Result<std::size_t> open_into(KeyView key, const Openable& sealed, std::span<char> out);
  [[nodiscard]] std::string_view bound() const noexcept { return {bound_.get(), bound_size_}; }
  [[nodiscard]] std::string_view nonce() const noexcept;
  [[nodiscard]] std::string_view ciphertext() const noexcept;
  [[nodiscard]] std::string_view tag() const noexcept;

  // Short, since many lie in memory, and each read has to fetch one.
  std::unique_ptr<const char[]> bound_;  // NOLINT(modernize-avoid-c-arrays): header, then associated data
  const char* body_ = nullptr;           // nonce, ciphertext and tag, as the record has them
  std::uint32_t bound_size_ = 0;
  std::uint32_t plain_size_ = 0;  // less than 2 GiB, as `seal` makes it
};

// As above.
[[nodiscard]] Result<std::size_t> open_into(KeyView key, const Openable& sealed, std::span<char> out);

// A key in a cipher context of its own, ready to open with: the key schedule, a third of the cost of opening a token, is
// made once. It stays in memory until `clear`, so that memory is locked and left out of core dumps as that of the keys;
// where OpenSSL does not tell where it is, the context is wiped after each use instead. One thread at a time.
class PreparedKey {
 public:
  PreparedKey();
  PreparedKey(const PreparedKey&) = delete;
  PreparedKey& operator=(const PreparedKey&) = delete;
  ~PreparedKey();

  // `key` has 32 bytes.
  void set(KeyView key);
  void clear() noexcept;
  // `key` is the one that was set.
  [[nodiscard]] Result<std::size_t> open_into(KeyView key, const Openable& sealed, std::span<char> out);
  // The pages of the key schedule, for tests; empty: it is wiped after each use.
  [[nodiscard]] std::span<const char> kept_at() const noexcept { return kept_; }

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::span<const char> kept_;
};

// Joins fields unambiguously (each with its length), so that no two different bindings give the same associated data.
[[nodiscard]] std::string bind_fields(std::initializer_list<std::string_view> fields);

}  // namespace evergrant
