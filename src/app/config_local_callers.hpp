// [[local_caller]] of evergrant.toml: who needs no key over the unix socket.
#pragma once

#include <memory>
#include <vector>

#include "access/local_callers.hpp"
#include "app/config.hpp"
#include "base/toml_table.hpp"

namespace evergrant {

void read_local_caller(TomlTable& table, LocalCallerConfig& out);
// What they mean together with the rest.
void check_local_callers(TomlReading& reading, const Config& config);
[[nodiscard]] std::shared_ptr<const LocalCallers> make_local_callers(const std::vector<LocalCallerConfig>& configured);

}  // namespace evergrant
