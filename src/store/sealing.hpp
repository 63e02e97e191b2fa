// One sealed value in its place. Private to store/. Pure but for the nonce; thread-safe.
#pragma once

#include <span>

#include "base/random.hpp"
#include "store/key_ring.hpp"
#include "store/vault.hpp"

namespace evergrant {

// `key` has a seal taken from its count.
[[nodiscard]] Result<Sealed> seal_at(const Place& place, const OpenKey& key, std::string_view plain, Random& random);
// Errors: sealed_broken, in one face for every reason.
[[nodiscard]] Result<Secret> open_at(const Place& place, const OpenKey& key, const Sealed& sealed);
[[nodiscard]] Result<std::size_t> open_at(const Place& place, const OpenKey& key, const Sealed& sealed, std::span<char> out);
// The error of those two.
[[nodiscard]] Error sealed_broken_at(const ConnectionId& connection, std::string_view field);
[[nodiscard]] Error sealed_broken_at(const Place& place);
// What binds a ciphertext to its place (VLT-04).
[[nodiscard]] std::string associated_data(const Place& place, const KeyId& key);

}  // namespace evergrant
