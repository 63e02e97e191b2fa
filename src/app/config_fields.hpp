// Which field of evergrant.toml sets which field of Config. Types and ranges are checked here, what fields mean together in
// check_config().
#pragma once

#include "app/config.hpp"
#include "base/toml_table.hpp"

namespace evergrant {

// Reads every field that `top` has into `out` and reports the unknown ones.
void read_config_fields(TomlTable& top, Config& out);

}  // namespace evergrant
