// What a process that is dead left in its escrow file, and in a compaction of it that was interrupted. Private to store/.
// Blocking. Whoever reads it has the file's lock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "store/escrow.hpp"
#include "store/private_file.hpp"

namespace evergrant {

struct Legacy {
  std::vector<EscrowedAnswer> answers;
  std::vector<std::string> owners;  // whose leases are to be freed
  std::string only_prepared;        // frames of those that stand in the interrupted compaction alone
  std::int64_t end = 0;             // behind the last frame of the file itself
  std::int64_t used = 0;            // behind its last byte that is not zero
  std::size_t damaged = 0;
};

// Damage is said, and its bytes are set aside before anything is rewritten; but where a compaction was interrupted it is
// explained, and everything stands in the other file. `owner`: of the process that reads; not named among the dead.
// Errors: those of check_escrow; store_unavailable.
[[nodiscard]] Result<Legacy> read_legacy(const PrivateFile& file, std::string_view store, std::string_view owner,
                                         const Log& log);

[[nodiscard]] std::string frames_of(const std::vector<EscrowedAnswer>& answers);
[[nodiscard]] std::string frames_of(const std::vector<std::string>& owners);

}  // namespace evergrant
