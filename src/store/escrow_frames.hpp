// The escrow file's bytes: a head that names its owner, then frames, each with a marker, its length and a checksum, so that
// a torn tail is told from damage, and damage costs one record. Private to store/. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/escrow.hpp"

namespace evergrant {

inline constexpr std::size_t escrow_head_bytes = 128;

// Exactly `escrow_head_bytes`. An owner longer than fits is cut.
[[nodiscard]] std::string escrow_head(std::string_view owner);
// Empty: there is no head, or it was torn.
[[nodiscard]] std::string escrow_owner(std::string_view file);

// Whether a file that begins so may be written as an escrow: it has the head's mark, or a crash cut its first write short.
[[nodiscard]] bool begins_an_escrow(std::string_view file);

[[nodiscard]] std::string answer_frame(const EscrowedAnswer& answer);
[[nodiscard]] std::string done_frame(const AttemptId& attempt);

struct EscrowDamage {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};
struct EscrowReading {
  std::vector<EscrowedAnswer> pending;  // oldest first; what a later frame says is done is left out
  std::vector<EscrowDamage> damage;     // bytes that no frame explains, and that a crash does not explain either
  std::size_t end = 0;                  // behind the last good frame or damage; what follows is a torn write
};
// `file` begins with the head.
[[nodiscard]] EscrowReading read_escrow(std::string_view file);

}  // namespace evergrant
