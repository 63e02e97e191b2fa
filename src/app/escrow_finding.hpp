// What `evergrant doctor` says is wrong with a file of the escrow. Pure.
#pragma once

#include <optional>

#include "store/escrow_file.hpp"

namespace evergrant {

// Nothing: it is well. The error's hint says how to mend it. `capacity`: bytes that the disk should have set aside.
[[nodiscard]] std::optional<Error> escrow_problem(const EscrowFileReport& report, std::int64_t capacity);

}  // namespace evergrant
