// What outlives a sandbox's process: grants, companies, customers, keys and the clock, as one JSON file, mode 0600.
// Settings, clients, faults and unredeemed codes do not: they are how the sandbox is started, or a moment's.
// Replaced atomically, not fsynced: it survives the process being killed, not the machine.
#pragma once

#include <string>

#include "sandbox/state.hpp"

namespace evergrant {

// Errors: invalid_argument (not readable, or not a state file). A file that does not exist is an empty state.
[[nodiscard]] Result<> load_state(const std::string& path, SandboxState& state);
// Errors: store_unavailable.
[[nodiscard]] Result<> save_state(const std::string& path, const SandboxState& state);

}  // namespace evergrant
