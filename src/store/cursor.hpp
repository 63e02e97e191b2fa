// Opaque positions in pages: base64url of what the rows are ordered by. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace evergrant {

// After this row, in an order by (created_at, id).
struct AgeCursor {
  Time created_at;
  std::string id;
  bool operator==(const AgeCursor&) const = default;
};

[[nodiscard]] std::string encode_cursor(const AgeCursor& cursor);
[[nodiscard]] std::string encode_cursor(std::int64_t sequence);

// Nothing for the empty cursor. Errors: invalid_argument.
[[nodiscard]] Result<std::optional<AgeCursor>> decode_age_cursor(std::string_view text);
[[nodiscard]] Result<std::optional<std::int64_t>> decode_sequence_cursor(std::string_view text);

}  // namespace evergrant
