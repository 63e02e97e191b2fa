// Providers as data: loads `providers/<id>.toml` into model/provider.hpp. One file holds one provider; an
// [environment.NAME] table is merged over the rest of the file, which alone is the environment "production".
// Loading happens at start-up; a ProviderCatalogue never changes afterwards and may be read from any thread.
// Errors: invalid_argument with one line for each problem, "file:line:column: field 'a.b': …"; not_found.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/toml_table.hpp"
#include "model/provider.hpp"

namespace evergrant {

// The environments of one file, "production" first. Its id is the file's name.
[[nodiscard]] Result<std::vector<Provider>> load_profile_file(const std::filesystem::path& path);
// The same from text; `file` is the name that messages show and the id is taken from.
[[nodiscard]] Result<std::vector<Provider>> parse_profile(std::string_view text, const std::string& file);

// Lays the fields of one table upon a provider (a registration's own settings), and checks the result as a whole.
// Problems go to `reading`, each at its field, or at `node` where the field is not in it.
void override_profile(TomlReading& reading, const TomlNode& node, const std::string& path, Provider& provider);

class ProviderCatalogue {
 public:
  explicit ProviderCatalogue(std::vector<Provider> all) : all_{std::move(all)} {}

  // Null where there is none.
  [[nodiscard]] const Provider* find(const ProviderId& id, std::string_view environment = "production") const;
  // By id, then "production" first.
  [[nodiscard]] const std::vector<Provider>& all() const noexcept { return all_; }
  // Each id once.
  [[nodiscard]] std::vector<std::string> ids() const;
  // The environments of one id.
  [[nodiscard]] std::vector<std::string> environments(const ProviderId& id) const;

 private:
  std::vector<Provider> all_;
};

// Reads every *.toml of each directory. A file in a later directory takes the place of an earlier one of the same name, so
// a user's directory after the shipped one adds and overrides. A directory that is not there is an error.
[[nodiscard]] Result<ProviderCatalogue> load_profiles(const std::vector<std::filesystem::path>& directories);

}  // namespace evergrant
