// What `serve --dev` makes so that one command is enough: a data folder, a KEK outside it, the sandbox provider with a
// registration, an admin key that the CLI finds.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "model/registration.hpp"
#include "oauth/profile.hpp"

namespace evergrant {

struct DevPaths {
  std::filesystem::path data;
  [[nodiscard]] std::filesystem::path store() const { return data / "evergrant.db"; }
  [[nodiscard]] std::filesystem::path admin_key() const { return data / "admin.key"; }
  [[nodiscard]] std::filesystem::path address() const { return data / "address"; }
  [[nodiscard]] std::filesystem::path lock() const { return data / "lock"; }
  [[nodiscard]] std::filesystem::path sandbox_state() const { return data / "sandbox.json"; }
  // Beside the data folder, not in it: who copies the folder has no key to it.
  [[nodiscard]] std::filesystem::path kek() const;
};

// For this process alone, until it ends: two servers in one folder would write over each other's sandbox and address.
// Errors: conflict; store_unavailable.
[[nodiscard]] Result<> lock_folder(const DevPaths& paths);

// Makes the folder (mode 0700) and, once, the KEK. True if the KEK is new. Errors: forbidden, store_unavailable.
[[nodiscard]] Result<bool> prepare(const DevPaths& paths, Random& random);

// The registration "sandbox" at a sandbox provider that listens at `base_url`. Errors: not_found (the profile).
[[nodiscard]] Result<Registration> sandbox_registration(const ProviderCatalogue& catalogue, const std::string& base_url,
                                                        const std::string& public_url,
                                                        const std::vector<std::string>& return_urls);
// Every URL and host of a profile moved from one origin to another. Pure.
[[nodiscard]] Provider moved(Provider provider, const std::string& from, const std::string& to);

}  // namespace evergrant
