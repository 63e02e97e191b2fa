// The schema of a profile: which field of the file sets which field of a Provider. Types and ranges are checked here,
// what fields mean together in oauth/profile_check.hpp.
#pragma once

#include <vector>

#include "base/toml_table.hpp"
#include "model/provider.hpp"

namespace evergrant {

// Reads every field that `top` has into `out` and reports the unknown ones.
void read_profile_fields(TomlTable& top, Provider& out);

// One row for each field: path, type, default.
[[nodiscard]] std::vector<TomlField> profile_schema();

}  // namespace evergrant
