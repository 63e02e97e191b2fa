// The escrow file's bytes: a head that names its store and its owner, then frames, each with a marker, its length and a
// checksum, so that a torn tail is told from damage, and damage costs one record. Private to store/. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/escrow.hpp"

namespace evergrant {

inline constexpr std::size_t escrow_head_bytes = 128;

struct EscrowHead {
  std::string store;  // whose answers these are; empty: written before heads named it (format 1), or the head was torn
  std::string owner;  // of the leases of the process that writes the file; empty: the head was torn
};
// Exactly `escrow_head_bytes`, in the newest format (2). Longer than fits: the owner is cut.
[[nodiscard]] std::string escrow_head(const EscrowHead& head);
// Formats 1 and 2. Empty: there is no head, or it was torn.
[[nodiscard]] EscrowHead read_escrow_head(std::string_view file);

enum class EscrowKind : std::uint8_t {
  ours,   // it has the head's mark, or a crash cut its first write short
  newer,  // written by a version that this one does not know
  foreign
};
// What a file is that begins so.
[[nodiscard]] EscrowKind escrow_kind(std::string_view file);

[[nodiscard]] std::string answer_frame(const EscrowedAnswer& answer);
[[nodiscard]] std::string done_frame(const AttemptId& attempt);
// A process that is dead, and whose leases are still to be freed; and that they are.
[[nodiscard]] std::string owner_frame(std::string_view owner);
[[nodiscard]] std::string settled_frame(std::string_view owner);

struct EscrowDamage {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};
struct EscrowReading {
  std::vector<EscrowedAnswer> pending;  // oldest first; what a later frame says is done is left out
  std::vector<std::string> owners;      // whose leases are still to be freed; the one that the head names comes first
  std::vector<EscrowDamage> damage;     // bytes that no frame explains, and that a crash does not explain either
  std::size_t end = 0;                  // behind the last good frame or damage; what follows is a torn write
};
// `file` begins with the head.
[[nodiscard]] EscrowReading read_escrow(std::string_view file);

}  // namespace evergrant
