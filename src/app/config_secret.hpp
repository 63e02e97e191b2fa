// Secrets come into the configuration by reference only: { env = "NAME" }, { file = "/path" } or { credential = "name" }
// (systemd, from $CREDENTIALS_DIRECTORY). Reading one touches the environment and the disk: at start-up, on one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace evergrant {

enum class SecretPlace : std::uint8_t {
  none,
  environment,
  file,
  credential,
  application  // never in a file: who embeds evergrant holds it, under this name
};

struct SecretReference {
  SecretPlace place = SecretPlace::none;
  std::string name;  // of the variable, the file or the credential

  [[nodiscard]] bool empty() const noexcept { return place == SecretPlace::none; }
  bool operator==(const SecretReference&) const = default;
};

// As the configuration spells it: { env = "NAME" }.
[[nodiscard]] std::string to_text(const SecretReference& reference);

// How references are read: `resolve`, or what an application that embeds evergrant brings.
using SecretReader = std::function<Result<Secret>(const SecretReference&)>;

// One newline at the end is dropped. Errors: key_unavailable where there is nothing (variable not set, no such file, empty);
// invalid_argument for a file that its group or others may open, or that is larger than 64 KiB.
[[nodiscard]] Result<Secret> resolve(const SecretReference& reference);
// For a key file that a library reads by itself: refused, as above, where its group or others may open it (systemd guards
// its credentials in a way of its own). Same errors.
[[nodiscard]] Result<> check_private(const std::string& path);
// Once all are resolved: overwrites the variable's value where the process was given it, so that neither a core image nor
// /proc/PID/environ holds it. The variable is empty then. Other places are left alone.
void forget_variable(const SecretReference& reference) noexcept;

}  // namespace evergrant
