// AES-256-GCM (SP 800-38D) with a random 96-bit nonce and mandatory associated data.
//
// A sealed record is: format (1 byte, 1), algorithm (1 byte, 1 = AES-256-GCM), length of the key id (1 byte), key id,
// nonce (12), ciphertext, tag (16). The header is part of the associated data. Opening fails in one way only
// (`sealed_broken`): wrong key, altered bytes and wrong associated data look the same (ASVS 11.2.5). Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "model/connection.hpp"
#include "model/ids.hpp"

namespace evergrant {

inline constexpr std::size_t key_bytes = 32;

// `key` has 32 bytes. `associated` binds the record to its place.
[[nodiscard]] Result<Sealed> seal(const KeyId& id, const Secret& key, std::string_view associated, std::string_view plain,
                                  Random& random);
[[nodiscard]] Result<Secret> open(const Secret& key, std::string_view associated, const Sealed& sealed);
// The key that a sealed record names; nothing if it is not a sealed record.
[[nodiscard]] std::optional<KeyId> key_of(const Sealed& sealed);

// Joins fields unambiguously (each with its length), so that no two different bindings give the same associated data.
[[nodiscard]] std::string bind_fields(std::initializer_list<std::string_view> fields);

}  // namespace evergrant
