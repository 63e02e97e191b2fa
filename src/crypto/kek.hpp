// The key-encryption key lives outside the database and its backups. It wraps root keys and nothing else.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "evergrant/kek_source.hpp"

namespace evergrant {

// A KEK of 32 bytes held in this process: 64 hex digits, 43 or 44 base64(url) characters, or 32 raw bytes.
// Errors: invalid_argument with what was expected (never with the text).
[[nodiscard]] Result<std::unique_ptr<KekSource>> make_local_kek(const Secret& text, Random& random);
// A fresh KEK as base64url text, for `serve --dev` and `evergrant keys generate`.
[[nodiscard]] Secret generate_kek_text(Random& random);

}  // namespace evergrant
