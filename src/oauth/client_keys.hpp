// The keys with which a registration proves itself (private_key_jwt): the one that signs, and the set that is published
// (JWK-07). Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/registration.hpp"

namespace evergrant {

// How long others may keep the published set, in seconds: as long as `next` must have been in it before it signs, at least.
constexpr int key_set_max_age = 900;

// "client_key", "next_client_key", "previous_client_key": what the configuration calls them.
[[nodiscard]] std::string_view field_of(ClientKeyRole role) noexcept;

// Of PKCS#8 PEM. An empty `kid` becomes the key's thumbprint (RFC 7638). Errors: invalid_argument.
[[nodiscard]] Result<ClientKey> read_client_key(ClientKeyRole role, std::string_view algorithm, std::string kid, Secret pem);

// The current one; nullptr where there is none.
[[nodiscard]] const ClientKey* signing_key_of(const Registration& registration) noexcept;

// A compact JWS over `payload`. Errors: those of reading the key; internal.
[[nodiscard]] Result<std::string> sign_with(const ClientKey& key, std::string_view payload, std::string_view typ);

// A JWK set (RFC 7517 5) of all of them, next and previous too; public members only. Nothing where there is no key.
[[nodiscard]] std::optional<std::string> public_key_set(const Registration& registration);

}  // namespace evergrant
