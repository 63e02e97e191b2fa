// Digests and MACs. Results are raw bytes. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace evergrant {

[[nodiscard]] std::string sha256(std::string_view data);
[[nodiscard]] std::string sha384(std::string_view data);
[[nodiscard]] std::string sha512(std::string_view data);
[[nodiscard]] std::string hmac_sha256(const Secret& key, std::string_view data);
// HKDF-SHA-256 (RFC 5869), without salt.
[[nodiscard]] Secret hkdf_sha256(const Secret& key, std::string_view info, std::size_t size);

}  // namespace evergrant
