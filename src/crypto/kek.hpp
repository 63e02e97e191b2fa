// The key-encryption key lives outside the database and its backups. It wraps root keys and nothing else.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace evergrant {

// The seam to environment variables, files, systemd credentials, and later PKCS#11 and cloud services.
// `context` is bound to the wrapped key; unwrapping with another context fails. Thread-safe.
class KekSource {
 public:
  virtual ~KekSource() = default;
  // Names the KEK without revealing it (for a local key: "local:" and a keyed fingerprint). Stored beside what it wraps.
  [[nodiscard]] virtual std::string id() const = 0;
  [[nodiscard]] virtual Result<std::string> wrap(const Secret& key, std::string_view context) = 0;
  // Errors: key_unavailable (the KEK cannot be reached), sealed_broken (not wrapped by this KEK).
  [[nodiscard]] virtual Result<Secret> unwrap(std::string_view wrapped, std::string_view context) = 0;
};

// A KEK of 32 bytes held in this process: 64 hex digits, 43 or 44 base64(url) characters, or 32 raw bytes.
// Errors: invalid_argument with what was expected (never with the text).
[[nodiscard]] Result<std::unique_ptr<KekSource>> make_local_kek(const Secret& text, Random& random);
// A fresh KEK as base64url text, for `serve --dev` and `evergrant keys generate`.
[[nodiscard]] Secret generate_kek_text(Random& random);

}  // namespace evergrant
