// AES-256-GCM (SP 800-38D) with a random 96-bit nonce and mandatory associated data.
//
// A sealed record is: format (1 byte, 1), algorithm (1 byte, 1 = AES-256-GCM), length of the key id (1 byte), key id,
// nonce (12), ciphertext, tag (16). The header is part of the associated data. Opening fails in one way only
// (`sealed_broken`): wrong key, altered bytes and wrong associated data look the same (ASVS 11.2.5). Thread-safe: each
// thread has its own cipher context, which is wiped after each use.
#pragma once

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

// Joins fields unambiguously (each with its length), so that no two different bindings give the same associated data.
[[nodiscard]] std::string bind_fields(std::initializer_list<std::string_view> fields);

}  // namespace evergrant
