// The numbered steps of the SQLite schema. Steps that were released never change; a change is a new step.
#pragma once

#include <span>

namespace evergrant {

// Step n (from 1) is element n - 1: a script without its own transaction.
[[nodiscard]] std::span<const char* const> sqlite_migrations() noexcept;

}  // namespace evergrant
