// Digests and MACs. Results are raw bytes. Thread-safe: each thread has its own contexts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace evergrant {

enum class HashKind : std::uint8_t { sha256, sha384, sha512 };

[[nodiscard]] std::string digest(HashKind kind, std::string_view data);
[[nodiscard]] std::string hmac(HashKind kind, const Secret& key, std::string_view data);
[[nodiscard]] std::size_t digest_size(HashKind kind) noexcept;

[[nodiscard]] std::string sha256(std::string_view data);
using Digest = std::array<char, 32>;
[[nodiscard]] Digest sha256_digest(std::string_view data);  // without an allocation
[[nodiscard]] std::string sha384(std::string_view data);
[[nodiscard]] std::string sha512(std::string_view data);
[[nodiscard]] std::string hmac_sha256(const Secret& key, std::string_view data);
// HKDF-SHA-256 (RFC 5869), without salt. `size` is 1 to 8160; anything else is a bug (std::invalid_argument).
[[nodiscard]] Secret hkdf_sha256(const Secret& key, std::string_view info, std::size_t size);

}  // namespace evergrant
