// The key-encryption key lives outside the database and its backups. It wraps root keys and nothing else.
#pragma once

#include <string>
#include <string_view>

#include "evergrant/error.hpp"
#include "evergrant/secret.hpp"

namespace evergrant {

// The seam to environment variables, files, systemd credentials, and later PKCS#11 and cloud services.
// `context` is bound to the wrapped key; unwrapping with another context fails. Thread-safe.
class KekSource {
 public:
  virtual ~KekSource() = default;
  // Names the KEK without revealing it (for a local key: "local:" and a keyed fingerprint). Stored beside what it wraps.
  [[nodiscard]] virtual std::string id() const = 0;
  // Errors: key_unavailable. Both may block: they are called on the thread of the engine, a few times at its start.
  [[nodiscard]] virtual Result<std::string> wrap(const Secret& key, std::string_view context) = 0;
  // Errors: key_unavailable (the KEK cannot be reached), sealed_broken (not wrapped by this KEK).
  [[nodiscard]] virtual Result<Secret> unwrap(std::string_view wrapped, std::string_view context) = 0;
};

}  // namespace evergrant
